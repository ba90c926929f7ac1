# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins and ends what a job of AWX does for a catalog: takes in the answers, and leaves its state behind."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.wrappers import BEGUN, DONE
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.workflow_arguments import AWX_NODE
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_node
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.awx_node import Job, Subject


class ActionModule(HoldfastAction):
    argument_spec = AWX_NODE

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if arguments["state"] == "reported":
            return _stats(awx_node.reported(arguments["values"], arguments["path"]))
        for needed in ("project", "kind", "name"):
            if not arguments[needed]:
                raise HoldfastError(f"state {arguments['state']} needs '{needed}'")
        project = Path(arguments["project"]).resolve()
        subject = Subject(project, arguments["kind"], arguments["name"], arguments["component"])
        if arguments["state"] == "end":
            return self._end(subject, arguments["run"], task_vars)
        return self._begin(subject, task_vars)

    def _begin(self, subject: Subject, task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = command_line.extra_variables(self._loader)
        groups = command_line.plain(task_vars["groups"])

        def hosts_of(pattern: str) -> Sequence[str]:
            return command_line.resolve([pattern], self._loader, groups)[0]

        begun = awx_node.begin(
            subject,
            Job(
                variables=variables,
                folder=Path(tempfile.mkdtemp(prefix="holdfast-", dir=C.DEFAULT_LOCAL_TMP)),
                hosts_of=hosts_of,
                limit=command_line.run_options().limit,
                run=_first(variables, "awx_workflow_job_id", "awx_job_id"),
                requested_by=_first(variables, "awx_user_name", "awx_user_email"),
            ),
        )
        hosts = begun.pattern or awx_node.NOWHERE
        result = {"runs": begun.runs, "why": begun.why, "hosts": hosts, "expected": list(begun.hosts), **begun.files}
        if begun.why:
            self._display.display(f"skipped: {begun.why}")
        return {**result, **_stats(begun.stats), "changed": False}

    def _end(self, subject: Subject, run: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        begun = command_line.plain(task_vars.get(BEGUN) or {})
        hosts = task_vars["hostvars"]
        through = all(hosts[name].get(DONE) for name in begun.get("expected", ()) if name in hosts)
        return {**_stats(awx_node.end(subject, through, Path(run) if run else None)), "changed": False}


def _first(variables: Mapping[str, Any], *keys: str) -> str:
    return next((str(variables[key]) for key in keys if variables.get(key)), "")


def _stats(values: Mapping[str, Any]) -> dict[str, Any]:
    """A result that leaves values behind as set_stats does; AWX hands them on to later jobs."""
    return {"ansible_stats": {"data": dict(values), "per_host": False, "aggregate": False}}
