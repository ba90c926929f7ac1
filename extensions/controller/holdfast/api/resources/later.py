# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX runs and this controller only shows: ad hoc commands and updates of inventories. And its housekeeping.

They are declared in full, so that clients find the lists and their fields; what would start one is refused in words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NoReturn

from sqlalchemy import Select, select

from holdfast.api import variables
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import UNSET, Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.render import render_one
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, STAMPS, below, link_to
from holdfast.api.resources.inventory_sources import OPTIONS
from holdfast.api.resources.job_actions import cancel_action, refuse_deletion
from holdfast.api.resources.job_parts import (
    ALL_STATUSES,
    JOB_FIELDS,
    JOB_LINKS,
    JOB_SUMMARY,
    MAX_INTEGER,
    VERBOSITY,
    read_only,
    summarize_jobs,
)
from holdfast.api.resources.job_templates import SCHEDULES, notification_lists
from holdfast.api.resources.template_parts import TEMPLATE_LINKS
from holdfast.auth import policies
from holdfast.db.models import (
    AdHocCommand,
    InventoryUpdate,
    SystemJob,
    SystemJobTemplate,
)
from holdfast.jobs import prompting
from holdfast.jobs.launch_request import JOB_TYPES

NO_COMMANDS = "This controller does not run ad hoc commands: launch a job template that has the module as a task."
MODULES = (
    *("command", "shell", "yum", "apt", "apt_key", "apt_repository", "apt_rpm", "service", "group", "user", "mount"),
    *("ping", "selinux", "setup", "win_ping", "win_service", "win_updates", "win_group", "win_user"),
)
"""The modules that AWX lets run by themselves, as far as nobody changed its settings."""
HOUSEKEEPING = (
    ("cleanup_jobs", "Remove jobs older than a certain number of days"),
    ("cleanup_activitystream", "Remove activity stream entries older than a certain number of days"),
    ("cleanup_sessions", "Removes expired browser sessions from the database"),
    ("cleanup_tokens", "Removes expired OAuth 2 access tokens and refresh tokens"),
)


def _refuse(why: str) -> Callable[[Call, dict[str, Any], Any], NoReturn]:
    def validate(_call: Call, _data: dict[str, Any], _row: Any) -> NoReturn:
        raise Invalid({"__all__": [why]})

    return validate


def _fixed(name: str, type_: str, value: Any, **more: Any) -> Field:
    """A field of AWX's that nothing here has: it always holds the same."""
    return Field(name, type_, default=value, value=lambda _call, _row: value, **more)


# --- ad hoc commands --------------------------------------------------------------------------------------------------

_COMMAND_FIELDS: tuple[Field, ...] = (
    *(one for one in JOB_FIELDS if one.name not in ("description", "unified_job_template", "execution_environment")),
    Field("execution_environment", "id", to="execution_environments", null=True),
    Field("job_type", "choice", choices=JOB_TYPES, default="run", blank=False),
    Field("inventory", "id", to="inventories", null=True),
    Field("limit", default=""),
    Field("credential", "id", null=True, value=lambda _call, _row: None),
    Field("module_name", "choice", choices=tuple((name, name) for name in MODULES), default="command", blank=False),
    Field("module_args", default=""),
    _fixed("forks", "integer", 0, min_value=0, max_value=MAX_INTEGER),
    Field(
        "verbosity", "choice", choices=VERBOSITY.choices, default=0, value=lambda _call, _row: 0
    ),
    Field("extra_vars", default=""),
    _fixed("become_enabled", "boolean", False),
    _fixed("diff_mode", "boolean", False),
)  # fmt: skip


def _ad_hoc_commands() -> Resource:
    return Resource(
        name="ad_hoc_commands",
        type="ad_hoc_command",
        model=AdHocCommand,
        title="Ad Hoc Command",
        types={"ad_hoc_command": "Command"},
        fields=_COMMAND_FIELDS,
        related=(
            *AUTHORS,
            *below("stdout"),
            link_to("inventory", "inventories"),
            *below("events", "activity_stream", "notifications", "cancel", "relaunch"),
        ),
        summary=(Summary("inventory"), *AUTHORS_SUMMARY),
        summarize=summarize_jobs,
        access=policies.AdHocCommands(),
        hooks=Hooks(validate=_refuse(NO_COMMANDS)),
        detail_methods=("GET", "DELETE"),
    )


# --- housekeeping -----------------------------------------------------------------------------------------------------


_JOB_TYPE = read_only("job_type", "choice", choices=HOUSEKEEPING, column="system_job_type")


def _may_run(call: Call) -> None:
    if not (call.user is not None and call.user.is_superuser):
        raise Forbidden()


