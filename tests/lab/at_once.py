# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios that mostly wait, run at the same time: each in a place of its own, and each still a test of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Place = TypeVar("Place")


class AtOnce(Generic[Place]):
    """Runs scenarios, as many at a time as there are places; each place has one at a time.

    Use it as a fixture of a module, and let each test call ``end`` with its own scenario: it fails as that does.
    """

    def __init__(self, scenarios: Mapping[str, Callable[[Place], None]], places: Sequence[Place]) -> None:
        self._scenarios, self._places = scenarios, list(places)
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ends: dict[str, Future[None]] = {}
        self._told: set[str] = set()
        self._threads = [threading.Thread(target=self._work, args=(place,), daemon=True) for place in places]

    def start(self, names: Sequence[str]) -> None:
        """Begin with these, in their order."""
        self._ends = {name: Future() for name in names}
        for name in names:
            self._waiting.put(name)
        for thread in self._threads:
            thread.start()

    def end(self, name: str) -> None:
        """Wait for a scenario; raises what it raised. Asked for once more, it is run once more."""
        if name in self._ends and name not in self._told:
            self._told.add(name)
            self._ends[name].result()
            return
        self.finish()
        self._scenarios[name](self._places[0])

    def finish(self) -> None:
        """Wait until none runs any more."""
        for thread in self._threads:
            thread.join()

    def _work(self, place: Place) -> None:
        while True:
            try:
                name = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._scenarios[name](place)
            except BaseException as error:  # pytest's own failures too
                self._ends[name].set_exception(error)
            else:
                self._ends[name].set_result(None)


def chosen(request_items: Sequence[str], scenarios: Mapping[str, object]) -> list[str]:
    """The scenarios whose tests were chosen, by the names of those tests, in the order of the scenarios."""
    return [name for name in scenarios if any(f"[{name}]" in item for item in request_items)]
