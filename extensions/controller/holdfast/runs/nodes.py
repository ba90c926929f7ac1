# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a workflow job, as clients see them: rows that follow the record of the run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.db.base import now
from holdfast.db.models import User, WorkflowApproval, WorkflowJobNode
from holdfast.runs.store import OpenRun


def find(
    session: Session, run: OpenRun, node: str, batch: int = 0, action: str = DO, attempt: int = 1
) -> WorkflowJobNode | None:
    """The row of an execution of a node."""
    return session.scalar(
        select(WorkflowJobNode).where(
            WorkflowJobNode.workflow_job_id == run.row.workflow_job_id,
            WorkflowJobNode.node == node,
            WorkflowJobNode.batch == batch,
            WorkflowJobNode.action == action,
            WorkflowJobNode.attempt == attempt,
        )
    )


def of_execution(session: Session, run: OpenRun, execution: Execution) -> WorkflowJobNode:
    """The row of an execution, made where there is none yet: a further attempt, an undo, another group of hosts."""
    found = find(session, run, execution.node, execution.batch, execution.action, execution.attempt)
    if found is not None and found.job_id is None:
        return found
    first = find(session, run, execution.node, execution.batch)
    row = WorkflowJobNode(
        workflow_job_id=run.row.workflow_job_id,
        unified_job_template_id=first.unified_job_template_id if first is not None else None,
        node=execution.node,
        batch=execution.batch,
        action=execution.action,
        attempt=execution.attempt,
        identifier=identifier(execution),
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


def show(session: Session, run: OpenRun, touched: Iterable[str]) -> None:
    """Bring the rows of the nodes that were touched up to date with the record."""
    names = [name for name in touched if name in run.conductor.graph.nodes]
    if not names:
        return
    query = select(WorkflowJobNode).where(
        WorkflowJobNode.workflow_job_id == run.row.workflow_job_id,
        WorkflowJobNode.node.in_(names),
        WorkflowJobNode.action == DO,
    )
    for row in session.scalars(query):
        known = run.record.seen(row.node)
        node = run.conductor.graph.nodes[row.node]
        row.do_not_run = row.job_id is None and known.batches.get(row.batch) in (states.SKIPPED, states.CANCELED)
        if node.kind in ("approval", "manual") and row.job_id is not None:
            _show_answer(session, run, row)


def _show_answer(session: Session, run: OpenRun, row: WorkflowJobNode) -> None:
    """Write the answer to a question into its approval."""
    known = run.record.seen(row.node)
    state = known.batches.get(row.batch, states.WAITING)
    approval = session.get(WorkflowApproval, row.job_id)
    if approval is None or approval.finished is not None or state not in states.ENDED:
        return
    approval.status = {states.TIMED_OUT: states.FAILED, states.SKIPPED: states.CANCELED}.get(state, state)
    approval.failed = approval.status != states.SUCCESSFUL
    approval.timed_out = state == states.TIMED_OUT
    approval.finished = now()
    approval.elapsed = _seconds(approval.started, approval.finished)
    if approval.status == states.CANCELED:
        approval.canceled_on = approval.finished
    votes = [vote for vote in known.votes if vote["batch"] == row.batch]
    if votes and not approval.timed_out:
        by = session.scalar(select(User).where(User.username == votes[-1]["by"]))
        approval.approved_or_denied_by_id = by.id if by is not None else None
    approval.job_explanation = known.why.get("", "") if approval.failed else ""


def _seconds(start: dt.datetime | None, end: dt.datetime) -> float:
    return round((end - start).total_seconds(), 3) if start is not None else 0.0
