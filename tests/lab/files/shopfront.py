# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application of the lab: a threaded HTTP server, installed from a package and kept by systemd.

``/`` and ``/health`` say status, version and host; ``/slow`` takes two seconds (``/slow?5`` five). ``release.json``
beside it holds the version and may say ``unhealthy_after``, in seconds since the start: from then on everything but
``/slow`` is answered with 500. When it is stopped it ends at once and its requests are lost, so that whoever stops it
must have drained it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RELEASE = json.loads((Path(__file__).resolve().parent / "release.json").read_text(encoding="utf-8"))
BORN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """Answers GET over HTTP/1.1 with keep-alive."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # pylint: disable=invalid-name
        """Answer one request."""
        path, _mark, seconds = self.path.partition("?")
        slow = path == "/slow"
        if slow:
            time.sleep(float(seconds or 2))
        after = RELEASE.get("unhealthy_after")
        healthy = after is None or time.monotonic() - BORN < float(after)
        said = {"status": "healthy" if healthy else "unhealthy", "version": RELEASE["version"], "host": HOST}
        body = json.dumps(said).encode() + b"\n"
        self.send_response(200 if healthy or slow else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Load would drown the journal."""


class Server(ThreadingHTTPServer):
    """Takes many connections at once."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nothing to report."""


if __name__ == "__main__":
    HOST = socket.gethostname()
    Server(("", int(os.environ.get("SHOPFRONT_PORT", "8080"))), Handler).serve_forever()
