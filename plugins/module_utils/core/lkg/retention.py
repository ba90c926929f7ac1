# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long snapshots are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError


class Kept(NamedTuple):
    """A snapshot in the archive, as far as its age matters."""

    host: str
    id: str
    taken_at: float


@dataclass(frozen=True)
class Retention:
    """What is kept of each host: the newest ``last`` snapshots, and those younger than ``age`` seconds."""

    last: Optional[int] = None
    age: Optional[float] = None

    def check(self) -> None:
        """Refuse a policy that says nothing, or nonsense."""
        if self.last is None and self.age is None:
            raise HoldfastError("say what to keep: a number of snapshots of each host, an age, or both")
        if (self.last is not None and self.last < 0) or (self.age is not None and self.age < 0):
            raise HoldfastError("a number of snapshots and an age must not be below zero")


def expired(
    kept: Iterable[Kept], retention: Retention, now: float, protected: Collection[tuple[str, str]]
) -> list[Kept]:
    """The snapshots to drop, the oldest first. ``protected`` are (host, id) of those that stay whatever their age."""
    retention.check()
    hosts: dict[str, list[Kept]] = {}
    for each in kept:
        hosts.setdefault(each.host, []).append(each)
    found = []
    for every in hosts.values():
        newest_first = sorted(every, key=lambda each: (each.taken_at, each.id), reverse=True)
        for number, each in enumerate(newest_first):
            young = retention.age is not None and now - each.taken_at < retention.age
            recent = retention.last is not None and number < retention.last
            if not (young or recent or (each.host, each.id) in protected):
                found.append(each)
    return sorted(found, key=lambda each: (each.taken_at, each.host, each.id))
