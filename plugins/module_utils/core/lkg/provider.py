# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of providers: what must be said of a platform, and the little code, to take and to restore its snapshots.

A provider declares which sections there are, how it restores and whether that is exact, reads and restores, and has a
``Timer`` where its targets can revert by themselves. Whatever it asks of a host goes through a ``Device`` that it is
given, so that providers are tested without one. What a person may choose (which files, which registry keys) a provider
is made with; a restore needs none of it, for the wanted snapshot says what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named


class Unreadable(HoldfastError):
    """A section could not be read; its text says why. The others still are."""


@dataclass(frozen=True)
class Reads:
    """A section that a provider reads: its name, for people what it holds, and whether a restore writes it back."""

    section: str
    title: str
    restored: bool = True


BEFORE_CHANGE, AT_COMMIT = "before_change", "at_commit"


@dataclass(frozen=True)
class Declaration:
    """What a provider is.

    ``platforms``: those of ``platforms.PLATFORMS`` that it serves. ``restores``: how it puts a state back, for people.
    ``exact``: what is too much is taken away as well. ``reverts``: the timer with which the target reverts by itself,
    for people; empty when it has none, and then a guard refuses to begin. ``armed``: ``before_change``, or
    ``at_commit`` where the change only prepares a candidate and the very commit that makes it live arms the timer
    (NETCONF, Junos): there ``Timer.arm`` is that commit.
    """

    name: str
    platforms: tuple[str, ...]
    reads: tuple[Reads, ...]
    restores: str
    exact: bool
    reverts: str = ""
    armed: str = BEFORE_CHANGE

    def section(self, name: str) -> Reads:
        """The section of this name."""
        for each in self.reads:
            if each.section == name:
                return each
        known = ", ".join(each.section for each in self.reads)
        raise HoldfastError(f"the provider '{self.name}' has no section '{name}'; it has {known}")


class Device(Protocol):
    """What a provider may ask of a host; whoever calls the provider does the I/O, with the task's own privileges."""

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """Run a module on the host, by its full name, through its action plugin where it has one; returns its result.

        ``secret``: its arguments or its result hold secrets, which then no log of the host shows. Raises HoldfastError
        when it failed, and Unanswered when the host gave no answer.
        """

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """Write a file of the host, whole or not at all; it is never more open than ``mode``. Raises as ``run``."""


class Unanswered(HoldfastError):
    """The host gave no answer: whether what was asked was done is not known."""


class Armed(NamedTuple):
    """A timer that a target holds. ``left``: the seconds until it reverts, by the target's own clock."""

    token: str
    left: float


class Reverted(NamedTuple):
    """What a target says of a revert that its timer began by itself. ``said``: its last words, for people."""

    token: str
    complete: bool
    said: str = ""


class Timer(Protocol):
    """How a target of a platform reverts by itself.

    A token names one guard; tokens are file names (``[a-z0-9-]+``) and begin with ``holdfast-``. Times are counted by
    the target's clock, whatever it shows. A timer outlives a reboot of its target, or the reboot itself reverts.
    """

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """Make the target go back to ``wanted`` by itself in so many seconds. Raises HoldfastError: none is armed."""

    def armed(self, device: Device) -> Sequence[Armed]:
        """Every timer that the target holds, those of other and of earlier guards too."""

    def disarm(self, device: Device, token: str) -> None:
        """Take a timer away, with all that it needed; does nothing when it is gone.

        Raises HoldfastError when it is not certain afterwards that it is gone, or when it has already begun to revert.
        """

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """What came of the revert that this timer began; None while it has not ended, or never began."""


class Provider(Protocol):
    """A declaration, a timer where there can be one, and four functions; ``Usual`` has two of them for most."""

    @property
    def declaration(self) -> Declaration:
        """What this provider is."""

    @property
    def timer(self) -> Optional[Timer]:
        """How its targets revert by themselves; None when they cannot."""

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The items of a section by name, as text or data. Raises Unreadable."""

    def notes(self, device: Device) -> Mapping[str, str]:
        """What a restore may need and what is no state, for ``Snapshot.notes``. Raises Unreadable, and Unanswered."""

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Make the host what ``wanted`` says, given what differs now; returns what was done, for people."""

    def keep(self, device: Device) -> Sequence[str]:
        """Let what runs now outlive a reload, once a change is confirmed; returns what was done, for people.

        Nothing is done, and nothing returned, where what runs is what the host starts with. Raises HoldfastError when
        it is not certain afterwards.
        """


class Usual:
    """What a provider says that needs nothing beside the state, and whose hosts start with what runs."""

    def notes(self, device: Device) -> Mapping[str, str]:
        """Nothing; see ``Provider.notes``."""
        del device
        return {}

    def keep(self, device: Device) -> Sequence[str]:
        """Nothing to do; see ``Provider.keep``."""
        del device
        return ()


def check(declaration: Declaration) -> list[str]:
    """What is wrong with a declaration; empty when it can be used."""
    wrong = []
    for name in declaration.platforms:
        try:
            platform_named(name)
        except HoldfastError as error:
            wrong.append(str(error))
    sections = [each.section for each in declaration.reads]
    wrong += [f"section '{name}' is declared twice" for name in sorted(set(sections)) if sections.count(name) > 1]
    if not sections:
        wrong.append("it reads nothing")
    if not declaration.restores:
        wrong.append("it does not say how it restores")
    return [f"provider '{declaration.name}': {message}" for message in wrong]


def take(
    provider: Provider,
    device: Device,
    *,
    host: str,
    platform: str,
    now: float,
    sections: Sequence[str] = (),
    tools: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
    run: str = "",
) -> Snapshot:
    """A snapshot by a provider: every section, or those named. One that cannot be read becomes a gap."""
    declaration = provider.declaration
    if platform not in declaration.platforms:
        served = ", ".join(declaration.platforms)
        raise HoldfastError(f"the provider '{declaration.name}' serves {served}, and not '{platform}'")
    wanted = [declaration.section(name).section for name in sections] or [each.section for each in declaration.reads]
    found: dict[str, Mapping[str, Any]] = {}
    gaps = {}
    for section in wanted:
        try:
            found[section] = provider.read(device, section)
        except Unreadable as error:
            gaps[section] = str(error)
    return Snapshot(host, platform, now, found, gaps, tools or {}, notes or {}, run)
