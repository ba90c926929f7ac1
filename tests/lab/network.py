# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a lab: a switch in a namespace of its own, and a namespace with two cables for each machine.

All this is made by the supervisor, in whose mount namespace ``/run/netns`` is a tmpfs: the names mean nothing
elsewhere, need not differ from lab to lab, and are gone with the supervisor, as are the namespaces, their bridges and
cables. The bridges are not in this machine's own namespace because its firewall may filter what crosses a bridge.
"""

from __future__ import annotations

from tests.lab.addresses import CONTROLLER, Plan
from tests.lab.commands import run

SWITCH = "switch"
NETWORKS = {"m": "management", "s": "service"}
"""The first letter of ports and interfaces, and the bridge they belong to."""


class Network:
    """Two bridges, and everybody who is connected to both."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.attached: list[str] = []

    def build(self) -> None:
        """Make the switch and connect this machine."""
        run("ip", "netns", "add", SWITCH)
        commands = []
        for bridge in NETWORKS.values():
            commands += [f"link add {bridge} type bridge", f"link set {bridge} up"]
        self._in(SWITCH, commands)
        for (letter, bridge), own in zip(NETWORKS.items(), self.plan.interfaces, strict=True):
            port = f"{letter}-controller"
            run("ip", "link", "add", own, "type", "veth", "peer", "name", port, "netns", SWITCH)
            self._in(SWITCH, [f"link set {port} master {bridge} up"])
            run("ip", "address", "add", f"{self._address(letter, CONTROLLER)}/24", "dev", own)
            run("ip", "link", "set", own, "up")

    def attach(self, name: str, last: int) -> None:
        """Make a namespace called ``name`` and connect it to both networks, with the addresses that end in ``last``."""
        run("ip", "netns", "add", name)
        commands = ["link set lo up"]
        for letter, bridge in NETWORKS.items():
            port, interface = f"{letter}-{name}", f"{bridge}0"
            run("ip", "link", "add", port, "netns", SWITCH, "type", "veth", "peer", "name", interface, "netns", name)
            self._in(SWITCH, [f"link set {port} master {bridge} up"])
            commands += [
                f"address add {self._address(letter, last)}/24 dev {interface}",
                f"link set {interface} up",
            ]
        self._in(name, commands)
        self.attached.append(name)

    def add(self, name: str, address: str) -> None:
        """Give a machine one more address, which others reach through routers only."""
        self._in(name, [f"address add {address}/32 dev lo"])

    def forward(self, name: str) -> None:
        """Let a machine be a router.

        Everybody is in one network, so it would tell of ways around itself, and believe others who do, if it were let.
        """
        settings = ["ip_forward"]
        for interface in ("all", f"{NETWORKS['s']}0"):
            settings += [f"conf/{interface}/{what}_redirects" for what in ("send", "accept")]
        script = "".join(f"echo {int(one == 'ip_forward')} > /proc/sys/net/ipv4/{one}\n" for one in settings)
        run("ip", "netns", "exec", name, "sh", "-e", "-c", script)

    def cut(self, name: str) -> None:
        """Take the carrier from the management cable of a machine."""
        self._in(SWITCH, [f"link set m-{name} down"])

    def mend(self, name: str) -> None:
        """Give it back."""
        self._in(SWITCH, [f"link set m-{name} up"])

    def lose(self, name: str, percent: int) -> None:
        """Drop so many of a hundred frames to and from a machine, at random, on both networks."""
        self.keep(name)
        ports = "{" + ", ".join(f'"{letter}-{name}"' for letter in NETWORKS) + "}"
        rules = "".join(f"{side} {ports} numgen random mod 100 < {percent} drop\n" for side in ("iifname", "oifname"))
        chain = f"chain loss {{\ntype filter hook forward priority 0; policy accept;\n{rules}}}\n"
        run("ip", "netns", "exec", SWITCH, "nft", "-f", "-", given=f"table bridge loss-{name} {{\n{chain}}}\n")

    def keep(self, name: str) -> None:
        """Drop none any more."""
        forget = f"table bridge loss-{name} {{}}\ndelete table bridge loss-{name}\n"
        run("ip", "netns", "exec", SWITCH, "nft", "-f", "-", given=forget)

    def _address(self, letter: str, last: int) -> str:
        return self.plan.management(last) if letter == "m" else self.plan.service(last)

    def _in(self, name: str, commands: list[str]) -> None:
        run("ip", "-netns", name, "-batch", "-", given="\n".join(commands) + "\n")
