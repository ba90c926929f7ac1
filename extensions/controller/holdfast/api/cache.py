# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers kept in memory, and dropped when a table that they were made from has been written.

An answer to a GET is kept with the tables that were read for it and how often each had been written by then. It is
given again to the same credentials for the same address as long as none of these was written since. Who somebody is
and what they may see is read from tables too, so an answer never outlives a token, a password or a role.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from holdfast.db.base import Generations

MOST = 2000
MOST_BYTES = 32 * 1024 * 1024
LARGEST = 512 * 1024
LONGEST = 300.0
"""Seconds after which an answer is made anew in any case: tokens and sessions expire by the clock."""


class Kept(NamedTuple):
    """One answer as it went out."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    tables: frozenset[str]
    state: tuple[int, ...]
    until: float


class Answers:
    """The answers kept by one process."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def get(self, key: Hashable) -> Kept | None:
        """The answer kept under this key, if it still stands."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.state != self._generations.of(kept.tables) or time.monotonic() > kept.until:
            self._drop(key)
            return None
        return kept

    def put(
        self,
        key: Hashable,
        status: int,
        headers: tuple[tuple[bytes, bytes], ...],
        body: bytes,
        tables: frozenset[str],
        state: tuple[int, ...],
    ) -> None:
        """Keep an answer; ``state`` is that of the tables before any of them was read."""
        if len(body) > LARGEST:
            return
        with self._guard:
            self._remove(key)
            self._kept[key] = Kept(status, headers, body, tables, state, time.monotonic() + LONGEST)
            self._bytes += len(body)
            while len(self._kept) > MOST or self._bytes > MOST_BYTES:
                _unused, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.body)

    def _drop(self, key: Hashable) -> None:
        with self._guard:
            self._remove(key)

    def _remove(self, key: Hashable) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= len(before.body)
