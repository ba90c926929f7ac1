# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to people: an approval in AWX's shape for each node that asks, and the vote that answers it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Approved, Denied
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.db.base import now
from holdfast.db.models import Run, WorkflowApproval, WorkflowJob, WorkflowJobNode
from holdfast.runs import nodes
from holdfast.runs.store import OpenRun

if TYPE_CHECKING:
    from holdfast.runs.service import Runs


def ask(session: Session, run: OpenRun, name: str, batch: int) -> None:
    """Make the approval that people see and answer."""
    row = nodes.find(session, run, name, batch)
    workflow_job = session.get(WorkflowJob, run.row.workflow_job_id)
    if row is None or workflow_job is None:
        raise HoldfastError(f"workflow job {run.row.workflow_job_id} has no node for the approval '{name}'")
    node = run.conductor.graph.nodes[name]
    due = run.record.seen(name).deadlines.get(batch)
    template = row.unified_job_template
    item = node.item
    asked_for = (node.approval.message if node.approval else "") or (item.instructions if item else "")
    approval = WorkflowApproval(
        name=template.name if template is not None else name,
        description=(template.description if template is not None else "") or asked_for or node.description,
        unified_job_template_id=row.unified_job_template_id,
        organization_id=workflow_job.organization_id,
        created_by_id=workflow_job.created_by_id,
        modified_by_id=workflow_job.created_by_id,
        launch_type="workflow",
        status="pending",
        started=now(),
        approval_expiration=dt.datetime.fromtimestamp(due, dt.timezone.utc) if due is not None else None,
        timeout=max(0, round(due - now().timestamp())) if due is not None else 0,
    )
    session.add(approval)
    session.flush()
    row.job_id = approval.id


def vote(session: Session, runs: Runs, approval: WorkflowApproval, by: str, approved: bool) -> None:
    """Approve or deny. Raises HoldfastError where the rules of the node (four eyes, quorum) do not let ``by``."""
    row = session.scalar(select(WorkflowJobNode).where(WorkflowJobNode.job_id == approval.id))
    run = session.scalar(select(Run).where(Run.workflow_job_id == row.workflow_job_id)) if row is not None else None
    if row is None or run is None:
        raise HoldfastError("the workflow job of this approval is gone")
    kind = Approved if approved else Denied
    runs.tell(run.id, kind(row.node, by, row.batch), session)
