# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``launch`` of workflow job templates: what a launch would have to say, and the launch itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field
from holdfast.api.resources.job_template_launch import launched, may_use, survey_enabled, variables_needed
from holdfast.auth import policies
from holdfast.db.models import WorkflowJobTemplate, WorkflowJobTemplateNode
from holdfast.jobs import idempotency, launch_request, prompting

POLICY = policies.WorkflowJobTemplates()
FIELDS = (
    Field("inventory", "id", to="inventories", null=True),
    Field("limit"),
    Field("scm_branch", max_length=1024),
    Field("extra_vars", "json"),
    Field("labels", "list_of_ids", to="labels"),
    Field("skip_tags", max_length=1024),
    Field("job_tags"),
)


def _show(call: Call, template: WorkflowJobTemplate) -> Reply:
    needed = variables_needed(template)
    flags = {flag: bool(getattr(template, flag)) for flag in prompting.asks(template).values()}
    missing = _missing(call, template)
    ready = not (any(flags.values()) or needed or missing)
    inventory = template.inventory
    defaults: dict[str, Any] = {
        "inventory": {"name": inventory.name if inventory else None, "id": inventory.id if inventory else None},
        **{name: getattr(template, name) or None for name in ("limit", "scm_branch", "job_tags", "skip_tags")},
        "extra_vars": template.extra_vars,
    }
    if template.labels:
        defaults["labels"] = [{"id": label.id, "name": label.name} for label in template.labels]
    return Reply(
        body={
            **flags,
            "can_start_without_user_input": ready,
            "defaults": defaults,
            "survey_enabled": survey_enabled(template),
            "variables_needed_to_start": needed,
            "node_templates_missing": missing,
            "node_prompts_rejected": [],
            "workflow_job_template_data": {
                "name": template.name, "id": template.id, "description": template.description,
            },
        }
    )  # fmt: skip


def _missing(call: Call, template: WorkflowJobTemplate) -> list[int]:
    """The nodes whose template is gone."""
    query = select(WorkflowJobTemplateNode.id).where(
        WorkflowJobTemplateNode.workflow_job_template_id == template.id,
        WorkflowJobTemplateNode.unified_job_template_id.is_(None),
    )
    return list(call.session.scalars(query.order_by(WorkflowJobTemplateNode.id)))


def _launch(call: Call, template: WorkflowJobTemplate) -> Reply:
    if not POLICY.may_start(call, template):
        raise Forbidden()
    what = f"workflow_job_templates/{template.id}/launch"
    known = idempotency.known(call, what)
    if known is not None:
        return launched(call, known, {}, replayed=True)
    given = launch_request.clean(call, FIELDS, call.data)
    judged = prompting.judge(call.session, template, given)
    if judged.errors:
        raise Invalid(judged.errors)
    if not may_use(call, template, judged.accepted):
        raise Forbidden()
    job = call.controller.services["workflows"].launch(call, template, judged.accepted)
    idempotency.remember(call, job, what, {})
    return launched(call, job, {})


LAUNCH = Action({"GET": _show, "POST": _launch}, title="Workflow Job Template Launch", fields=FIELDS)
