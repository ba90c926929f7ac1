# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects rows and hands them on in batches, from a thread of its own, so that a play never waits for a database.

It waits only when the database is far behind: then the play's output stays in its pipe, and Ansible waits as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

INTERVAL = 0.15
"""Seconds that a row waits for others at most."""
MOST = 500
"""Rows in one batch."""
WAITING = 5_000
"""Rows that may wait; whoever brings more is held up."""

Rows = list[dict[str, Any]]


class Batches:
    """A queue with one taker. ``failed`` is called once, from the taker's thread, when ``deliver`` raises."""

    def __init__(self, deliver: Callable[[Rows], None], failed: Callable[[], object], name: str = "events") -> None:
        self._deliver = deliver
        self._failed = failed
        self._rows: Rows = []
        self._since = 0.0
        self._closed = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._taker = threading.Thread(target=self._take, name=name, daemon=True)
        self._taker.start()

    def put(self, row: dict[str, Any]) -> None:
        """Add a row; raises HoldfastError when rows can no longer be delivered."""
        with self._changed:
            while len(self._rows) >= WAITING and self._error is None:
                self._changed.wait()
            self._raise_error()
            if not self._rows:
                self._since = time.monotonic()
            self._rows.append(row)
            if len(self._rows) in (1, MOST):
                self._changed.notify_all()

    def close(self) -> None:
        """Deliver what waits, and end. Raises HoldfastError when not everything could be delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._taker.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise HoldfastError(f"the events of the job could not be stored: {self._error}") from self._error

    def _take(self) -> None:
        while rows := self._next():
            try:
                self._deliver(rows)
            except Exception as error:  # whatever breaks is told to the job, whose events nobody takes any more
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                self._failed()
                return

    def _next(self) -> Rows:
        """Wait for a batch; [] at the end."""
        with self._changed:
            while not self._rows and not self._closed:
                self._changed.wait()
            while not self._closed and len(self._rows) < MOST:
                left = self._since + INTERVAL - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            rows, self._rows = self._rows[:MOST], self._rows[MOST:]
            self._changed.notify_all()
            return rows
