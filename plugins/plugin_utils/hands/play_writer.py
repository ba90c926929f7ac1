# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one execution: the play, its variables, the hosts it is for.

::

    executions/<node>/<slice>/<do|undo>/<attempt>/
        output.txt          what the play said, with secrets masked; stays
        private/            play.yml vars.yml hosts.txt and what ansible-runner writes; removed after the play

Answers, outputs and host names stand in these files only, marked ``!unsafe`` where Ansible would render them: none of
them ever becomes an argument or a template.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars

MARKER = "Holdfast: the play came to its end"
"""The name of the last task of a generated play: a host without it was broken off by a failure elsewhere."""

_FQCN = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){2,}$")
_ODD_HOST = re.compile(r"^[!&~@#\s]|\s$")


class PlayFiles(NamedTuple):
    """What ``ansible-playbook`` is pointed at. ``marked``: every host that came through runs the marker task."""

    playbook: str
    arguments: tuple[str, ...]
    marked: bool


def write_play(
    folder: Path, execution: Execution, inputs: ExecutionInputs, cwd: str, implicit_localhost: bool
) -> PlayFiles:
    """Write the files of an execution into its ``private`` folder.

    ``implicit_localhost``: the inventory does not hold localhost. Relative playbook paths count from ``cwd``.
    """
    private = home.private_folder(folder / "private")
    local = execution.hosts == (LOCALHOST,) and implicit_localhost
    generated = inputs.verify is not None or inputs.action.kind != "playbook"
    arguments: list[str] = []
    values: dict[str, Any] = {"holdfast": inputs.scopes}
    if inputs.verify is None and inputs.action.kind != "module":
        values = {**inputs.args, **values}
    if generated:
        playbook = str(private / "play.yml")
        write_vars(private / "play.yml", _plays(execution, inputs, LOCALHOST if local else "all", cwd))
    else:
        playbook = playbook_argument(inputs.action.name, cwd)
    write_vars(private / "vars.yml", values)
    arguments += ["--extra-vars", f"@{private / 'vars.yml'}"]
    if not (local and generated and not _has_playbook(inputs)):
        _write_hosts(private / "hosts.txt", execution.hosts)
        arguments += ["--limit", f"@{private / 'hosts.txt'}"]
        if local:
            arguments += ["--inventory", str(_write_local_inventory(private / "localhost.yml"))]
    return PlayFiles(playbook, tuple(arguments), generated)


def _has_playbook(inputs: ExecutionInputs) -> bool:
    return inputs.action.kind == "playbook" or (inputs.verify is not None and inputs.verify.kind == "playbook")


def playbook_argument(name: str, cwd: str) -> str:
    """A playbook's FQCN as it is, or its path made absolute; raises when there is no such file."""
    if _FQCN.match(name) and not name.endswith((".yml", ".yaml")):
        return name
    path = os.path.join(cwd, os.path.expanduser(name))
    if not os.path.isfile(path):
        raise HoldfastError(f"there is no playbook {path}")
    return path


def _write_hosts(path: Path, hosts: Sequence[str]) -> None:
    """A limit file. Each line is a pattern to Ansible; a host's own name always matches that host first."""
    lines = [f"~^{re.escape(host)}$" if _ODD_HOST.search(host) else host for host in hosts]
    if any("\n" in host or "\r" in host for host in hosts):
        raise HoldfastError("a host name holds a line break; no play can be limited to it")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _write_local_inventory(path: Path) -> Path:
    """Localhost as Ansible would imply it, so that a playbook for ``all`` can be limited to it."""
    facts = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    write_vars(path, {"ungrouped": {"hosts": {LOCALHOST: facts}}})
    return path


def _plays(execution: Execution, inputs: ExecutionInputs, hosts: str, cwd: str) -> list[dict[str, Any]]:
    """The plays of a generated playbook: the action, its verification, and the marker."""
    name = f"{'Undo ' if execution.action == 'undo' else ''}{execution.node}"
    alone = inputs.verify is None
    plays = [_play(name, inputs.action, {} if alone else inputs.args, inputs.args, hosts, cwd)]
    if inputs.verify is not None:
        plays.append(_play(f"Verify {name}", inputs.verify, inputs.verify_args, inputs.verify_args, hosts, cwd))
    marker = {"name": MARKER, "ansible.builtin.debug": {"msg": "done"}, "tags": ["always"]}
    plays.append({"name": "Holdfast", "hosts": hosts, "gather_facts": False, "tasks": [marker]})
    return plays


def _play(
    name: str, action: Action, own: Mapping[str, Any], args: Mapping[str, Any], hosts: str, cwd: str
) -> dict[str, Any]:
    """One play. ``own`` are arguments given to this play alone; the others come as extra variables.

    The tasks that Holdfast writes are always run, so that tags choose among the tasks of the role.
    """
    shown = Unsafe(name)
    if action.kind == "playbook":
        play: dict[str, Any] = {"name": shown, "import_playbook": playbook_argument(action.name, cwd)}
        return {**play, "vars": dict(own)} if own else play
    play = {"name": shown, "hosts": hosts, "gather_facts": action.gather_facts}
    if action.become is not None:
        play["become"] = action.become
    task: dict[str, Any] = {"name": action.name, "tags": ["always"]}
    if action.kind == "module":
        task[action.name] = dict(args)
    else:
        task["ansible.builtin.include_role"] = {"name": action.name}
        if own:
            play["vars"] = dict(own)
            task["vars"] = dict(own)
    play["tasks"] = [task]
    return play
