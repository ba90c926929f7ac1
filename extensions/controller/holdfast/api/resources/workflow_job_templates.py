# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflow job templates: a graph of templates and questions, launched as one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call, Reply
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources import access, in_use, labels, survey_specs
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, ORGANIZATION_LINK, below, link_to
from holdfast.api.resources.job_parts import TEMPLATE_STATUSES, WEBHOOK_SERVICES, read_only
from holdfast.api.resources.job_templates import (
    SCHEDULES,
    WEBHOOK_KEY,
    check_webhook,
    notification_lists,
    receiver,
    survey,
)
from holdfast.api.resources.template_parts import LAST_AND_CURRENT, TEMPLATE_LINKS, recent_jobs
from holdfast.api.resources.workflow_launch import LAUNCH
from holdfast.api.resources.workflow_nodes import copy_design, nodes_of
from holdfast.api.variables import clean
from holdfast.auth import policies
from holdfast.db.models import UnifiedJob, WorkflowJob, WorkflowJobTemplate

FLAGS = ("survey_enabled", "allow_simultaneous", "ask_variables_on_launch")


def _word(name: str, **more: Any) -> Field:
    """A prompt that the workflow may give to its nodes; null leaves it to them."""
    return Field(name, null=True, default=None, filterable=False, **more)


FIELDS: tuple[Field, ...] = (
    *NAMED,
    read_only("last_job_run", "datetime"),
    read_only("last_job_failed", "boolean"),
    read_only("next_job_run", "datetime"),
    read_only("status", "choice", choices=TEMPLATE_STATUSES),
    Field("extra_vars", "json", default="", clean=clean),
    Field("organization", "id", to="organizations", null=True, default=None),
    *(Field(name, "boolean", default=False) for name in FLAGS),
    Field("inventory", "id", to="inventories", null=True, default=None),
    _word("limit"),
    _word("scm_branch", max_length=1024),
    Field("ask_inventory_on_launch", "boolean", default=False),
    Field("ask_scm_branch_on_launch", "boolean", default=False),
    Field("ask_limit_on_launch", "boolean", default=False),
    Field("webhook_service", "choice", choices=WEBHOOK_SERVICES, default=""),
    Field("webhook_credential", "id", to="credentials", null=True, default=None),
    Field("ask_labels_on_launch", "boolean", default=False),
    Field("ask_skip_tags_on_launch", "boolean", default=False),
    Field("ask_tags_on_launch", "boolean", default=False),
    _word("skip_tags", max_length=1024),
    _word("job_tags"),
)


def _deleting(call: Call, row: WorkflowJobTemplate) -> Reply | None:
    in_use.refuse_if_running(call, UnifiedJob.unified_job_template_id == row.id)
    return None


def _copied(call: Call, old: WorkflowJobTemplate, new: WorkflowJobTemplate) -> None:
    """A copy asks the same questions and has the same nodes; its approvals are questions of its own."""
    new.survey_spec = dict(old.survey_spec or {})
    new.webhook_key = ""
    copy_design(call, old, new)


def _jobs(_call: Call, row: WorkflowJobTemplate) -> Select[Any]:
    return select(WorkflowJob).where(WorkflowJob.unified_job_template_id == row.id)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="workflow_job_templates",
            type="workflow_job_template",
            model=WorkflowJobTemplate,
            title="Workflow Job Template",
            fields=FIELDS,
            related=(
                *AUTHORS,
                *TEMPLATE_LINKS,
                *below("workflow_jobs", "schedules", "launch", "webhook_key"),
                receiver("workflow_job_templates"),
                *below("workflow_nodes", "labels", "activity_stream"),
                *below("notification_templates_started", "notification_templates_success"),
                *below("notification_templates_error", "notification_templates_approvals", "access_list"),
                *below("object_roles", "survey_spec", "copy"),
                ORGANIZATION_LINK,
                link_to("inventory", "inventories"),
                link_to("webhook_credential", "credentials"),
            ),
            summary=(
                Summary("organization"),
                Summary("inventory"),
                *LAST_AND_CURRENT,
                Summary("webhook_credential"),
                *AUTHORS_SUMMARY,
                access.object_roles_summary("workflow_job_template"),
                Summary("labels", batch=labels.summary),
                Summary("survey", batch=survey),
                Summary("recent_jobs", batch=recent_jobs),
            ),
            summarize=plain("id", "name", "description"),
            sublists={
                "labels": labels.sublist("workflow job template"),
                "workflow_jobs": SubList("workflow_jobs", query=_jobs),
                "workflow_nodes": SubList(
                    "workflow_job_template_nodes",
                    query=nodes_of("workflow_job_template_id"),
                    parent_field="workflow_job_template",
                    create=True,
                ),
                "schedules": SCHEDULES,
                **notification_lists("started", "success", "error", "approvals"),
                "object_roles": access.object_roles("workflow_job_template"),
                "activity_stream": access.activity_stream("workflow_job_template"),
            },
            actions={
                "access_list": access.access_list("workflow_job_template"),
                "launch": LAUNCH,
                "webhook_key": WEBHOOK_KEY,
                "survey_spec": survey_specs.ACTION,
            },
            access=policies.WorkflowJobTemplates(),
            hooks=Hooks(validate=check_webhook, deleting=_deleting, copied=_copied),
            unique=(("name", "organization"),),
            named_url=("name", "organization"),
            order_by=("name",),
            object_roles=True,
            copy=("labels",),
        )
    )
