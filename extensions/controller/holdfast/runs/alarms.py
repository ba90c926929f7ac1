# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An alarm clock for runs: one thread that calls when a run's next moment has come.

Alarms are not kept: whatever is due by the clock stands in the journal, and after a start every open run is looked at.
Now and then the thread sweeps, for what a failure may have left behind.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("holdfast.runs")
SWEEP = 30.0
"""Seconds between two sweeps."""


class Alarms:
    """Calls ``ring(run_id)`` once the earliest moment set for a run has come, and ``sweep()`` every now and then."""

    def __init__(
        self, ring: Callable[[str], None], sweep: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._ring = ring
        self._sweep = sweep
        self._clock = clock
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._sweep_at = 0.0

    def start(self) -> None:
        """Begin to call."""
        self._thread = threading.Thread(target=self._work, name="alarms", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Call no more; waits for a call under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(10.0)

    def set(self, run_id: str, at: float) -> None:
        """A moment at which a run has to be looked at (seconds since the epoch); of several the earliest counts."""
        with self._changed:
            if self._due.get(run_id, at + 1) <= at:
                return
            self._due[run_id] = at
            heapq.heappush(self._heap, (at, run_id))
            self._changed.notify()

    def due(self) -> dict[str, float]:
        """The next moment of each run that has one."""
        with self._changed:
            return dict(self._due)

    def _work(self) -> None:
        self._sweep_at = time.monotonic() + SWEEP
        while (run_id := self._next()) is not None:
            try:
                if run_id:
                    self._ring(run_id)
                else:
                    self._sweep()
            except Exception:  # one run's trouble must not stop the clock of the others
                log.exception("run %s: nothing came of its alarm", run_id or "(all)")

    def _next(self) -> str | None:
        """The run whose moment has come, after waiting for it; "" for a sweep, None when the clock is stopped."""
        with self._changed:
            while not self._stopped:
                left = self._sweep_at - time.monotonic()
                if left <= 0:
                    self._sweep_at = time.monotonic() + SWEEP
                    return ""
                at, run_id = self._heap[0] if self._heap else (float("inf"), "")
                if self._heap and self._due.get(run_id) != at:
                    heapq.heappop(self._heap)  # an earlier one was set since
                elif at > self._clock():
                    self._changed.wait(min(at - self._clock(), left))
                else:
                    heapq.heappop(self._heap)
                    del self._due[run_id]
                    return run_id
            return None
