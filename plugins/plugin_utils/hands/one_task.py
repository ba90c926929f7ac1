# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module on one host, as a play of its own, and its result: what a command does that is a task otherwise."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import options as run_options
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import PlayChild, prepare, require_runner
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions, RunSecrets, SecretFiles
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import write_play
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import Events

_ENDS = {"runner_on_ok": "", "runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}
"""Events that end a task on a host, and what its result then says, whether or not it has it itself."""


class _Heard:
    """The result of the one task, out of the events of its play."""

    def __init__(self, module: str) -> None:
        self.events = Events()
        self.result: dict[str, Any] | None = None
        self._module = module

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event of ansible-runner."""
        self.events.take(event)
        data = event.get("event_data") or {}
        name = event.get("event")
        if name in _ENDS and data.get("task_action") == self._module:
            said = data.get("res")
            self.result = dict(said) if isinstance(said, Mapping) else {"msg": str(said)}
            if _ENDS[name]:
                self.result[_ENDS[name]] = True


def play(
    host: str,
    module: str,
    arguments: Mapping[str, Any],
    options: RunOptions,
    secrets: RunSecrets,
    check: bool = False,
) -> dict[str, Any]:
    """Run a module on a host of the inventory; returns its result, with ``failed`` or ``unreachable`` where it was.

    Raises HoldfastError when the play did not come to the task. Whoever is interrupted ends the play as well.
    """
    require_runner()
    run_id = f"task-{int(time.time() * 1000)}-{os.getpid()}"
    execution = Execution(f"{run_id}/task/1/{DO}/1", "task", "1", 0, DO, 1, (host,), None)
    inputs = ExecutionInputs(Action("module", module), unsafe(dict(arguments)), {})
    folder = Path(tempfile.mkdtemp(prefix="holdfast-task-"))
    try:
        files = SecretFiles(folder / "secrets", secrets)
        heard = _played(folder, execution, inputs, options, [*files.arguments(), *(["--check"] if check else [])])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if heard.result is None:
        said = heard.events.last_words() or "it said nothing"
        raise HoldfastError(f"the play did not come to its task on {host}: {said}")
    return heard.result


def _played(
    run_folder: Path, execution: Execution, inputs: ExecutionInputs, options: RunOptions, more: list[str]
) -> _Heard:
    run_id, *rest = execution.id.split("/")
    folder = home.private_folder(run_folder.joinpath("executions", *rest))
    cwd = options.cwd or os.getcwd()
    files = write_play(folder, execution, inputs, cwd, implicit_localhost=not options.inventory)
    environment = {**run_options.child_environment(options), processes.RUN: run_id, processes.EXECUTION: execution.id}
    config = prepare(folder / "private", files.playbook, environment, cwd)
    begin = [run_options.ansible_playbook(), *options.arguments()]
    config.command = [*begin, *more, *files.arguments, "--", files.playbook]
    heard = _Heard(inputs.action.name)
    child = PlayChild(
        config,
        started=lambda pid: processes.write_down(folder, pid),
        taken=heard.take,
        broken=lambda: processes.end(run_id, run_folder, execution.id),
    )
    child.run()
    return heard
