# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that the demo deploys: a small threaded HTTP server, and its own start, stop and status.

It answers ``/`` at once, ``/slow`` after two seconds (``/slow?8`` after eight) and ``/health`` with
``{"status": ..., "version": ...}``. Its version stands in ``release.json`` beside it, which may also say
``unhealthy_after`` (seconds since the start): from then on ``/`` and ``/health`` answer 500, on every host or, where
``unhealthy_on`` lists names, where it was started with one of them (``--host``). On SIGTERM it takes no new connection,
finishes the requests it has and exits 0.

    python app.py start  --port 8001 --pid-file app.pid --log app.log    returns once the port answers
    python app.py stop   --pid-file app.pid                               returns once the process is gone
    python app.py status --pid-file app.pid                               0: running, 3: not running
    python app.py serve  --port 8001                                      in the foreground
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW_SECONDS = 2.0
GRACE_SECONDS = 20.0
NOT_RUNNING = 3


class Service(ThreadingHTTPServer):
    """The HTTP server, which knows its release and how many requests it is answering right now."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, host: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.host = host
        self.release = json.loads((HERE / "release.json").read_text(encoding="utf-8"))
        self.born = time.monotonic()
        self.stopping = False
        self.in_flight = 0
        self.idle = threading.Condition()

    def healthy(self) -> bool:
        """False once the release's ``unhealthy_after`` has passed on a host that it is bad on."""
        after = self.release.get("unhealthy_after")
        if after is None or self.host not in self.release.get("unhealthy_on", [self.host]):
            return True
        return time.monotonic() - self.born < float(after)

    def drain(self) -> None:
        """Wait for the requests in flight, for at most ``GRACE_SECONDS``."""
        with self.idle:
            self.idle.wait_for(lambda: self.in_flight == 0, timeout=GRACE_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nothing to report."""


class Handler(BaseHTTPRequestHandler):
    """Answers GET over HTTP/1.1 with keep-alive."""

    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:  # pylint: disable=invalid-name
        """Route one request, counted as in flight until its answer is written."""
        with self.server.idle:
            self.server.in_flight += 1
        try:
            self.answer()
        finally:
            with self.server.idle:
                self.server.in_flight -= 1
                self.server.idle.notify_all()

    def answer(self) -> None:
        """Write the answer for the path that was asked for."""
        path, _mark, seconds = self.path.partition("?")
        if path == "/slow":
            time.sleep(float(seconds or SLOW_SECONDS))
        healthy = self.server.healthy()
        failing = not healthy and path != "/slow"
        word = "healthy" if healthy else "unhealthy"
        body = json.dumps({"status": word, "version": self.server.release["version"]}).encode() + b"\n"
        self.send_response(500 if failing else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.stopping:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """The demo's load would drown the log."""


def serve(port: int, host: str) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    service = Service(port, host)

    def stop(*_: object) -> None:
        service.stopping = True
        threading.Thread(target=service.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.serve_forever(poll_interval=0.05)
    service.server_close()
    service.drain()
    return 0


def running(pid_file: Path) -> int:
    """The process id in the file if that process lives and is this program, else 0."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if b"app.py" in command else 0


def answers(port: int) -> bool:
    """Whether something listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def start(port: int, host: str, pid_file: Path, log: Path) -> int:
    """Start the service in a session of its own and wait until it listens."""
    if running(pid_file):
        return 0
    with log.open("ab") as out:
        command = [sys.executable, str(HERE / "app.py"), "serve", "--port", str(port), "--host", host]
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/"
        )
    pid_file.write_text(f"{child.pid}\n", encoding="ascii")
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and child.poll() is None:
        if answers(port):
            return 0
        time.sleep(0.05)
    print(f"the service did not come up on port {port}; see {log}", file=sys.stderr)
    return 1


def stop(pid_file: Path) -> int:
    """Ask the service to end and wait until it has; kill it when it does not."""
    pid = running(pid_file)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS + 5
        while running(pid_file) and time.monotonic() < deadline:
            time.sleep(0.05)
        if running(pid_file):
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)
    return 0


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description="The service that the demo deploys.")
    parser.add_argument("action", choices=["start", "stop", "status", "serve"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="", help="the name of the host, for releases that are bad on some only")
    parser.add_argument("--pid-file", type=Path, default=Path("app.pid"))
    parser.add_argument("--log", type=Path, default=Path(os.devnull))
    given = parser.parse_args()
    if given.action == "start":
        return start(given.port, given.host, given.pid_file, given.log)
    if given.action == "stop":
        return stop(given.pid_file)
    if given.action == "status":
        return 0 if running(given.pid_file) else NOT_RUNNING
    return serve(given.port, given.host)


if __name__ == "__main__":
    sys.exit(main())
