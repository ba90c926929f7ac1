# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: the host of an action as providers of snapshots ask it, by modules.

Everything goes over the action's own connection, with the task's own privileges, and whatever goes wrong becomes one of
two errors: the host said no, or it said nothing.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Mapping
from typing import Any, Optional

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.connection import Connection as PersistentConnection
from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._reached import Reached
from ansible_collections.holdfast.ops.plugins.plugin_utils._shell import Shell

COMMAND = "ansible.builtin.command"
_LOST = re.compile(
    r"ssh connection failed|unable to (?:open|connect)|failed to connect|could not connect|connection refused"
    r"|socket path .* does not exist|socket is closed|timed out|timeout (?:value|triggered|error)"
    r"|not connected|session (?:is )?closed?|connection (?:was |unexpectedly )?(?:closed|lost|reset)|no route to host"
    r"|eof (?:occurred|during)|broken pipe|network is unreachable|shell is closed|channel closed",
    re.IGNORECASE,
)
"""What modules say over a persistent connection that has no other end any more; to Ansible they have only failed."""

_OPEN_ARGUMENTS = ("argv", "cmd", "_raw_params", "path", "dest", "src", "name")
"""Arguments that hold no secrets, for they are seen in the list of processes, or are names."""
_TAIL = 5
_SHORTEST = 4
_GONE = 5.0

_PUT = """umask 077
[ ! -d "$1" ] || { echo "$1 is a folder" >&2; exit 1; }
new=$(mktemp "$1.XXXXXX") || exit 1
trap 'rm -f "$new"' EXIT
base64 -d > "$new" && chmod "$2" "$new" && { sync "$new" 2>/dev/null || sync; } && mv -f "$new" "$1" || exit 1
if command -v restorecon >/dev/null 2>&1; then restorecon "$1" 2>/dev/null; fi
exit 0
"""
"""Writes what comes in as base64 beside the file and moves it there; the label is that of the policy for its path."""


class _Plain(ActionBase):  # type: ignore[misc]
    """A module that has no action plugin. The folder on the host is kept for the next one."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run it; ``tmp`` is what Ansible's own signature has."""
        del tmp
        return dict(self._execute_module(task_vars=task_vars))


