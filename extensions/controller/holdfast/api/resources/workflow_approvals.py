# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals: the questions of workflows, and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import Select, select

from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import (
    Action,
    Field,
    Hooks,
    Registry,
    Related,
    Resource,
    SubList,
    Summary,
    is_superuser,
    plain,
)
from holdfast.api.resources import in_use
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, CREATED_BY, NAMED, below, link_to
from holdfast.api.resources.job_actions import refuse_deletion
from holdfast.api.resources.job_parts import (
    JOB_FIELDS,
    JOB_LINKS,
    JOB_SUMMARY,
    MAX_INTEGER,
    TEMPLATE_STATUSES,
    around_of,
    find_around,
    read_only,
    summarize_jobs,
)
from holdfast.api.resources.template_parts import environments
from holdfast.api.resources.workflow_nodes import named
from holdfast.auth import policies, roles
from holdfast.db.models import (
    UnifiedJob,
    UnifiedJobTemplate,
    WorkflowApproval,
    WorkflowApprovalTemplate,
    WorkflowJobTemplate,
    WorkflowJobTemplateNode,
)
from holdfast.jobs.states import PENDING
from holdfast.runs import people

ANSWERED = "This workflow step has already been approved or denied."
NOT_SHOWN = ("execution_node", "controller_node", "event_processing_finished")
POLICY = policies.WorkflowApprovals()


def _may_answer(call: Call, row: WorkflowApproval) -> bool:
    """Whether the user could answer now; the workflow around the question was looked up with its summary."""
    if row.status != PENDING:
        return False
    around = around_of(row)
    template = around.unified_job_template if around is not None else None
    if is_superuser(call) or not isinstance(template, WorkflowJobTemplate):
        return is_superuser(call)
    return roles.has(call, "workflow_job_template", template, "approval_role")


def _expiration(_call: Call, row: WorkflowApproval) -> Any:
    return row.approval_expiration if row.status == PENDING else None


FIELDS: tuple[Field, ...] = (
    *(one for one in JOB_FIELDS if one.name not in NOT_SHOWN),
    read_only("event_processing_finished", "boolean", detail=True, value=lambda _call, _row: True),
    read_only("can_approve_or_deny", "field", filterable=False, value=_may_answer),
    read_only("approval_expiration", "field", filterable=False, value=_expiration),
    read_only("timed_out", "boolean", value=lambda _call, row: bool(row.timed_out)),
)


def _workflow_job(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    find_around(call, rows)
    jobs = {row.id: around_of(row) for row in rows}
    return {key: named(job) for key, job in jobs.items() if job is not None}


def _workflow(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    find_around(call, rows)
    jobs = {row.id: around_of(row) for row in rows}
    call.fetch(UnifiedJobTemplate, [job.unified_job_template_id for job in jobs.values() if job is not None])
    templates = {key: job.unified_job_template for key, job in jobs.items() if job is not None}
    return {key: named(one) for key, one in templates.items() if one is not None}


def _question(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    call.fetch(UnifiedJobTemplate, [row.unified_job_template_id for row in rows])
    templates = {row.id: row.unified_job_template for row in rows}
    return {key: {**named(one), "timeout": one.timeout} for key, one in templates.items() if one is not None}


def _answer(approved: bool) -> Action:
    def answer(call: Call, row: WorkflowApproval) -> Reply:
        if not POLICY.may_approve(call, row):
            raise Forbidden()
        if row.status != PENDING:
            raise Invalid({"error": ANSWERED})
        by = call.user.username if call.user is not None else ""
        try:
            people.vote(call.session, call.controller.services["runs"], row, by, approved)
        except HoldfastError as error:
            raise Invalid({"error": str(error)}) from None
        decided = row.status != PENDING  # of a quorum one vote may leave the question open
        changes = {"status": [PENDING, row.status]} if decided else {"approved_by": by}
        activity.record(call, "update", "workflow_approval", row, changes)
        return Reply(204)

    return Action(
        {"GET": lambda _call, row: Reply(body={"job_explanation": row.job_explanation}), "POST": answer},
        title=f"Workflow Approval {'Approve' if approved else 'Deny'}",
    )


def _approvals(_call: Call, row: WorkflowApprovalTemplate) -> Select[Any]:
    return select(WorkflowApproval).where(WorkflowApproval.unified_job_template_id == row.id)


def _deleting(call: Call, row: WorkflowApprovalTemplate) -> Reply | None:
    in_use.refuse_if_running(call, UnifiedJob.unified_job_template_id == row.id)
    return None


def _workflow_of_template(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """The workflow whose node asks the question."""
    node = WorkflowJobTemplateNode
    query = select(node.unified_job_template_id, node.workflow_job_template_id)
    pairs = call.session.execute(query.where(node.unified_job_template_id.in_([row.id for row in rows])))
    workflows: dict[int, int] = {int(question or 0): workflow for question, workflow in pairs}
    found = call.fetch(UnifiedJobTemplate, workflows.values())
    return {question: named(found[workflow]) for question, workflow in workflows.items()}


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(_approval(), _template())


def _approval() -> Resource:
    return Resource(
        name="workflow_approvals",
        type="workflow_approval",
        model=WorkflowApproval,
        title="Workflow Approval",
        fields=FIELDS,
        related=(
            CREATED_BY,
            *JOB_LINKS,
            Related("workflow_approval_template", to=_question_link),
            *below("approve", "deny"),
            link_to("approved_or_denied_by", "users"),
        ),
        summary=(
            Summary("workflow_job_template", batch=_workflow),
            Summary("workflow_job", batch=_workflow_job),
            Summary("workflow_approval_template", batch=_question),
            Summary("approved_or_denied_by"),
            *(one for one in JOB_SUMMARY if one.name not in ("organization", "modified_by")),
        ),
        summarize=summarize_jobs,
        actions={"approve": _answer(True), "deny": _answer(False)},
        access=POLICY,
        hooks=Hooks(deleting=refuse_deletion),
        list_methods=("GET",),
        detail_methods=("GET", "DELETE"),
    )


def _question_link(row: WorkflowApproval) -> tuple[str, Any] | None:
    key = row.unified_job_template_id
    return None if key is None else ("workflow_approval_templates", key)


def _template() -> Resource:
    return Resource(
        name="workflow_approval_templates",
        type="workflow_approval_template",
        model=WorkflowApprovalTemplate,
        title="Workflow Approval Template",
        fields=(
            *NAMED,
            read_only("last_job_run", "datetime"),
            read_only("last_job_failed", "boolean"),
            read_only("next_job_run", "datetime"),
            read_only("status", "choice", choices=TEMPLATE_STATUSES),
            Field("execution_environment", "id", to="execution_environments", null=True, default=None),
            Field("timeout", "integer", default=0, min_value=0, max_value=MAX_INTEGER),
        ),
        related=(*AUTHORS, Related("jobs", "approvals")),
        summary=(
            Summary("workflow_job_template", batch=_workflow_of_template),
            *AUTHORS_SUMMARY,
            Summary("resolved_environment", batch=environments, detail=True),
        ),
        summarize=plain("id", "name", "description", "timeout"),
        sublists={"approvals": SubList("workflow_approvals", query=_approvals)},
        access=policies.WorkflowApprovalTemplates(),
        hooks=Hooks(deleting=_deleting),
        list_methods=(),
        detail_methods=("GET", "PUT", "PATCH", "DELETE"),
    )
