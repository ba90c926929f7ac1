# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of runs: those of the store, shared with terminals, held by this process for the runs it conducts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Holder, Locks

from holdfast.settings import Settings


class RunLocks:
    """The locks each run holds. They are the kernel's: a killed controller holds none."""

    def __init__(self, settings: Settings) -> None:
        self.store: Path = settings.store_folder
        self._runs: dict[str, Locks] = {}
        self._guard = threading.Lock()

    def take(self, run_id: str, names: Iterable[str]) -> Holder | None:
        """Take all of these locks or none: None when they are held, else who holds the first that is not free."""
        wanted = tuple(names)
        if not wanted:
            return None
        with self._guard:
            locks = self._runs.get(run_id)
            if locks is None:
                locks = self._runs[run_id] = Locks(self.store, run_id, time.time)
            return locks.take_all(wanted)

    def release(self, run_id: str, names: Iterable[str]) -> None:
        """Let some locks of a run go."""
        with self._guard:
            locks = self._runs.get(run_id)
            for name in names if locks is not None else ():
                locks.release(name)  # type: ignore[union-attr]

    def release_all(self, run_id: str) -> bool:
        """Let all locks of a run go; False when it had none."""
        with self._guard:
            locks = self._runs.pop(run_id, None)
            if locks is not None:
                locks.release_all()
        return locks is not None
