# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``bulk/job_launch``: many templates launched together, as the nodes of one workflow job without a template."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast import setting_values
from holdfast.api import writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid
from holdfast.api.options import field_sent
from holdfast.api.registry import Field, Page, Registry, is_superuser
from holdfast.api.render import render_one
from holdfast.auth import roles
from holdfast.auth.policies.jobs import may_execute, may_prompt
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import Organization, UnifiedJobTemplate, WorkflowJob, WorkflowJobNode
from holdfast.jobs import launch_request, prompting, surveys
from holdfast.jobs.launch_request import JOB_TYPES, VERBOSITIES

NAME = "Bulk Job Launch"
ABOUT = "Send a list of unified job templates, each with what its launch is given."
EMPTY = "This list may not be empty."
TOO_MANY = "Number of requested jobs exceeds system setting BULK_JOB_MAX_LAUNCH"
TWICE = "Identifier {identifier} not unique"
NOT_FOUND = "{kind} {ids} not found or you don't have permissions to access it"
WRONG_KINDS = "Template types {names} not allowed in bulk jobs"
KINDS = ("job_template", "project", "inventory_source", "workflow_job_template")
MANY_ORGANIZATIONS = "User has permission to multiple Organizations, please set one of them in the request"
NO_ORGANIZATION = "User not part of any organization, please assign an organization to assign to the bulk job"
OTHER_ORGANIZATION = "Organization {id} not found or you don't have permissions to access it"
LABELS = {
    "inventory": "Inventories",
    "credentials": "Credentials",
    "labels": "Labels",
    "instance_groups": "Instance Groups",
    "execution_environment": "Execution Environments",
}

_ID = {"type": "integer", "required": True, "hidden": False, "read_only": False, "min_value": 1}
_LISTS = tuple(
    Field(name, "list_of_ids", to=name, filterable=False, post={"type": "list", "child": _ID})
    for name in ("credentials", "labels", "instance_groups")
)
_NO_CHOICE = (None, "---------")


def _prompt(name: str, type_: str = "string", **more: Any) -> Field:
    return Field(name, type_, null=True, default=None, filterable=False, **more)


NODE_FIELDS: tuple[Field, ...] = (
    Field("unified_job_template", "integer", required=True, min_value=1, post={"type": "id"}),
    Field("identifier", max_length=512),
    Field("extra_data", "json", default=dict),
    Field("inventory", "id", to="inventories", post={"min_value": 1}),
    Field("execution_environment", "id", to="execution_environments", post={"min_value": 1}),
    _prompt("scm_branch"),
    _prompt(
        "job_type", "choice", choices=JOB_TYPES, post={"choices": [list(_NO_CHOICE), ["", _NO_CHOICE[1]], *JOB_TYPES]}
    ),
    _prompt("job_tags"),
    _prompt("skip_tags"),
    _prompt("limit"),
    _prompt("diff_mode", "boolean"),
    _prompt(
        "verbosity", "choice", choices=VERBOSITIES, blank=False, post={"choices": [list(_NO_CHOICE), *VERBOSITIES]}
    ),
    _prompt("forks", "integer", min_value=0),
    _prompt("job_slice_count", "integer", min_value=0),
    _prompt("timeout", "integer"),
    Field("all_parents_must_converge", "boolean", default=False),
    *_LISTS,
)  # fmt: skip
_SHOWN_OF_NODES: tuple[Field, ...] = (
    Field("id", "integer", label="ID", read_only=True),
    Field("type", "choice", read_only=True),
    *(Field(name, type_, read_only=True, filterable=False) for name, type_ in (
        ("url", "string"), ("related", "object"), ("summary_fields", "object"), ("success_nodes", "field"),
        ("failure_nodes", "field"), ("always_nodes", "field"),
    )),
    *(Field(name, "datetime", read_only=True) for name in ("created", "modified")),
    Field("job", "id"),
    Field("workflow_job", "id"),
    Field("do_not_run", "boolean", default=False),
)  # fmt: skip
"""What OPTIONS has of nodes beside what can be said of one here."""


def _children() -> dict[str, Any]:
    """The fields of a node, for OPTIONS."""
    found = {one.name: {**field_sent(one), "read_only": one.read_only} for one in (*NODE_FIELDS, *_SHOWN_OF_NODES)}
    found["type"].pop("filterable")
    return found


