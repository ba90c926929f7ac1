# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of providers: what must be said of a platform, and the little code, to take and to restore its snapshots.

A provider declares which sections there are, how it restores and whether that is exact, and has two functions. Whatever
it asks of a host goes through a ``Device`` that it is given, so that providers are tested without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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


@dataclass(frozen=True)
class Declaration:
    """What a provider is.

    ``platforms``: those of ``platforms.PLATFORMS`` that it serves. ``restores``: how it puts a state back, for people.
    ``exact``: what is too much is taken away as well. ``reverts``: the timer with which the target reverts by itself,
    for people; empty when it has none, and then a guard refuses to begin.
    """

    name: str
    platforms: tuple[str, ...]
    reads: tuple[Reads, ...]
    restores: str
    exact: bool
    reverts: str = ""

    def section(self, name: str) -> Reads:
        """The section of this name."""
        for each in self.reads:
            if each.section == name:
                return each
        known = ", ".join(each.section for each in self.reads)
        raise HoldfastError(f"the provider '{self.name}' has no section '{name}'; it has {known}")


class Device(Protocol):
    """What a provider may ask of a host; whoever calls the provider does the I/O."""

    def run(self, module: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a module on the host and return its result; raises HoldfastError when it failed."""


class Provider(Protocol):
    """A declaration and two functions."""

    @property
    def declaration(self) -> Declaration:
        """What this provider is."""

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The items of a section by name, as text or data. Raises Unreadable."""

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Make the host what ``wanted`` says, given what differs now; returns what was done, for people."""


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
