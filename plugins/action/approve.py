# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approves or denies a node of a run that waits for people."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.workflow_arguments import APPROVE
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, inbox

PATIENCE = 10.0
"""Seconds to wait for the supervisor's answer."""


class ActionModule(HoldfastAction):
    argument_spec = APPROVE

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        run, node, decision = arguments["run"], arguments["node"], arguments["decision"]
        batch = None if arguments["batch"] is None else arguments["batch"] - 1
        word = inbox.Word(decision, inbox.me(), node, batch, arguments["reason"])
        folder = inbox.folder(home.store(), run)
        result = {"run": run, "node": node, "decision": decision, "by": word.by, "changed": True}
        if self._task.check_mode:
            return result
        refused = inbox.wait_for_answer(inbox.put(folder, run, word), PATIENCE)
        if refused is None:
            raise HoldfastError(f"run {run} did not answer; is it still going? See: holdfast runs show {run}")
        if refused:
            raise HoldfastError(refused)
        return result
