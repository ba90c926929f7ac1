# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer of Cisco IOS: a change that goes back unless it is confirmed (*Configuration Rollback Confirmed Change*).

IOS holds one such timer, counts minutes, gives it no name, and forgets it with a reload, which loses what was not saved
as well. So that a later guard knows whose it is, a copy of the configuration lies on flash under the guard's name as
long as it has not been confirmed; a restore takes it too, instead of sending the whole configuration.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Armed,
    Device,
    Reverted,
    Unanswered,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import cisco_ios_texts as texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cisco_ios import (
    CONFIG,
    RUNNING_ITEM,
    STARTUP,
    CiscoIos,
)

SOMEBODY = "holdfast-of-somebody-else"
"""In place of a token, for a timer beside which no guard's file lies."""

_SHOW = "show archive config rollback timer"


class RevertTimer:
    """See ``Timer``."""

    def __init__(self, provider: CiscoIos) -> None:
        self._ios = provider

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """Begin a change that must be confirmed within so many seconds, rounded up to minutes; see ``Timer.arm``."""
        minutes = texts.minutes_for(seconds)
        self._may_begin(device, wanted)
        for old in self._ios.tokens(device):  # of guards whose timers have come to an end
            self._ios.delete(device, f"{old}.cfg")
        self._ios.copy(device, "running-config", self._path(token))
        try:
            self._begin(device, minutes)
        except Unanswered:
            raise
        except HoldfastError:
            with contextlib.suppress(HoldfastError):  # what failed first is what must be known
                self._ios.delete(device, f"{token}.cfg")
            raise

    def _may_begin(self, device: Device, wanted: Snapshot) -> None:
        for timer in self.armed(device):
            raise HoldfastError(f"the device holds a timer already ({timer.token}), and IOS has only one")
        running = self._ios.shown(device, CONFIG)
        if not texts.same(running, str(wanted.sections.get(CONFIG, {}).get(RUNNING_ITEM, ""))):
            raise HoldfastError(
                "IOS goes back to what runs when its timer is armed, and that is not what is wanted: restore it first"
            )
        if not texts.saved(running, self._ios.shown(device, STARTUP)):
            raise HoldfastError(
                "the running configuration is not saved, so a reload in the middle would not lead back to it; save it "
                "first (copy running-config startup-config)"
            )

    def _begin(self, device: Device, minutes: int) -> None:
        command = f"configure terminal revert timer {minutes}"
        said = self._ios.ask(device, command)
        if "urn config archive on" in said:
            raise HoldfastError("the device has no archive; configure one: 'archive', and in it 'path flash:archive'")
        if "Enter configuration commands" not in said:
            raise HoldfastError(f"'{command}' did not succeed: {texts.brief(said)}")
        self._ios.ask(device, "end")

    def armed(self, device: Device) -> Sequence[Armed]:
        """The timer that the device holds, if it holds one; see ``Timer.armed``."""
        waiting = texts.waiting(self._ios.ask(device, _SHOW))
        if waiting is None:
            return ()
        now = texts.moment(self._ios.ask(device, "show clock"))
        left = waiting.minutes * 60 - (now - waiting.since).total_seconds()
        return (Armed(next(iter(self._ios.tokens(device)), SOMEBODY), left),)

    def disarm(self, device: Device, token: str) -> None:
        """Confirm the change; see ``Timer.disarm``."""
        held = [timer.token for timer in self.armed(device)]
        ours = token in self._ios.tokens(device)
        if token not in held:
            if ours:
                raise HoldfastError(
                    "the device does not hold the timer any more: it has gone back, was reloaded, or somebody else "
                    "confirmed the change"
                )
            return
        said = self._ios.ask(device, "configure confirm")
        if "No Rollback Confirmed Change pending" in said:
            raise HoldfastError("the device began to go back at the very moment when the change was confirmed")
        if self.armed(device):
            raise HoldfastError(f"the change was confirmed, and its timer is still there: {texts.brief(said)}")
        if ours:
            self._ios.delete(device, f"{token}.cfg")

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """That the device has gone back: no timer is left, and what runs is what the guard's file says."""
        if self.armed(device) or token not in self._ios.tokens(device):
            return None
        before = self._ios.ask(device, f"more {self._path(token)}", secret=True)
        if not texts.same(self._ios.shown(device, CONFIG), before):
            return None
        logged = self._ios.ask(device, "show logging | include ROLLBK_CNFMD_CHG")
        lines = [line.strip() for line in logged.splitlines() if "ROLLBK_CNFMD_CHG_ROLLBACK" in line]
        return Reverted(token, True, lines[-1] if lines else "no rollback is in its log; it may have been reloaded")

    def _path(self, token: str) -> str:
        return f"{self._ios.filesystem}{token}.cfg"
