# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses a lab has: two networks of the range for benchmarks (198.18.0.0/15), which nobody routes."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab import places
from tests.lab.commands import LabError, run

CONTROLLER, REPOSITORY, BALANCER, WINDOWS = 1, 2, 3, 21
"""The last number of the addresses of those who are in every lab; hosts begin at 11."""


@dataclass(frozen=True)
class Plan:
    """The addresses of the lab of one number. People and Ansible come by ``management``, customers by ``service``."""

    number: int

    def management(self, last: int) -> str:
        """An address in the management network."""
        return f"198.18.{self.number}.{last}"

    def service(self, last: int) -> str:
        """An address in the network of the application."""
        return f"198.19.{self.number}.{last}"

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]:
        """Both networks."""
        return ipaddress.IPv4Network(f"{self.management(0)}/24"), ipaddress.IPv4Network(f"{self.service(0)}/24")

    @property
    def interfaces(self) -> tuple[str, str]:
        """What this machine's own ends of the two networks are called."""
        return f"hflab{self.number}m", f"hflab{self.number}s"

    def free(self, routes: Iterable[str]) -> bool:
        """Whether none of these destinations ("192.0.2.0/24", "default") lies in one of the networks, or holds one."""
        known = [ipaddress.IPv4Network(route) for route in routes if route != "default"]
        return not any(ours.overlaps(theirs) for ours in self.networks for theirs in known if theirs.prefixlen)


def claim() -> tuple[Plan, int]:
    """The first plan that no other lab has and this machine does not use, and its lock. Raises LabError."""
    routes = [route["dst"] for route in json.loads(run("ip", "-json", "-4", "route", "show", "table", "main"))]
    for number in range(256):
        plan = Plan(number)
        taken = any(Path("/sys/class/net", name).exists() for name in plan.interfaces)
        if taken or not plan.free(routes):
            continue
        lock = places.try_lock(places.network_lock(number))
        if lock is not None:
            return plan, lock
    raise LabError("every network of 198.18.0.0/15 is taken, by other labs or by routes of this machine")
