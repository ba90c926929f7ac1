# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: the world of a guard (``core/lkg/guard_world.py``), for the host of an action."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence, checks_from
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Armed,
    Provider,
    Reverted,
    Timer,
    Unanswered,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils._device import ActionDevice
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored

HEALTH_CHECK = "holdfast.ops.health_check"


@dataclass
class GuardWorld:
    """What a guard asks for, done for the host of an action.

    ``take``: reads the host as a snapshot. ``play``: plays the change for at most so many seconds. ``health``: the
    arguments of ``health_check``. ``show``: shows a line to people.
    """

    device: ActionDevice
    provider: Provider
    archive: Archive
    take: Callable[[], Snapshot]
    play: Callable[[float], str]
    health: Mapping[str, Any]
    show: Callable[[str], None]
    run: str = ""
    reason: str = ""
    kept: dict[str, Stored] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    asked: list[Check] = field(default_factory=list)

    @property
    def timer(self) -> Timer:
        """The timer of the platform. Raises HoldfastError where there is none: such a host cannot be guarded."""
        if self.provider.timer is None:
            name = self.provider.declaration.name
            raise HoldfastError(f"targets of the provider '{name}' cannot revert by themselves, so nothing guards them")
        return self.provider.timer

    # --- time and words ----

    @staticmethod
    def now() -> float:
        """See ``World``."""
        return time.monotonic()

    @staticmethod
    def sleep(seconds: float) -> None:
        """See ``World``."""
        time.sleep(seconds)

    def say(self, text: str) -> None:
        """See ``World``."""
        self.said.append(text)
        self.show(text)

    # --- the host ----

    def armed(self) -> Sequence[Armed]:
        """See ``World``."""
        return self.timer.armed(self.device)

    def arm(self, token: str, seconds: int, wanted: Snapshot) -> None:
        """See ``World``."""
        self.timer.arm(self.device, token, seconds, wanted)

    def disarm(self, token: str) -> None:
        """See ``World``."""
        self.timer.disarm(self.device, token)

    def reverted(self, token: str) -> Optional[Reverted]:
        """See ``World``."""
        return self.timer.reverted(self.device, token)

    def read(self) -> Snapshot:
        """See ``World``."""
        return self.take()

    def restore(self, wanted: Snapshot) -> Sequence[str]:
        """See ``World``; does nothing where nothing differs."""
        difference = self.difference(self.read(), wanted)
        if not difference.changes:
            return ()
        done = self.provider.restore(self.device, wanted, difference)
        for line in done:
            self.say(line)
        return done

    def change(self, limit: float) -> str:
        """See ``World``."""
        return self.play(limit)

    def reconnect(self) -> None:
        """See ``World``: what any platform with a timer can be asked is which timers it holds."""
        self.device.reconnect()
        self.armed()

    def checks(self) -> Sequence[Check]:
        """See ``World``."""
        if not self.health["probes"]:
            return ()
        try:
            result = self.device.run(HEALTH_CHECK, self.health)
        except Unanswered:
            raise
        except HoldfastError as error:
            return (Check("health_check", False, str(error)),)
        self.asked = list(checks_from(result["probes"]))
        return self.asked

    # --- the archive ----

    def keep(self, snapshot: Snapshot) -> str:
        """See ``World``."""
        stored = self.archive.put([self.archive.part(snapshot)])[0]
        self.kept[stored.id] = stored
        return stored.id

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        """See ``World``."""
        old, new = self.archive.part(before).view, self.archive.part(after).view
        return compare(old, new, platform_named(after.platform))

    def make_lasting(self) -> bool:
        """See ``World``: a provider that has to do anything for it has a function ``keep``."""
        keep = getattr(self.provider, "keep", None)
        if keep is None:
            return False
        for line in keep(self.device):
            self.say(line)
        return True

    def promote(self, snapshot_id: str, checks: Sequence[Check]) -> None:
        """See ``World``."""
        evidence = Evidence(inbox.me(), time.time(), tuple(checks), self.run, self.reason)
        self.archive.promote([(self.kept[snapshot_id], evidence)])
