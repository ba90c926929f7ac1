# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of a RHEL host as items of a snapshot.

``tables``: which tables of nftables there are; ``nft:FAMILY NAME``: each as a text that nft reads. Tables that
iptables-nft made stand in ``iptables`` and ``ip6tables`` instead, for nft cannot read all of what it writes of them;
those of firewalld do in ``zones``, which is what firewalld says of itself, and in its own files, from which it makes
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TABLE, ZONES = "nft:", "zones"
_HEAD = re.compile(r"table (?P<family>\w+) (?P<name>\S+) \{")
_MANAGED = re.compile(r"# Warning: table (?P<family>\w+) (?P<name>\S+) is managed by iptables-nft")
_SET = re.compile(r"\t(?:set|map) \S+ \{")
_BY_ITSELF = re.compile(r"\t\tflags .*\b(?:dynamic|timeout)\b|\t\ttimeout ")
_LISTS = re.compile(
    r"^(?P<what>\s+(?:interfaces|services|ports|protocols|source-ports|sources|icmp-blocks): )(?P<words>.+)$"
)


def items(said: Mapping[str, str]) -> dict[str, Any]:
    """The items, from what the host said: ``nft``, ``iptables``, ``ip6tables`` and ``zones``."""
    managed = {(found["family"], found["name"]) for found in _MANAGED.finditer(said["nft"])}
    found: dict[str, Any] = {}
    for (family, name), text in tables(said["nft"]).items():
        if (family, name) not in managed and not (name == "firewalld" and said[ZONES]):
            found[f"{TABLE}{family} {name}"] = text
    found["tables"] = sorted(name[len(TABLE) :] for name in found)
    for program in ("iptables", "ip6tables"):
        if said[program]:
            found[program] = said[program]
    if said[ZONES]:
        found[ZONES] = "".join(f"{_in_order(line)}\n" for line in said[ZONES].splitlines())
    return found


def tables(ruleset: str) -> dict[tuple[str, str], str]:
    """The tables of ``nft list ruleset`` by family and name, without the elements that come to sets by themselves."""
    found: dict[tuple[str, str], list[str]] = {}
    lines: list[str] = []
    for line in ruleset.splitlines():
        head = _HEAD.match(line)
        if head:
            lines = found.setdefault((head["family"], head["name"]), [])
        if head or not line.startswith("#"):
            lines.append(line)
    return {key: "\n".join(_lasting(each)).rstrip("\n") + "\n" for key, each in found.items()}


def _lasting(lines: list[str]) -> list[str]:
    """The lines of a table without the elements of sets that packets add to, or that time takes away."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        if _SET.match(lines[at]):
            end = next((n for n in range(at, len(lines)) if lines[n] == "\t}"), len(lines) - 1) + 1
        block = lines[at:end]
        kept += _without_elements(block) if any(_BY_ITSELF.match(line) for line in block) and end > at + 1 else block
        at = end
    return kept


def _without_elements(block: list[str]) -> list[str]:
    first = next((n for n, line in enumerate(block) if line.startswith("\t\telements = {")), None)
    if first is None:
        return block
    last = next((n for n in range(first, len(block)) if block[n].rstrip().endswith("}")), first)
    return [*block[:first], *block[last + 1 :]]


def _in_order(line: str) -> str:
    """A line of firewalld with its words in order: it tells them in that in which they came."""
    found = _LISTS.match(line)
    return f"{found['what']}{' '.join(sorted(found['words'].split()))}" if found else line.rstrip()
