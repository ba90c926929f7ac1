#!/usr/bin/python
# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what an HAProxy says of the servers of a backend."""

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_info
short_description: Read what an HAProxy says of the servers of a backend
description:
  - Asks a running HAProxy over its admin socket (C(show stat)) how it sees the servers of one backend.
  - Changes nothing.
version_added: 1.0.0
author:
  - Holdfast contributors (@holdfast)
options:
  socket:
    description:
      - Path of HAProxy's admin socket on the host where the module runs.
    type: path
    default: /run/haproxy/admin.sock
  backend:
    description:
      - The backend whose servers are wanted.
    type: str
    required: true
  timeout:
    description:
      - How long HAProxy may take to answer, in seconds.
    type: float
    default: 10.0
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Returns what has changed, or would change, in diff mode.
    support: none
seealso:
  - module: community.general.haproxy
"""

EXAMPLES = r"""
- name: Ask which servers are in traffic
  holdfast.ops.haproxy_info:
    socket: /run/haproxy/admin.sock
    backend: web
  register: web

- name: Show those that are up
  ansible.builtin.debug:
    msg: "{{ web.servers.values() | selectattr('up') | map(attribute='name') }}"
"""

RETURN = r"""
servers:
  description: The servers of the backend by name.
  returned: success
  type: dict
  sample:
    web1:
      name: web1
      status: UP
      up: true
      maintenance: false
      sessions: 3
      checked: true
      passing: true
      check: L7OK
      weight: 1
  contains:
    name:
      description: Name of the server.
      type: str
    status:
      description: The status as HAProxy prints it, such as V(UP), V(DOWN), V(MAINT), V(DRAIN) or V(UP 1/3).
      type: str
    up:
      description: Whether new requests are sent to it.
      type: bool
    maintenance:
      description: Whether it is in maintenance.
      type: bool
    sessions:
      description: Requests being answered and requests queued for it.
      type: int
    checked:
      description: Whether HAProxy checks its health.
      type: bool
    passing:
      description: Whether the last check succeeded and as many as HAProxy wants did so in a row.
      type: bool
    check:
      description: Result of the last check as HAProxy prints it, such as V(L7OK) or V(L4CON).
      type: str
    weight:
      description: Effective weight.
      type: int
"""

import csv
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def number(text: str) -> int:
    """A column of numbers, in which nothing stands for zero."""
    return int(text) if text and text.lstrip("-").isdigit() else 0


def describe(row: dict[str, str]) -> dict[str, Any]:
    """One line of ``show stat`` as this module returns it.

    ``check_health`` counts from 0 to rise + fall - 1; only the highest says that checks succeed one after another.
    A server that leaves maintenance begins at ``rise`` and is trusted at once: that is not yet ``passing``.
    """
    status = row["status"]
    top = number(row.get("check_rise", "")) + number(row.get("check_fall", "")) - 1
    check = row.get("check_status", "").lstrip("* ")
    return {
        "name": row["svname"],
        "status": status,
        "up": status.startswith("UP") or status == "no check",
        "maintenance": status.startswith("MAINT"),
        "sessions": number(row["scur"]) + number(row["qcur"]),
        "checked": bool(check),
        "passing": check in ("L4OK", "L6OK", "L7OK", "L7OKC") and number(row.get("check_health", "")) >= top,
        "check": check,
        "weight": number(row["weight"]),
    }


def parse(text: str, backend: str) -> dict[str, dict[str, Any]]:
    """The servers of a backend out of the answer to ``show stat``."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    wanted = [row for row in rows if row["pxname"] == backend and row["svname"] not in ("BACKEND", "FRONTEND")]
    return {row["svname"]: describe(row) for row in wanted}


def ask(path: str, command: str, timeout: float) -> str:
    """What HAProxy answers to one command. Raises OSError when it cannot be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        line.connect(path)
        line.sendall((command + "\n").encode())
        chunks = []
        while True:
            chunk = line.recv(65536)
            if not chunk:
                return b"".join(chunks).decode()
            chunks.append(chunk)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "backend": {"type": "str", "required": True},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    path, backend = module.params["socket"], module.params["backend"]
    try:
        servers = parse(ask(path, "show stat", module.params["timeout"]), backend)
    except OSError as error:
        module.fail_json(msg=f"HAProxy cannot be asked over {path}: {error}")
    if not servers:
        module.fail_json(msg=f"HAProxy at {path} has no backend '{backend}', or it has no servers")
    module.exit_json(changed=False, servers=servers)


if __name__ == "__main__":
    main()
