# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of a lab as a provider of snapshots wants it, over plain ssh: quick, where a test is not about Ansible."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered

from tests.lab.lab import Lab

LOST = 255
"""ssh's own status, when there is no connection."""
SHARED = ("ControlMaster=auto", "ControlPersist=30", "ServerAliveInterval=2", "ServerAliveCountMax=2")


class SshDevice:
    """Does what the module ansible.builtin.command does with ``argv`` and ``stdin``, and refuses every other module.

    ``shared``: one connection for all that is asked, at a tenth of the cost; for tests in which none is lost. ``key``:
    another key than the one that is let in.
    """

    def __init__(
        self, lab: Lab, host: str, timeout: float = 300, shared: bool = False, key: Path | None = None
    ) -> None:
        address = next(row["management"] for row in lab.status()["members"] if row["name"] == host)
        self._ssh = lab.ssh_command(address)
        self._timeout = timeout
        if key is not None:
            self._ssh[self._ssh.index("-i") + 1] = str(key)
        if shared:
            path = f"ControlPath={lab.folder / f'{host}.ssh'}"
            self._ssh = [path if word == "ControlPath=none" else word for word in self._ssh]
            self._ssh[1:1] = [word for option in SHARED for word in ("-o", option)]

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

    def reconnect(self) -> None:
        """As the device of an action: the next question goes over a connection that did not exist before."""
        self.close()

    def close(self) -> None:
        """End the connection that is shared; there is none, or another one, afterwards."""
        if "ControlPath=none" not in self._ssh:
            subprocess.run([*self._ssh, "-O", "exit"], capture_output=True, check=False)

    def say(self, script: str, timeout: float | None = None) -> str:
        """What a script on the host prints; it must succeed."""
        done = self._do(f"set -e; {script}", b"", timeout)
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said + done.stderr.decode(errors="replace")
        return said

    def _do(self, command: str, given: bytes, timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
        patience = self._timeout if timeout is None else timeout
        try:
            done = subprocess.run(
                [*self._ssh, command], input=given, capture_output=True, timeout=patience, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unanswered(f"no answer within {patience:.0f} s") from error
        if done.returncode == LOST:
            raise Unanswered(done.stderr.decode(errors="replace").strip())
        return done
