# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs for tests: started in a thread, with a sink that keeps everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.jobs.child import JobEnd, JobRun, JobStart
from holdfast.jobs.credentials import CredentialValue
from holdfast.jobs.spec import JobSpec


class RecordingSink:
    """Keeps what a job reports."""

    def __init__(self) -> None:
        self.start = JobStart([], "", {})
        self.rows: list[dict[str, Any]] = []
        self.on_start: Callable[[], object] = lambda: None

    def started(self, start: JobStart) -> None:
        self.start = start
        self.on_start()

    def events(self, rows: list[dict[str, Any]]) -> None:
        self.rows += rows

    def named(self, event: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["event"] == event]

    @property
    def text(self) -> str:
        return "\n".join(row["stdout"] for row in self.rows)


class Running:
    """A job, its sink, and its end."""

    def __init__(self, spec: JobSpec, credentials: Sequence[CredentialValue] = ()) -> None:
        self.sink = RecordingSink()
        self.run = JobRun(spec, credentials, self.sink)
        self._ends: list[JobEnd] = []
        self._thread = threading.Thread(target=lambda: self._ends.append(self.run.run()))

    def start(self) -> Running:
        self._thread.start()
        return self

    def end(self) -> JobEnd:
        """Wait for the end; start the job where nobody has."""
        if self._thread.ident is None:
            self.start()
        self._thread.join(60)
        assert self._ends, "the job does not come to an end"
        return self._ends[0]


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
