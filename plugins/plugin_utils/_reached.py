# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: scripts on a host that may vanish at any moment.

Whatever goes wrong on the way to the host becomes one error, ``NoAnswer``, so that a caller can wait and try again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError

# A connection that others share outlives the host behind it and would be used again after the reboot; without signs of
# life, ssh waits for ever on one that was cut.
_SSH_ALONE = "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=5 -o ServerAliveCountMax=2"


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
    def impatient(self, seconds: int) -> Iterator[None]:
        """Within this block every try is a connection of its own, and gives up after some seconds."""
        changed = {name: self._option(name) for name in ("connection_timeout", "timeout", "ssh_args")}
        wanted: dict[str, Any] = {"connection_timeout": seconds, "timeout": seconds}
        if self._connection.transport.rpartition(".")[2] == "ssh":
            wanted["ssh_args"] = f"{_SSH_ALONE} {changed['ssh_args'][0] or ''}".strip()
            self.drop()  # a shared connection is found by its old options
        self._set({name: value for name, value in wanted.items() if changed[name][1]})
        self.drop()
        try:
            yield
            self._set({name: value for name, (value, known) in changed.items() if known})
            self.drop()
        except BaseException:  # no drop here: some connections are made again by it, and would wait for the lost host
            self._set({name: value for name, (value, known) in changed.items() if known})
            raise

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
