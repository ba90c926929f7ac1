# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates: a playbook with everything that is needed to run it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast import setting_values
from holdfast.api import variables
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary, plain
from holdfast.api.resources import access, in_use, labels, survey_specs
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, ORGANIZATION_LINK, below, link_to
from holdfast.api.resources.job_parts import (
    MAX_INTEGER,
    TEMPLATE_STATUSES,
    VERBOSITY,
    WEBHOOK_SERVICES,
    credentials_of,
    read_only,
)
from holdfast.api.resources.job_template_callback import CALLBACK
from holdfast.api.resources.job_template_launch import LAUNCH
from holdfast.api.resources.projects import playbooks_of
from holdfast.api.resources.template_parts import LAST_AND_CURRENT, TEMPLATE_LINKS, recent_jobs, resolved_environment
from holdfast.auth import policies
from holdfast.db.models import Credential, Job, JobTemplate, Project, UnifiedJob, UnifiedJobTemplate, WorkflowJob
from holdfast.db.models.links import template_credentials
from holdfast.jobs.credential_rows import LAUNCHABLE_KINDS, unique_key, unique_name
from holdfast.jobs.launch_request import JOB_TYPES

NOT_TEXT = "Not a valid string."
NO_PROJECT = "Job Templates must have a project assigned."
NO_INVENTORY = "You must either set a default value or ask to prompt on launch."
NO_CALLBACK = "Cannot enable provisioning callback without an inventory set."
NO_PLAYBOOK = "Must select playbook for project."
UNKNOWN_PLAYBOOK = "Playbook not found for project."
NO_BRANCH = "Project does not allow overriding branch."
TAKEN = "JobTemplate with this (name, organization) combination already exists."
TOO_MANY_FORKS = "Maximum number of forks ({most}) exceeded."
WRONG_TOKEN = "Must be a Personal Access Token."
OTHER_SERVICE = "Must match the selected webhook service."
KEY_BYTES = 38


def _variables(call: Call, value: Any) -> str:
    """Variables as text: AWX takes no objects here."""
    if not isinstance(value, str):
        raise ValueError(NOT_TEXT)
    return variables.clean(call, value)


def _integer(name: str, default: int, lowest: int = 0) -> Field:
    return Field(name, "integer", default=default, min_value=lowest, max_value=MAX_INTEGER)


def _flags(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "boolean", default=False) for name in names)


FIELDS: tuple[Field, ...] = (
    *NAMED,
    Field("job_type", "choice", choices=JOB_TYPES, default="run", blank=False),
    Field("inventory", "id", to="inventories", null=True),
    Field("project", "id", to="projects", null=True),
    Field("playbook", max_length=1024, default=""),
    Field("scm_branch", max_length=1024, default=""),
    _integer("forks", 0),
    Field("limit", default=""),
    VERBOSITY,
    Field("extra_vars", "json", default="", clean=_variables),
    Field("job_tags", default=""),
    *_flags("force_handlers"),
    Field("skip_tags", max_length=1024, default=""),
    Field("start_at_task", max_length=1024, default=""),
    _integer("timeout", 0, -MAX_INTEGER - 1),
    *_flags("use_fact_cache"),
    read_only("organization", "id", to="organizations"),
    read_only("last_job_run", "datetime"),
    read_only("last_job_failed", "boolean"),
    read_only("next_job_run", "datetime"),
    read_only("status", "choice", choices=TEMPLATE_STATUSES),
    Field("execution_environment", "id", to="execution_environments", null=True),
    Field("host_config_key", max_length=1024, default=""),
    *_flags(
        "ask_scm_branch_on_launch",
        "ask_diff_mode_on_launch",
        "ask_variables_on_launch",
        "ask_limit_on_launch",
        "ask_tags_on_launch",
        "ask_skip_tags_on_launch",
        "ask_job_type_on_launch",
        "ask_verbosity_on_launch",
        "ask_inventory_on_launch",
        "ask_credential_on_launch",
        "ask_execution_environment_on_launch",
        "ask_labels_on_launch",
        "ask_forks_on_launch",
        "ask_job_slice_count_on_launch",
        "ask_timeout_on_launch",
        "ask_instance_groups_on_launch",
        "survey_enabled",
        "become_enabled",
        "diff_mode",
        "allow_simultaneous",
    ),
    read_only("custom_virtualenv"),
    _integer("job_slice_count", 1),
    Field("webhook_service", "choice", choices=WEBHOOK_SERVICES),
    Field("webhook_credential", "id", to="credentials", null=True),
    *_flags("prevent_instance_group_fallback"),
)

