# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network devices that are programs of this machine: a double of an IOS switch and a NETCONF server.

They have cables and stand in the inventory, and are off until somebody renews them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.addresses import Plan

IOS, NETCONF = "sw1", "nc1"
LASTS = {IOS: 22, NETCONF: 23}
GROUPS = {IOS: "ios_switches", NETCONF: "netconf_devices"}
PORTS = {IOS: 22, NETCONF: 830}


def home(folder: Path, name: str) -> Path:
    """Where a device keeps what outlives its reboots."""
    return folder / "devices" / name


def command(plan: Plan, folder: Path, name: str) -> list[str]:
    """What runs in the namespace of a device."""
    address, port = plan.management(LASTS[name]), str(PORTS[name])
    if name == IOS:
        own = ["tests.lab.ios", "--prefix", "24", "--name", name, "--control", str(folder / f"{name}.sock")]
    else:
        own = ["tests.lab.netconf", "--folder", str(home(folder, name))]
        own += ["--host-key", str(folder / "host_ed25519"), "--authorized", str(folder / "id_ed25519.pub")]
    return [sys.executable, "-m", *own, "--host", address, "--port", port]


def group_variables(folder: Path) -> Mapping[str, dict[str, Any]]:
    """How they are reached. A process that holds a connection must not carry the silence of one test into the next."""
    common = {
        "ansible_host_key_checking": False,
        "ansible_control_path_dir": str(folder / "pc"),
        "ansible_connect_timeout": 15,
        "ansible_command_timeout": 10,
    }
    return {
        GROUPS[IOS]: {
            **common,
            "ansible_connection": "ansible.netcommon.network_cli",
            "ansible_network_os": "cisco.ios.ios",
            "ansible_network_cli_ssh_type": "libssh",
            "ansible_user": "ansible",
            "ansible_password": "Secret1!",
        },
        GROUPS[NETCONF]: {
            **common,
            "ansible_connection": "ansible.netcommon.netconf",
            "ansible_network_os": "default",
            "ansible_port": PORTS[NETCONF],
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
        },
    }
