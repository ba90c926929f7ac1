# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modelled device: configurations, files, its clock, reloads, and the faults it can be given.

Everything runs in one event loop, so nothing is locked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

from .grammar import NotModelled, Refused
from .tree import Configuration, statements

MANAGEMENT = "GigabitEthernet0/0"
"""The port by which people and Ansible come."""

FACTORY = """\
version 15.2
service timestamps log datetime msec
hostname {name}
enable secret 9 $9$double$nobody-knows
username {user} privilege 15 secret 9 $9$double$kept-elsewhere
ip domain name example.net
ip scp server enable
ip ssh version 2
no ip http server
archive
 path flash:archive
vlan 10
 name web
interface {management}
 description management
 no switchport
 ip address {address} {mask}
interface GigabitEthernet0/1
 description uplink
 switchport mode trunk
 switchport trunk allowed vlan 10,20
interface GigabitEthernet0/2
 switchport mode access
 switchport access vlan 10
snmp-server community s3cretC0mm RO
banner motd ^Authorised people only.
Everything is logged.^
line con 0
line vty 0 4
 login local
 transport input ssh
end
"""


@dataclass
class Faults:
    """What goes wrong. Everything may be changed at any time."""

    silent: bool = False
    boot_seconds: float = 1.0
    never_returns: bool = False
    flash_full: bool = False
    stuck: list[str] = field(default_factory=list)
    refuses_timer: str = ""


