# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: a role or a file of tasks as a child play on the host of an action.

The child has what the running command has (inventory, extra variables, vault secrets, connection, privileges) and knows
nothing of the play: no facts, no variables that a task has set. It is ended in time, and when the parent is gone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible import context
from ansible.parsing.splitter import parse_kv
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise_change import PROGRAM, ChangeOrder

_OF_THE_TASK = ("connection", "remote_user", "port")


class What(NamedTuple):
    """What is to be played: a role by its name, a file of tasks by its path, or a module by its name.

    ``variables`` are those that it gets, and of a module its arguments. ``returns`` names values of a module's result
    that count among what the change reports.
    """

    role: str
    tasks: str
    variables: Mapping[str, Any]
    gather_facts: bool
    module: str = ""
    returns: tuple[str, ...] = ()


class Played(NamedTuple):
    """How a change ended: why it failed, or nothing, and what it reported by ``set_stats``.

    ``reported`` is what it said of the whole run, by name; ``of_host`` what it said of its host. ``adds_up``: whether
    what other hosts report is added to it, as ``set_stats`` does unless it is told otherwise.
    """

    why: str
    reported: Mapping[str, Any] = {}
    of_host: Mapping[str, Any] = {}
    adds_up: bool = True


def play_of(action: Any, what: What) -> dict[str, Any]:
    """The play, without hosts: privileges and connection as the task of the action has them."""
    play: dict[str, Any] = {"gather_facts": what.gather_facts, "become": bool(action._play_context.become)}
    if play["become"]:
        for name in ("become_user", "become_method"):
            if getattr(action._play_context, name):
                play[name] = str(getattr(action._play_context, name))
    for name in _OF_THE_TASK:
        value = getattr(action._task, name, None)
        if value and value != context.CLIARGS.get(name):
            play[name] = value if isinstance(value, int) else str(value)
    if what.module:
        return play  # its arguments are text that nobody renders again, so the task is made where they are marked
    if what.role:
        task = {"name": what.role, "ansible.builtin.include_role": {"name": what.role}}
    else:
        task = {"name": os.path.basename(what.tasks), "ansible.builtin.include_tasks": {"file": what.tasks}}
    # always: the tags of the command choose among the tasks of the change, as in every include
    play["tasks"] = [{**task, "tags": ["always"]}]
    return play


def extra_sources(loader: Any) -> list[Any]:
    """The extra variables of the command, in their order: a file by its path, for it says what is unsafe; else data."""
    found: list[Any] = []
    for source in context.CLIARGS.get("extra_vars") or ():
        text = str(source)
        if text.startswith("@"):
            found.append(str(loader.path_dwim(text[1:])))
        elif text.strip():
            data = loader.load(text) if text.startswith(("{", "[")) else parse_kv(text)
            found.append(command_line.plain(data))
    return found


def play_change(action: Any, host: str, what: What, limit: float, task_vars: Mapping[str, Any]) -> Played:
    """Play it on a host for at most so many seconds. Raises HoldfastError: it never began."""
    scopes = command_line.plain(task_vars.get("holdfast") or {})
    order = ChangeOrder(
        host=host,
        play=play_of(action, what),
        limit=max(1.0, limit),
        variables=dict(command_line.plain(what.variables)),
        module=what.module,
        returns=list(what.returns),
        extra=extra_sources(action._loader),
        scopes=scopes if isinstance(scopes, dict) else {},
        options=command_line.run_options().to_dict(),
        secrets=command_line.run_secrets(action._loader, action._play_context).to_dict(),
        implicit_localhost="localhost" not in task_vars["groups"].get("all", ()),
        check=bool(action._task.check_mode),
    )
    supervised = Supervised(order, program=PROGRAM)
    over = threading.Event()
    threading.Thread(target=_cancel_when_orphaned, args=(supervised, over), name="parent", daemon=True).start()
    try:
        for message in supervised.messages():
            kind = message.get("feed")
            if kind == "heard":
                _show(action, host, message)
            elif kind == "refused":
                raise HoldfastError(str(message["message"]))
            elif kind == "end":
                return _played(message)
    finally:
        over.set()
        supervised.close()
    raise HoldfastError("what plays the change ended without a word")


def is_orphan(parent: int) -> bool:
    """Whether the command is gone whose worker this process is. Ansible's workers outlive a command that is killed."""
    return os.getppid() != parent


def _cancel_when_orphaned(supervised: Supervised, over: threading.Event) -> None:
    parent = os.getppid()
    while not over.wait(1.0):
        if is_orphan(parent):
            supervised.cancel()
            return


def _show(action: Any, host: str, message: Mapping[str, Any]) -> None:
    lines = [line for line in str(message["text"]).splitlines() if line.strip()]
    if message["what"] == "task":
        lines = [f"TASK [{line}]" for line in lines]
    for line in lines:
        action._display.display(f"    {host} | {line}")


def _played(message: Mapping[str, Any]) -> Played:
    why = "" if message["state"] == states.SUCCESSFUL else _why(message)
    return Played(why, dict(message["reported"]), dict(message["of_host"]), bool(message["adds_up"]))


def _why(message: Mapping[str, Any]) -> str:
    return f"{message['state'].replace('_', ' ')}: {message['message']}" if message["message"] else message["state"]
