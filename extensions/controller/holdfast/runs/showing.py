# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients see of a run: its workflow job, the rows of its nodes and its approvals, in AWX's words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Change
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import WorkflowJob, WorkflowJobNode
from holdfast.runs import people
from holdfast.runs.graphs import NATIVE
from holdfast.runs.store import OpenRun

UNHANDLED = "No error handling paths found, marking workflow as failed"
"""What AWX says of every workflow that has failed."""
QUESTIONS = ("approval", "manual")
"""The kinds of nodes that people answer."""


class Showing:
    """Brings what clients see up to date with the records of runs."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def nodes(self, session: Session, run: OpenRun, changes: Iterable[Change]) -> None:
        """Bring the rows of nodes that look otherwise after these changes up to date; at the end of a run, of all."""
        query = select(WorkflowJobNode).where(
            WorkflowJobNode.workflow_job_id == run.row.workflow_job_id, WorkflowJobNode.action == DO
        )
        if not run.record.ended:
            names = {change["node"] for change in changes if _is_seen(run, change)}
            if not names:
                return
            query = query.where(WorkflowJobNode.node.in_(names))
        for row in session.scalars(query).all():
            self._node(session, run, row)

    def _node(self, session: Session, run: OpenRun, row: WorkflowJobNode) -> None:
        if row.job_id is None:
            state = run.record.seen(row.node).batches.get(row.batch, states.PENDING)
            never = run.record.ended and state not in states.BAD
            row.do_not_run = never or state in (states.SKIPPED, states.CANCELED)
        elif run.conductor.graph.nodes[row.node].kind in QUESTIONS and not row.earlier:
            answer = people.answer_of(session, run, row)
            if answer is not None:
                approval, status, why = answer
                self._controller.services["jobs"].dispatcher.end(session, approval, status, why)

    def state(self, session: Session, run: OpenRun) -> None:
        """Write how a run stands into its workflow job; one that is over is ended."""
        job = session.get(WorkflowJob, run.row.workflow_job_id)
        if job is None or job.finished is not None:
            return
        facts, state = run.record.run, run.record.state
        if facts.get("started") and job.started is None:
            job.started = dt.datetime.fromtimestamp(facts["started"], dt.timezone.utc)
        if run.record.ended:
            status = states.SHOWN_TO_AWX.get(state, state)
            self._controller.services["jobs"].dispatcher.end(session, job, status, explanation(run))
            return
        waiting = facts.get("waiting_for")
        job.status = "running" if state == states.RUNNING else "pending"
        job.job_explanation = f"waiting for {waiting}" if waiting else ""
        template = job.unified_job_template
        if template is not None:
            template.current_job_id, template.status = job.id, job.status


def _is_seen(run: OpenRun, change: Change) -> bool:
    """Whether a change makes a node look otherwise that has no job to show it: one not to run, or a question."""
    if change["type"] not in ("batch", "hosts", "vote"):
        return False
    kind = run.conductor.graph.nodes[change["node"]].kind
    return kind in QUESTIONS or change.get("state") in (states.SKIPPED, states.CANCELED)


def explanation(run: OpenRun) -> str:
    """Why a run ended as it did: in AWX's words for what people drew, for bundles in those of the core."""
    state = run.record.state
    if run.row.kind == NATIVE:
        return UNHANDLED if state == states.FAILED else ""
    said = str(run.record.run.get("explanation") or "")
    if state not in states.SHOWN_TO_AWX:
        return said
    return f"{state}: {said}" if said else state