_NODE = {
    "type": "nested object",
    "required": True,
    "hidden": False,
    "read_only": False,
    "children": _children(),
    "write_only": True,
}
_JOBS = {"max_length": 100000, "child": _NODE}
FIELDS: tuple[Field, ...] = (
    Field("name", max_length=512, default=NAME, write_only=True),
    Field(
        "jobs", "field", required=True, write_only=True, filterable=False, post={"max_length": 100000, "child": _NODE}
    ),
    Field("description", blank=False, write_only=True),
    Field("extra_vars", "json", write_only=True),
    Field("organization", "id", to="organizations", null=True, default=None, write_only=True),
    Field("inventory", "id", to="inventories", write_only=True),
    *(
        Field(name, blank=False, write_only=True, filterable=False)
        for name in ("limit", "scm_branch", "skip_tags", "job_tags")
    ),
)
_REFERENCES = ("inventory", "execution_environment")
_MANY = ("credentials", "labels", "instance_groups")


def _about(_call: Call) -> Reply:
    return Reply(body={"detail": ABOUT})


def _index(call: Call) -> Reply:
    """GET bulk: what can be done to many."""
    paths = sorted(path for path in call.controller.registry.pages if path.startswith("bulk/"))
    return Reply(body={path.partition("/")[2]: call.url(path) for path in paths})


def _launch(call: Call) -> Reply:
    body = call.data
    nodes = _nodes(call, body.get("jobs", None))
    given = launch_request.clean(call, [one for one in FIELDS if one.name != "jobs"], body)
    templates = _templates(call, nodes)
    organization = _organization(call, given.get("organization"))
    _check_use(call, given, nodes, templates)
    _check_answers(call, given.get("extra_vars") or {}, nodes, templates)
    job = _job(call, given, organization, templates)
    for node in nodes:
        _node(call, job, node, templates[node["unified_job_template"]])
    call.session.flush()
    call.controller.services["workflows"].queue(call.session, job)
    shown = render_one(call, job)
    shown["summary_fields"].pop("user_capabilities", None)
    return Reply(201, shown)


# --- what is refused --------------------------------------------------------------------------------------------------


def _nodes(call: Call, given: Any) -> list[dict[str, Any]]:
    """The cleaned nodes; raises Invalid with what is wrong with each."""
    if given is None:
        raise Invalid({"jobs": [writes.REQUIRED]})
    if not isinstance(given, list):
        raise Invalid({"jobs": {"__all__": [f'Expected a list of items but got type "{type(given).__name__}".']}})
    if not given:
        raise Invalid({"jobs": {"__all__": [EMPTY]}})
    if len(given) > int(setting_values.value(call.session, "BULK_JOB_MAX_LAUNCH")):
        raise Invalid({"__all__": [TOO_MANY]})
    nodes: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    for one in given:
        node, problem = _clean_node(call, one)
        nodes.append(node)
        problems.append(problem)
    if any(problems):
        raise Invalid({"jobs": problems})
    seen: set[str] = set()
    for node in nodes:
        node.setdefault("identifier", str(uuid.uuid4()))
        if node["identifier"] in seen:
            raise Invalid({"__all__": [TWICE.format(identifier=node["identifier"])]})
        seen.add(node["identifier"])
    return nodes


