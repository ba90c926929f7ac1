# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``show`` shows, and what a pipe makes of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from .grammar import NotModelled, Refused
from .machine import Machine
from .rollback import Rollback

INVALID = "          ^\n% Invalid input detected at '^' marker.\n"
SIZE = 2142715904
SOFTWARE = (
    "Cisco IOS Software, vios_l2 Software (vios_l2-ADVENTERPRISEK9-M), Version 15.2(20200924:215240),"
    " DOUBLE OF A SWITCH"
)


class Shows:
    """Answers ``show``."""

    def __init__(self, machine: Machine, rollback: Rollback) -> None:
        self._machine, self._rollback = machine, rollback

    def running(self) -> str:
        """``show running-config``."""
        body = self._machine.running.text("^C")
        head = f"{self._machine.changed}\n!\n" if self._machine.changed else "!\n"
        return f"Building configuration...\n\nCurrent configuration : {len(body)} bytes\n!\n{head}{body}"

    def startup(self) -> str:
        """``show startup-config``."""
        text = self._machine.startup.replace("\x03", "^C")
        return f"Using {len(text)} out of 262144 bytes\n!\n{text}" if text else "startup-config is not present"

    def version(self) -> str:
        """``show version``."""
        name = self._machine.running.hostname
        return (
            f"{SOFTWARE}\n\n{name} uptime is 1 day, 2 hours\nSystem returned to ROM by reload\n"
            'System image file is "flash0:/vios_l2-adventerprisek9-m"\n\n'
            "Cisco IOSv (revision 1.0) with 984313K/62464K bytes of memory.\nProcessor board ID 9DOUBLE0001\n"
        )

    def clock(self) -> str:
        """``show clock``."""
        now = self._machine.clock
        return f"*{now:%H:%M:%S}.{now.microsecond // 1000:03} UTC {now:%a %b} {now.day} {now:%Y}"

    def logging(self) -> str:
        """``show logging``."""
        return "\n".join(["Log Buffer (8192 bytes):", "", *self._machine.log])

    def archive(self) -> str:
        """``show archive``."""
        if not self._rollback.path:
            return "Archive feature not enabled"
        names = self._rollback.archived()
        said = ["The maximum archive configurations allowed is 10.", f"There are currently {len(names)} archive"
                " configurations saved.", " Archive #  Name"]  # fmt: skip
        return "\n".join(said + [f"   {at:<7}  flash:/{name}" for at, name in enumerate(names, 1)])

    def differences(self, before: str = "running-config", after: str = "startup-config") -> str:
        """``show archive config differences``: what is to come has +, what is to go -."""
        old, new = (self._commands_of(url) for url in (before, after))
        changed = [line for line in difflib.ndiff(old, new) if line[:2] in ("+ ", "- ")]
        said = [line[0] + line[2:] for line in changed]
        return "\n".join(["!Contextual Config Diffs:", *(said or ["!No changes were found"])])

    def _commands_of(self, url: str) -> list[str]:
        return [line for line in self._machine.configuration(url).splitlines() if line not in ("!", "end")]

    def flash(self) -> str:
        """``show flash:``."""
        head = "-#- --length-- ---------date/time--------- path"
        rows = [
            f"{at:<3} {len(data):>10} {self._machine.clock:%b %d %Y %H:%M:%S} +00:00 {name}"
            for at, (name, data) in enumerate(sorted(self._machine.flash.items()), 1)
        ]
        return "\n".join([head, *rows, "", f"{SIZE - self._used} bytes available ({self._used} bytes used)"])

    def directory(self) -> str:
        """``dir flash:``."""
        rows = [
            f"{at:>5}  -rw-  {len(data):>10}  {self._machine.clock:%b %d %Y %H:%M:%S} +00:00  {name}"
            for at, (name, data) in enumerate(sorted(self._machine.flash.items()), 1)
        ]
        rows = rows or ["No files in directory"]
        free = f"{SIZE} bytes total ({SIZE - self._used} bytes free)"
        return "\n".join(["Directory of flash:/", "", *rows, "", free])

    @property
    def _used(self) -> int:
        return sum(map(len, self._machine.flash.values()))

    def vlan(self) -> str:
        """``show vlan``."""
        running = self._machine.running
        names = {1: "default"}
        for line in running.lines:
            if re.fullmatch(r"vlan \d+", line):
                number = int(line.split()[1])
                given = [each[5:] for each in running.below(line) if each.startswith("name ")]
                names[number] = given[0] if given else f"VLAN{number:04}"
        said = ["VLAN Name                             Status    Ports",
                "---- -------------------------------- --------- -------------------------------"]  # fmt: skip
        said += [f"{number:<4} {names[number]:<32} active    {self._ports(number)}" for number in sorted(names)]
        said += ["", "VLAN Type  SAID       MTU   Parent RingNo BridgeNo Stp  BrdgMode Trans1 Trans2",
                 "---- ----- ---------- ----- ------ ------ -------- ---- -------- ------ ------"]  # fmt: skip
        tail = "     1500  -      -      -        -    -        0      0"
        said += [f"{number:<4} enet  {100000 + number}{tail}" for number in sorted(names)]
        said += ["", "Remote SPAN VLANs", "-" * 78, "", "", "Primary Secondary Type              Ports",
                 "------- --------- ----------------- " + "-" * 42]  # fmt: skip
        return "\n".join(said)

    def _ports(self, number: int) -> str:
        found = []
        for line, below in self._machine.running.lines.items():
            if line.startswith("interface GigabitEthernet") and "no switchport" not in below:
                vlan = next((each.split()[-1] for each in below if each.startswith("switchport access vlan ")), "1")
                if vlan == str(number) and "switchport mode trunk" not in below:
                    found.append(line.split()[1].replace("GigabitEthernet", "Gi"))
        return ", ".join(found)

    def interfaces(self) -> str:
        """``show interfaces``."""
        said = []
        for line, below in self._machine.running.lines.items():
            if line.startswith("interface "):
                state = "administratively down" if "shutdown" in below else "up"
                protocol = "down" if "shutdown" in below else "up"
                said.append(f"{line.split()[1]} is {state}, line protocol is {protocol}")
                said.append("  Hardware is iGbE, address is 0c00.0000.0001 (bia 0c00.0000.0001)")
                said += [f"  Description: {each[12:]}" for each in below if each.startswith("description ")]
                said.append("  MTU 1500 bytes, BW 1000000 Kbit/sec, DLY 10 usec,")
                said.append("  Full Duplex, 1000Mbps, media type is RJ45")
        return "\n".join(said)

    def answer(self, words: list[str]) -> str:
        """What ``show`` and these words show. Raises Refused, or NotModelled."""
        said: dict[str, Callable[[], str]] = {
            "running-config": self.running,
            "startup-config": self.startup,
            "version": self.version,
            "clock": self.clock,
            "logging": self.logging,
            "archive": self.archive,
            "archive config rollback timer": self._rollback.timer,
            "privilege": lambda: "Current privilege level is 15",
            "flash:": self.flash,
            "vlan": self.vlan,
            "interfaces": self.interfaces,
            "inventory": lambda: 'NAME: "IOSv", DESCR: "a double"\nPID: IOSv , VID: 1.0, SN: 9DOUBLE0001',
            "ip interface": str,
            "ipv6 interface": str,
            "lldp": lambda: "% LLDP is not enabled",
            "cdp": lambda: "% CDP is not enabled",
            "memory statistics": str,
            "processes cpu": str,
        }
        if words[:3] == ["archive", "config", "differences"]:
            return self.differences(*words[3:5])
        if words[:2] == ["switch", "virtual"]:
            raise Refused(INVALID)  # one switch alone does not know it
        given = " ".join(words)
        for name, show in said.items():
            if given == name or (len(words) == len(name.split()) and all(map(str.startswith, name.split(), words))):
                return show()
        raise NotModelled(f"'show {given}'")


def piped(text: str, pipe: str) -> str:
    """What a pipe lets through. Raises NotModelled."""
    kind, _space, pattern = pipe.strip().partition(" ")
    wanted = re.compile(pattern.strip().strip('"'))
    lines = text.split("\n")
    if "include".startswith(kind):
        return "\n".join(line for line in lines if wanted.search(line))
    if "exclude".startswith(kind):
        return "\n".join(line for line in lines if not wanted.search(line))
    if "begin".startswith(kind):
        first = next((at for at, line in enumerate(lines) if wanted.search(line)), len(lines))
        return "\n".join(lines[first:])
    if "section".startswith(kind):
        kept, within = [], False
        for line in lines:
            within = bool(wanted.search(line)) if not line.startswith(" ") else within
            kept += [line] if within else []
        return "\n".join(kept)
    raise NotModelled(f"the pipe '| {pipe.strip()}'")
