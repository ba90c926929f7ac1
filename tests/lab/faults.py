# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, on demand: each fault can be put and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.lab.commands import LabError
from tests.lab.machine import Machine
from tests.lab.members import REPOSITORY
from tests.lab.network import Network
from tests.lab.program import Program


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    ``value`` is how much of it there is unless somebody says so. It is a ``host``'s, or a ``cable``'s and so anybody's
    who is connected, or nobody's.
    """

    name: str
    says: str
    value: float | None = None
    of: str = "host"


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("no-return", "the host does not come back from its next reboot; taken back, it is switched on"),
        Fault("slow-boot", "between going down and booting VALUE seconds pass", 20),
        Fault("management-cut", "the management cable has no carrier; customers still reach the host", of="cable"),
        Fault(
            "packet-loss", "VALUE of a hundred packets to and from the host are lost, on both networks", 30, of="cable"
        ),
        Fault("repository-down", "nobody listens where the packages were", of=""),
        Fault("disk-full", "there is no room on /var"),
    )
}


class Faults:
    """Puts faults, remembers them and takes them back."""

    def __init__(self, network: Network, machines: Mapping[str, Machine], programs: Mapping[str, Program]) -> None:
        self._network = network
        self._machines = machines
        self._programs = programs
        self.active: dict[tuple[str, str], float | None] = {}

    def put(self, name: str, host: str = "", value: float | None = None) -> None:
        """Let it go wrong. Raises LabError for what there is not."""
        fault = self._fault(name, host)
        amount = fault.value if value is None else value
        self._check_amount(fault, amount)
        self._put_on(host)[name](amount or 0)
        self.active[name, host] = amount

    def take_back(self, name: str, host: str = "") -> None:
        """Let it be well again; doing so twice does no harm. Raises LabError for what there is not."""
        self._fault(name, host)
        self._taken_from(host)[name]()
        self.active.pop((name, host), None)

    def forget(self, host: str) -> None:
        """Take back every fault of a host, or with "" those that are no host's."""
        for name, whose in list(self.active):
            if whose == host:
                self.take_back(name, host)

    def _fault(self, name: str, host: str) -> Fault:
        fault = FAULTS.get(name)
        if fault is None:
            raise LabError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
        whose = {"host": [*self._machines], "cable": self._network.attached, "": [""]}[fault.of]
        if host not in whose:
            there = f"needs a host, one of {', '.join(whose)}" if fault.of else "is nobody's"
            raise LabError(f"{name} {there}; it got {host or 'none'}")
        return fault

    @staticmethod
    def _check_amount(fault: Fault, amount: float | None) -> None:
        if amount is not None and fault.value is None:
            raise LabError(f"{fault.name} has no amount; it got {amount:g}")
        if amount is not None and not 0 < amount <= (100 if fault.name == "packet-loss" else 3600):
            raise LabError(f"{amount:g} is no amount for {fault.name}: {fault.says}")

    def _put_on(self, host: str) -> dict[str, Callable[[float], None]]:
        """How each fault is put on a host, or on nobody."""
        acts: dict[str, Callable[[float], None]] = {
            "management-cut": lambda _amount: self._network.cut(host),
            "packet-loss": lambda amount: self._network.lose(host, int(amount)),
            "repository-down": lambda _amount: self._programs[REPOSITORY].stop(),
        }
        if host in self._machines:
            machine = self._machines[host]
            acts["no-return"] = lambda _amount: machine.refuse()
            acts["slow-boot"] = machine.slow_down
            acts["disk-full"] = lambda _amount: machine.fill()
        return acts

    def _taken_from(self, host: str) -> dict[str, Callable[[], None]]:
        """How each fault is taken back."""
        acts: dict[str, Callable[[], None]] = {
            "management-cut": lambda: self._network.mend(host),
            "packet-loss": lambda: self._network.keep(host),
            "repository-down": self._programs[REPOSITORY].serve,
        }
        if host in self._machines:
            machine = self._machines[host]
            acts["no-return"] = machine.allow
            acts["slow-boot"] = lambda: machine.slow_down(0)
            acts["disk-full"] = machine.unfill
        return acts
