# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: scripts on a host that may vanish at any moment.

Whatever goes wrong on the way to the host becomes one error, ``NoAnswer``, so that a caller can wait and try again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.path import makedirs_safe, unfrackpath

# A connection that others share outlives the host behind it and would be used again after the reboot.
_ALONE = "-o ControlMaster=no -o ControlPath=none"
_ITS_OWN = "-o ControlMaster=auto -o ControlPersist=60s -o"
_ALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=2"
"""Without signs of life, ssh waits for ever on a connection that was cut."""


class NoAnswer(Exception):
    """The host gave no answer; the text says why, as far as that is known."""


@dataclass(frozen=True)
class Answer:
    """How a script ended, and what it wrote."""

    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """Everything it wrote."""
        return "\n".join(filter(None, (self.output, self.errors)))


class Reached:
    """The host of an action, over the action's own connection."""

    def __init__(self, action: Any) -> None:
        self._action = action
        self._connection = action._connection

    @property
    def is_windows(self) -> bool:
        """Whether commands there are PowerShell's. The connection knows; no facts are needed."""
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    @property
    def is_here(self) -> bool:
        """Whether the host is this machine itself."""
        return str(self._connection.transport) == "local"

    def run(self, script: str) -> Answer:
        """Run a script, with the task's privileges."""
        try:
            command = self._connection._shell._encode_script(script) if self.is_windows else script
            done = self._action._low_level_execute_command(command, sudoable=not self.is_windows)
        except AnsibleError as error:
            raise NoAnswer(_last_line(error)) from error
        except Exception as error:  # pywinrm and pypsrp let errors of their own and of requests through
            raise NoAnswer(f"{type(error).__name__}: {_last_line(error)}") from error
        return Answer(int(done["rc"]), str(done["stdout"]), str(done["stderr"]))

    def drop(self) -> None:
        """Let go of the connection, of one that is shared too; the next script makes another."""
        with contextlib.suppress(Exception):  # that it cannot be made again at once is the expected case
            self._connection.reset()

    @contextlib.contextmanager
    def impatient(self, seconds: int, keeps: bool = False) -> Iterator[None]:
        """Within this block nothing goes over a connection of others, and a silent host is given up after some seconds.

        Every script makes a connection of its own. With ``keeps`` they share one until it is dropped: for many scripts
        on a host that is expected to stay there.
        """
        changed = {name: self._option(name) for name in ("connection_timeout", "timeout", "ssh_args")}
        wanted: dict[str, Any] = {"connection_timeout": seconds, "timeout": seconds}
        is_ssh = self._connection.transport.rpartition(".")[2] == "ssh"
        if is_ssh:
            sharing = self._its_own() if keeps else _ALONE
            wanted["ssh_args"] = f"{sharing} {_ALIVE} {changed['ssh_args'][0] or ''}".strip()
            self.drop()  # a shared connection is found by its old options
        self._set({name: value for name, value in wanted.items() if changed[name][1]})
        self.drop()
        ended = False
        try:
            yield
            ended = True
        finally:
            if is_ssh and keeps:
                self.drop()  # its own, which is found by these options
            self._set({name: value for name, (value, known) in changed.items() if known})
            if ended:  # otherwise some connections, which are made again by it, would wait for the lost host
                self.drop()

    def _its_own(self) -> str:
        """The options of ssh for a connection that only this action shares; none where its socket can be nowhere."""
        folder = str(unfrackpath(self._option("control_path_dir")[0] or "~/.ansible/cp"))
        try:
            makedirs_safe(folder, 0o700)
        except AnsibleError:
            return _ALONE
        if not os.access(folder, os.W_OK):
            return _ALONE
        # As long as the paths that Ansible itself makes there, for sockets cannot have long ones; ssh reads % itself.
        path = os.path.join(folder, secrets.token_hex(5)).replace("%", "%%")
        return f"{_ITS_OWN} {shlex.quote(f'ControlPath={chr(34)}{path}{chr(34)}')}"

    def _option(self, name: str) -> tuple[Any, bool]:
        """An option of the connection and whether it has one of that name."""
        try:
            return self._connection.get_option(name), True
        except (KeyError, AnsibleError):
            return None, False

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            with contextlib.suppress(KeyError, AnsibleError):
                self._connection.set_option(name, value)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
