# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is in a lab: names, groups of the inventory, addresses, and what is said about each.

A further machine that is a program (a double of something that cannot run here) is one more entry of ``programs``: a
member with a group, a last number from 21 on and its variables, and the command that runs in its namespace. What is the
same for its whole group stands in ``group_variables``.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lab import addresses, appliances, balancer, connections, devices, routers
from tests.lab.addresses import Plan
from tests.lab.program import Program

FIRST_HOST = 11
BALANCER, REPOSITORY, WINDOWS = "lb1", "mirror1", "win1"
WINRM = 5985
ALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"


@dataclass(frozen=True)
class Member:
    """One machine; ``last`` ends both of its addresses."""

    name: str
    group: str
    last: int
    variables: Mapping[str, Any] = field(default_factory=dict)


def hosts(plan: Plan, names: list[str]) -> list[Member]:
    """The hosts that run the application."""
    lasts = {name: FIRST_HOST + at for at, name in enumerate(names)}
    return [
        Member(
            name,
            "app",
            last,
            {"ansible_host": plan.management(last), "app_address": plan.service(last)},
        )
        for name, last in lasts.items()
    ]


def all_routers(plan: Plan) -> list[Member]:
    """The routers; ``router_address`` is where the others speak BGP with it."""
    found = []
    for name, last in routers.LASTS.items():
        variables: dict[str, Any] = {"ansible_host": plan.management(last), "router_address": plan.service(last)}
        if name != routers.CORE:
            variables["drain_bgp_peers"] = [routers.CORE]
        found.append(Member(name, "routers", last, variables))
    return found


def all_appliances(plan: Plan) -> list[Member]:
    """The machines that are off until somebody renews them."""
    return [
        Member(
            name,
            appliances.GROUPS[name],
            last,
            {"ansible_host": plan.management(last), "service_address": plan.service(last)},
        )
        for name, last in appliances.LASTS.items()
    ]


def programs(plan: Plan, folder: Path, names: list[str]) -> list[tuple[Member, Program]]:
    """The repository, the load balancer, the Windows double and whoever else is a program of this machine."""
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    mirror, front = plan.management(addresses.REPOSITORY), plan.service(addresses.BALANCER)
    windows = plan.management(addresses.WINDOWS)
    backends = {host.name: str(host.variables["app_address"]) for host in hosts(plan, names)}
    serve = [sys.executable, "-m", "http.server", "80", "--bind", mirror, "--directory", str(folder / "www")]
    double = [sys.executable, "-m", "tests.lab.windows", "--name", WINDOWS.upper(), "--host", windows]
    double += ["--port", str(WINRM), "--control", str(folder / f"{WINDOWS}.sock")]

    def program(member: Member, command: list[str], answers: Callable[[], bool]) -> tuple[Member, Program]:
        return member, Program(member.name, command, folder / "log" / f"{member.name}.log", answers)

    return [
        program(Member(REPOSITORY, "mirrors", addresses.REPOSITORY, here), serve, lambda: listens(mirror, 80)),
        program(
            Member(BALANCER, "balancers", addresses.BALANCER, {**here, "balancer_url": f"http://{front}"}),
            balancer.command(folder, front, backends),
            lambda: balancer.admin_socket(folder).exists() and listens(front, 80),
        ),
        program(
            Member(WINDOWS, "windows", addresses.WINDOWS, {"ansible_host": windows}),
            double,
            lambda: listens(windows, WINRM),
        ),
    ]


def all_devices(plan: Plan, folder: Path) -> list[tuple[Member, Program]]:
    """The network devices that are off until somebody renews them."""
    found = []
    for name, last in devices.LASTS.items():
        address, port = plan.management(last), devices.PORTS[name]
        log = folder / "log" / f"{name}.log"

        def answers(address: str = address, port: int = port) -> bool:
            return listens(address, port)

        program = Program(name, devices.command(plan, folder, name), log, answers)
        found.append((Member(name, devices.GROUPS[name], last, {"ansible_host": address}), program))
    return found


def listens(address: str, port: int) -> bool:
    """Whether a connection is taken there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def inventory(folder: Path, members: list[Member]) -> str:
    """The inventory: a group for each kind, with what is the same for all in it."""
    groups: dict[str, dict[str, Any]] = {}
    for member in members:
        groups.setdefault(member.group, {"hosts": {}})["hosts"][member.name] = dict(member.variables)
    groups["rhel"] = {"children": {"app": {}}}
    for group, variables in group_variables(folder).items():
        groups[group]["vars"] = variables
    return yaml.safe_dump({"all": {"children": groups}}, sort_keys=False, width=120)


def group_variables(folder: Path) -> dict[str, dict[str, Any]]:
    """How the hosts are reached, and what roles ask about the application."""
    front = str(balancer.admin_socket(folder))
    known = f"-o UserKnownHostsFile={folder / 'known_hosts'} -o StrictHostKeyChecking=yes"
    reached = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        # Shared, as with most of those who use Ansible. A session over a cable that was cut is given up after
        # fifteen seconds; without ServerAlive it would hang for as many minutes.
        "ansible_ssh_args": f"{connections.shared(folder)} {known} -o IdentitiesOnly=yes {ALIVE}",
        "ansible_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return {
        "app": {
            "app_port": balancer.PORT,
            "drain_haproxy_host": BALANCER,
            "drain_haproxy_socket": front,
            "drain_backend": balancer.BACKEND,
            "restore_haproxy_host": BALANCER,
            "restore_haproxy_socket": front,
            "restore_backend": balancer.BACKEND,
            "health_check_probes": [
                {
                    "name": "the service itself",
                    "url": "http://{{ app_address }}:{{ app_port }}/health",
                    "json": {"status": "healthy"},
                }
            ],
            # Three seconds of good answers in a row: version 3 turns bad two seconds after its start.
            "health_check_retries": 80,
            "health_check_delay": 0.25,
            "health_check_success_threshold": 12,
            "health_check_failure_threshold": 8,
            "verified_reboot_services": ["shopfront.service"],
        },
        "windows": {
            "ansible_connection": "winrm",
            "ansible_port": WINRM,
            "ansible_user": "ansible",
            "ansible_password": "Secret1!",
            "ansible_winrm_scheme": "http",
            "ansible_winrm_transport": "ntlm",
            "ansible_winrm_proxy": None,
        },
        **devices.group_variables(folder),
        "rhel": reached,
        "routers": dict(reached),
        **{group: dict(reached) for group in appliances.GROUPS.values()},
    }
