# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of a lab as a provider of snapshots wants it, over plain ssh: quick, where a test is not about Ansible."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered

from tests.lab.lab import Lab

LOST = 255
"""ssh's own status, when there is no connection."""


class SshDevice:
    """Does what the module ansible.builtin.command does with ``argv`` and ``stdin``, and refuses every other module."""

    def __init__(self, lab: Lab, host: str, timeout: float = 300) -> None:
        address = next(row["management"] for row in lab.status()["members"] if row["name"] == host)
        self._ssh = lab.ssh_command(address)
        self._timeout = timeout

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """As the port says; nothing of it is logged on the host, secret or not."""
        if module != "ansible.builtin.command" or set(arguments) - {"argv", "stdin"}:
            raise HoldfastError(f"{module} with {sorted(arguments)}: a plain ssh can do no more than commands")
        done = self._do(shlex.join(arguments["argv"]), str(arguments.get("stdin", "")).encode())
        if done.returncode:
            raise HoldfastError(done.stderr.decode(errors="replace").strip() or f"status {done.returncode}")
        return {"rc": 0, "stdout": done.stdout.decode("utf-8", "surrogateescape")}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """As the port says."""
        new = shlex.quote(f"{path}.new")
        done = self._do(f"umask 077; cat > {new} && chmod {mode} {new} && mv -fT {new} {shlex.quote(path)}", data)
        if done.returncode:
            raise HoldfastError(f"{path}: {done.stderr.decode(errors='replace').strip()}")

    def _do(self, command: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        try:
            done = subprocess.run(
                [*self._ssh, command], input=given, capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unanswered(f"no answer within {self._timeout:.0f} s") from error
        if done.returncode == LOST:
            raise Unanswered(done.stderr.decode(errors="replace").strip())
        return done