def _clean_node(call: Call, given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(given, Mapping):
        kind = type(given).__name__
        return {}, {"__all__": [f"Invalid data. Expected a dictionary, but got {kind}."]}
    if "unified_job_template" not in given:
        return {}, {"unified_job_template": [writes.REQUIRED]}
    try:
        return launch_request.clean(call, NODE_FIELDS, given), {}
    except Invalid as error:
        return {}, dict(error.body)  # clean() tells of each field


def _templates(call: Call, nodes: Sequence[Mapping[str, Any]]) -> dict[int, UnifiedJobTemplate]:
    """The templates of the nodes; raises Invalid for those that are not there, or not the user's to launch."""
    wanted = {node["unified_job_template"] for node in nodes}
    found: dict[int, UnifiedJobTemplate] = call.fetch(UnifiedJobTemplate, wanted)
    wrong = sorted({row.type for row in found.values()} - set(KINDS))
    if wrong:
        names = " ".join(name.replace("_", " ").title() for name in wrong)
        raise Invalid({"__all__": [WRONG_KINDS.format(names=names)]})
    missing = {key for key in wanted if key not in found or not may_execute(call, found[key])}
    if missing:
        raise Invalid({"__all__": [NOT_FOUND.format(kind="Unified Job Templates", ids=missing)]})
    return found


def _organization(call: Call, given: Organization | None) -> int | None:
    """The organization whose rights the job has: the one that was given, or the only one of the user."""
    if is_superuser(call):
        return given.id if given is not None else None
    mine = roles.organizations(call, "member_role")
    if given is not None:
        if given.id not in mine:
            raise Invalid({"__all__": [OTHER_ORGANIZATION.format(id=given.id)]})
        return given.id
    if len(mine) != 1:
        raise Invalid({"__all__": [MANY_ORGANIZATIONS if mine else NO_ORGANIZATION]})
    return next(iter(mine))


def _check_use(
    call: Call,
    given: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    templates: Mapping[int, UnifiedJobTemplate],
) -> None:
    """The objects that are launched with must be the user's to use."""
    asked = [(None, {"inventory": given["inventory"]})] if "inventory" in given else []
    everything = [*asked, *((templates[node["unified_job_template"]], node) for node in nodes)]
    for template, values in everything:
        for name, kind in LABELS.items():
            value = values.get(name)
            keys = [one.id for one in value] if isinstance(value, list) else [value.id] if value is not None else []
            if keys and not _usable(call, template, name, keys):
                raise Invalid({"__all__": [NOT_FOUND.format(kind=kind, ids=set(keys))]})


def _usable(call: Call, template: Any, name: str, keys: list[int]) -> bool:
    asked: dict[str, Any] = {f"{name}_id": keys[0]} if name in _REFERENCES else {name: keys}
    return may_prompt(call, template, **asked)


def _check_answers(
    call: Call,
    shared: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    templates: Mapping[int, UnifiedJobTemplate],
) -> None:
    """The questions of every template must be answered: nobody is there to ask later."""
    problems = []
    for node in nodes:
        answers = {**(node.get("extra_data") or {}), **shared}
        judged = prompting.judge(call.session, templates[node["unified_job_template"]], {"extra_vars": answers})
        wrong = judged.errors.get("variables_needed_to_start")
        problems.append({"variables_needed_to_start": wrong} if wrong else {})
    if any(problems):
        raise Invalid({"jobs": problems})


# --- what is made -----------------------------------------------------------------------------------------------------


def _job(
    call: Call, given: Mapping[str, Any], organization: int | None, templates: Mapping[int, UnifiedJobTemplate]
) -> WorkflowJob:
    shared = given.get("extra_vars")
    secret = {name for template in templates.values() for name in surveys.password_variables(template)}
    values = shared or {}
    sealed = {name: value for name, value in values.items() if name in secret}
    job = WorkflowJob(
        name=given.get("name") or NAME,
        description=given.get("description", ""),
        organization_id=organization,
        inventory_id=given["inventory"].id if "inventory" in given else None,
        extra_vars="" if shared is None else json.dumps(surveys.hidden(values, secret)),
        secret_answers=surveys.seal_values(sealed, call.controller.secrets),
        survey_passwords=dict.fromkeys(sorted(sealed), ENCRYPTED),
        is_bulk_job=True,
        launch_type="manual",
        status="pending",
        created_by_id=call.user.id if call.user is not None else None,
        modified_by_id=call.user.id if call.user is not None else None,
        request_id=call.request_id,
        **{name: given.get(name) for name in ("limit", "scm_branch", "job_tags", "skip_tags")},
    )
    call.session.add(job)
    call.session.flush()
    return job


def _node(call: Call, job: WorkflowJob, given: Mapping[str, Any], template: UnifiedJobTemplate) -> None:
    secret = set(surveys.password_variables(template))
    answers = given.get("extra_data") or {}
    sealed = {name: value for name, value in answers.items() if name in secret}
    plain = {name: value for name, value in given.items() if name not in (*_REFERENCES, *_MANY, "extra_data")}
    row = WorkflowJobNode(
        **{name: value for name, value in plain.items() if name != "unified_job_template"},
        workflow_job_id=job.id,
        unified_job_template_id=template.id,
        node=given["identifier"],
        extra_data={name: value for name, value in answers.items() if name not in secret},
        secret_data=surveys.seal_values(sealed, call.controller.secrets),
        **{f"{name}_id": given[name].id for name in _REFERENCES if name in given},
    )
    for name in _MANY:
        getattr(row, name).extend(given.get(name) or ())
    call.session.add(row)


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.page("bulk", Page({"GET": _index}, title="Bulk", head=False))
    launch = Page({"GET": _about, "POST": _launch}, title="Bulk Job Launch", fields=FIELDS, head=False)
    registry.page("bulk/job_launch", launch)
