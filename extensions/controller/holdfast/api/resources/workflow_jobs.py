# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflow jobs: each one run of a workflow."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources import access, labels
from holdfast.api.resources.common import AUTHORS, below
from holdfast.api.resources.job_actions import cancel_action, refuse_deletion
from holdfast.api.resources.job_parts import (
    JOB_FIELDS,
    JOB_LINKS,
    JOB_SUMMARY,
    WEBHOOK_SERVICES,
    read_only,
    summarize_jobs,
)
from holdfast.api.resources.job_template_launch import launched
from holdfast.api.resources.jobs import notifications_of
from holdfast.api.resources.workflow_nodes import nodes_of
from holdfast.auth import policies
from holdfast.db.models import WorkflowJob
from holdfast.jobs import idempotency

NOT_SHOWN = ("execution_environment", "execution_node", "controller_node", "event_processing_finished")
"""Fields of other kinds of jobs that a workflow job has not: clients that wait look at ``finished``."""
ALL, FAILED = "all", "failed"
NODES = Field("nodes", "choice", choices=((ALL, "All nodes"), (FAILED, "Nodes that did not succeed")), default=ALL)
POLICY = policies.WorkflowJobs()


def _sliced(_call: Call, row: WorkflowJob) -> int | None:
    """The job template whose slices these are."""
    return row.unified_job_template_id if row.is_sliced_job else None


def _workflow(_call: Call, row: WorkflowJob) -> int | None:
    return None if row.is_sliced_job else row.unified_job_template_id


def _sliced_link(row: WorkflowJob) -> tuple[str, Any] | None:
    return ("job_templates", row.unified_job_template_id) if row.is_sliced_job else None


def _workflow_link(row: WorkflowJob) -> tuple[str, Any] | None:
    if row.is_sliced_job or row.unified_job_template_id is None:
        return None
    return ("workflow_job_templates", row.unified_job_template_id)


FIELDS: tuple[Field, ...] = (
    *(one for one in JOB_FIELDS if one.name not in NOT_SHOWN),
    read_only("workflow_job_template", "id", to="workflow_job_templates", value=_workflow),
    read_only("extra_vars", "json"),
    read_only("allow_simultaneous", "boolean"),
    read_only("job_template", "id", to="job_templates", value=_sliced),
    read_only("is_sliced_job", "boolean", value=lambda _call, row: bool(row.is_sliced_job)),
    read_only("inventory", "id", to="inventories"),
    read_only("limit", filterable=False),
    read_only("scm_branch", filterable=False),
    read_only("webhook_service", "choice", choices=WEBHOOK_SERVICES),
    read_only("webhook_credential", "id", to="credentials"),
    read_only("webhook_guid"),
    read_only("skip_tags", filterable=False),
    read_only("job_tags", filterable=False),
)


def _cancel(call: Call, row: WorkflowJob) -> None:
    by = call.user.username if call.user is not None else ""
    call.controller.services["workflows"].cancel(call.session, row, by)


def _relaunch(call: Call, row: WorkflowJob) -> Reply:
    """POST relaunch: all of it, or with ``{"nodes": "failed"}`` only what did not succeed."""
    if not POLICY.may_start(call, row):
        raise Forbidden()
    what = f"workflow_jobs/{row.id}/relaunch"
    known = idempotency.known(call, what)
    if known is not None:
        return _relaunched(call, known, replayed=True)
    nodes = call.data.get("nodes", ALL)
    if nodes not in (ALL, FAILED):
        raise Invalid({"nodes": [f'"{nodes}" is not a valid choice.']})
    workflows = call.controller.services["workflows"]
    try:
        job = workflows.resume(call, row) if nodes == FAILED else workflows.relaunch(call, row)
    except HoldfastError as error:
        raise Invalid({"detail": str(error)}) from None
    idempotency.remember(call, job, what, {})
    return _relaunched(call, job)


def _relaunched(call: Call, job: Any, replayed: bool = False) -> Reply:
    reply = launched(call, job, {}, replayed)
    for name in ("workflow_job", "ignored_fields"):
        reply.body.pop(name, None)
    return reply


def _deleting(call: Call, row: WorkflowJob) -> Reply | None:
    """What is known of the run goes with its workflow job; the jobs of its nodes stay."""
    refuse_deletion(call, row)
    if row.run_id is not None:
        call.controller.services["runs"].forget(call.session, row.run_id)
    return None


RELAUNCH = Action(
    {"GET": lambda _call, _row: Reply(body={}), "POST": _relaunch}, title="Workflow Job Relaunch", fields=(NODES,)
)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="workflow_jobs",
            type="workflow_job",
            model=WorkflowJob,
            title="Workflow Job",
            fields=FIELDS,
            related=(
                *AUTHORS,
                *JOB_LINKS,
                Related("workflow_job_template", to=_workflow_link),
                Related("job_template", to=_sliced_link),
                Related("notifications", "notifications", when=lambda row: row.unified_job_template_id is not None),
                *below("workflow_nodes", "labels", "activity_stream", "relaunch", "cancel"),
            ),
            summary=(
                Summary("inventory"),
                Summary("workflow_job_template"),
                *JOB_SUMMARY,
                Summary("labels", batch=labels.summary),
            ),
            summarize=summarize_jobs,
            sublists={
                "workflow_nodes": SubList("workflow_job_nodes", query=nodes_of("workflow_job_id")),
                "labels": SubList("labels", relation="labels"),
                "activity_stream": access.activity_stream("workflow_job"),
                "notifications": SubList("notifications", query=notifications_of),
            },
            actions={"cancel": cancel_action("Workflow Job", _cancel), "relaunch": RELAUNCH},
            access=POLICY,
            hooks=Hooks(deleting=_deleting),
            list_methods=("GET",),
            detail_methods=("GET", "DELETE"),
        )
    )
