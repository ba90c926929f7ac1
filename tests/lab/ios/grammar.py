# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which configuration commands the double knows, as data: their form, what they replace, and which mode they open.

A command that is not here is refused as not modelled. That IOS would take it is no reason to guess what it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

GLOBAL = "global"
PHYSICAL = tuple(f"GigabitEthernet0/{number}" for number in range(4))
"""The ports that are built in: IOS neither makes nor removes them."""


class NotModelled(Exception):
    """IOS may know it; the double does not."""


class Refused(Exception):
    """IOS refuses it too; the text is what it says."""


@dataclass(frozen=True)
class Command:
    """A command: its whole line as a pattern.

    ``key``: two lines with the same key replace each other (a template of the pattern's groups; without it every line
    stands for itself). ``mode``: the mode that it opens. ``shown``: its negation is a line of the configuration too,
    as ``no ip http server`` is; then ``key`` is what follows the "no".
    """

    pattern: str
    key: str = ""
    mode: str = ""
    shown: bool = False


_ADDRESS = r"\d+\.\d+\.\d+\.\d+"
_ACL_SIDE = rf"(?:any|host {_ADDRESS}|{_ADDRESS} {_ADDRESS})"

COMMANDS: Mapping[str, tuple[Command, ...]] = {
    GLOBAL: (
        Command(r"version [\d.]+", "version"),
        Command(r"service (\S+(?: \S+)*)", r"service \1", shown=True),
        Command(r"hostname \S+", "hostname"),
        Command(r"enable secret \d .+", "enable secret"),
        Command(r"aaa new-model"),
        Command(r"aaa (authentication|authorization|accounting) (\S+) (\S+) .+", r"aaa \1 \2 \3"),
        Command(r"username (\S+) .+", r"username \1"),
        Command(r"ip domain[ -]name \S+", "ip domain name"),
        Command(r"ip (http server|http secure-server|domain lookup|routing|cef)", r"ip \1", shown=True),
        Command(r"ip scp server enable"),
        Command(r"ip ssh version [12]", "ip ssh version"),
        Command(rf"ip route {_ADDRESS} {_ADDRESS} \S+(?: \d+)?"),
        Command(rf"ip default-gateway {_ADDRESS}", "ip default-gateway"),
        Command(r"ip access-list (?:extended|standard) \S+", mode="acl"),
        Command(r"ip prefix-list (\S+) seq (\d+) (?:permit|deny) .+", r"ip prefix-list \1 seq \2"),
        Command(r"interface (?:GigabitEthernet|Vlan|Loopback|Port-channel)[\d/]+", mode="if"),
        Command(r"vlan \d+", mode="vlan"),
        Command(r"router (?:bgp|ospf) \d+", mode="router"),
        Command(r"route-map \S+ (?:permit|deny) \d+", mode="route-map"),
        Command(r"line (?:con|aux|vty) \d+(?: \d+)?", mode="line"),
        Command(r"archive", mode="archive"),
        Command(r"snmp-server (community \S+|host \S+) .+", r"snmp-server \1"),
        Command(r"snmp-server (location|contact) .+", r"snmp-server \1"),
        Command(rf"ntp server {_ADDRESS}(?: prefer)?"),
        Command(r"ntp clock-period \d+", "ntp clock-period"),
        Command(rf"logging host {_ADDRESS}"),
        Command(r"logging (buffered|trap|console|monitor) .+", r"logging \1"),
        Command(r"banner (motd|login|exec) .+", r"banner \1"),
        Command(r"spanning-tree mode \S+", "spanning-tree mode"),
        Command(r"vtp mode \S+", "vtp mode"),
        Command(r"clock timezone .+", "clock timezone"),
        Command(r"file prompt (?:quiet|alert|noisy)", "file prompt"),
        Command(r"lldp run"),
        Command(r"cdp run", "cdp run", shown=True),
    ),
    "if": (
        Command(r"description .+", "description"),
        Command(rf"ip address {_ADDRESS} {_ADDRESS}", "ip address"),
        Command(r"shutdown"),
        Command(r"switchport", "switchport", shown=True),
        Command(r"switchport mode (?:access|trunk)", "switchport mode"),
        Command(r"switchport access vlan \d+", "switchport access vlan"),
        Command(r"switchport trunk native vlan \d+", "switchport trunk native vlan"),
        Command(r"switchport trunk encapsulation dot1q", "switchport trunk encapsulation"),
        Command(r"switchport trunk allowed vlan (?:add |remove )?[\d,-]+", "switchport trunk allowed vlan"),
        Command(r"(mtu|speed|duplex|bandwidth) \S+", r"\1"),
        Command(r"negotiation auto"),
        Command(r"ip access-group \S+ (in|out)", r"ip access-group \1"),
        Command(rf"ip helper-address {_ADDRESS}"),
        Command(r"ip ospf cost \d+", "ip ospf cost"),
        Command(r"ip ospf (?:message-digest-key \d+ md5(?: \d)? \S+|authentication message-digest)"),
        Command(r"spanning-tree portfast(?: trunk| edge)?", "spanning-tree portfast"),
        Command(r"cdp enable", "cdp enable", shown=True),
    ),
    "acl": (
        Command(rf"(?:permit|deny) (?:ip|tcp|udp|icmp) {_ACL_SIDE} {_ACL_SIDE}(?: eq \d+)?(?: log)?"),
        Command(rf"(?:permit|deny) {_ACL_SIDE}"),
        Command(r"remark .+"),
    ),
    "vlan": (Command(r"name \S+", "name"),),
    "router": (
        Command(rf"(?:bgp )?router-id {_ADDRESS}", "router-id"),
        Command(r"bgp log-neighbor-changes"),
        Command(rf"network {_ADDRESS}(?: mask {_ADDRESS}| {_ADDRESS} area \d+)?"),
        Command(rf"neighbor ({_ADDRESS}) (remote-as|description|update-source|password) .+", r"neighbor \1 \2"),
        Command(rf"neighbor {_ADDRESS} (?:shutdown|next-hop-self)"),
        Command(r"redistribute (?:connected|static)(?: subnets)?"),
        Command(r"passive-interface \S+"),
    ),
    "route-map": (
        Command(r"match \S+ .+"),
        Command(r"set (\S+) .+", r"set \1"),
        Command(r"description .+", "description"),
    ),
    "line": (
        Command(r"login(?: local| authentication \S+)?", "login", shown=True),
        Command(r"exec-timeout \d+ \d+", "exec-timeout"),
        Command(r"logging synchronous"),
        Command(r"transport (input|output) .+", r"transport \1"),
        Command(r"access-class \S+ (in|out)", r"access-class \1"),
        Command(r"privilege level \d+", "privilege level"),
    ),
    "archive": (
        Command(r"path \S+", "path"),
        Command(r"maximum \d+", "maximum"),
        Command(r"write-memory"),
        Command(r"time-period \d+", "time-period"),
    ),
}

