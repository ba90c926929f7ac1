# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to people: an approval in AWX's shape for each node that asks, and the vote that answers it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Approved, Denied
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.db.base import now
from holdfast.db.models import User, WorkflowApproval, WorkflowJob, WorkflowJobNode
from holdfast.runs import nodes
from holdfast.runs.store import OpenRun

if TYPE_CHECKING:
    from holdfast.runs.service import Runs

EXPIRED = "The approval node {name} ({id}) has expired after {timeout} seconds."
_SHOWN = {states.TIMED_OUT: states.FAILED, states.SKIPPED: states.CANCELED}


def ask(session: Session, run: OpenRun, name: str, batch: int) -> WorkflowJobNode:
    """Make the approval that people see and answer; returns the node that asks."""
    row = nodes.find(session, run, name, batch)
    around = session.get(WorkflowJob, run.row.workflow_job_id)
    if row is None or around is None:
        raise HoldfastError(f"workflow job {run.row.workflow_job_id} has no node for the approval '{name}'")
    node = run.conductor.graph.nodes[name]
    due = run.record.seen(name).deadlines.get(batch)
    template = row.unified_job_template
    asked_for = (node.approval.message if node.approval else "") or (node.item.instructions if node.item else "")
    moment = now()
    approval = WorkflowApproval(
        name=template.name if template is not None else name,
        description=(template.description if template is not None else "") or asked_for or node.description,
        unified_job_template_id=row.unified_job_template_id,
        organization_id=around.organization_id,
        created_by_id=around.created_by_id,
        modified_by_id=around.created_by_id,
        launch_type="workflow",
        status="pending",
        created=moment,
        started=moment,
        approval_expiration=dt.datetime.fromtimestamp(due, dt.timezone.utc) if due is not None else None,
        timeout=max(0, round(due - run.conductor.live.now)) if due is not None else 0,
        request_id=around.request_id,
    )
    session.add(approval)
    session.flush()
    row.job_id = approval.id
    return row


def vote(session: Session, runs: Runs, approval: WorkflowApproval, by: str, approved: bool) -> None:
    """Approve or deny. Raises HoldfastError where the rules of the node (four eyes, quorum) do not let ``by``."""
    row: WorkflowJobNode | None = approval.unified_job_node
    around = session.get(WorkflowJob, row.workflow_job_id) if row is not None else None
    if row is None or around is None or around.run_id is None:
        raise HoldfastError("the workflow job of this approval is gone")
    kind = Approved if approved else Denied
    runs.tell(around.run_id, kind(row.node, by, row.batch), session)


def answer_of(session: Session, run: OpenRun, row: WorkflowJobNode) -> tuple[WorkflowApproval, str, str] | None:
    """The approval of a node that has just been answered, with the status and explanation it ends with.

    Who answered is written into it here. None where the question is open, or was closed before.
    """
    known = run.record.seen(row.node)
    state = known.batches.get(row.batch, states.WAITING)
    approval = session.get(WorkflowApproval, row.job_id)
    if approval is None or approval.finished is not None or state not in states.ENDED:
        return None
    approval.timed_out = state == states.TIMED_OUT
    votes = [vote for vote in known.votes if vote["batch"] == row.batch]
    if votes and not approval.timed_out:
        query = select(User.id).where(User.username == votes[-1]["by"])
        approval.approved_or_denied_by_id = session.scalar(query)
    why = ""
    if approval.timed_out:
        why = EXPIRED.format(name=approval.name, id=approval.id, timeout=approval.timeout)
    return approval, _SHOWN.get(state, state), why
