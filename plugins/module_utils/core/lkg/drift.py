# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: how far hosts are from their last known good state, item by item, as one number for a fleet.

The score is 100 % less the share of checked items that have drifted. A host that could not be reached was not checked:
it stands apart and makes the number neither better nor worse. So does a section that could not be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import blocks
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import DATA, Item, Place, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import Platform


@dataclass(frozen=True)
class HostDrift:
    """One host against its baseline. ``names``: the items that have drifted, blocks of configurations by themselves."""

    host: str
    checked: int
    names: tuple[str, ...]
    difference: Difference

    @property
    def drifted(self) -> int:
        """How many items have drifted."""
        return len(self.names)

    @property
    def score(self) -> Optional[float]:
        """The consistency of this host in percent."""
        return consistency(self.drifted, self.checked)


@dataclass(frozen=True)
class FleetDrift:
    """Hosts against their baselines; ``unreachable`` and ``without`` (no baseline) by host, with the reason."""

    hosts: tuple[HostDrift, ...]
    unreachable: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def checked(self) -> int:
        """How many items were checked."""
        return sum(each.checked for each in self.hosts)

    @property
    def drifted(self) -> int:
        """How many of them have drifted."""
        return sum(each.drifted for each in self.hosts)

    @property
    def score(self) -> Optional[float]:
        """The consistency of all hosts that were checked, in percent; None when nothing was."""
        return consistency(self.drifted, self.checked)

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        hosts = [
            {"host": each.host, "checked": each.checked, "drifted": each.drifted, "consistency": each.score,
             "items": list(each.names), **each.difference.as_data()}
            for each in self.hosts
        ]  # fmt: skip
        return {"consistency": self.score, "checked": self.checked, "drifted": self.drifted, "hosts": hosts,
                "unreachable": dict(self.unreachable), "without_baseline": dict(self.without)}  # fmt: skip


def consistency(drifted: int, checked: int) -> Optional[float]:
    """100 % less drifted by checked, to two places and never rounded up: with any drift it is below 100."""
    return math.floor((checked - drifted) * 10000 / checked) / 100 if checked else None


def judge(baseline: View, now: View, platform: Platform) -> HostDrift:
    """A host as it is now against its baseline."""
    difference = compare(baseline, now, platform)
    changed = {change.place for change in difference.changes}
    checked, names = 0, []
    for place in sorted(set(baseline.items) | set(now.items)):
        if place in changed:
            found, drifted = _parts(place, baseline.items.get(place), now.items.get(place), platform)
            checked += found
            names += drifted
        elif place.section not in difference.unread:
            checked += (baseline.items.get(place) or now.items[place]).parts
    return HostDrift(now.host, checked, tuple(names), difference)


def _parts(place: Place, old: Optional[Item], new: Optional[Item], platform: Platform) -> tuple[int, list[str]]:
    """How many parts a changed item has, and which have drifted; when none can be named, it is the item itself."""
    if old is None or new is None or not platform.blocks or DATA in (old.kind, new.kind):
        return 1, [str(place)]
    before, after = blocks.split(old.text), blocks.split(new.text)
    every = {**before, **after}
    drifted = [f"{place}: {name.strip()}" for name in every if before.get(name) != after.get(name)]
    return max(len(every), 1), drifted or [str(place)]


def fleet(
    hosts: Iterable[HostDrift],
    unreachable: Optional[Mapping[str, str]] = None,
    without: Optional[Mapping[str, str]] = None,
) -> FleetDrift:
    """The verdict on many hosts."""
    return FleetDrift(tuple(sorted(hosts, key=lambda each: each.host)), unreachable or {}, without or {})