def _launch(call: Call, row: SystemJobTemplate) -> Reply:
    _may_run(call)
    given = call.data.get("extra_vars") or {}
    try:
        judged = prompting.judge(call.session, row, {"extra_vars": variables.parse(given)})
    except ValueError as error:
        raise Invalid({"extra_vars": list(error.args)}) from None
    if judged.errors:
        raise Invalid(judged.errors)
    taken = judged.accepted.get("extra_vars", {})
    job = call.controller.services["housekeeping"].launch(call, row, taken)
    location = {"Location": call.url("system_jobs", job.id)}
    return Reply(201, {"system_job": job.id, **render_one(call, job)}, location)


def _launchable(call: Call, _row: SystemJobTemplate) -> Reply:
    _may_run(call)
    return Reply(body={})


def _system_jobs(_call: Call, row: SystemJobTemplate) -> Select[Any]:
    return select(SystemJob).where(SystemJob.unified_job_template_id == row.id)


def _system_job_templates() -> Resource:
    return Resource(
        name="system_job_templates",
        type="system_job_template",
        model=SystemJobTemplate,
        title="System Job Template",
        fields=(
            *STAMPS,
            read_only("name"),
            read_only("description"),
            read_only("last_job_run", "datetime"),
            read_only("last_job_failed", "boolean"),
            read_only("next_job_run", "datetime"),
            read_only("status", "choice", choices=ALL_STATUSES),
            read_only("execution_environment", "id", to="execution_environments"),
            _JOB_TYPE,
        ),
        related=(
            *TEMPLATE_LINKS,
            *below("jobs", "schedules", "launch"),
            *below(*notification_lists("started", "success", "error")),
        ),
        sublists={
            "jobs": SubList("system_jobs", query=_system_jobs),
            "schedules": SCHEDULES,
            **notification_lists("started", "success", "error"),
        },
        actions={"launch": Action({"GET": _launchable, "POST": _launch}, title="System Job Template Launch")},
        access=policies.SystemJobTemplates(),
        list_methods=("GET",),
        detail_methods=("GET",),
    )


def _template_of(row: SystemJob) -> tuple[str, Any] | None:
    key = row.unified_job_template_id
    return None if key is None else ("system_job_templates", key)


def _system_job() -> Resource:
    return Resource(
        name="system_jobs",
        type="system_job",
        model=SystemJob,
        title="System Job",
        types={"system_job": "Management Job"},
        fields=(
            *JOB_FIELDS,
            read_only("system_job_template", "id", to="system_job_templates", column="unified_job_template_id"),
            read_only("job_type", "choice", choices=HOUSEKEEPING),
            read_only("extra_vars"),
        ),
        related=(*JOB_LINKS, Related("system_job_template", to=_template_of), *below("cancel")),
        summary=JOB_SUMMARY,
        summarize=summarize_jobs,
        actions={"cancel": cancel_action("System Job")},
        access=policies.SystemJobs(),
        hooks=Hooks(deleting=refuse_deletion),
        list_methods=("GET",),
        detail_methods=("GET", "DELETE"),
    )


# --- updates of inventories -------------------------------------------------------------------------------------------


def _never_set(one: Field) -> Field:
    """A field of updates, of which there are none yet."""
    return dataclasses.replace(one, to="", column="", read_only=True, default=UNSET, value=lambda _call, _row: None)


def _inventory_updates() -> Resource:
    return Resource(
        name="inventory_updates",
        type="inventory_update",
        model=InventoryUpdate,
        title="Inventory Update",
        types={"inventory_update": "Inventory Sync"},
        fields=(
            *JOB_FIELDS,
            *map(_never_set, OPTIONS),
            read_only("inventory", "id", to="inventories"),
            read_only("inventory_source", "id", to="inventory_sources", column="unified_job_template_id"),
            read_only("license_error", "boolean", value=lambda _call, _row: False),
            read_only("org_host_limit_error", "boolean", value=lambda _call, _row: False),
            read_only("source_project_update", "id", value=lambda _call, _row: None),
            read_only("instance_group", "id", to="instance_groups"),
            read_only("scm_revision", label="SCM Revision"),
        ),
        related=(*JOB_LINKS, link_to("inventory", "inventories"), *_SOURCE_LINK),
        summary=(Summary("inventory"), *JOB_SUMMARY),
        summarize=summarize_jobs,
        access=policies.InventoryUpdates(),
        list_methods=("GET",),
        detail_methods=("GET", "DELETE"),
    )


def _source(row: InventoryUpdate) -> tuple[str, Any] | None:
    key = row.unified_job_template_id
    return None if key is None else ("inventory_sources", key)


_SOURCE_LINK = (Related("inventory_source", to=_source),)


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(
        _ad_hoc_commands(),
        _system_job_templates(),
        _system_job(),
        _inventory_updates(),
    )
