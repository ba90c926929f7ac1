# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of workflow job templates and of workflow jobs: what they launch, with which prompts, and their edges."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import find_cycle
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, object_session

from holdfast.api import render, views, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources.common import STAMPS, below, link_to
from holdfast.auth.policies import WorkflowJobNodes, WorkflowJobTemplateNodes
from holdfast.db.models import (
    UnifiedJobTemplate,
    WorkflowApprovalTemplate,
    WorkflowJobNode,
    WorkflowJobTemplateNode,
)
from holdfast.jobs import prompting, surveys
from holdfast.runs.rows import COPIED

EDGES = ("success_nodes", "failure_nodes", "always_nodes")
VERBOSITIES = (
    (None, "---------"), (0, "0 (Normal)"), (1, "1 (Verbose)"), (2, "2 (More Verbose)"), (3, "3 (Debug)"),
    (4, "4 (Connection Debug)"), (5, "5 (WinRM Debug)"),
)  # fmt: skip
JOB_TYPES = ((None, "---------"), ("", "---------"), ("run", "Run"), ("check", "Check"))
ENCRYPTED = "$encrypted$"


def _ids(name: str) -> Any:
    return lambda _call, row: sorted(one.id for one in getattr(row, name))


def _extra_data(_call: Call, row: Any) -> dict[str, Any]:
    return {**row.extra_data, **dict.fromkeys(row.secret_data, ENCRYPTED)}


PROMPT_FIELDS = (
    Field("extra_data", "json", default=dict, value=_extra_data),
    Field("inventory", "id", to="inventories", null=True, default=None),
    Field("scm_branch", null=True, default=None, filterable=False),
    Field("job_type", "choice", null=True, default=None, choices=JOB_TYPES, filterable=False),
    Field("job_tags", null=True, default=None, filterable=False),
    Field("skip_tags", null=True, default=None, filterable=False),
    Field("limit", null=True, default=None, filterable=False),
    Field("diff_mode", "boolean", null=True, default=None, filterable=False),
    Field("verbosity", "choice", null=True, default=None, choices=VERBOSITIES, filterable=False),
    Field("execution_environment", "id", to="execution_environments", null=True, default=None),
    Field("forks", "integer", null=True, default=None, min_value=0, filterable=False),
    Field("job_slice_count", "integer", null=True, default=None, min_value=0, filterable=False),
    Field("timeout", "integer", null=True, default=None, filterable=False),
)
EDGE_FIELDS = tuple(Field(name, "field", read_only=True, filterable=False, value=_ids(name)) for name in EDGES)


def template_link(row: Any) -> tuple[str, Any] | None:
    """Where the template of a node is: in the list of its kind."""
    template = row.unified_job_template
    return None if template is None else (f"{template.type}s", template.id)


def job_link(row: WorkflowJobNode) -> tuple[str, Any] | None:
    """Where the job of a node is."""
    return None if row.job is None else (f"{row.job.type}s", row.job.id)


