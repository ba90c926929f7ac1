# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration replace, and changes that go back unless they are confirmed, as Cisco's guides describe them.

*Configuration Replace and Configuration Rollback* and *Configuration Rollback Confirmed Change* (Managing Configuration
Files Configuration Guide, Cisco IOS XE 3S and 17).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from .grammar import NotModelled, Refused
from .machine import Machine
from .tree import Configuration, differences, replace

NONE_PENDING = "%No Rollback Confirmed Change pending"
ARCHIVE_OFF = "%Turn config archive on before using Rollback Confirmed Change"
MOST = 120
"""Minutes a timer may have."""


@dataclass
class Pending:
    """A change that waits to be confirmed. ``idle``: its minutes begin anew with whatever its session types."""

    file: str
    minutes: int
    idle: bool
    user: str
    since: datetime
    handle: asyncio.TimerHandle = field(repr=False)


class Rollback:
    """Replaces configurations, and holds the one change that may wait."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.pending: Pending | None = None
        self._count = 0
        machine.on_down.append(self._forget)

    def _forget(self) -> None:
        if self.pending:
            self.pending.handle.cancel()
        self.pending = None

    # --- replace -------------------------------------------------------------------------------------------------

    def replace(self, url: str, user: str) -> tuple[list[str], bool]:
        """Make the running configuration what a file says; what IOS says, and whether it succeeded.

        Raises Refused for a file that is none, or is no configuration.
        """
        machine = self._machine
        text = machine.configuration(url)
        if not any(line.strip() == "end" for line in text.splitlines()):
            raise Refused(f"The input file is not a valid config file.\n%Error: {url} has no 'end'")
        passes, failed = replace(machine.running, Configuration(text))
        machine.configured(user)
        said = [f"Total number of passes: {passes}"]
        if failed:
            said += [f"Rollback aborted after {passes} passes", "The following commands are failed to apply to the IOS"
                     " image.", "********", *failed, "********"]  # fmt: skip
            return said, False
        return [*said, "Rollback Done"], True

    def planned(self, url: str) -> list[str]:
        """The commands that a replacement would apply, as ``list`` shows them."""
        todo = differences(self._machine.running, Configuration(self._machine.configuration(url)))
        return ["!List of Rollback Commands:", *(line for _context, line in todo), "end"]

    # --- archive -------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Where the archive of configurations is; "" when there is none."""
        below = self._machine.running.below("archive")
        return next((line.split()[1] for line in below if line.startswith("path ")), "")

    def archive(self) -> str:
        """Write the running configuration into the archive; where it is. Raises Refused."""
        if not self.path:
            raise Refused("Archive feature not enabled\n% Error caught by command handler")
        now = self._machine.clock
        file = f"{self.path}-{now:%b}-{now.day:->2}-{now:%H-%M-%S}.{now.microsecond // 1000:03}-{self._count}"
        self._machine.write(file, self._machine.running.text().encode())
        self._count += 1
        for old in self.archived()[: -self._most()]:
            del self._machine.flash[old]
        return file

    def archived(self) -> list[str]:
        """The names of the files in the archive, the oldest first."""
        prefix = self.path.removeprefix("flash:").lstrip("/")
        found = [name for name in self._machine.flash if prefix and name.startswith(f"{prefix}-")]
        return sorted(found, key=lambda name: int(name.rpartition("-")[2]))

    def _most(self) -> int:
        below = self._machine.running.below("archive")
        return next((int(line.split()[1]) for line in below if line.startswith("maximum ")), 10)

    # --- changes that wait ---------------------------------------------------------------------------------------

    def begin(self, minutes: int, idle: bool, user: str) -> str:
        """Begin a change that must be confirmed; what IOS says. Raises Refused or NotModelled."""
        machine = self._machine
        if machine.faults.refuses_timer:
            raise Refused(machine.faults.refuses_timer)
        if not self.path:
            raise Refused(ARCHIVE_OFF)
        if self.pending:
            raise NotModelled("a second change with a timer, while one waits")
        self._check(minutes)
        file = self.archive()
        self._wait(file, minutes, idle, user)
        kind = "IDLETIMER" if idle else "ABSTIMER"
        machine.note(f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_BACKUP: Backing up current running config to {file}")
        machine.note(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_START_{kind}: User: {user}(Priv: 15, View: 0): Scheduled to rollback to"
            f" config {file} in {minutes} minutes"
        )
        return f"Rollback Confirmed Change: Backing up current running config to {file}\n"

    @staticmethod
    def _check(minutes: int) -> None:
        if not 1 <= minutes <= MOST:
            raise Refused("% Invalid input detected at '^' marker.")

    def _wait(self, file: str, minutes: int, idle: bool, user: str) -> None:
        loop = asyncio.get_running_loop()
        handle = loop.call_later(minutes * self._machine.minute, self._revert)
        self.pending = Pending(file, minutes, idle, user, self._machine.clock, handle)

    def _revert(self) -> None:
        if not self.pending:
            return
        file = self.pending.file
        self.pending = None
        self._machine.note(f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: Start rolling to: {file}")
        said, _done = self.replace(file, "rollback")
        self._machine.note("; ".join(said))

    def touched(self, user: str) -> None:
        """Somebody typed something: an idle timer of theirs begins anew."""
        if self.pending and self.pending.idle and self.pending.user == user:
            self.again(self.pending.minutes, True)

    def again(self, minutes: int, idle: bool) -> None:
        """Let the change that waits have so many minutes from now on. Raises Refused."""
        if not self.pending:
            raise Refused(NONE_PENDING)
        self._check(minutes)
        waiting = self.pending
        waiting.handle.cancel()
        self._wait(waiting.file, minutes, idle, waiting.user)

    def now(self) -> str:
        """Go back at once; what IOS says. Raises Refused."""
        if not self.pending:
            raise Refused(NONE_PENDING)
        self.pending.handle.cancel()
        file = self.pending.file
        self._revert()
        return f"Rollback Confirmed Change: Rolling to {file}\n"

    def confirm(self) -> str:
        """Keep the change. Raises Refused."""
        if not self.pending:
            raise Refused(NONE_PENDING)
        self._forget()
        self._machine.note("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_CONFIRM: Configuration confirmed")
        return ""

    def timer(self) -> str:
        """What ``show archive config rollback timer`` says."""
        waiting = self.pending
        if not waiting:
            return NONE_PENDING
        since = waiting.since
        stamp = f"{since:%H:%M:%S} UTC {since:%a %b} {since.day} {since:%Y}"
        kind = "idle" if waiting.idle else "absolute"
        return (
            f"Time configured(or reconfigured): {stamp}\nTimer type: {kind} timer\n"
            f"Timer value: {waiting.minutes} min\nUser: {waiting.user}"
        )
