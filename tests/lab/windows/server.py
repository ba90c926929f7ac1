# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WinRM over HTTP: signs in, opens and seals messages, and keeps silent when the machine is away."""

from __future__ import annotations

import socket
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import soap
from .auth import ENCRYPTED, OFFERED, Session
from .machine import Machine
from .modules import Host
from .shells import Shells
from .soap import Fault

PLAIN = "application/soap+xml;charset=UTF-8"


class Server(ThreadingHTTPServer):
    """Serves one machine."""

    daemon_threads = True

    def __init__(self, machine: Machine, address: str, port: int) -> None:
        super().__init__((address, port), Handler)
        self.machine = machine
        self.shells = Shells(Host(machine))

    def with_certificate(self, certificate: Path, key: Path) -> None:
        """Speak HTTPS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        """Nobody is signed in at the beginning."""
        super().setup()
        machine = self.server.machine
        self.session = Session(machine.user, machine.password)
        # Answers are written in two parts; without this each waits for the client's delayed acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_args: object) -> None:
        """Keep quiet: the machine has a log of its own."""

    def do_POST(self) -> None:
        """Answer one request, or vanish."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        machine = self.server.machine
        while machine.faults.silent:
            time.sleep(0.05)
        if not machine.serving() or self.path != "/wsman":
            self.close_connection = True
            return
        verdict = self.session.judge(self.headers.get("Authorization", ""))
        if not verdict.passed:
            self._send(401, b"", challenges=verdict.challenges or list(OFFERED))
        elif not body:
            self._send(200, b"", challenges=verdict.challenges)
        else:
            self._answer(body, verdict.challenges)

    def _answer(self, body: bytes, challenges: list[str]) -> None:
        encrypted = self.headers.get("Content-Type", "").startswith("multipart/encrypted")
        try:
            message = self.session.opened(body) if encrypted else body
        except ValueError:
            self._send(400, b"")
            return
        status, answer = self._served(message)
        if self.server.machine.reachable:
            answer = self.session.sealed(answer) if encrypted else answer
            self._send(status, answer, ENCRYPTED if encrypted else PLAIN, challenges)
        else:
            self.close_connection = True

    def _served(self, message: bytes) -> tuple[int, bytes]:
        try:
            asked = soap.read(message)
            return 200, soap.reply(asked, self.server.shells.answer(asked))
        except Fault as error:
            return 500, soap.fault(error, self.server.machine.name)

    def _send(self, status: int, body: bytes, kind: str = "", challenges: list[str] | None = None) -> None:
        try:
            self.send_response(status)
            for challenge in challenges or ():
                self.send_header("WWW-Authenticate", challenge)
            if kind:
                self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True
