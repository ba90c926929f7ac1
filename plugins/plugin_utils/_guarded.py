# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: the world of a guard (``core/lkg/guard_world.py``), for the host of an action."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence, checks_from
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Reverted, Timer, Unanswered
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Parted
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils._change import Played, is_orphan
from ansible_collections.holdfast.ops.plugins.plugin_utils._device import ActionDevice
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored

HEALTH_CHECK = "holdfast.ops.health_check"


def this_machine(action: Any, task_vars: Mapping[str, Any]) -> ActionDevice:
    """The controlling machine, as a device beside the host of an action; nobody is become there."""
    context = action._play_context.copy()
    context.become = False
    context.connection, context.remote_addr = "local", "localhost"
    local = action._shared_loader_obj.connection_loader.get("local", context, os.devnull)
    beside = type(action)(action._task, local, context, action._loader, action._templar, action._shared_loader_obj)
    given = {name: value for name, value in task_vars.items() if not str(name).startswith("ansible_")}
    named = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return ActionDevice(beside, {**given, **named, "inventory_hostname": "localhost"})


@dataclass
class GuardWorld:
    """What a guard asks for, done for the host of an action.

    ``sections``: those of its snapshots, or none for all. ``play``: plays the change for at most so many seconds.
    ``health``: the arguments of ``health_check``, and ``asks`` runs it. ``show``: shows a line to people. ``notes``:
    what is noted with the snapshot of before.
    """

    this: lkg.Subject
    archive: Archive
    sections: Sequence[str]
    play: Callable[[float], Played]
    health: Mapping[str, Any]
    asks: ActionDevice
    show: Callable[[str], None]
    run: str = ""
    reason: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    kept: dict[str, Stored] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    asked: list[Check] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    played: Played = field(default_factory=lambda: Played(""))
    parent: int = field(default_factory=os.getppid)

    @property
    def timer(self) -> Timer:
        """The timer of the platform. Raises HoldfastError where there is none: such a host cannot be guarded."""
        timer = self.this.provider.timer
        if timer is None:
            name = self.this.provider.declaration.name
            raise HoldfastError(f"targets of the provider '{name}' cannot revert by themselves, so nothing guards them")
        return timer

    def hidden(self, value: Any) -> Any:
        """Texts, alone or in lists and mappings, in which marks stand for the secrets of the snapshots."""
        if isinstance(value, str):
            return lkg.hidden(value, self.secrets)
        if isinstance(value, Mapping):
            return {name: self.hidden(inner) for name, inner in value.items()}
        return [self.hidden(inner) for inner in value] if isinstance(value, list) else value

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
        shown = self.hidden(text)
        self.said.append(shown)
        self.show(shown)

    # --- the host ----

    def armed(self) -> Sequence[Armed]:
        """See ``World``."""
        return self.timer.armed(self.this.device)

    def arm(self, token: str, seconds: int, wanted: Snapshot) -> None:
        """See ``World``."""
        self.timer.arm(self.this.device, token, seconds, wanted)

    def disarm(self, token: str) -> None:
        """See ``World``."""
        self.timer.disarm(self.this.device, token)

    def reverted(self, token: str) -> Optional[Reverted]:
        """See ``World``."""
        return self.timer.reverted(self.this.device, token)

    def read(self) -> Snapshot:
        """See ``World``."""
        return lkg.read_now(self.this, self.sections, self.run)

    def restore(self, wanted: Snapshot) -> Sequence[str]:
        """See ``World``. The provider is asked where nothing differs, too: what was only prepared has to go."""
        difference = self.difference(self.read(), wanted)
        done = self.this.provider.restore(self.this.device, wanted, difference)
        for line in done:
            self.say(line)
        return done

    def change(self, limit: float) -> str:
        """See ``World``."""
        self.played = self.play(limit)
        return self.played.why

    def reconnect(self) -> None:
        """See ``World``: what any platform with a timer can be asked is which timers it holds."""
        self.this.device.reconnect()
        self.armed()

    def checks(self) -> Sequence[Check]:
        """See ``World``."""
        if not self.health["probes"]:
            return ()
        try:
            result = self.asks.run(HEALTH_CHECK, self.health)
        except Unanswered:
            raise
        except HoldfastError as error:
            return (Check("health_check", False, str(error)),)
        self.asked = list(checks_from(result["probes"]))
        return self.asked

    # --- the archive ----

    def keep(self, snapshot: Snapshot) -> str:
        """See ``World``; the first one that is kept is that of before."""
        if not self.kept:
            snapshot = replace(snapshot, notes={**snapshot.notes, **self.notes})
        stored = self.archive.put([self._part(snapshot)])[0]
        self.kept[stored.id] = stored
        return stored.id

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        """See ``World``."""
        return compare(self._part(before).view, self._part(after).view, platform_named(after.platform))

    def _part(self, snapshot: Snapshot) -> Parted:
        """A snapshot as the archive stores it; its secrets are known from now on."""
        parted = self.archive.part(snapshot)
        self.secrets.update(parted.secrets)
        return parted

    def still_wanted(self) -> None:
        """See ``World``."""
        if is_orphan(self.parent):
            raise HoldfastError("the command that ran it is gone; what nobody hears of must not stay")

    def make_lasting(self) -> bool:
        """See ``World``."""
        done = self.this.provider.keep(self.this.device)
        for line in done:
            self.say(line)
        return bool(done)

    def promote(self, snapshot_id: str, checks: Sequence[Check]) -> None:
        """See ``World``."""
        labels = links.labels_in(self.notes)
        evidence = Evidence(inbox.me(), time.time(), tuple(checks), self.run, self.reason, labels)
        self.archive.promote([(self.kept[snapshot_id], evidence)])
