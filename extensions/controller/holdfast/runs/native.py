# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows that people drew: each node launches its template, and its job's status is the node's result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import Job, UnifiedJob, WorkflowJob, WorkflowJobNode, WorkflowJobTemplate
from holdfast.runs import nodes
from holdfast.runs.store import OpenRun

NO_LOG = "_ansible_no_log"


class Results(NamedTuple):
    """How an execution ended."""

    hosts: Mapping[str, HostResult]
    outputs: Mapping[str, Any]


class Native:
    """Carries out the nodes of drawn workflows."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Launch the template of a node, as AWX does it from within a workflow."""
        row = nodes.of_execution(session, run, execution)
        workflow_job = session.get(WorkflowJob, run.row.workflow_job_id)
        template = row.unified_job_template
        if template is None or workflow_job is None:
            raise HoldfastError("the template of this node was deleted; choose another one for the node")
        row.ancestor_artifacts = self._artifacts(run, execution.node)
        if isinstance(template, WorkflowJobTemplate):
            _refuse_recursion(session, workflow_job, template)
        services = self._controller.services
        launch = services["workflows"] if isinstance(template, WorkflowJobTemplate) else services["jobs"]
        job: UnifiedJob = launch.launch_node(session, template, row, workflow_job)
        row.job_id = job.id
        return job

    def results(self, _session: Session, _run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """A job's status as the result of the one pseudo host, and its artifacts as outputs."""
        state = {"error": states.ERROR, "canceled": states.CANCELED, "successful": states.SUCCESSFUL}
        why = job.job_explanation if job.status != "successful" else ""
        result = HostResult(state.get(job.status, states.FAILED), why)
        return Results(dict.fromkeys(execution.hosts, result), self._reported(job))

    def _reported(self, job: UnifiedJob) -> dict[str, Any]:
        """What later nodes are given: a job's artifacts, or everything that the nodes of a workflow job reported."""
        if isinstance(job, WorkflowJob):
            found: dict[str, Any] = {}
            for row in sorted(job.nodes, key=lambda one: (one.modified or one.created, one.id)):
                if row.job is not None:
                    found.update(self._reported(row.job))
            return found
        return dict(job.artifacts or {}) if isinstance(job, Job) else {}

    @staticmethod
    def _artifacts(run: OpenRun, name: str) -> dict[str, Any]:
        """What the ancestors of a node reported; of two the one nearer to the node counts."""
        found: dict[str, Any] = {}
        for ancestor in ancestors(run.conductor.graph, name):
            for outputs in run.record.outputs.get(ancestor, {}).values():
                found.update(outputs)
        return found


def ancestors(graph: Graph, name: str) -> list[str]:
    """Every node before this one, in the order of the graph."""
    seen: set[str] = set()
    todo = [edge.parent for edge in graph.nodes[name].parents]
    while todo:
        parent = todo.pop()
        if parent not in seen:
            seen.add(parent)
            todo += [edge.parent for edge in graph.nodes[parent].parents]
    return sorted(seen, key=lambda one: graph.nodes[one].index)


def extra_vars(row: WorkflowJobNode, workflow_job: WorkflowJob, own: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that a node gives to a job: its own, over them artifacts, over them those of the workflow job."""
    artifacts = {name: value for name, value in row.ancestor_artifacts.items() if name != NO_LOG}
    return {**own, **artifacts, **json.loads(workflow_job.extra_vars or "{}")}


def _refuse_recursion(session: Session, workflow_job: WorkflowJob, template: WorkflowJobTemplate) -> None:
    """Raise HoldfastError when a workflow would run within itself."""
    around: WorkflowJob | None = workflow_job
    trail = [template.name]
    while around is not None:
        trail.append(around.name)
        if around.unified_job_template_id == template.id:
            raise HoldfastError(
                "Workflow Job spawned from workflow could not start because it would result in recursion "
                f"(spawn order, most recent first: {', '.join(trail)})"
            )
        row = around.unified_job_node
        around = session.get(WorkflowJob, row.workflow_job_id) if row is not None else None
