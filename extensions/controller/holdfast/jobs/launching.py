# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a job template and what a launch may decide to a job: one row, made in the transaction that asks for it.

Whoever launches (a request, a node of a workflow, a relaunch) has its values judged first (see ``prompting``); here
they are only put together. Secret answers go into ``secret_answers``, sealed; everything else of the row is shown.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.api.variables import parsed
from holdfast.auth.secrets import ENCRYPTED
from holdfast.context import Controller
from holdfast.db.models import Credential, Inventory, Job, JobTemplate, Project, UnifiedJob, UnifiedJobTemplate, User
from holdfast.db.models.links import (
    job_credentials,
    job_instance_groups,
    job_labels,
)
from holdfast.jobs import surveys
from holdfast.jobs.credential_rows import by_key

COPIED = (
    "description", "organization_id", "job_type", "inventory_id", "project_id", "playbook", "scm_branch", "forks",
    "limit", "verbosity", "job_tags", "force_handlers", "skip_tags", "start_at_task", "become_enabled",
    "allow_simultaneous", "timeout", "use_fact_cache", "diff_mode", "execution_environment_id",
)  # fmt: skip
"""What a job takes over from its template, unless the launch says otherwise."""
_REFERENCES = ("inventory", "execution_environment")
PENDING = "pending"


def internal_call(controller: Controller, session: Session, user: User | None = None) -> Call:
    """A call for what the controller does of itself, on behalf of ``user`` or of nobody."""
    return Call(controller, "POST", "", "/api/v2/", (), {}, b"", session, user=user)


def launch(
    call: Call,
    template: JobTemplate,
    accepted: Mapping[str, Any],
    *,
    launch_type: str = "manual",
    passwords: Mapping[str, str] | None = None,
    secret_names: Collection[str] = (),
    eager: Mapping[str, Any] | None = None,
) -> Job:
    """Make the pending job of a launch; queueing it is for the caller (``services["jobs"].queue``).

    ``accepted`` are values that were judged, by field, with variables in clear. Variables named by ``secret_names``
    are kept like secret answers. ``eager`` sets attributes of the job whatever the template says.
    """
    values = {name: getattr(template, name) for name in COPIED}
    for name, value in accepted.items():
        if name in _REFERENCES:
            values[f"{name}_id"] = value.id
        elif name in values:
            values[name] = value
    job = Job(
        **asked(call, template, accepted, secret_names),
        launch_type=launch_type,
        start_args=call.controller.secrets.seal(json.dumps(dict(passwords))) if passwords else "",
        **{**values, **(eager or {})},
    )
    call.session.add(job)
    call.session.flush()
    link_labels(call, template, job, accepted)
    credentials = _link(call, template, job, accepted)
    template.current_job_id = job.id
    template.status = PENDING
    record(call, job, credentials)
    return job


def sealed_passwords(call: Call, passwords: Mapping[str, str] | None) -> str:
    """The passwords that were given to a launch, as they are kept until the job has ended."""
    return call.controller.secrets.seal(json.dumps(dict(passwords))) if passwords else ""


def asked(
    call: Call, template: UnifiedJobTemplate, accepted: Mapping[str, Any], secret_names: Collection[str] = ()
) -> dict[str, Any]:
    """What every job keeps of its launch: whose it is, its variables, its secret answers, and what was decided."""
    user_id = call.user.id if call.user is not None else None
    variables = {**parsed(template.extra_vars), **_answers(call, template, accepted.get("extra_vars") or {})}
    hidden = {*surveys.password_variables(template), *secret_names}
    secret = {name: value for name, value in variables.items() if name in hidden}
    return {
        "name": template.name,
        "unified_job_template_id": template.id,
        "status": PENDING,
        "created_by_id": user_id,
        "modified_by_id": user_id,
        "extra_vars": json.dumps(surveys.hidden(variables, hidden)),
        "secret_answers": surveys.seal_values(secret, call.controller.secrets),
        "survey_passwords": dict.fromkeys(sorted(hidden), ENCRYPTED),
        "prompts": saved_prompts(accepted, hidden),
        "request_id": call.request_id,
    }


def _answers(call: Call, template: UnifiedJobTemplate, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables of a launch with the defaults of the survey."""
    if not surveys.questions(template):
        return given
    return surveys.with_defaults(template, given, call.controller.secrets)


def saved_prompts(accepted: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """What a launch decided, as data: objects by their ids, secret variables as ``$encrypted$``."""
    found: dict[str, Any] = {}
    for name, value in accepted.items():
        if name == "extra_vars":
            found[name] = surveys.hidden(value, hidden)
        elif isinstance(value, (list, tuple)):
            found[name] = [one.id for one in value]
        else:
            found[name] = value.id if hasattr(value, "id") else value
    return found


def link_labels(call: Call, template: UnifiedJobTemplate, job: UnifiedJob, accepted: Mapping[str, Any]) -> None:
    """Give a job its labels: those of the launch add to the template's."""
    found = {label.id: label for label in (*template.labels, *(accepted.get("labels") or ()))}
    _insert(call.session, job_labels, job.id, sorted(found))
    set_committed_value(job, "labels", list(found.values()))


def _link(call: Call, template: JobTemplate, job: Job, accepted: Mapping[str, Any]) -> list[Credential]:
    """Give a job its credentials and instance groups; returns the credentials.

    A credential takes the place of the one it excludes, groups replace all others.
    """
    session = call.session
    credentials = list(by_key([*template.credentials, *(accepted.get("credentials") or ())]).values())
    _insert(session, job_credentials, job.id, [credential.id for credential in credentials])
    set_committed_value(job, "credentials", credentials)
    groups = [group.id for group in accepted.get("instance_groups") or ()]
    _insert(session, job_instance_groups, job.id, groups)
    return credentials


def _insert(session: Session, table: Table, job_id: int, ids: Iterable[int]) -> None:
    rows: list[dict[str, int]] = [{"left_id": job_id, "right_id": one} for one in ids]
    if "position" in table.c:
        rows = [{**row, "position": position} for position, row in enumerate(rows)]
    if rows:
        session.execute(insert(table), rows)


_RECORDED = (
    "name", "description", "job_type", "playbook", "scm_branch", "forks", "limit", "verbosity", "extra_vars",
    "job_tags", "force_handlers", "skip_tags", "start_at_task", "timeout", "use_fact_cache", "allow_simultaneous",
    "diff_mode", "job_slice_number", "job_slice_count", "webhook_service", "webhook_guid", "id",
)  # fmt: skip


def record(call: Call, job: Job, credentials: Iterable[Credential]) -> None:
    """Write a launch into the activity stream."""
    session = call.session
    inventory = session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
    project = session.get(Project, job.project_id) if job.project_id is not None else None
    changes = {
        **{name: getattr(job, name) for name in _RECORDED},
        "inventory": named(inventory),
        "project": named(project),
        "job_template": f"{job.name}-{job.unified_job_template_id}",
        "execution_environment": job.execution_environment_id,
        "credentials": [f"{credential.name} ({credential.id})" for credential in credentials],
    }
    activity.record(call, "create", "job", job, changes)


def named(row: Any) -> str | None:
    """An object as the activity stream names it where it is a value."""
    return None if row is None else f"{row.name}-{row.id}"
