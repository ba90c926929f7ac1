# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer: a real HAProxy with its admin socket, in front of every host's application."""

from __future__ import annotations

import csv
import http.client
import shutil
import socket
import string
from collections.abc import Mapping
from pathlib import Path

from tests.lab.commands import LabError
from tests.lab.places import FILES
from tests.lab.requirements import PATH
from tests.lab.routers import FRONT

BACKEND, PORT = "app", 8080


def command(folder: Path, address: str, servers: Mapping[str, str]) -> list[str]:
    """Write the configuration and return how HAProxy is started; ``servers`` are addresses by name."""
    lines = [f"    server {name} {server}:{PORT} check" for name, server in servers.items()]
    text = string.Template((FILES / "haproxy.cfg.in").read_text(encoding="utf-8")).substitute(
        SOCKET=admin_socket(folder), ADDRESS=address, ROUTED=FRONT, SERVERS="\n".join(lines)
    )
    config = folder / "haproxy.cfg"
    config.write_text(text, encoding="utf-8")
    program = shutil.which("haproxy", path=PATH)
    if program is None:
        raise LabError("HAProxy is missing: apt-get install --no-install-recommends haproxy")
    return [program, "-db", "-f", str(config)]


def admin_socket(folder: Path) -> Path:
    """HAProxy's admin socket, in the file system of this machine."""
    return folder / "haproxy.sock"


def servers(folder: Path) -> dict[str, dict[str, str]]:
    """HAProxy's servers by name, each as its line of ``show stat``. Raises OSError."""
    rows = csv.DictReader(_ask(folder, "show stat").lstrip("# ").splitlines())
    return {row["svname"]: row for row in rows if row["pxname"] == BACKEND and row["svname"] != "BACKEND"}


def enable(folder: Path, server: str) -> None:
    """Let a server that was drained or in maintenance have requests again. Raises OSError."""
    _ask(folder, f"set server {BACKEND}/{server} state ready")


def _ask(folder: Path, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(admin_socket(folder)))
        line.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def serving(folder: Path) -> list[str]:
    """The servers that get requests, their health checks having succeeded; none while HAProxy does not answer."""
    try:
        return [
            name for name, row in servers(folder).items() if row["status"] == "UP" and row["check_status"] == "L7OK"
        ]
    except OSError:
        return []


def healthy(address: str) -> bool:
    """Whether the application at an address says that it is, asked directly."""
    line = http.client.HTTPConnection(address, PORT, timeout=2)
    try:
        line.request("GET", "/health")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
