# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a workflow: starts its supervisor, answers what it asks about hosts, and relays what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.workflow_arguments import WORKFLOW
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Order
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised


class ActionModule(HoldfastAction):
    argument_spec = WORKFLOW

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        supervised = Supervised(self._order(arguments, task_vars))
        try:
            for message in supervised.messages():
                kind = message.get("feed")
                if kind == "line":
                    self._display.display(str(message["text"]))
                elif kind == "heard" and message["what"] == "output":
                    self._display.display(_indented(message))
                elif kind == "hosts_wanted":
                    self._answer_hosts(supervised, message, task_vars)
                elif kind == "refused":
                    raise HoldfastError(str(message["message"]))
                elif kind == "end":
                    return self._result(message)
        finally:
            supervised.close()
        raise HoldfastError("the supervisor ended without a word")

    def _order(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> Order:
        return Order(
            workflow=arguments["workflow"],
            fields=self._fields(arguments, task_vars),
            resume=arguments["resume"],
            catalog=arguments["catalog"],
            options=command_line.run_options().to_dict(),
            secrets=command_line.run_secrets(self._loader, self._play_context).to_dict(),
            asks_hosts=True,
            check=bool(self._task.check_mode),
            check_nodes=arguments["check_nodes"],
        )

    @staticmethod
    def _fields(arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The answers; those of a variable are taken as they are, for an answer is never a template."""
        found = dict(command_line.plain(arguments["fields"]))
        name = arguments["fields_from"]
        if name and task_vars.get(name) is not None:
            more = command_line.plain(task_vars[name])
            if not isinstance(more, dict):
                raise HoldfastError(f"{name} must be a mapping of questions to answers: -e '{{\"{name}\": {{...}}}}'")
            found.update(more)
        return found

    def _answer_hosts(self, supervised: Supervised, message: Mapping[str, Any], task_vars: dict[str, Any]) -> None:
        groups = command_line.plain(task_vars["groups"])
        found = command_line.resolve(message["patterns"], self._loader, groups)
        supervised.answer_hosts(found, "localhost" in groups.get("all", ()))

    def _result(self, end: Mapping[str, Any]) -> dict[str, Any]:
        """The result of the action; a run that did not succeed fails it with everything there is to say."""
        state, lines = str(end["state"]), list(end["summary"])
        result = {"state": state, "run": end["run"], "path": end["path"], "summary": lines}
        if end.get("check"):
            return {**result, "changed": False, "failed": state != "successful", "msg": f"checked: {state}"}
        if state == "successful":  # a failure is shown whole, and is to be read by people
            result["outputs"] = end.get("outputs", {})
        for line in lines:
            self._display.display(line)
        parts = [f"{state}: {end['explanation']}" if end["explanation"] else state]
        if end["next"]:
            parts.append(f"next: {end['next']} (-e resume={end['run']})" if "resume" in end["next"] else end["next"])
        return {**result, "changed": True, "failed": state != "successful", "msg": "; ".join(parts)}


def _indented(message: Mapping[str, Any]) -> str:
    """What a child play says, under the node that says it."""
    node = str(message["execution"]).split("/")[1]
    return "\n".join(f"    {node} | {line}" for line in str(message["text"]).splitlines() if line.strip())
