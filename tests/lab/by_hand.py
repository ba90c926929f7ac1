# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedure of docs/manual-procedure.md carried out on the lab: its very commands, each step timed."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog

from tests.lab.balancer import admin_socket
from tests.lab.commands import wait_until
from tests.lab.lab import Lab
from tests.lab.places import REPOSITORY

PROCEDURE = REPOSITORY / "docs" / "manual-procedure.md"
HEADING = re.compile(r"^## \d+\. (.+) \(`([a-z-]+)`\)$", re.MULTILINE)
BLOCK = re.compile(r"^```sh (desk|balancer|host)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

DESK = """
ssh() { command ssh -F "$SSH_CONFIG" "$@"; }
command -v socat > /dev/null || socat() { python3 -c '
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.sendall(sys.stdin.buffer.read())
sys.stdout.buffer.write(b"".join(iter(lambda: line.recv(65536), b"")))
' "$2"; }
"""
"""What an operator's machine has: ssh knows the hosts by their names. A stand-in for socat, where there is none."""


class Step(NamedTuple):
    """One step: what the operator does, the item of the catalog that does it otherwise, and where to type what."""

    title: str
    item: str
    blocks: list[tuple[str, str]]


def steps() -> list[Step]:
    """The steps as they are documented."""
    parts = HEADING.split(PROCEDURE.read_text(encoding="utf-8"))[1:]
    groups = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return [Step(title, item, BLOCK.findall(text)) for title, item, text in groups]


def person_minutes() -> float:
    """What a person takes, as the catalog says of the items; one that several steps stand for counts once."""
    items = load_catalog()[0].items
    return sum(items[name].manual_minutes or 0 for name in {step.item for step in steps()})


class Operator:
    """Somebody at the keyboard, who never has to think."""

    def __init__(self, lab: Lab, host: str, folder: Path) -> None:
        members = {row["name"]: row for row in lab.status()["members"]}
        self._lab, self._host = lab, host
        config = folder / "ssh_config"
        lines = [f"Host {host}", f"HostName {members[host]['management']}", "User root", "BatchMode yes"]
        lines += [f"IdentityFile {lab.folder / 'id_ed25519'}", "ConnectTimeout 2", "LogLevel ERROR"]
        lines += [f"UserKnownHostsFile {lab.folder / 'known_hosts'}"]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOST": host,
            "ADDRESS": str(members[host]["service"]),
            "SOCKET": str(admin_socket(lab.folder)),
            "SSH_CONFIG": str(config),
        }

    def patch(self) -> None:
        """Note the packages, install the security updates, reboot; return when HAProxy's check has heard an error."""
        self._type("host", "rpm -qa | sort > /root/packages-before; dnf --assumeyes --security upgrade")
        self._type("host", "systemctl reboot")
        wait_until(self._answers_with_an_error, 90, f"{self._host} does not turn unhealthy")

    def _answers_with_an_error(self) -> bool:
        return self._lab.servers()[self._host]["check_status"] == "L7STS"

    def carry_out(self) -> list[tuple[Step, float]]:
        """Type everything; the seconds of each step. Raises RuntimeError with what a command said that failed."""
        taken = []
        for step in steps():
            begun = time.monotonic()
            for where, commands in step.blocks:
                self._type(where, commands)
            taken.append((step, time.monotonic() - begun))
        return taken

    def _type(self, where: str, commands: str) -> None:
        strict = "set -eu\n"
        script = f"ssh \"$HOST\" bash -s <<'COMMANDS'\n{strict}{commands}\nCOMMANDS\n" if where == "host" else commands
        done = subprocess.run(
            ["bash", "-c", strict + DESK + script],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        # The connection breaks where the host is told to reboot.
        if done.returncode != 0 and "reboot" not in commands:
            raise RuntimeError(f"{commands}\nended with {done.returncode}:\n{done.stdout}")
