# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router that runs FRR says of its BGP, and its graceful shutdown (RFC 8326), read from what vtysh prints.

In graceful shutdown everything that is announced carries the community 65535:0 to external neighbors and the local
preference 0 to internal ones, whose routers then prefer every other way. FRR shows the local preference 0 for both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

FAMILIES: Mapping[str, str] = {"ipv4Unicast": "ipv4 unicast", "ipv6Unicast": "ipv6 unicast"}
"""The address families whose announcements are looked at, as JSON and as commands name them."""

DEFAULT_VRF = "default"
LINE = "bgp graceful-shutdown"
_UNKNOWN = "0.0.0.0"
"""The router id of a neighbor that was never there."""


@dataclass(frozen=True)
class Instance:
    """One BGP, by the line that it begins with. ``everywhere``: the graceful shutdown is that of the whole router."""

    header: str
    vrf: str
    draining: bool
    everywhere: bool

    @property
    def number(self) -> str:
        """Its autonomous system."""
        return self.header.split()[2]


@dataclass(frozen=True)
class Neighbor:
    """One neighbor as FRR sees it."""

    name: str
    description: str
    hostname: str
    remote_as: int
    router_id: str
    state: str
    admin_down: bool
    families: tuple[str, ...]

    @property
    def up(self) -> bool:
        """Whether its session stands."""
        return self.state == "Established"

    @property
    def told(self) -> str:
        """Its name, and what people call it."""
        called = self.description or self.hostname
        return f"{self.name} ({called})" if called else self.name


def instance(running: str, vrf: str) -> Instance:
    """The BGP of a VRF in a configuration. Raises HoldfastError when there is none, saying which there are."""
    everywhere = any(line.rstrip() == LINE for line in running.splitlines())
    found: dict[str, Instance] = {}
    for header, block in _blocks(running):
        kind, whose = ([*header.split()[3:5], "", ""])[:2]
        if kind != "view":
            vrf_of_it = whose if kind == "vrf" else DEFAULT_VRF
            own = any(line.strip() == LINE for line in block)
            found[vrf_of_it] = Instance(header, vrf_of_it, own or everywhere, everywhere)
    if vrf not in found:
        there = f"it has BGP in the VRF {', '.join(sorted(found))}" if found else "it has no BGP at all"
        raise HoldfastError(f"there is no BGP in the VRF '{vrf}'; {there}")
    return found[vrf]


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    """The first line of each ``router bgp`` and those that belong to it."""
    blocks: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith((" ", "\t", "!")) and line.strip():
            inside = bool(re.match(r"router bgp \S", line))
            if inside:
                blocks.append((line.rstrip(), []))
        elif inside:
            blocks[-1][1].append(line)
    return blocks


def saved_as(text: str, header: str) -> bool:
    """Whether a saved configuration has the graceful shutdown. Raises HoldfastError when it has no such BGP."""
    for first, block in _blocks(text):
        if first == header:
            return any(line.strip() == LINE for line in block)
    raise HoldfastError(f"it has no line '{header}'")


def save_as(text: str, header: str, wanted: bool) -> str:
    """A saved configuration with the graceful shutdown or without it, and nothing else changed."""
    if saved_as(text, header) == wanted:
        return text
    lines: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        if not line.startswith((" ", "\t", "!")) and line.strip():
            inside = line.rstrip() == header
        if inside and line.strip() == LINE:
            continue
        lines.append(line if line.endswith("\n") else line + "\n")
        if wanted and line.rstrip() == header:
            lines.append(f" {LINE}\n")
    return "".join(lines)


def commands(of: Instance, wanted: bool) -> list[str]:
    """What is typed to begin a graceful shutdown, or to end it."""
    return ["configure terminal", of.header, LINE if wanted else f"no {LINE}"]


def documents(output: str) -> list[dict[str, Any]]:
    """The JSON objects that one after another was printed. Raises HoldfastError with what else was."""
    decoder = json.JSONDecoder()
    found = []
    rest = output.strip()
    while rest:
        try:
            one, end = decoder.raw_decode(rest)
        except ValueError:
            raise HoldfastError(f"FRR answered: {' '.join(rest.split())[:200]}") from None
        found.append(one)
        rest = rest[end:].lstrip()
    return found


def neighbors(document: Mapping[str, Any]) -> dict[str, Neighbor]:
    """The neighbors in ``show bgp neighbors json``, by name: an address, or an interface."""
    return {
        name: Neighbor(
            name,
            str(one.get("nbrDesc", "")),
            str(one.get("hostname", "")),
            int(one.get("remoteAs", 0)),
            str(one.get("remoteRouterId", "")).replace(_UNKNOWN, ""),
            str(one["bgpState"]),
            bool(one.get("adminShutDown", False)),
            tuple(sorted(one.get("addressFamilyInfo", {}))),
        )
        for name, one in document.items()
        if isinstance(one, Mapping) and "bgpState" in one
    }


def chosen(found: Mapping[str, Neighbor], wanted: Iterable[str]) -> dict[str, Neighbor]:
    """The neighbors of these names, or all. Raises HoldfastError for those that there are not."""
    names = list(wanted)
    unknown = [name for name in names if name not in found]
    if unknown:
        there = ", ".join(one.told for one in found.values()) or "none"
        raise HoldfastError(f"there is no BGP neighbor {', '.join(map(repr, unknown))}; there are {there}")
    return {name: one for name, one in found.items() if not names or name in names}


def announced(document: Mapping[str, Any]) -> tuple[int, int]:
    """How many routes ``advertised-routes json`` tells of, and how many of them ask to be avoided."""
    routes = list(document.get("advertisedRoutes", {}).values())
    return len(routes), sum(1 for route in routes if route.get("locPrf") == 0)


@dataclass(frozen=True)
class Received:
    """What a router has from one neighbor: how many routes, how many to be avoided, and for which it is the way."""

    count: int
    avoided: int
    used: tuple[str, ...]
    prefixes: tuple[str, ...]


def received(document: Mapping[str, Any]) -> Received:
    """What ``show bgp neighbors ... routes json`` tells."""
    routes = document.get("routes", {})
    paths = [(prefix, path) for prefix, found in routes.items() for path in found]
    avoided = sum(1 for _prefix, path in paths if path.get("locPrf") == 0)
    used = sorted({prefix for prefix, path in paths if path.get("bestpath") or path.get("multipath")})
    return Received(len(paths), avoided, tuple(used), tuple(sorted(routes)))


def other_ways(document: Mapping[str, Any], router_id: str) -> int:
    """How many usable paths ``show bgp PREFIX json`` tells of that do not come from that router."""
    return sum(
        1
        for path in document.get("paths", [])
        if path.get("valid") and path.get("peer", {}).get("routerId") != router_id
    )