class Machine:
    """A switch. ``minute``: how many real seconds one of its minutes has; its whole clock runs at that pace."""

    def __init__(self, name: str, user: str, password: str, address: str = "127.0.0.1/8", minute: float = 60.0) -> None:
        own = ipaddress.ip_interface(address)
        self.user, self.password, self.minute = user, password, minute
        self.address = str(own.ip)
        text = FACTORY.format(name=name, user=user, address=own.ip, mask=own.netmask, management=MANAGEMENT)
        self.running = Configuration(text)
        self.startup = self.running.text()
        self.flash: dict[str, bytes] = {}
        self.faults = Faults()
        self.boots, self.up = 1, True
        self.log: list[str] = []
        self.asked: list[str] = []
        self.changed = ""
        self._began, self._origin = time.monotonic(), time.time()
        self.on_down: list[Callable[[], None]] = []
        self.on_boot: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def clock(self) -> datetime:
        """What its clock shows."""
        passed = (time.monotonic() - self._began) * 60 / self.minute
        return datetime.fromtimestamp(self._origin + passed, timezone.utc)

    def stamp(self) -> str:
        """Its time as IOS writes it."""
        now = self.clock
        return f"{now:%H:%M:%S} UTC {now:%a %b} {now.day} {now:%Y}"

    def note(self, message: str) -> None:
        """Write a line into its log."""
        now = self.clock
        self.log.append(f"*{now:%b} {now.day:>2} {now:%H:%M:%S}.{now.microsecond // 1000:03}: {message}")

    # --- configuring ---------------------------------------------------------------------------------------------

    def configured(self, user: str) -> None:
        """Remember who changed the running configuration last, and when."""
        self.changed = f"! Last configuration change at {self.stamp()} by {user}"

    @property
    def modified(self) -> bool:
        """Whether the running configuration has not been saved as it is."""
        return self.running.text() != Configuration(self.startup).text()

    def merge(self, text: str) -> list[str]:
        """Apply the lines of a file to the running configuration; returns what IOS says against some."""
        said = []
        for context, line in statements(text):
            try:
                self.running.apply(context, line)
            except Refused as error:
                said.append(str(error))
        return said

    # --- files ---------------------------------------------------------------------------------------------------

    def write(self, path: str, data: bytes) -> None:
        """Write a file. Raises Refused, or NotModelled for a place that is not flash."""
        name = file_name(path)
        if self.faults.flash_full:
            raise Refused(f"%Error writing {path} (No space left on device)")
        self.flash[name] = data

    def read(self, path: str) -> bytes:
        """Read a file. Raises Refused as IOS does, or NotModelled."""
        name = file_name(path)
        if name not in self.flash:
            raise Refused(f"%Error opening {path} (No such file or directory)")
        return self.flash[name]

    def configuration(self, url: str) -> str:
        """The text of a configuration by its URL, as it stands in a file. Raises Refused or NotModelled."""
        if url in ("system:running-config", "running-config"):
            return self.running.text()
        if url in ("nvram:startup-config", "startup-config"):
            return self.startup
        return self.read(url).decode("utf-8", "replace")

    # --- being reached -------------------------------------------------------------------------------------------

    def hears(self, peer: str) -> bool:
        """Whether packets of a peer get to its ssh server and back, by the configuration that runs."""
        below = self.running.below(f"interface {MANAGEMENT}")
        if self.faults.silent or not self.up or "shutdown" in below:
            return False
        mine = next((line.split()[2:] for line in below if line.startswith("ip address ")), None)
        if mine is None or mine[0] != self.address:
            return False
        if not self._answers_to(peer, ipaddress.ip_network("/".join(mine), strict=False)):
            return False
        group = next((line.split()[2] for line in below if re.fullmatch(r"ip access-group \S+ in", line)), "")
        return self._permits(group, peer)

    def accepts(self, peer: str) -> bool:
        """Whether its lines take a new session of a peer; one that goes on is not asked."""
        below = self.running.below("line vty 0 4")
        group = next((line.split()[1] for line in below if re.fullmatch(r"access-class \S+ in", line)), "")
        transports = [line for line in below if line.startswith("transport input ")]
        allowed = not transports or bool({"ssh", "all"} & set(transports[0].split()[2:]))
        return allowed and self._permits(group, peer)

    def _answers_to(self, peer: str, own: Any) -> bool:
        if ipaddress.ip_address(peer) in own:
            return True
        routes = [line.split()[2:4] for line in self.running.lines if line.startswith("ip route ")]
        return any(ipaddress.ip_address(peer) in ipaddress.ip_network("/".join(route)) for route in routes)

    def _permits(self, group: str, peer: str) -> bool:
        """Whether a named list lets a peer come by ssh; a list that is not there, or is empty, permits everything."""
        entries = [
            entry
            for kind in ("extended", "standard")
            for entry in self.running.below(f"ip access-list {kind} {group}")
            if not entry.startswith("remark ")
        ]
        for entry in entries:
            if _covers(entry.split(), peer, self.address):
                return entry.startswith("permit")
        return not entries

    # --- reloading -----------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Go down now, and boot after a while: what was not saved is lost, the files stay."""
        self.power_off()
        task = asyncio.get_running_loop().create_task(self._boot())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _boot(self) -> None:
        await asyncio.sleep(self.faults.boot_seconds)
        while self.faults.never_returns:
            await asyncio.sleep(0.05)
        self.power_on()

    def power_off(self) -> None:
        """From now on nobody gets an answer, and whatever was in memory is gone."""
        self.up = False
        for act in self.on_down:
            act()

    def power_on(self) -> None:
        """Boot with the startup configuration, unless it is up."""
        if self.up:
            return
        self.running = Configuration(self.startup, tuple(self.faults.stuck))
        self.boots += 1
        self.log.clear()
        self.changed = ""
        self.up = True
        self.note("%SYS-5-RESTART: System restarted --")
        for act in self.on_boot:
            act()

    def give(self, faults: dict[str, Any]) -> None:
        """Set faults by name. Raises ValueError for one that does not exist."""
        names = [each.name for each in fields(Faults)]
        unknown = sorted(set(faults) - set(names))
        if unknown:
            raise ValueError(f"no fault '{unknown[0]}'; there are {', '.join(names)}")
        for name, value in faults.items():
            setattr(self.faults, name, value)
        self.running.stuck = tuple(self.faults.stuck)


def _covers(words: list[str], peer: str, own: str) -> bool:
    """Whether an entry of an access list is about ssh from a peer to us."""
    words = words[1:]
    if words[0] in ("ip", "tcp", "udp", "icmp"):
        protocol, *words = words
        if protocol in ("udp", "icmp"):
            return False
        source, words = _side(words)
        target, words = _side(words)
        port = words[1] if words[:1] == ["eq"] else "22"
        return ipaddress.ip_address(peer) in source and ipaddress.ip_address(own) in target and port == "22"
    return ipaddress.ip_address(peer) in _side(words)[0]


def _side(words: list[str]) -> tuple[Any, list[str]]:
    if words[0] == "any":
        return ipaddress.ip_network("0.0.0.0/0"), words[1:]
    if words[0] == "host":
        return ipaddress.ip_network(words[1]), words[2:]
    return ipaddress.ip_network("/".join(words[:2]), strict=False), words[2:]


def file_name(path: str) -> str:
    """The name of a file on flash by its URL. Raises NotModelled for any other place."""
    match = re.fullmatch(r"flash:/?([A-Za-z0-9_.-]+)", path)
    if not match:
        raise NotModelled(f"the place '{path}'; there is flash:NAME")
    return match[1]
