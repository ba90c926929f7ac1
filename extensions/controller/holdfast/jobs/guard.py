# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process that outlives a killed controller, ends its jobs and removes their secrets.

It is told which jobs run, and sleeps. When its pipe closes, whatever is still on its list is cleaned up. Without it
the children of a killed controller would go on until they have something to say that nobody hears.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from holdfast.jobs.leftovers import clean_up

_DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Guard:
    """The controller's end. One for all its jobs; the process is started with the first."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def watch(self, key: str, folder: Path) -> None:
        """A job begins."""
        with self._lock:
            self._jobs[key] = str(folder)
            self._say({key: str(folder)})

    def forget(self, key: str) -> None:
        """A job has ended, and nothing is left of it."""
        with self._lock:
            if self._jobs.pop(key, None) is not None:
                self._say({key: None})

    def close(self) -> None:
        """End the process. Jobs that are still on its list are ended too."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None

    @property
    def pid(self) -> int:
        """The process; 0 before the first job."""
        return self._process.pid if self._process else 0

    def _say(self, news: Mapping[str, str | None]) -> None:
        """Tell the process; one that has died is replaced by one that is told everything."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._started()
            news = dict(self._jobs)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it died just now; the next to speak finds out
                self._process.stdin.write(json.dumps(news) + "\n")
                self._process.stdin.flush()

    def _started(self) -> subprocess.Popen[str]:
        """Start the process, deaf from its first moment to the signals that end a controller: it inherits that."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _DEAF_TO)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "holdfast.jobs.guard"],
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_guard(news: Iterable[str]) -> None:
    """Hear what runs, to the end; then clean up after what ran at that time."""
    jobs: dict[str, str] = {}
    for line in news:
        with contextlib.suppress(ValueError):  # a line that was cut off by the controller's death
            jobs.update(json.loads(line))
        jobs = {key: folder for key, folder in jobs.items() if folder}
    for folder in jobs.values():
        clean_up(Path(folder))


if __name__ == "__main__":
    keep_guard(sys.stdin)