# --- what is refused --------------------------------------------------------------------------------------------------


class _Meant:
    """A template as it would be once it is written."""

    def __init__(self, data: Mapping[str, Any], row: UnifiedJobTemplate | None) -> None:
        self._data, self._row = data, row

    def __getattr__(self, name: str) -> Any:
        return self._data[name] if name in self._data else getattr(self._row, name, None)


def _validate(call: Call, data: dict[str, Any], row: JobTemplate | None) -> None:
    meant = _Meant(data, row)
    project = call.session.get(Project, meant.project_id) if meant.project_id is not None else None
    if meant.host_config_key and meant.inventory_id is None:
        raise Invalid({"host_config_key": [NO_CALLBACK]})
    if project is None:
        raise Invalid({"project": [NO_PROJECT]})
    if meant.inventory_id is None and not meant.ask_inventory_on_launch:
        raise Invalid({"inventory": [NO_INVENTORY]})
    check_webhook(call, data, row)
    _check_playbook(call, project, meant)
    most = int(setting_values.value(call.session, "MAX_FORKS") or 0)
    if most > 0 and (meant.forks or 0) > most:
        raise Invalid({"forks": [TOO_MANY_FORKS.format(most=most)]})
    data["organization_id"] = project.organization_id
    _check_name(call, meant, project, row)


def check_webhook(call: Call, data: dict[str, Any], row: UnifiedJobTemplate | None) -> None:
    """A template's token must be one of the service that calls it; another service gets another key."""
    meant = _Meant(data, row)
    credential = call.session.get(Credential, meant.webhook_credential_id or 0)
    if credential is not None:
        if credential.credential_type.kind != "token":
            raise Invalid({"webhook_credential": [WRONG_TOKEN]})
        if not meant.webhook_service or credential.kind != f"{meant.webhook_service}_token":
            raise Invalid({"webhook_credential": [OTHER_SERVICE]})
    if "webhook_service" in data and data["webhook_service"] != (row.webhook_service if row is not None else ""):
        data["webhook_key"] = new_webhook_key(call) if data["webhook_service"] else ""


def _check_playbook(call: Call, project: Project, meant: Any) -> None:
    if not meant.playbook:
        raise Invalid({"playbook": [NO_PLAYBOOK]})
    anything = project.scm_type and project.allow_override
    if not anything and meant.playbook not in playbooks_of(call, project):
        raise Invalid({"playbook": [UNKNOWN_PLAYBOOK]})
    for name in ("scm_branch", "ask_scm_branch_on_launch"):
        if getattr(meant, name) and not project.allow_override:
            raise Invalid({name: [NO_BRANCH]})


def _check_name(call: Call, meant: Any, project: Project, row: JobTemplate | None) -> None:
    """No two templates of an organization have the same name; its organization is that of its project."""
    query = select(JobTemplate.id).where(
        JobTemplate.name == meant.name, JobTemplate.organization_id == project.organization_id
    )
    if row is not None:
        query = query.where(JobTemplate.id != row.id)
    if call.session.scalar(query.limit(1)) is not None:
        raise Invalid({"__all__": [TAKEN]})


def _deleting(call: Call, row: JobTemplate) -> Reply | None:
    in_use.refuse_if_running(call, UnifiedJob.unified_job_template_id == row.id)
    return None


def _copied(_call: Call, old: JobTemplate, new: JobTemplate) -> None:
    """A copy asks the same questions, and has a webhook of its own."""
    new.survey_spec = dict(old.survey_spec or {})
    new.organization_id = old.organization_id
    new.webhook_key = ""


# --- lists below ------------------------------------------------------------------------------------------------------


def one_of_a_kind(_call: Call, parent: Any, credential: Credential, _data: Mapping[str, Any]) -> None:
    """A template takes one credential of each type (of vaults, of each id), and only what a play can use."""
    if unique_key(credential) in {unique_key(held) for held in parent.credentials}:
        raise Invalid({"error": f"Cannot assign multiple {unique_name(credential)} credentials."})
    kind = credential.credential_type.kind
    if kind not in LAUNCHABLE_KINDS:
        raise Invalid({"error": f"Cannot assign a Credential of kind `{kind}`."})


def _jobs(_call: Call, row: JobTemplate) -> Select[Any]:
    return select(Job).where(Job.unified_job_template_id == row.id)


def _slices(_call: Call, row: JobTemplate) -> Select[Any]:
    return select(WorkflowJob).where(WorkflowJob.unified_job_template_id == row.id, WorkflowJob.is_sliced_job.is_(True))


