# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a workflow and what a launch may decide to a workflow job: one row, which has not begun yet.

Whoever launches has its values judged first (see ``jobs.prompting``); here they are only put together.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.auth.secrets import SecretBox
from holdfast.db.models import (
    Credential,
    ExecutionEnvironment,
    InstanceGroup,
    Inventory,
    Label,
    UnifiedJobTemplate,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplate,
)
from holdfast.jobs import launching, prompting, saved_launch
from holdfast.jobs.artifacts import handed_on

WORDS = ("limit", "scm_branch", "job_tags", "skip_tags")
"""The prompts that are words: what a workflow says of them goes to its nodes, None to leave them alone."""
_REFERENCES: Mapping[str, type[Any]] = {"inventory": Inventory, "execution_environment": ExecutionEnvironment}
_MANY: Mapping[str, type[Any]] = {"labels": Label, "credentials": Credential, "instance_groups": InstanceGroup}
_RECORDED = ("name", "description", "limit", "scm_branch", "extra_vars", "allow_simultaneous", "is_sliced_job", "id")
_COPIED = (
    "name", "description", "unified_job_template_id", "organization_id", "inventory_id", "extra_vars", "secret_answers",
    "survey_passwords", "allow_simultaneous", *WORDS, "is_sliced_job", "is_bulk_job", "prompts",
)  # fmt: skip
"""What a workflow job has from the one that it repeats."""


def make(
    call: Call,
    template: UnifiedJobTemplate,
    accepted: Mapping[str, Any],
    *,
    launch_type: str = "manual",
    secret_names: Collection[str] = (),
    passwords: Mapping[str, str] | None = None,
    eager: Mapping[str, Any] | None = None,
) -> WorkflowJob:
    """Make the pending workflow job of a launch; to begin with it is for the caller.

    ``accepted`` are values that were judged, by field, with variables in clear. Variables named by ``secret_names``
    are kept like secret answers. ``eager`` sets attributes of the job whatever the template says.
    """
    inventory = accepted.get("inventory")
    values = {
        **launching.asked(call, template, accepted, secret_names),
        "description": template.description,
        "organization_id": template.organization_id,
        "inventory_id": inventory.id if inventory is not None else template.inventory_id,
        "allow_simultaneous": template.allow_simultaneous,
        "webhook_service": template.webhook_service,
        "webhook_credential_id": template.webhook_credential_id,
        "start_args": call.controller.secrets.seal(json.dumps(dict(passwords))) if passwords else "",
        **{name: accepted.get(name, getattr(template, name)) for name in WORDS},
    }
    job = WorkflowJob(**{**values, **(eager or {})}, launch_type=launch_type)
    call.session.add(job)
    call.session.flush()
    launching.link_labels(call, template, job, accepted)
    template.current_job_id = job.id
    template.status = job.status
    record(call, job)
    return job


def make_like(call: Call, old: WorkflowJob) -> WorkflowJob:
    """Make the pending workflow job that repeats another one."""
    user_id = call.user.id if call.user is not None else None
    job = WorkflowJob(
        **{name: getattr(old, name) for name in _COPIED},
        created_by_id=user_id,
        modified_by_id=user_id,
        launch_type="relaunch",
        status="pending",
        labels=list(old.labels),
        request_id=call.request_id,
    )
    call.session.add(job)
    call.session.flush()
    record(call, job)
    return job


def record(call: Call, job: WorkflowJob) -> None:
    """Write a launch into the activity stream."""
    inventory = call.session.get(Inventory, job.inventory_id) if job.inventory_id is not None else None
    changes = {name: getattr(job, name) for name in _RECORDED}
    activity.record(call, "create", "workflow_job", job, {**changes, "inventory": launching.named(inventory)})


def restored(session: Session, secrets: SecretBox, job: Any) -> dict[str, Any]:
    """What the launch of a job decided, as it was given then; what was deleted since is left out."""
    found: dict[str, Any] = {}
    for name, value in (job.prompts or {}).items():
        if name in _MANY:
            rows = (session.get(_MANY[name], one) for one in value)
            found[name] = [row for row in rows if row is not None]
        elif name in _REFERENCES:
            row = session.get(_REFERENCES[name], value) if value is not None else None
            found.update({name: row} if row is not None else {})
        elif name == "extra_vars":
            opened = secrets.open_all(job.secret_answers or {})
            found[name] = {key: opened.get(key, one) for key, one in value.items()}
        else:
            found[name] = value
    return found


def node_values(
    session: Session, secrets: SecretBox, template: WorkflowJobTemplate, row: WorkflowJobNode, around: WorkflowJob
) -> tuple[dict[str, Any], set[str]]:
    """What a node gives to the launch of another workflow, and which of the variables are secret.

    What the workflow around it says counts more than the node. Of variables, artifacts count most.
    """
    given = saved_launch.kept(secrets, row)
    above = {name: getattr(around, name) for name in ("inventory", *WORDS)}
    given.update({name: value for name, value in above.items() if value is not None})
    given["extra_vars"] |= {**variables_of(around), **secrets.open_all(around.secret_answers or {})}
    accepted = prompting.judge(session, template, given).accepted
    artifacts, hidden = handed_on(row)
    variables = {**accepted.get("extra_vars", {}), **artifacts}
    if variables:
        accepted["extra_vars"] = variables
    return accepted, {*(row.secret_data or {}), *(around.secret_answers or {}), *hidden} & set(variables)


def variables_of(job: WorkflowJob) -> dict[str, Any]:
    """The variables of a workflow job as they are shown."""
    found: dict[str, Any] = json.loads(job.extra_vars or "{}")
    return found
