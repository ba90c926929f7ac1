# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows that people drew: each node launches its template, and its job's status is the node's result.

What jobs reported does not go through the journal: as in AWX, each node keeps the artifacts of its ancestors.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution, HostResult
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import Job, Run, UnifiedJob, WorkflowJob, WorkflowJobNode, WorkflowJobTemplate
from holdfast.runs import nodes
from holdfast.runs.kinds import Results
from holdfast.runs.store import OpenRun, SecretOutputs

NO_TEMPLATE = "the template of this node was deleted; choose another one for the node"
_STATES = {"successful": states.SUCCESSFUL, "error": states.ERROR, "canceled": states.CANCELED}
_REPORTING = ("successful", "failed")


class Native:
    """Carries out the nodes of drawn workflows."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Launch the template of a node, as AWX does it from within a workflow."""
        row = nodes.of_execution(session, run, execution)
        around = session.get(WorkflowJob, run.row.workflow_job_id)
        template = row.unified_job_template
        if template is None or around is None:
            raise HoldfastError(NO_TEMPLATE)
        _inherit(session, run, row)
        service = "workflows" if isinstance(template, WorkflowJobTemplate) else "jobs"
        job: UnifiedJob = self._controller.services[service].launch_node(session, template, row, around)
        row.job_id = job.id
        return job

    def asked(self, session: Session, run: OpenRun, row: WorkflowJobNode) -> None:
        """A question hands on what the nodes before it have reported."""
        _inherit(session, run, row)

    def results(self, _session: Session, _run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """A job's status as the result of the one pseudo host."""
        why = job.job_explanation if job.status != "successful" else ""
        return Results(dict.fromkeys(execution.hosts, HostResult(_STATES.get(job.status, states.FAILED), why)), {})

    def secret_outputs(self, _session: Session, _run: Run) -> SecretOutputs:
        """Nothing of what drawn workflows report is in their journal, so nothing is kept out of it."""
        return {}

    def over(self, _run_id: str) -> None:
        """Nothing is kept."""


def _inherit(session: Session, run: OpenRun, row: WorkflowJobNode) -> None:
    """Give a node what those before it have reported; of two parents the later one counts."""
    parents = {edge.parent for edge in run.conductor.graph.nodes[row.node].parents}
    if not parents:
        return
    job_id = run.row.workflow_job_id
    query = select(WorkflowJobNode).where(WorkflowJobNode.workflow_job_id == job_id, WorkflowJobNode.node.in_(parents))
    found: dict[str, Any] = {}
    for parent in session.scalars(query.order_by(WorkflowJobNode.id)):
        found.update(parent.ancestor_artifacts or {})
        if parent.job_id is not None:
            found.update(artifacts(session, parent.job, frozenset({job_id})))
    row.ancestor_artifacts = found


def artifacts(session: Session, job: UnifiedJob, seen: frozenset[int] = frozenset()) -> dict[str, Any]:
    """What a job reported; of a workflow job what its nodes' jobs did, in the order in which they ended."""
    if isinstance(job, Job):
        return dict(job.artifacts or {})
    found: dict[str, Any] = {}
    if isinstance(job, WorkflowJob):
        inside = (
            select(UnifiedJob)
            .join(WorkflowJobNode, WorkflowJobNode.job_id == UnifiedJob.id)
            .where(WorkflowJobNode.workflow_job_id == job.id, UnifiedJob.status.in_(_REPORTING))
            .order_by(UnifiedJob.finished, UnifiedJob.id)
        )
        for one in session.scalars(inside).all():
            if one.id not in seen:
                found.update(artifacts(session, one, seen | {job.id}))
    return found
