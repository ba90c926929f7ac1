# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network devices with a command line, of which little more is known: by cli_command and cli_config.

How exact a restore is depends on the platform. Where its ``cli_config`` replaces, what is too much goes as well; where
it only merges, added lines stay, and the snapshot after the restore tells so. What is said of EOS and Junos here is
what the cliconf plugins of arista.eos and junipernetworks.junos do; no real device has proved it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Armed,
    Declaration,
    Device,
    Reads,
    Reverted,
    Unanswered,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import normal_text

CONFIG, RUNNING = "config", "running"
SOMEBODY = "holdfast-of-somebody-else"
_PLACE = re.compile(r"\{(seconds|minutes|time|token)\}")
"""Other braces belong to the command."""
_ERROR = re.compile(r"^\s*(?:%|\^|error:|syntax error|unknown command|invalid )", re.IGNORECASE | re.MULTILINE)


class Known(NamedTuple):
    """What is known of a platform: the command that shows its configuration, and whether its ``cli_config`` replaces.

    ``not_replaced``, ``not_timed``: why the one cannot be asked for, and why no commands make a timer; else empty.
    """

    command: str = "show running-config"
    replaces: bool = False
    not_replaced: str = ""
    not_timed: str = ""


KNOWN: Mapping[str, Known] = {
    "cli_config": Known(),
    # A session that begins with "rollback clean-config".
    "arista_eos": Known(replaces=True),
    # Lines of a configuration are typed as they are, so they have to be commands.
    "juniper_junos": Known(
        "show configuration | display set",
        not_replaced="its cli_config replaces only by a file that lies on the device",
        not_timed="any commit confirms 'commit confirmed', so the first one of the change would",
    ),
}
_RATHER = "; reach it through ansible.netcommon.netconf instead"


class CliConfig(Usual):
    """The provider.

    ``platform``: which one of ``KNOWN`` it is. ``command``: what shows the configuration. ``replace``: whether the
    platform's cli_config replaces. ``arm``, ``confirm``: the commands that let the device take a change back unless it
    is confirmed, and that confirm it; ``{seconds}``, ``{minutes}`` (rounded up) and ``{time}`` (hours:minutes:seconds)
    stand for the time, ``{token}`` for the guard. ``pending``: a command, and ``pending_pattern`` a regular expression
    that its answer matches as long as a change waits. All four belong together. ``save``: the commands that let what
    runs outlive a reload, on devices that tell it from what they boot; given once a guarded change is confirmed.
    """

    def __init__(
        self,
        *,
        platform: str = "cli_config",
        command: str = "",
        replace: Optional[bool] = None,
        arm: Sequence[str] = (),
        confirm: Sequence[str] = (),
        pending: str = "",
        pending_pattern: str = "",
        save: Sequence[str] = (),
    ) -> None:
        known = KNOWN[platform]
        given = [bool(each) for each in (arm, confirm, pending, pending_pattern)]
        if any(given) and not all(given):
            raise HoldfastError("a timer needs all of arm, confirm, pending and pending_pattern, or none of them")
        try:
            re.compile(pending_pattern)
        except re.error as error:
            raise HoldfastError(f"pending_pattern is no regular expression: {error}") from error
        if replace and known.not_replaced:
            raise HoldfastError(f"replace: {platform} cannot: {known.not_replaced}{_RATHER}")
        if any(given) and known.not_timed:
            raise HoldfastError(f"arm: {platform} has no such timer: {known.not_timed}{_RATHER}")
        self.command, self._save = command or known.command, tuple(save)
        self.replaces = known.replaces if replace is None else replace
        self.timer: Optional[CommandTimer] = None
        if all(given):
            self.timer = CommandTimer(self, tuple(arm), tuple(confirm), pending, pending_pattern)
        self.declaration = Declaration(
            name="cli_config",
            platforms=(platform,),
            reads=(Reads(CONFIG, f"the configuration ({self.command})"),),
            restores=f"cli_config, which {'replaces it' if self.replaces else 'merges: added lines stay'}",
            exact=self.replaces,
            reverts="the device's own, by the commands that were given" if all(given) else "",
        )

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The configuration; see ``Provider.read``."""
        self.declaration.section(section)
        try:
            text = self.ask(device, self.command, secret=True)
        except Unanswered:
            raise
        except HoldfastError as error:
            raise Unreadable(str(error)) from error
        if not text.strip():
            raise Unreadable(f"'{self.command}' showed nothing; options.command names another")
        return {RUNNING: text}

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Send the wanted configuration; see ``Provider.restore``."""
        if not difference.changes:
            return []
        try:
            text = str(wanted.sections[CONFIG][RUNNING])
        except KeyError as error:
            raise HoldfastError(f"the snapshot does not hold {CONFIG}/{RUNNING}, so it cannot be restored") from error
        arguments: dict[str, Any] = {"config": text, "commit": True}
        if self.replaces:
            arguments["replace"] = "yes"
        device.run("ansible.netcommon.cli_config", arguments, secret=True)
        return [f"cli_config, which {'replaced' if self.replaces else 'merged'} the configuration"]

    def keep(self, device: Device) -> Sequence[str]:
        """Give the commands that save; see ``Provider.keep``."""
        for command in self._save:
            self.order(device, command)
        return self._save

    @staticmethod
    def ask(device: Device, command: str, secret: bool = False) -> str:
        """What the device says to a command."""
        return str(device.run("ansible.netcommon.cli_command", {"command": command}, secret).get("stdout", ""))

    @classmethod
    def order(cls, device: Device, command: str) -> None:
        """Give a command. Raises HoldfastError when what the device says to it is an error."""
        said = cls.ask(device, command)
        if _ERROR.search(said):
            raise HoldfastError(f"'{command}': {' '.join(said.split())[:300]}")


