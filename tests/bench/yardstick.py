# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A yardstick for measurements: the same bytes from a bare FastAPI application, in a process of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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


@contextlib.contextmanager
def yardstick(bodies: dict[str, bytes]) -> Iterator[int]:
    """A bare FastAPI application that returns these bytes under these names; gives its port."""
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
