# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update says, as events in the shape that clients know from plays: one play, a task for each step."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import insert

from holdfast.db.base import Database, now
from holdfast.db.models import JobEvent

HOST = "localhost"
_WIDTH = 79
_EVERY = 0.5
_AT_ONCE = 200


class EventLog:
    """Writes the events of one update; calling it adds a line."""

    def __init__(self, database: Database, update_id: int, play: str) -> None:
        self._database = database
        self._id = update_id
        self._play = play
        self._play_uuid = str(uuid.uuid4())
        self._task = ""
        self._task_uuid = ""
        self._done = 0
        self._rows: list[dict[str, Any]] = []
        self._counter = 0
        self._line = 0
        self._written = time.monotonic()
        self._event("playbook_on_start", "")
        self._event("playbook_on_play_start", f"\n{f'PLAY [{play}] ':*<{_WIDTH}}", own=self._play_uuid)

    def step(self, name: str) -> None:
        """A step begins; the one before ended well."""
        self._close()
        self._task, self._task_uuid = name, str(uuid.uuid4())
        heading = f"\n{f'TASK [{name}] ':*<{_WIDTH}}"
        self._event("playbook_on_task_start", heading, own=self._task_uuid, parent=self._play_uuid)
        self.flush()

    def __call__(self, line: str) -> None:
        """A line that a program says."""
        self._event("verbose", line, parent=self._task_uuid or self._play_uuid)
        if len(self._rows) >= _AT_ONCE or time.monotonic() - self._written > _EVERY:
            self.flush()

    def end(self, problem: str = "") -> None:
        """The update ended, with a problem or without."""
        if problem:
            text = f"fatal: [{HOST}]: FAILED! => {problem}"
            self._event("runner_on_failed", text, parent=self._task_uuid, failed=True, host=HOST)
            self._task = ""
        self._close()
        figures = f"ok={self._done:<4} changed=0    unreachable=0    failed={1 if problem else 0:<4}"
        self._event("playbook_on_stats", f"\n{'PLAY RECAP ':*<{_WIDTH}}\n{HOST:<26} : {figures}")
        self.flush()

    def flush(self) -> None:
        """Write what has not been written yet."""
        rows, self._rows = self._rows, []
        self._written = time.monotonic()
        if rows:
            with self._database.events(write=True) as session:
                session.execute(insert(JobEvent), rows)

    def _close(self) -> None:
        if self._task:
            self._done += 1
            self._event("runner_on_ok", f"ok: [{HOST}]", parent=self._task_uuid, host=HOST)
            self._task = ""

    def _event(
        self, kind: str, stdout: str, *, own: str = "", parent: str = "", failed: bool = False, host: str = ""
    ) -> None:
        self._counter += 1
        lines = len(stdout.splitlines()) if stdout else 0
        moment = now()
        self._rows.append(
            {
                "job_id": self._id,
                "counter": self._counter,
                "event": kind,
                "event_data": {"play": self._play, "task": self._task} if self._task else {},
                "failed": failed,
                "changed": False,
                "uuid": own or str(uuid.uuid4()),
                "parent_uuid": parent,
                "host_name": host,
                "play": self._play if self._counter > 1 else "",
                "task": self._task,
                "stdout": stdout,
                "start_line": self._line,
                "end_line": self._line + lines,
                "created": moment,
                "modified": moment,
            }
        )
        self._line += lines
