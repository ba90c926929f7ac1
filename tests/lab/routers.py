# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routers: two edges of the site that announce it by BGP, and the core of a provider that prefers the first.

Each is a Debian under systemd with FRR. The site is ``SITE``, with the balancer's ``FRONT`` in it; the customers of the
provider reach it through one of the edges, and what it answers goes straight back, all in the service network.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.lab.addresses import BALANCER, Plan
from tests.lab.machine import Machine

EDGES, CORE = ("edge1", "edge2"), "core1"
LASTS = {"edge1": 31, "edge2": 32, "core1": 33}
SITE, FRONT = "203.0.113.0/24", "203.0.113.3"
SITE_AS, PROVIDER_AS = 65010, 65020
CONFIG = "etc/frr/frr.conf"

SETTINGS: Mapping[str, str] = {
    "etc/frr/daemons": "bgpd=yes\nvtysh_enable=yes\nzebra_options='-A 127.0.0.1'\nbgpd_options='-A 127.0.0.1'\n"
    "staticd_options='-A 127.0.0.1'\n",
    "etc/frr/vtysh.conf": "service integrated-vtysh-config\n",
}


def files(plan: Plan, name: str) -> dict[str, tuple[str, int]]:
    """What is written to the disk of a router, by path."""
    return {**{path: (text, 0o644) for path, text in SETTINGS.items()}, CONFIG: (config(plan, name), 0o640)}


def state(machine: Machine) -> str:
    """What differs when somebody has used a router: its boots, what runs, what was written to its configuration."""
    running = machine.said("vtysh", "-c", "show running-config") or "nothing"
    return "\n".join([str(machine.boots), running, *machine.written("etc")])


def config(plan: Plan, name: str) -> str:
    """Its frr.conf, in the form in which FRR itself writes it."""
    lines = ["frr version 8.4.4", "frr defaults traditional", f"hostname {name}", "log syslog informational"]
    lines += ["service integrated-vtysh-config", "!"]
    lines += _core(plan) if name == CORE else _edge(plan, name)
    return "\n".join(lines) + "\n"


def _edge(plan: Plan, name: str) -> list[str]:
    core = plan.service(LASTS[CORE])
    return [
        *(f"ip route {SITE} {plan.service(BALANCER)}", "!"),
        *_bgp(SITE_AS, plan.service(LASTS[name])),
        *_neighbor(core, PROVIDER_AS, CORE),
        *(" !", " address-family ipv4 unicast", f"  network {SITE}", f"  neighbor {core} next-hop-self"),
        *(" exit-address-family", "exit", "!"),
    ]


def _core(plan: Plan) -> list[str]:
    first, second = (plan.service(LASTS[edge]) for edge in EDGES)
    return [
        *_bgp(PROVIDER_AS, plan.service(LASTS[CORE])),
        *_neighbor(first, SITE_AS, EDGES[0]),
        *_neighbor(second, SITE_AS, EDGES[1]),
        *(" !", " address-family ipv4 unicast", f"  neighbor {first} default-originate"),
        *(f"  neighbor {first} route-map PREFERRED in", f"  neighbor {second} default-originate"),
        *(" exit-address-family", "exit", "!"),
        *("route-map PREFERRED permit 10", " set local-preference 200", "exit", "!"),
    ]


def _bgp(number: int, identity: str) -> list[str]:
    return [f"router bgp {number}", f" bgp router-id {identity}", " no bgp ebgp-requires-policy", " timers bgp 3 9"]


def _neighbor(address: str, number: int, name: str) -> list[str]:
    return [
        f" neighbor {address} remote-as {number}",
        f" neighbor {address} description {name}",
        f" neighbor {address} timers connect 1",
    ]