def notification_lists(*names: str) -> dict[str, SubList]:
    """The lists of notification templates that are used when a job begins and when it ends."""
    return {
        name: SubList("notification_templates", relation=name, attach=True, create=True)
        for name in (f"notification_templates_{one}" for one in names)
    }


SCHEDULES = SubList("schedules", parent_field="unified_job_template", create=True)

# --- webhooks ---------------------------------------------------------------------------------------------------------


def new_webhook_key(call: Call) -> str:
    """A key that signs the calls of a webhook, sealed."""
    return call.controller.secrets.seal(secrets.token_urlsafe(KEY_BYTES)[:50])


def _show_key(call: Call, row: Any) -> Reply:
    if not call.controller.registry.of_row(row).access.may_change(call, row, {}):
        raise Forbidden()
    return Reply(body={"webhook_key": call.controller.secrets.open(row.webhook_key or "")})


def _rotate_key(call: Call, row: Any) -> Reply:
    if not call.controller.registry.of_row(row).access.may_change(call, row, {}):
        raise Forbidden()
    row.webhook_key = new_webhook_key(call)
    call.session.flush()
    return Reply(201, _show_key(call, row).body)


WEBHOOK_KEY = Action({"GET": _show_key, "POST": _rotate_key}, title="Webhook Key")


def receiver(path: str) -> Related:
    """The link to where a service sends its calls; it is there and empty where there is none."""

    def target(row: Any) -> str:
        return f"/api/v2/{path}/{row.id}/{row.webhook_service}/" if row.webhook_service else ""

    return Related("webhook_receiver", to=target)


# --- summaries --------------------------------------------------------------------------------------------------------


def survey(_call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """``survey`` in summaries: what a survey is called, where it says so."""
    return {
        row.id: {"title": row.survey_spec["name"], "description": row.survey_spec["description"]}
        for row in rows
        if row.survey_spec and "name" in row.survey_spec and "description" in row.survey_spec
    }


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="job_templates",
            type="job_template",
            model=JobTemplate,
            title="Job Template",
            fields=FIELDS,
            related=(
                *AUTHORS,
                *below("labels"),
                link_to("inventory", "inventories"),
                link_to("project", "projects"),
                ORGANIZATION_LINK,
                *below("credentials"),
                *TEMPLATE_LINKS,
                *below("jobs", "schedules", "activity_stream", "launch", "webhook_key"),
                receiver("job_templates"),
                *below("notification_templates_started", "notification_templates_success"),
                *below("notification_templates_error", "access_list", "survey_spec", "object_roles"),
                *below("instance_groups", "slice_workflow_jobs", "copy"),
                Related("callback", "callback", when=lambda row: bool(row.host_config_key)),
                link_to("webhook_credential", "credentials"),
            ),
            summary=(
                Summary("organization"),
                Summary("inventory"),
                Summary("execution_environment"),
                Summary("project"),
                *LAST_AND_CURRENT,
                Summary("webhook_credential"),
                *AUTHORS_SUMMARY,
                access.object_roles_summary("job_template"),
                Summary("labels", batch=labels.summary),
                Summary("survey", batch=survey),
                Summary("resolved_environment", batch=resolved_environment, detail=True),
                Summary("recent_jobs", batch=recent_jobs),
                Summary("credentials", batch=credentials_of(template_credentials)),
            ),
            summarize=plain("id", "name", "description"),
            sublists={
                "labels": labels.sublist("job template"),
                "credentials": SubList(
                    "credentials", relation="credentials", attach=True, create=True, ordered=True,
                    on_attach=one_of_a_kind,
                ),
                "jobs": SubList("jobs", query=_jobs),
                "slice_workflow_jobs": SubList("workflow_jobs", query=_slices),
                "schedules": SCHEDULES,
                "instance_groups": SubList("instance_groups", relation="instance_groups", attach=True, ordered=True),
                **notification_lists("started", "success", "error"),
                "object_roles": access.object_roles("job_template"),
                "activity_stream": access.activity_stream("job_template"),
            },
            actions={
                "access_list": access.access_list("job_template"),
                "launch": LAUNCH,
                "callback": CALLBACK,
                "webhook_key": WEBHOOK_KEY,
                "survey_spec": survey_specs.ACTION,
            },
            access=policies.JobTemplates(),
            hooks=Hooks(validate=_validate, deleting=_deleting, copied=_copied),
            named_url=("name", "organization"),
            order_by=("name",),
            object_roles=True,
            copy=("labels", "instance_groups", "credentials"),
        )
    )  # fmt: skip