def _template_summary(_call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    render.prefetch(_call, rows, "unified_job_template")
    found = {}
    for row in rows:
        template = row.unified_job_template
        if template is not None:
            kind = UNIFIED_JOB_TYPE[template.type]
            found[row.id] = {
                "id": template.id, "name": template.name, "description": template.description, "unified_job_type": kind,
            }  # fmt: skip
            if isinstance(template, WorkflowApprovalTemplate):
                found[row.id]["timeout"] = template.timeout
    return found


UNIFIED_JOB_TYPE = {
    "job_template": "job",
    "project": "project_update",
    "inventory_source": "inventory_update",
    "system_job_template": "system_job",
    "workflow_job_template": "workflow_job",
    "workflow_approval_template": "workflow_approval",
}


def _job_summary(call: Call, rows: Sequence[WorkflowJobNode]) -> Mapping[int, Any]:
    render.prefetch(call, rows, "job")
    shown = ("id", "name", "description", "status", "failed", "elapsed", "type")
    return {row.id: {name: getattr(row.job, name) for name in shown} for row in rows if row.job is not None}


# --- writing ------------------------------------------------------------------------------------------------------


def validate(call: Call, data: dict[str, Any], row: WorkflowJobTemplateNode | None) -> None:
    """The template must be one that a workflow may launch, and take the prompts."""
    if row is not None and data.get("workflow_job_template_id", row.workflow_job_template_id) != row.workflow_job_template_id:  # fmt: skip
        raise Invalid({"workflow_job_template": ["Cannot change the workflow of a node."]})
    if not data.get("identifier", "" if row is None else row.identifier):
        data["identifier"] = str(uuid.uuid4())
    template_id = data.get("unified_job_template_id", row.unified_job_template_id if row is not None else None)
    template = call.session.get(UnifiedJobTemplate, template_id) if template_id is not None else None
    if template is not None and template.type == "system_job_template":
        raise Invalid({"unified_job_template": ["Cannot nest a System Job Template inside a workflow."]})
    _check_prompts(call, data, row, template)


def _check_prompts(call: Call, data: dict[str, Any], row: Any, template: UnifiedJobTemplate | None) -> None:
    extra = data.get("extra_data")
    if extra is not None and not isinstance(extra, dict):
        raise Invalid({"extra_data": ["Value must be valid JSON or YAML."]})
    kept = dict(row.secret_data) if row is not None else {}
    if extra is not None:
        _seal(call, data, template, kept)
    names = [name for name in prompting.ASK[_widest()] if name not in ("extra_vars", "labels", "credentials", "instance_groups")]  # fmt: skip
    given: dict[str, Any] = {}
    for name in names:
        attribute = f"{name}_id" if name in ("inventory", "execution_environment") else name
        value = data.get(attribute, getattr(row, attribute, None) if row is not None else None)
        given[name] = _objects(call, name).get(value) if attribute.endswith("_id") and value else value
    opened = surveys.open_values(data.get("secret_data", kept), call.controller.secrets)
    given["extra_vars"] = {**data.get("extra_data", row.extra_data if row is not None else {}), **opened}
    if template is None:
        return
    judged = prompting.judge(call.session, template, given, exclude=(prompting.REQUIRED,))
    judged.errors.pop("resources_needed_to_start", None)
    if judged.errors:
        raise Invalid(judged.errors)


def _widest() -> type[Any]:
    return next(kind for kind, prompts in prompting.ASK.items() if "verbosity" in prompts)


class _Objects:
    """Objects of one resource by id."""

    def __init__(self, call: Call, resource: str) -> None:
        self._call = call
        self._model = call.controller.registry.resources[resource].model

    def get(self, key: int) -> Any:
        """The object with this id."""
        return self._call.session.get(self._model, key)


def _objects(call: Call, name: str) -> _Objects:
    return _Objects(call, "inventories" if name == "inventory" else "execution_environments")


def _seal(call: Call, data: dict[str, Any], template: UnifiedJobTemplate | None, kept: dict[str, Any]) -> None:
    """Keep secret answers of a node apart from the others, encrypted; ``$encrypted$`` keeps the one there is."""
    extra = dict(data["extra_data"])
    secret = set(surveys.password_variables(template)) if template is not None and template.survey_spec else set()
    fresh: dict[str, Any] = {}
    for name in [one for one in extra if one in secret]:
        value = extra.pop(name)
        if value == ENCRYPTED and name in kept:
            fresh[name] = kept[name]
        else:
            fresh.update(surveys.seal_values({name: value}, call.controller.secrets))
    data["extra_data"], data["secret_data"] = extra, fresh


def check_edge(_call: Call, parent: Any, child: Any, edge: str) -> None:
    """Refuse an edge to another workflow, a second one between the same nodes, and whatever closes a circle."""
    if parent.workflow_job_template_id != child.workflow_job_template_id:
        raise Invalid({"Error": "Cannot link nodes of two workflows."})
    if any(child in getattr(parent, other) for other in EDGES if other != edge):
        raise Invalid({"Error": "Relationship not allowed."})
    session = object_session(parent)
    rows = session.scalars(
        select(WorkflowJobTemplateNode).where(
            WorkflowJobTemplateNode.workflow_job_template_id == parent.workflow_job_template_id
        )
    ).all() if session is not None else []  # fmt: skip
    children = {str(row.id): [str(one.id) for name in EDGES for one in getattr(row, name)] for row in rows}
    children.setdefault(str(parent.id), []).append(str(child.id))
    if find_cycle(children):
        raise Invalid({"Error": "Cycle detected."})


def _on_edge(edge: str) -> Any:
    def on_attach(call: Call, parent: Any, child: Any, _data: dict[str, Any]) -> bool:
        check_edge(call, parent, child, edge)
        return False

    return on_attach


def _same_workflow(_call: Call, parent: WorkflowJobTemplateNode, data: dict[str, Any]) -> dict[str, Any]:
    """A node that is made below another one belongs to the same workflow."""
    return data if "id" in data else {**data, "workflow_job_template": parent.workflow_job_template_id}


def _create_approval(call: Call, row: WorkflowJobTemplateNode) -> Reply:
    """POST create_approval_template: make the question that the node asks."""
    resource = call.controller.registry.resources["workflow_approval_templates"]
    if not WorkflowJobTemplateNodes().may_change(call, row, {}):
        raise Forbidden()
    values = writes.clean(call, resource, call.data)
    if values["timeout"] < 0:
        raise Invalid({"timeout": ["Ensure this value is greater than or equal to 0."]})
    template = WorkflowApprovalTemplate(**values, created_by_id=call.user.id if call.user else None)
    template.modified_by_id = template.created_by_id
    call.session.add(template)
    call.session.flush()
    row.unified_job_template_id = template.id
    call.session.flush()
    call.session.expire(row, ["unified_job_template"])
    location = call.url(resource.name, template.id)
    return Reply(201, render.render_one(call, template, resource), {"Location": location})


def _deleting(call: Call, row: WorkflowJobTemplateNode) -> Reply | None:
    """The question of an approval node goes with it."""
    template = row.unified_job_template
    resource = call.controller.registry.resources["workflow_job_template_nodes"]
    views.delete_row(call, resource, row)
    if isinstance(template, WorkflowApprovalTemplate):
        call.session.delete(template)
    return Reply(204)


def copy_design(session: Session, old: Any, new: Any) -> None:
    """Draw the nodes and edges of one workflow in another; an approval node gets a question of its own."""
    query = select(WorkflowJobTemplateNode).where(WorkflowJobTemplateNode.workflow_job_template_id == old.id)
    originals = session.scalars(query.order_by(WorkflowJobTemplateNode.id)).all()
    twins: dict[int, WorkflowJobTemplateNode] = {}
    for one in originals:
        twin = WorkflowJobTemplateNode(workflow_job_template_id=new.id, **{name: getattr(one, name) for name in COPIED})
        question = one.unified_job_template
        if isinstance(question, WorkflowApprovalTemplate):
            asked = WorkflowApprovalTemplate(
                name=question.name, description=question.description, timeout=question.timeout
            )
            session.add(asked)
            session.flush()
            twin.unified_job_template_id = asked.id
        for name in ("labels", "credentials", "instance_groups"):
            getattr(twin, name).extend(getattr(one, name))
        session.add(twin)
        twins[one.id] = twin
    session.flush()
    for one in originals:
        for edge in EDGES:
            getattr(twins[one.id], edge).extend(twins[child.id] for child in getattr(one, edge))


# --- declarations -------------------------------------------------------------------------------------------------


def nodes_of(attribute: str) -> Any:
    """The query of a template's or job's nodes."""

    def query(_call: Call, parent: Any) -> Select[Any]:
        model = WorkflowJobTemplateNode if attribute == "workflow_job_template_id" else WorkflowJobNode
        return select(model).where(getattr(model, attribute) == parent.id)

    return query


def _prompt_lists(attach: bool) -> dict[str, SubList]:
    return {
        "labels": SubList("labels", relation="labels", attach=attach, create=attach),
        "credentials": SubList("credentials", relation="credentials", attach=attach),
        "instance_groups": SubList("instance_groups", relation="instance_groups", attach=attach, ordered=True),
    }


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(_template_nodes(), _job_nodes())


def _template_nodes() -> Resource:
    name = "workflow_job_template_nodes"
    edges = {
        edge: SubList(name, relation=edge, attach=True, create=True, posted=_same_workflow, on_attach=_on_edge(edge))
        for edge in EDGES
    }
    return Resource(
        name=name,
        type="workflow_job_template_node",
        model=WorkflowJobTemplateNode,
        title="Workflow Job Template Node",
        fields=(
            *STAMPS,
            *PROMPT_FIELDS,
            Field("workflow_job_template", "id", to="workflow_job_templates", required=True),
            Field("unified_job_template", "id", to="unified_job_templates", null=True, default=None),
            *EDGE_FIELDS,
            Field("all_parents_must_converge", "boolean", default=False),
            Field("identifier", max_length=512, default=""),
        ),
        related=(
            *below("labels", "credentials", "instance_groups", "create_approval_template", *EDGES),
            Related("unified_job_template", to=template_link),
            link_to("workflow_job_template", "workflow_job_templates"),
        ),
        summary=(Summary("inventory"), Summary("workflow_job_template"), Summary("unified_job_template", _template_summary)),
        sublists={**_prompt_lists(True), **edges},
        actions={"create_approval_template": Action({"GET": lambda _c, _r: Reply(body={}), "POST": _create_approval}, "Workflow Job Template Node Create Approval")},
        access=WorkflowJobTemplateNodes(),
        hooks=Hooks(validate=validate, deleting=_deleting),
        unique=(("identifier", "workflow_job_template"),),
        named_url=("identifier", "workflow_job_template"),
        search_fields=("unified_job_template__name", "unified_job_template__description"),
    )  # fmt: skip


def _job_nodes() -> Resource:
    name = "workflow_job_nodes"
    return Resource(
        name=name,
        type="workflow_job_node",
        model=WorkflowJobNode,
        title="Workflow Job Node",
        fields=(
            *STAMPS,
            *PROMPT_FIELDS,
            Field("job", "id", to="unified_jobs", null=True),
            Field("workflow_job", "id", to="workflow_jobs", null=True),
            Field("unified_job_template", "id", to="unified_job_templates", null=True),
            *EDGE_FIELDS,
            Field("all_parents_must_converge", "boolean", default=False),
            Field("do_not_run", "boolean", default=False),
            Field("identifier", max_length=512, default=""),
        ),
        related=(
            *below("labels", "credentials", "instance_groups", *EDGES),
            Related("unified_job_template", to=template_link),
            Related("job", to=job_link),
            link_to("workflow_job", "workflow_jobs"),
        ),
        summary=(
            Summary("inventory"), Summary("job", _job_summary), Summary("workflow_job"),
            Summary("unified_job_template", _template_summary),
        ),
        sublists={**_prompt_lists(False), **{edge: SubList(name, relation=edge) for edge in EDGES}},
        access=WorkflowJobNodes(),
        list_methods=("GET",),
        detail_methods=("GET",),
        search_fields=("unified_job_template__name", "unified_job_template__description"),
        activity=False,
    )  # fmt: skip