class CommandTimer:
    """A timer of which only its commands are known; see ``Timer``. It has no name, so each that waits may be anybody's.

    What it leads back to is what ran when it was armed, so only that may be wanted.
    """

    def __init__(
        self, provider: CliConfig, arm: Sequence[str], confirm: Sequence[str], pending: str, pattern: str
    ) -> None:
        self._cli, self._arm, self._confirm = provider, arm, confirm
        self._pending, self._pattern = pending, pattern
        self._token, self._seconds, self._before, self._whole = "", 0, "", False
        self._platform = platform_named("cli_config")

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """Give the commands that arm."""
        if self.armed(device):
            raise HoldfastError("the device holds a timer already")
        self._may_begin(device, wanted)
        minutes = math.ceil(seconds / 60)
        # Known before the first command: one that is not answered, or the last one that fails, may have armed.
        self._token, self._whole = token, False
        self._seconds = minutes * 60 if any("{minutes}" in each for each in self._arm) else seconds
        self._run(device, self._arm)
        self._whole = True

    def _may_begin(self, device: Device, wanted: Snapshot) -> None:
        self._platform = platform_named(wanted.platform)
        self._before = self._normal(str(wanted.sections.get(CONFIG, {}).get(RUNNING, "")))
        if self._now(device) != self._before:
            raise HoldfastError("the device goes back to what runs now, and that is not what is wanted: restore it")

    def _now(self, device: Device) -> str:
        return self._normal(str(self._cli.read(device, CONFIG)[RUNNING]))

    def _normal(self, text: str) -> str:
        return normal_text(self._platform, CONFIG, text)

    def armed(self, device: Device) -> Sequence[Armed]:
        """Whether a change waits; for how long no command tells, so it is what it was armed for."""
        if not re.search(self._pattern, CliConfig.ask(device, self._pending)):
            return ()
        return (Armed(self._token or SOMEBODY, float(self._seconds or 1)),)

    def disarm(self, device: Device, token: str) -> None:
        """Give the commands that confirm."""
        if token != self._token:
            return
        if self.armed(device):
            self._run(device, self._confirm)
            if self.armed(device):
                raise HoldfastError("the change was confirmed, and still one waits")
        elif self._whole:
            raise HoldfastError("no change waits any more: the device has taken it back")
        self._token = ""

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """That no change of this guard waits any more, known to the object that armed it, and what ran before runs."""
        if not token or token != self._token or self.armed(device):
            return None
        if self._now(device) != self._before:
            return None
        return Reverted(token, True, "the change was not confirmed in time")

    def _run(self, device: Device, commands: Sequence[str]) -> None:
        minutes, seconds = divmod(self._seconds, 60)
        words = {
            "seconds": str(self._seconds),
            "minutes": str(math.ceil(self._seconds / 60)),
            "time": f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}",
            "token": self._token,
        }
        for command in commands:
            CliConfig.order(device, _PLACE.sub(lambda found: words[found.group(1)], command))
