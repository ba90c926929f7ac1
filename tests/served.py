# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real controller for tests and measurements: ``holdfast serve`` in a process of its own, on a free port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
PASSWORD = "Correct-horse-7"
_SERVE = "import sys; from holdfast.cli import main; sys.argv[0] = 'holdfast'; main()"
_WITHOUT_CATALOG = f"from holdfast import catalog_sync; catalog_sync.attach = lambda controller: None; {_SERVE}"
FINAL = ("successful", "failed", "error", "canceled")


class Refused(Exception):
    """The controller answered with an error."""

    def __init__(self, status: int, body: str, what: str) -> None:
        super().__init__(f"{what}: {status} {body[:2000]}")
        self.status = status
        self.body = body


@dataclass
class Served:
    """A controller that answers."""

    url: str
    pid: int
    home: Path
    password: str = PASSWORD

    @cached_property
    def token(self) -> str:
        """A token of the admin, made when it is needed for the first time."""
        basic = "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()
        return str(self.call("POST", "/api/v2/tokens/", {"scope": "write"}, basic)["token"])

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def projects(self) -> Path:
        """Where its projects lie."""
        return self.home / "projects"

    @property
    def log(self) -> Path:
        """What it logged."""
        return self.home / "serve.log"

    def call(self, method: str, path: str, body: Any = None, auth: str = "") -> Any:
        """One request, with the token unless ``auth`` is another Authorization; the answer's JSON. Raises Refused."""
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        request.add_header("Authorization", auth or f"Bearer {self.token}")
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=60) as answer:
                raw = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace"), f"{method} {path}") from None
        return json.loads(raw) if raw else None

    def only(self, path: str) -> Any:
        """The one row that a list has. Raises AssertionError when there is none or there are more."""
        rows = self.call("GET", path)["results"]
        assert len(rows) == 1, f"{path}: {len(rows)} rows"
        return rows[0]

    def wait(self, url: str, every: float = 0.2, patience: float = 120.0) -> dict[str, Any]:
        """A job once it is final, and all of its events are there."""
        deadline = time.monotonic() + patience
        while True:
            job: dict[str, Any] = self.call("GET", url)
            if job["status"] in FINAL and job.get("event_processing_finished", True):
                return job
            if time.monotonic() > deadline:
                raise AssertionError(f"{url} is {job['status']} after {patience:.0f} s: {job.get('job_explanation')}")
            time.sleep(every)

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
def controller(home: Path | None = None, catalog: bool = True, port: int = 0, **environment: str) -> Iterator[Served]:
    """Serve a new controller from a folder of its own, or from ``home``, until the block ends.

    ``catalog`` false leaves out the shipped catalog, so that there is only what every AWX begins with. ``port`` 0 is
    any that is free.
    """
    with contextlib.ExitStack() as stack:
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        log = stack.enter_context((folder / "serve.log").open("a", encoding="utf-8"))
        program = _SERVE if catalog else _WITHOUT_CATALOG
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--port", str(port)],
            env={**_environment(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield _ready(process, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _environment(home: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return {**kept, "HOLDFAST_HOME": str(home), "HOLDFAST_ADMIN_PASSWORD": PASSWORD}


def _ready(process: subprocess.Popen[str], home: Path) -> Served:
    """The controller once it answers. Raises RuntimeError when it does not."""
    said = ""
    while (found := re.search(r"listens on (http://[\d.]+:\d+)/", said)) is None:
        line = process.stdout.readline() if process.stdout else ""
        said += line
        if not line:
            process.wait(10)
            raise RuntimeError(f"the controller did not start: {said}{(home / 'serve.log').read_text()[-3000:]}")
    served = Served(found.group(1), process.pid, home)
    deadline = time.monotonic() + 60
    while not _answers(served.url):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError(f"the controller is not ready: {served.log.read_text()[-3000:]}")
        time.sleep(0.05)
    return served


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
