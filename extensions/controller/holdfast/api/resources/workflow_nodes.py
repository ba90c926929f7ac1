# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of workflow job templates and of workflow jobs: what they launch, with which prompts, and their edges."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, select

from holdfast.api import activity, render, views, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden
from holdfast.api.registry import UNSET, Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources import labels, workflow_edges
from holdfast.api.resources.common import STAMPS, below, link_to
from holdfast.api.resources.job_parts import MAX_INTEGER, RESOURCE_OF, brief, read_only, unified_job_template
from holdfast.api.resources.schedules import PROMPT_FIELDS, saved_credential
from holdfast.api.resources.workflow_edges import EDGE_FIELDS, EDGES
from holdfast.auth import policies, roles
from holdfast.auth.policies.jobs import may_execute
from holdfast.db.models import (
    UnifiedJob,
    UnifiedJobTemplate,
    WorkflowApproval,
    WorkflowApprovalTemplate,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplate,
    WorkflowJobTemplateNode,
)
from holdfast.jobs import prompting, saved_launch
from holdfast.runs.rows import COPIED

POLICY = policies.WorkflowJobTemplateNodes()
QUESTION_FIELDS = (
    Field("name", required=True, max_length=512),
    Field("description", default=""),
    Field("timeout", "integer", default=0, min_value=0, max_value=MAX_INTEGER),
)
"""What is said of a question that a node asks."""
_OF_NO_TEMPLATE = ("workflow_job_template_id", "unified_job_template_id", "identifier", "all_parents_must_converge")

PROMPTS = tuple(replace(one, default=UNSET) if one.to else one for one in PROMPT_FIELDS)

# --- what is shown ----------------------------------------------------------------------------------------------------


def _template_link(row: Any) -> tuple[str, Any] | None:
    template = row.unified_job_template
    return None if template is None else (RESOURCE_OF[template.type], template.id)


def _job_link(row: WorkflowJobNode) -> tuple[str, Any] | None:
    return None if row.job is None else (RESOURCE_OF[row.job.type], row.job.id)


