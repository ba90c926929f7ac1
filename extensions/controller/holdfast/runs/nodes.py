# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a workflow job's nodes, found by what they show: a node of the graph, a batch of it, an execution."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.db.models import WorkflowJobNode
from holdfast.runs.store import OpenRun


def find(
    session: Session, run: OpenRun, node: str, batch: int = 0, action: str = DO, attempt: int = 1
) -> WorkflowJobNode | None:
    """The first row of this node, batch, action and attempt."""
    query = select(WorkflowJobNode).where(
        WorkflowJobNode.workflow_job_id == run.row.workflow_job_id,
        WorkflowJobNode.node == node,
        WorkflowJobNode.batch == batch,
        WorkflowJobNode.action == action,
        WorkflowJobNode.attempt == attempt,
    )
    return session.scalars(query.order_by(WorkflowJobNode.id).limit(1)).first()


def of_execution(session: Session, run: OpenRun, execution: Execution) -> WorkflowJobNode:
    """The row of an execution, made where there is none yet: a further attempt, an undo, another group of hosts."""
    first = find(session, run, execution.node, execution.batch)
    planned = execution.action == DO and execution.attempt == 1
    if first is not None and planned and first.job_id is None:
        return first
    row = WorkflowJobNode(
        workflow_job_id=run.row.workflow_job_id,
        unified_job_template_id=first.unified_job_template_id if first is not None else None,
        node=execution.node,
        batch=execution.batch,
        action=execution.action,
        attempt=execution.attempt,
        identifier=identifier(execution),
        limit=",".join(execution.hosts) if run.conductor.graph.nodes[execution.node].runs_on_hosts else None,
        all_parents_must_converge=bool(first is not None and first.all_parents_must_converge),
    )
    session.add(row)
    session.flush()
    return row


def identifier(execution: Execution) -> str:
    """What a node is called: ``undo-web.drain/2#3`` is the third attempt to undo ``web.drain`` in batch 2."""
    undo = f"{UNDO}-" if execution.action == UNDO else ""
    slice_ = f"/{execution.slice}" if execution.slice != "1" else ""
    attempt = f"#{execution.attempt}" if execution.attempt > 1 else ""
    return f"{undo}{execution.node}{slice_}{attempt}"
