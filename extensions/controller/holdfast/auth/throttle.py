# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guessing passwords gets slower and slower.

Failures are counted for a name and the address they come from together: somebody who guesses locks out nobody who
comes from elsewhere, and behind one address only the name that is guessed at has to wait. An address that fails with
many names waits too, but only for names that never came in from there.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.api.errors import ApiError

FREE = 5
"""Failures in a row that cost nothing."""
FREE_NAMES = 30
"""Failures of one address with whatever names that cost nothing."""
LONGEST_WAIT = 300.0
FORGOTTEN = 900.0
"""Seconds without failures after which there never were any."""
MOST = 20000
LONGEST_NAME = 150
CROWD = 6
"""Passwords that are looked at or wait for it at the same time; more are sent away, so that others are answered."""


class Throttled(ApiError):
    """Too many failures; try again in some seconds."""

    status = 429

    def __init__(self, seconds: float) -> None:
        whole = max(1, math.ceil(seconds))
        plural = "" if whole == 1 else "s"
        super().__init__(
            f"Request was throttled. Expected available in {whole} second{plural}.", headers={"Retry-After": str(whole)}
        )


@dataclass
class _Count:
    failures: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts failures to sign in."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._guard = threading.Lock()
        self._places = threading.BoundedSemaphore(CROWD)

    @contextlib.contextmanager
    def crowd(self) -> Iterator[None]:
        """While one of not too many passwords is looked at. Raises Throttled when there are too many."""
        if not self._places.acquire(blocking=False):
            raise Throttled(1.0)
        try:
            yield
        finally:
            self._places.release()

    def check(self, name: str, address: str) -> None:
        """Raise Throttled while this name must wait at this address."""
        now = time.monotonic()
        pair = _pair(name, address)
        with self._guard:
            wait = self._wait(pair, now)
            if pair not in self._good:
                wait = max(wait, self._wait(("", address), now))
        if wait > 0:
            raise Throttled(wait)

    def failed(self, name: str, address: str) -> None:
        """A password was wrong."""
        now = time.monotonic()
        with self._guard:
            self._count(_pair(name, address), FREE, now)
            self._count(("", address), FREE_NAMES, now)

    def succeeded(self, name: str, address: str) -> None:
        """A password was right."""
        pair = _pair(name, address)
        with self._guard:
            self._counts.pop(pair, None)
            self._good[pair] = time.monotonic()
            self._good.move_to_end(pair)
            while len(self._good) > MOST:
                self._good.popitem(last=False)

    def _wait(self, key: tuple[str, str], now: float) -> float:
        count = self._counts.get(key)
        return count.until - now if count is not None else 0.0

    def _count(self, key: tuple[str, str], free: int, now: float) -> None:
        count = self._counts.get(key)
        if count is None or now - count.last > FORGOTTEN:
            count = self._counts[key] = _Count()
        self._counts.move_to_end(key)
        count.failures += 1
        count.last = now
        over = count.failures - free
        if over >= 0:
            count.until = now + min(LONGEST_WAIT, 2.0 ** min(over, 20))
        while len(self._counts) > MOST:
            self._counts.popitem(last=False)


def _pair(name: str, address: str) -> tuple[str, str]:
    """What is counted; of a name no more than any user's has, for it is remembered."""
    return name[:LONGEST_NAME].lower(), address
