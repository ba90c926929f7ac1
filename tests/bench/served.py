# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller and a yardstick, each in a process of its own, for measurements."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PASSWORD = "bench-password-1"
YARDSTICK = """
import sys, uvicorn
from pathlib import Path
from fastapi import FastAPI, Response
app = FastAPI()
bodies = {path.name: path.read_bytes() for path in Path(sys.argv[2]).iterdir()}
@app.get("/{name}")
async def get(name: str) -> Response:
    return Response(bodies[name], media_type="application/json")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", access_log=False)
"""


@dataclass
class Served:
    """A controller that answers; ``token`` is the admin's."""

    port: int
    pid: int
    home: Path
    token: str = ""

    def call(self, method: str, path: str, body: Any = None, expect: tuple[int, ...] = (200, 201, 202, 204)) -> Any:
        """One request with the token; the answer's JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, data, timeout=60) as answer:
            if answer.status not in expect:
                raise SystemExit(f"{method} {path}: {answer.status}")
            raw = answer.read()
        return json.loads(raw) if raw else None

    def memory(self) -> float:
        """Resident memory of the process and everything it started, in MB."""
        total = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                text = status.read_text()
                if int(status.parent.name) == self.pid or re.search(rf"^PPid:\t{self.pid}$", text, re.MULTILINE):
                    found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
                    total += int(found.group(1)) if found else 0
        return total / 1024


@contextlib.contextmanager
def controller(**environment: str) -> Iterator[Served]:
    """A fresh controller on a free port, ended afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "HOLDFAST_HOME": folder, "HOLDFAST_ADMIN_PASSWORD": PASSWORD, **environment}
        command = [str(BIN / "holdfast"), "serve", "--port", "0"]
        log = open(Path(folder, "serve.log"), "w+", encoding="utf-8")  # noqa: SIM115  # as long as the process
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline() if process.stdout else ""
            found = re.search(r":(\d+)/", line)
            if found is None:
                process.wait(10)
                raise SystemExit(f"the controller did not start: {line}{Path(log.name).read_text()[-2000:]}")
            served = Served(int(found.group(1)), process.pid, Path(folder))
            _wait_ready(served.port)
            served.token = _token(served.port)
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            log.close()


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise SystemExit("the controller is not ready after a minute")


def _token(port: int) -> str:
    import base64

    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/tokens/", method="POST")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, b'{"scope": "write"}', timeout=30) as answer:
        return str(json.loads(answer.read())["token"])


@contextlib.contextmanager
def yardstick(bodies: dict[str, bytes]) -> Iterator[int]:
    """A bare FastAPI application that returns these bytes under these names; gives its port."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        for name, body in bodies.items():
            Path(folder, name).write_bytes(body)
        process = subprocess.Popen([sys.executable, "-c", YARDSTICK, str(port), folder])
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait(10)