class ActionDevice:
    """The host of an action, as the port ``Device`` of ``core/lkg/provider.py``.

    It reads and writes in check mode as well: whoever restores decides before.
    """

    def __init__(self, action: Any, task_vars: dict[str, Any]) -> None:
        self._action = action
        self._task_vars = task_vars
        self._connection = action._connection
        self._shell = Shell(action)
        self.host = str(task_vars.get("inventory_hostname", action._play_context.remote_addr))

    @property
    def connection(self) -> str:
        """The connection by its short name, such as ``ssh``, ``network_cli``, ``netconf``, ``winrm``, ``local``."""
        return str(self._connection.transport).rpartition(".")[2]

    @property
    def is_windows(self) -> bool:
        """Whether commands there are PowerShell's."""
        return Reached(self._action).is_windows

    @property
    def is_persistent(self) -> bool:
        """Whether a process of its own holds the connection, as for network devices."""
        return bool(getattr(self._connection, "force_persistence", False)) or bool(
            getattr(self._connection, "supports_persistence", False)
        )

    # --- the port ----------------------------------------------------------------------------------------------------

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """Run a module; see ``Device.run``."""
        if self.is_persistent and module.startswith(("ansible.builtin.", "ansible.legacy.", "ansible.windows.")):
            raise HoldfastError(
                f"{self.host}: over the connection '{self.connection}' {module} would run on the controlling machine "
                "and not on the host; this platform needs a connection that gives a shell, such as ssh"
            )
        try:
            result = self._at_once(module, arguments) or self._played(module, arguments, secret)
        except AnsibleConnectionFailure as error:
            raise self._lost(module, _said(error)) from error
        except AnsibleError as error:
            raise HoldfastError(f"{self.host}: {module}: {_hidden(_said(error), arguments, secret)}") from error
        except Exception as error:  # pywinrm, pypsrp and requests let errors of their own through
            text = _hidden(_said(error), arguments, secret)
            raise self._lost(module, f"{type(error).__name__}: {text}") from error
        return self._checked(module, arguments, secret, result)

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """Write a file; see ``Device.put``. It belongs to whom the task becomes.

        Under Windows its access is what its folder passes on, for there is no mode, and the file is replaced by
        ``win_copy``, which compares checksums.
        """
        if self.is_windows:
            with _local_file(data) as source:
                self.run("ansible.windows.win_copy", {"src": source, "dest": path, "decrypt": False}, secret=True)
            return
        if not re.fullmatch(r"0?[0-7]{3}", mode):
            raise HoldfastError(f"'{mode}' is no mode of a file: three octal digits, such as 0600")
        argv = ["/bin/sh", "-c", _PUT, "holdfast", path, mode]
        text = base64.encodebytes(data).decode("ascii")
        self.run(COMMAND, {"argv": argv, "stdin": text}, secret=True)

    # --- connections -------------------------------------------------------------------------------------------------

    def reconnect(self) -> None:
        """Let go of the connection, so that what follows goes over one that did not exist before.

        Raises Unanswered when the process of a persistent connection cannot begin anew.
        """
        if not self.is_persistent:
            with contextlib.suppress(Exception):  # that it cannot be made again at once is for the next module to say
                self._connection.reset()
            return
        from ansible.executor.task_executor import start_connection

        self._end_persistent()
        try:
            path = start_connection(
                self._action._play_context, self._connection.get_options(), self._action._task._uuid
            )
        except AnsibleError as error:
            raise Unanswered(f"{self.host}: no new connection: {_said(error)}") from error
        self._connection._socket_path = path

    def _end_persistent(self) -> None:
        path = getattr(self._connection, "socket_path", None)
        if not path or not os.path.exists(path):
            return
        with contextlib.suppress(Exception):  # its process may be gone already, or wait for the lost host
            PersistentConnection(path).reset()
        until = time.monotonic() + _GONE
        while os.path.exists(path):
            if time.monotonic() > until:
                # Whoever comes next makes a process of their own; the old one ends by its time limit.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                return
            time.sleep(0.05)

    # --- modules -----------------------------------------------------------------------------------------------------

    def _at_once(self, module: str, arguments: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
        """The result of a command that a shell can be told without a module."""
        if module != COMMAND or self.is_windows or not set(arguments) <= {"argv", "stdin"}:
            return None
        return self._shell.run(arguments["argv"], str(arguments.get("stdin") or ""))

    def _played(self, module: str, arguments: Mapping[str, Any], secret: bool) -> Mapping[str, Any]:
        """The result of a module."""
        handler = self._handler(module, arguments, secret)
        result: Mapping[str, Any] = command_line.plain(handler.run(task_vars=self._task_vars))
        if not isinstance(handler, _Plain):
            handler.cleanup()
        return result

    def _handler(self, module: str, arguments: Mapping[str, Any], secret: bool) -> Any:
        """What runs a module: its action plugin where it has one, as when it were a task."""
        task = self._action._task.copy()
        task.action = module
        task.args = dict(arguments)
        task.check_mode = task.diff = False
        task.async_val = 0
        task.no_log = bool(secret or task.no_log)
        given = {
            "task": task,
            "connection": self._connection,
            "play_context": self._action._play_context,
            "loader": self._action._loader,
            "templar": self._action._templar,
            "shared_loader_obj": self._action._shared_loader_obj,
        }
        name = self._action_name(module)
        if name:
            found = self._action._shared_loader_obj.action_loader.get(name, **given)
            if found is not None:
                return found
        # Who makes the folder on the host removes it; the action outlives its modules, so it is the one.
        self._action._cleanup_remote_tmp = True
        return _Plain(**given)

    def _action_name(self, module: str) -> str:
        """The action plugin of a module by the rules of Ansible's own executor; empty when it has none."""
        loaders = self._action._shared_loader_obj
        context = loaders.module_loader.find_plugin_with_context(module)
        if context.resolved and context.action_plugin:
            return str(context.action_plugin)
        if loaders.action_loader.has_plugin(module):
            return module
        collection, _dot, short = module.rpartition(".")
        prefix = short.split("_")[0]
        if not context.resolved:
            raise HoldfastError(f"{self.host}: there is no module {module} where Ansible runs; {_install(collection)}")
        shared = f"{collection}.{prefix}" if prefix in C.NETWORK_GROUP_MODULES else ""
        return shared if shared and loaders.action_loader.has_plugin(shared) else ""

    def _checked(
        self, module: str, arguments: Mapping[str, Any], secret: bool, result: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The result of a module that went well."""
        failed = result.get("failed", result.get("rc", 0) not in (0, "0"))
        if not failed and not result.get("unreachable"):
            return result
        text = _hidden(_told(result), arguments, secret)
        if result.get("unreachable") or (self.is_persistent and _LOST.search(str(result.get("msg", "")))):
            raise self._lost(module, text)
        raise HoldfastError(f"{self.host}: {module} failed: {text}")

    def _lost(self, module: str, why: str) -> Unanswered:
        """The error for a host that is silent. Nobody then waits for it once more to tidy up its temporary folder."""
        self._connection._shell.tmpdir = None
        return Unanswered(f"{self.host}: {module}: no answer: {why}")


def _install(collection: str) -> str:
    if collection in ("", "ansible.builtin", "ansible.legacy"):
        return "is the ansible-core that runs this complete?"
    return f"install its collection: ansible-galaxy collection install {collection}"


def _told(result: Mapping[str, Any]) -> str:
    """Why a module failed: its message, its status, and the last lines that it wrote about it."""
    message = str(result.get("msg") or "it did not say why").strip()
    status = f" (status {result['rc']})" if "rc" in result else ""
    written = next((str(result[name]) for name in ("stderr", "module_stderr", "module_stdout") if result.get(name)), "")
    lines = [line.strip() for line in written.splitlines() if line.strip() and line.strip() not in message]
    return f"{message}{status}" + (f": {' | '.join(lines[-_TAIL:])}" if lines else "")


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _hidden(text: str, arguments: Mapping[str, Any], secret: bool) -> str:
    """A text without anything of arguments that may be secret."""
    if not secret:
        return text
    for word in sorted(_words(arguments), key=len, reverse=True):
        text = text.replace(word, "(hidden)")
    return text


def _words(value: Any, name: str = "") -> set[str]:
    """The texts among arguments, and each of their lines."""
    if name in _OPEN_ARGUMENTS:
        return set()
    if isinstance(value, Mapping):
        return {word for key, inner in value.items() for word in _words(inner, str(key))}
    if isinstance(value, (list, tuple)):
        return {word for inner in value for word in _words(inner)}
    if not isinstance(value, str):
        return set()
    return {word for word in (value, *map(str.strip, value.splitlines())) if len(word) >= _SHORTEST}


@contextlib.contextmanager
def _local_file(data: bytes) -> Any:
    """A file on the controlling side that only its owner reads, for modules that take files."""
    descriptor, path = tempfile.mkstemp(prefix="holdfast-", dir=C.DEFAULT_LOCAL_TMP)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        yield path
    finally:
        os.unlink(path)