ORDERED = ("acl",)
"""Modes in which the order of the lines matters, and each is kept where it was put."""

_RANKS = (
    r"version ", r"(?:no )?service ", r"hostname ", r"enable ", r"aaa ", r"clock ",
    r"(?:no )?ip (?:domain|routing|cef)", r"vtp ",
    r"file ", r"lldp |(?:no )?cdp ", r"archive", r"spanning-tree ", r"username ", r"vlan ",
    r"interface GigabitEthernet", r"interface Port-channel", r"interface Loopback", r"interface Vlan", r"router ",
    r"ip default-gateway", r"(?:no )?ip http ", r"ip ssh|ip scp", r"ip route ", r"ip access-list ", r"ip prefix-list ",
    r"logging ", r"snmp-server ", r"route-map ", r"banner ", r"line ", r"ntp ",
)  # fmt: skip
"""In which order the global commands are shown, whatever order they came in."""

_INTERFACES = {"gi": "GigabitEthernet", "vl": "Vlan", "lo": "Loopback", "po": "Port-channel"}


@lru_cache(maxsize=4096)
def known(mode: str, line: str) -> tuple[Command, str]:
    """The command that a line (without "no") is, and its key. Raises NotModelled."""
    for command in COMMANDS[mode]:
        match = re.fullmatch(command.pattern, line, re.DOTALL)
        if match:
            return command, match.expand(command.key) if command.key else line
    raise NotModelled(f"the command '{line}' in the mode {mode}")


def key_of(mode: str, line: str) -> str:
    """Under which key a line of the configuration stands; a negation that is shown stands under that of its command."""
    if not line.startswith("no "):
        return known(mode, line)[1]
    return line[3:]


def belongs(mode: str, words: str, negative: bool) -> bool:
    """Whether a line is of a mode; after "no" the beginning of a command is enough."""
    try:
        known(mode, words)
    except NotModelled:
        return negative and any(_begins(command, words) for command in COMMANDS[mode])
    return True


def _begins(command: Command, words: str) -> bool:
    literal = re.match(r"[\w -]*", command.pattern)
    start = literal.group().strip() if literal else ""
    key = command.key.split("\\")[0].strip()
    return any(each and (words == each or f"{each} ".startswith(f"{words} ")) for each in (start, key))


def canonical(line: str) -> str:
    """A line with single spaces, and the names of interfaces in full. The text of a banner stays as it is."""
    if line.lstrip().startswith("banner "):
        return line.lstrip()
    line = " ".join(line.split())
    match = re.fullmatch(r"((?:no )?(?:default )?interface) ?([A-Za-z-]+) ?([\d/]+)", line)
    if match and match[2].lower()[:2] in _INTERFACES and len(match[2]) > 1:
        full = _INTERFACES[match[2].lower()[:2]]
        if full.lower().startswith(match[2].lower()):
            return f"{match[1]} {full}{match[3]}"
    return line


def order(mode: str, line: str) -> tuple[int, list[tuple[int, str]]]:
    """Where a line is shown among others of its mode."""
    rank = 0
    if mode == GLOBAL:
        rank = next((at for at, pattern in enumerate(_RANKS) if re.match(pattern, line)), len(_RANKS))
        return rank, _natural(line)
    commands = COMMANDS[mode]
    positive = line.removeprefix("no ")
    for at, command in enumerate(commands):
        if re.fullmatch(command.pattern, line) or (command.shown and positive == command.key):
            rank = at
            break
    return rank, _natural(line)


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
