# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller asks of a work queue.

A *task* is a kind of work with a handler; a *key* names one unit of it (the id of an execution, of a job). A task and a
key together are queued once and run at most once, for good: work that is to be tried again is a new key. So a launch is
a row in our own tables first, and whoever finds a row that nobody queued may queue it without asking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

Handler = Callable[[str], None]
"""Gets the key and runs the unit of work to its end, in a thread of the engine. What it raises is logged, nothing else:
how a unit ended is for the handler to write into our own tables."""


class EngineError(HoldfastError):
    """The engine cannot do what it was asked for, and says why."""


class EngineInUse(EngineError):
    """Another process works on this queue."""


class Engine(Protocol):
    """A durable queue with slots, timers, and an honest account of what a crash interrupted."""

    def register(self, task: str, handler: Handler) -> None:
        """Say who does a kind of work; before anything of it is queued."""

    def start(self) -> None:
        """Begin to take work, also what earlier processes left in the queue."""

    def enqueue(self, task: str, key: str) -> None:
        """Queue a unit of work: when this has returned no crash loses it. Twice is harmless, and so is before start.

        Where the queue cannot be written it is written later; a crash before that loses the unit.
        """

    def schedule(self, task: str, key: str, at: float) -> None:
        """Queue a unit of work that begins at `at` (seconds since the epoch), or at once when that is past.

        The first word on a task and key stands: neither another time nor `enqueue` changes it.
        """

    def cancel(self, task: str, key: str) -> bool:
        """True: the unit had not begun and never will, even if it is queued later."""

    def interrupted(self) -> list[tuple[str, str]]:
        """Task and key of every unit whose handler ran when an earlier process ended; they are not run again."""

    def settle(self, task: str, key: str, *, again: bool = False) -> None:
        """Strike a unit off the interrupted ones: it has ended, or, where that is safe, it is run `again`."""

    def stop(self, patience: float) -> None:
        """Take no new work and wait for what runs up to `patience` seconds.

        What still runs then is left alone: it counts as interrupted at the next start if the process ends before it.
        """

    @property
    def running(self) -> frozenset[str]:
        """The keys whose handlers run in this process."""
