# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of health probes: asks over HTTP, connects over TCP, runs commands, and asks many at once.

What a good answer is and when to stop asking is decided by ``core.health``; nothing is judged here.
"""

from __future__ import annotations

import base64
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.health.model import (
    BODY_LIMIT,
    COMMAND,
    HTTP,
    TCP,
    Observation,
    Probe,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.rules import CONTINUE, ProbeProgress

AT_ONCE = 64
_CHUNK = 65536
Look = Callable[[Probe], Observation]


def watch(probe: Probe, look: Look, sleep: Callable[[float], object] = time.sleep) -> ProbeProgress:
    """Attempt one probe until its verdict stands."""
    progress = ProbeProgress(probe)
    while progress.step(look(probe)) == CONTINUE:
        sleep(probe.delay)
    return progress


def watch_all(
    probes: Sequence[Probe], look: Look, sleep: Callable[[float], object] = time.sleep
) -> list[ProbeProgress]:
    """Attempt all probes at once (at most ``AT_ONCE``), each at its own pace; the order is that of ``probes``."""
    if not probes:
        return []
    with ThreadPoolExecutor(max_workers=min(len(probes), AT_ONCE)) as pool:
        return list(pool.map(lambda probe: watch(probe, look, sleep), probes))


class Looker:
    """Makes one attempt of a probe of any kind; never raises for what the other side does.

    ``validate_certs``: whether an https server must prove who it is.
    """

    def __init__(self, validate_certs: bool = True) -> None:
        self._tls = ssl.create_default_context()
        if not validate_certs:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE

    def __call__(self, probe: Probe) -> Observation:
        """One attempt, within the probe's timeout."""
        look = {HTTP: self._http, TCP: _tcp, COMMAND: _command}[probe.kind]
        try:
            return look(probe)
        except socket.timeout:
            return Observation(ok=False, error=f"no answer within {probe.timeout:g} s")
        except http.client.HTTPException as error:
            return Observation(ok=False, error=f"no HTTP answer: {type(error).__name__} {error}".rstrip())
        except (OSError, ValueError) as error:
            return Observation(ok=False, error=str(error) or type(error).__name__)

    def _http(self, probe: Probe) -> Observation:
        """One request over a new connection; redirects are answers like any other, proxies are not used."""
        parts = urllib.parse.urlsplit(probe.url)
        begun = time.monotonic()
        connection = self._connection(parts, probe.timeout)
        try:
            path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            headers = {**_authorization(parts), **dict(probe.headers), "Connection": "close"}
            connection.request(probe.method, path, body=probe.request_body.encode() or None, headers=headers)
            _limit(connection.sock, begun + probe.timeout)
            answer = connection.getresponse()
            body = _read(answer, connection.sock, begun + probe.timeout)
            return Observation(ok=True, status=answer.status, body=body, latency=time.monotonic() - begun)
        finally:
            connection.close()

    def _connection(self, parts: urllib.parse.SplitResult, timeout: float) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)


def _authorization(parts: urllib.parse.SplitResult) -> dict[str, str]:
    """The header for a user and password in the URL."""
    if parts.username is None:
        return {}
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}


def _limit(sock: Optional[socket.socket], deadline: float) -> None:
    """Let the next operation take no longer than what is left until the deadline. Raises socket.timeout."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout
    if sock is not None:
        sock.settimeout(left)


def _read(answer: http.client.HTTPResponse, sock: Optional[socket.socket], deadline: float) -> str:
    """The body, at most ``BODY_LIMIT`` bytes of it, within the deadline however slowly it drips."""
    chunks: list[bytes] = []
    size = 0
    while size < BODY_LIMIT:
        _limit(sock, deadline)
        chunk = answer.read1(min(_CHUNK, BODY_LIMIT - size))
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks).decode("utf-8", errors="replace")


def _tcp(probe: Probe) -> Observation:
    """One connection, closed at once."""
    begun = time.monotonic()
    socket.create_connection((probe.host, probe.port), timeout=probe.timeout).close()
    return Observation(ok=True, latency=time.monotonic() - begun)


def _command(probe: Probe) -> Observation:
    """One run of a command, without a shell; all its processes are ended when its time is over."""
    begun = time.monotonic()
    with subprocess.Popen(
        list(probe.argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            output = process.communicate(timeout=probe.timeout)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Observation(ok=False, error=f"it had not ended after {probe.timeout:g} s and was killed")
    body = output[:BODY_LIMIT].decode("utf-8", errors="replace")
    return Observation(ok=True, status=process.returncode, body=body, latency=time.monotonic() - begun)
