# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator has set for the servers of an HAProxy, read from ``show servers state``, and how it is set again.

This file is also sent to hosts, as a part of a bundle, so that a restore judges by the same lines: it imports the
standard library alone. Where the columns come from: HAProxy's management guide, "show servers state", and the flags in
its ``server-t.h`` and ``check-t.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOW = "show servers state"
FORCED_MAINTENANCE, FORCED_DRAIN = 0x01, 0x08
"""Flags of ``srv_admin_state``. The others come from the configuration, from a server that is tracked, or from DNS."""
CONFIGURED, ENABLED = 0x02, 0x04
"""Flags of ``srv_check_state`` and ``srv_agent_state``."""
ADMIN = {0: "ready", FORCED_MAINTENANCE: "maint", FORCED_DRAIN: "drain", FORCED_MAINTENANCE | FORCED_DRAIN: "both"}
_COMMANDS = {
    "ready": ("set server {name} state ready",),
    "maint": ("set server {name} state maint",),
    "drain": ("set server {name} state drain",),
    "both": ("set server {name} state drain", "disable server {name}"),
}


def servers(text: str) -> dict[str, dict[str, Any]]:
    """The servers by ``backend/server`` in the answer to ``show servers state``. Raises ValueError for another text.

    A server with an agent check has neither ``admin`` nor ``weight``, and one with a name of DNS no address: there they
    are what the agent and DNS say, and not what somebody has set.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or lines[0].strip() != "1" or not lines[1].startswith("# be_id "):
        raise ValueError(f"this is no list of servers (version 1): {' '.join(lines[:2])[:120] or 'nothing'}")
    columns = lines[1][2:].split()
    found = {}
    for line in lines[2:]:
        row = dict(zip(columns, line.split()))
        found[f"{row['be_name']}/{row['srv_name']}"] = _server(row)
    return found


def _server(row: Mapping[str, str]) -> dict[str, Any]:
    checks, agent = int(row["srv_check_state"]), int(row["srv_agent_state"])
    said: dict[str, Any] = {}
    if not agent & ENABLED:
        said["admin"] = ADMIN[int(row["srv_admin_state"]) & (FORCED_MAINTENANCE | FORCED_DRAIN)]
        said["weight"] = int(row["srv_uweight"])
    if row.get("srv_fqdn", "-") != "-":
        said["fqdn"] = row["srv_fqdn"]
    else:
        said["address"] = row["srv_addr"]
    said["port"] = int(row["srv_port"])
    if checks & CONFIGURED:
        said["checks"] = bool(checks & ENABLED)
    if agent & CONFIGURED:
        said["agent"] = bool(agent & ENABLED)
    return said


def commands(wanted: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What to type so that servers that are there become what is wanted. One in maintenance never gets traffic between.

    Servers that are there and not wanted, or the other way round, need a reload and not commands.
    """
    typed = []
    for name in sorted(set(wanted) & set(now)):
        want, have = wanted[name], now[name]
        calm = want.get("admin") != "ready"
        admin = [one.format(name=name) for one in _COMMANDS.get(want.get("admin", ""), ())]
        admin = admin if want.get("admin") != have.get("admin") else []
        rest = []
        if "address" in want and (want["address"], want["port"]) != (have.get("address"), have.get("port")):
            rest.append(f"set server {name} addr {want['address']} port {want['port']}")
        if "fqdn" in want and want["fqdn"] != have.get("fqdn"):
            rest.append(f"set server {name} fqdn {want['fqdn']}")
        if "weight" in want and want["weight"] != have.get("weight"):
            rest.append(f"set server {name} weight {want['weight']}")
        for key, what in (("checks", "health"), ("agent", "agent")):
            if key in want and want[key] != have.get(key):
                rest.append(f"{'enable' if want[key] else 'disable'} {what} {name}")
        # Out of traffic first, into traffic last.
        typed += [*admin, *rest] if calm else [*rest, *admin]
    return typed


def process(text: str) -> tuple[str, int]:
    """The id of the process that answers ``show info``, and the seconds for which it runs. Raises ValueError."""
    facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if "Pid" not in facts or "Uptime_sec" not in facts:
        raise ValueError("HAProxy did not say which process it is")
    return facts["Pid"], int(facts["Uptime_sec"])
