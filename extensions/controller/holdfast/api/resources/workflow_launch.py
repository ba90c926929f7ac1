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
from holdfast.db.models import UnifiedJobTemplate, WorkflowJobTemplate, WorkflowJobTemplateNode
from holdfast.jobs import idempotency, launch_request, prompting, saved_launch
from holdfast.runs.launching import WORDS

POLICY = policies.WorkflowJobTemplates()
FIELDS = (
    Field("inventory", "id", to="inventories"),
    Field("limit"),
    Field("scm_branch", max_length=1024),
    Field("extra_vars", "json"),
    Field("labels", "list_of_ids", to="labels"),
    Field("skip_tags", max_length=1024),
    Field("job_tags"),
)
LEAVING_INVENTORY = "The inventory associated with this Workflow is being deleted."


def _show(call: Call, template: WorkflowJobTemplate) -> Reply:
    needed = variables_needed(template)
    inventory = template.inventory
    defaults: dict[str, Any] = {
        "inventory": {"name": inventory.name if inventory else None, "id": inventory.id if inventory else None},
        **{name: getattr(template, name) for name in (*WORDS, "extra_vars")},
    }
    if template.labels:
        defaults["labels"] = [{"id": label.id, "name": label.name} for label in template.labels]
    missing, rejected = _nodes(call, template)
    return Reply(
        body={
            **{flag: bool(getattr(template, flag)) for flag in prompting.asks(template).values()},
            "can_start_without_user_input": not needed,
            "defaults": defaults,
            "survey_enabled": survey_enabled(template),
            "variables_needed_to_start": needed,
            "node_templates_missing": missing,
            "node_prompts_rejected": rejected,
            "workflow_job_template_data": {
                "name": template.name,
                "id": template.id,
                "description": template.description,
            },
        }
    )


def _nodes(call: Call, template: WorkflowJobTemplate) -> tuple[list[int], list[int]]:
    """The nodes whose template is gone, and those whose template does not take their prompts any more."""
    query = select(WorkflowJobTemplateNode).where(WorkflowJobTemplateNode.workflow_job_template_id == template.id)
    nodes = call.session.scalars(query.order_by(WorkflowJobTemplateNode.id)).all()
    call.fetch(UnifiedJobTemplate, [node.unified_job_template_id for node in nodes])
    missing = [node.id for node in nodes if node.unified_job_template is None]
    secrets = call.controller.secrets
    rejected = [
        node.id
        for node in nodes
        if node.unified_job_template is not None
        and prompting.judge(call.session, node.unified_job_template, saved_launch.kept(secrets, node)).errors
    ]
    return missing, rejected


def _launch(call: Call, template: WorkflowJobTemplate) -> Reply:
    if not POLICY.may_start(call, template):
        raise Forbidden()
    what = f"workflow_job_templates/{template.id}/launch"
    known = idempotency.known(call, what)
    if known is not None:
        return launched(call, known, {}, replayed=True)
    accepted = _accepted(call, template)
    if not may_use(call, template, accepted):
        raise Forbidden()
    job = call.controller.services["workflows"].launch(call, template, accepted)
    idempotency.remember(call, job, what, {})
    return launched(call, job, {})


def _accepted(call: Call, template: WorkflowJobTemplate) -> dict[str, Any]:
    """What a launch decides. Raises Invalid with everything that is wrong: here nothing is passed over."""
    body = call.data
    if "inventory_id" in body:
        body["inventory"] = body["inventory_id"]
    judged = prompting.judge(call.session, template, launch_request.clean(call, FIELDS, body))
    inventory = judged.accepted.get("inventory")
    if template.inventory is not None and template.inventory.pending_deletion:
        judged.errors["inventory"] = [LEAVING_INVENTORY]
    elif inventory is not None and inventory.pending_deletion:
        judged.errors["inventory"] = [launch_request.LEAVING_GIVEN_INVENTORY]
    if judged.errors:
        raise Invalid(judged.errors)
    return judged.accepted


LAUNCH = Action({"GET": _show, "POST": _launch}, title="Workflow Job Template Launch", fields=FIELDS)