def _template_with_timeout(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    found = {key: dict(shown) for key, shown in unified_job_template(call, rows).items()}
    for row in rows:
        if isinstance(row.unified_job_template, WorkflowApprovalTemplate):
            found[row.id]["timeout"] = row.unified_job_template.timeout
    return found


def _job(call: Call, rows: Sequence[WorkflowJobNode]) -> Mapping[int, Any]:
    call.fetch(UnifiedJob, [row.job_id for row in rows])
    found = {}
    for row in rows:
        if row.job is not None:
            found[row.id] = brief(row.job)
            if isinstance(row.job, WorkflowApproval):
                found[row.id]["timed_out"] = bool(row.job.timed_out)
    return found


def _workflow_job(call: Call, rows: Sequence[WorkflowJobNode]) -> Mapping[int, Any]:
    jobs = call.fetch(WorkflowJob, [row.workflow_job_id for row in rows])
    return {row.id: named(jobs[row.workflow_job_id]) for row in rows}


def named(row: Any) -> dict[str, Any]:
    """The few words that summaries have of most objects."""
    return {"id": row.id, "name": row.name, "description": row.description}


# --- writing ----------------------------------------------------------------------------------------------------------


def _validate(call: Call, data: dict[str, Any], row: WorkflowJobTemplateNode | None) -> None:
    """The template must be one that a workflow may launch, and take the prompts."""
    if row is None and not data.get("identifier"):
        data["identifier"] = str(uuid.uuid4())
    if row is not None:
        call.cache["template before", row.id] = row.unified_job_template_id
    key = data.get("unified_job_template_id", row.unified_job_template_id if row is not None else None)
    template = call.session.get(UnifiedJobTemplate, key) if key is not None else None
    if template is None:
        for name in set(data) - {*_OF_NO_TEMPLATE}:
            del data[name]
        return
    # What is asked for and left out here, the launch of the workflow may give.
    saved_launch.check(call, data, row, template, exclude=(prompting.REQUIRED, prompting.INVENTORY))


def _updated(call: Call, row: WorkflowJobTemplateNode, _before: Mapping[str, Any]) -> None:
    """A question that its node does not ask any more is nobody's."""
    old = call.cache.pop(("template before", row.id))
    if old != row.unified_job_template_id:
        _drop_question(call, old)


def _deleting(call: Call, row: WorkflowJobTemplateNode) -> Reply:
    """The question of an approval node goes with it."""
    question = row.unified_job_template_id
    views.delete_row(call, call.controller.registry.of_row(row), row)
    _drop_question(call, question)
    return Reply(204)


def _drop_question(call: Call, template_id: int | None) -> None:
    """Delete an approval template that no node asks any more."""
    question = call.session.get(WorkflowApprovalTemplate, template_id) if template_id is not None else None
    asked = select(WorkflowJobTemplateNode.id).where(WorkflowJobTemplateNode.unified_job_template_id == template_id)
    if question is not None and call.session.scalar(asked.limit(1)) is None:
        call.session.delete(question)
        call.session.flush()


def _create_question(call: Call, row: WorkflowJobTemplateNode) -> Reply:
    """POST create_approval_template: make the question that the node asks, in the place of the one it asked."""
    workflow = row.workflow_job_template
    if not policies.WorkflowJobTemplates().may_change(call, workflow, {}):
        raise Forbidden()
    resource = call.controller.registry.resources["workflow_approval_templates"]
    values = writes.clean(call, resource, call.data)
    old = row.unified_job_template_id
    question = WorkflowApprovalTemplate(**values)
    question.created_by_id = question.modified_by_id = call.user.id if call.user is not None else None
    call.session.add(question)
    call.session.flush()
    activity.created(call, resource, question)
    row.unified_job_template_id = question.id
    call.session.flush()
    call.session.expire(row, ["unified_job_template"])
    _drop_question(call, old)
    return Reply(201, render.render_one(call, question, resource))


def _same_workflow(_call: Call, parent: WorkflowJobTemplateNode, data: dict[str, Any]) -> dict[str, Any]:
    """A node that is made below another one belongs to the same workflow."""
    return data if "id" in data else {**data, "workflow_job_template": parent.workflow_job_template_id}


# --- copies -----------------------------------------------------------------------------------------------------------


def copy_design(call: Call, old: WorkflowJobTemplate, new: WorkflowJobTemplate) -> None:
    """Draw the nodes and edges of one workflow in another, without what the user may not use.

    An approval node of the copy asks a question of its own.
    """
    session = call.session
    query = select(WorkflowJobTemplateNode).where(WorkflowJobTemplateNode.workflow_job_template_id == old.id)
    originals = session.scalars(query.order_by(WorkflowJobTemplateNode.id)).all()
    twins = {one.id: _twin(call, one, new) for one in originals}
    session.add_all(twins.values())
    session.flush()
    for one in originals:
        for edge in EDGES:
            getattr(twins[one.id], edge).extend(twins[child.id] for child in getattr(one, edge))
    session.flush()


def _twin(call: Call, one: WorkflowJobTemplateNode, workflow: WorkflowJobTemplate) -> WorkflowJobTemplateNode:
    values = {name: getattr(one, name) for name in COPIED}
    template, inventory = one.unified_job_template, one.inventory
    if isinstance(template, WorkflowApprovalTemplate):
        user_id = call.user.id if call.user is not None else None
        question = WorkflowApprovalTemplate(
            name=template.name, description=template.description, timeout=template.timeout,
            created_by_id=user_id, modified_by_id=user_id,
        )  # fmt: skip
        call.session.add(question)
        call.session.flush()
        values["unified_job_template_id"] = question.id
    elif template is not None and not may_execute(call, template):
        values["unified_job_template_id"] = None
    if inventory is not None and not roles.has(call, "inventory", inventory, "use_role"):
        values["inventory_id"] = None
    usable = [credential for credential in one.credentials if roles.has(call, "credential", credential, "use_role")]
    return WorkflowJobTemplateNode(
        workflow_job_template_id=workflow.id,
        labels=list(one.labels),
        credentials=usable,
        instance_groups=list(one.instance_groups),
        **values,
    )


# --- declarations -----------------------------------------------------------------------------------------------------


def nodes_of(attribute: str) -> Any:
    """The query of a template's or job's nodes."""

    def query(_call: Call, parent: Any) -> Select[Any]:
        model = WorkflowJobTemplateNode if attribute == "workflow_job_template_id" else WorkflowJobNode
        return select(model).where(getattr(model, attribute) == parent.id)

    return query


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(_template_nodes(), _job_nodes())


FIELDS_OF_ALL = ("unified_job_template__name", "unified_job_template__description")
"""What a search among nodes looks at."""


TEMPLATE_NODES = "workflow_job_template_nodes"
_EDGE_LISTS = {
    edge: SubList(
        TEMPLATE_NODES,
        relation=edge,
        attach=True,
        create=True,
        posted=_same_workflow,
        on_attach=workflow_edges.on_attach(edge),
    )
    for edge in EDGES
}


def _template_nodes() -> Resource:
    return Resource(
        name=TEMPLATE_NODES,
        type="workflow_job_template_node",
        model=WorkflowJobTemplateNode,
        title="Workflow Job Template Node",
        fields=(
            *STAMPS,
            *PROMPTS,
            Field("workflow_job_template", "id", to="workflow_job_templates", required=True, create_only=True),
            Field("unified_job_template", "id", to="unified_job_templates", null=True),
            *EDGE_FIELDS,
            Field("all_parents_must_converge", "boolean", default=False),
            Field(
                "identifier",
                max_length=512,
                default="",
                blank=False,
                post={"default": "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"},
            ),
        ),
        related=(
            *below("labels", "credentials", "instance_groups", "create_approval_template", *EDGES),
            Related("unified_job_template", to=_template_link),
            link_to("workflow_job_template", "workflow_job_templates"),
            link_to("inventory", "inventories"),
            link_to("execution_environment", "execution_environments"),
        ),
        summary=(
            Summary("inventory"),
            Summary("execution_environment"),
            Summary("workflow_job_template"),
            Summary("unified_job_template", batch=_template_with_timeout),
            Summary("edges", batch=workflow_edges.find_edges),
        ),
        sublists={
            "labels": labels.sublist("workflow job template node"),
            "credentials": SubList(
                "credentials", relation="credentials", attach=True, ordered=True, on_attach=saved_credential
            ),
            "instance_groups": SubList("instance_groups", relation="instance_groups", attach=True, ordered=True),
            **_EDGE_LISTS,
        },
        actions={
            "create_approval_template": Action(
                {"GET": lambda _call, _row: Reply(body={}), "POST": _create_question},
                title="Workflow Job Template Node Create Approval",
                fields=QUESTION_FIELDS,
            )
        },
        access=POLICY,
        hooks=Hooks(validate=_validate, updated=_updated, deleting=_deleting),
        unique=(("identifier", "workflow_job_template"),),
        named_url=("identifier", "workflow_job_template"),
        search_fields=FIELDS_OF_ALL,
    )


def _job_nodes() -> Resource:
    name = "workflow_job_nodes"
    return Resource(
        name=name,
        type="workflow_job_node",
        model=WorkflowJobNode,
        title="Workflow Job Node",
        fields=(
            *STAMPS,
            *PROMPTS,
            read_only("job", "id", to="unified_jobs"),
            read_only("workflow_job", "id", to="workflow_jobs"),
            Field("unified_job_template", "id", to="unified_job_templates", null=True),
            *EDGE_FIELDS,
            Field("all_parents_must_converge", "boolean", default=False),
            Field("do_not_run", "boolean", default=False),
            Field("identifier", max_length=512, default=""),
        ),
        related=(
            *below("labels", "credentials", "instance_groups", *EDGES),
            Related("unified_job_template", to=_template_link),
            Related("job", to=_job_link),
            link_to("workflow_job", "workflow_jobs"),
            link_to("inventory", "inventories"),
            link_to("execution_environment", "execution_environments"),
        ),
        summary=(
            Summary("inventory"),
            Summary("execution_environment"),
            Summary("job", batch=_job),
            Summary("workflow_job", batch=_workflow_job),
            Summary("unified_job_template", batch=unified_job_template),
            Summary("edges", batch=workflow_edges.find_edges),
        ),
        sublists={
            **{one: SubList(one, relation=one) for one in ("labels", "credentials", "instance_groups")},
            **{edge: SubList(name, relation=edge) for edge in EDGES},
        },
        access=policies.WorkflowJobNodes(),
        list_methods=("GET",),
        detail_methods=("GET",),
        search_fields=FIELDS_OF_ALL,
        activity=False,
    )
