# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launching a job again, with what it was launched with; and what that was, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.api.call import Call
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import (
    Credential,
    ExecutionEnvironment,
    InstanceGroup,
    Inventory,
    Job,
    JobTemplate,
    Label,
    UnifiedJob,
)
from holdfast.jobs import launching

_POINTS_TO: Mapping[str, type[Any]] = {
    "inventory": Inventory,
    "execution_environment": ExecutionEnvironment,
    "credentials": Credential,
    "labels": Label,
    "instance_groups": InstanceGroup,
}
_RELAUNCH = "relaunch"


def prompts(call: Call, job: UnifiedJob) -> dict[str, Any]:
    """What a job was launched with beyond its template: objects as rows, secret answers in clear.

    What has been deleted since is left out.
    """
    found: dict[str, Any] = {}
    for name, value in (job.prompts or {}).items():
        model = _POINTS_TO.get(name)
        if model is None:
            found[name] = value
        elif isinstance(value, list):
            rows = call.fetch(model, value)
            found[name] = [rows[one] for one in value if one in rows]
        elif (row := call.session.get(model, value)) is not None:
            found[name] = row
    if "extra_vars" in found:
        secrets = call.controller.secrets.open_all(job.secret_answers or {})
        found["extra_vars"] = {
            name: secrets.get(name, value) if value == ENCRYPTED else value
            for name, value in found["extra_vars"].items()
        }
    return found


def relaunch(call: Call, job: Job, passwords: Mapping[str, str], limit: str | None = None) -> Job:
    """Launch a job again, all of it or on the hosts of ``limit``. The template is taken as it is now."""
    jobs = call.controller.services["jobs"]
    part = {"job_slice_number": job.job_slice_number, "job_slice_count": job.job_slice_count}
    template = job.unified_job_template
    if isinstance(template, JobTemplate):
        accepted = prompts(call, job)
        if limit is not None:
            accepted["limit"] = limit
        made: Job = jobs.launch(
            call, template, accepted, launch_type=_RELAUNCH, passwords=passwords, eager=part,
            secret_names=tuple(job.survey_passwords or ()),
        )  # fmt: skip
        return made
    return _again(call, job, passwords, limit, part)


def _again(call: Call, job: Job, passwords: Mapping[str, str], limit: str | None, part: Mapping[str, Any]) -> Job:
    """The same for a job whose template is gone: everything is copied from the job."""
    values = {name: getattr(job, name) for name in (*launching.COPIED, "name", "extra_vars", "survey_passwords")}
    new = Job(
        **{**values, **part, "limit": job.limit if limit is None else limit},
        secret_answers=dict(job.secret_answers or {}),
        prompts=dict(job.prompts or {}),
        launch_type=_RELAUNCH,
        status=launching.PENDING,
        created_by_id=call.user.id if call.user is not None else None,
        modified_by_id=call.user.id if call.user is not None else None,
        start_args=launching.sealed_passwords(call, passwords),
        labels=list(job.labels),
        credentials=list(job.credentials),
        request_id=call.request_id,
    )
    call.session.add(new)
    call.session.flush()
    launching.record(call, new, new.credentials)
    call.controller.services["jobs"].queue(call.session, new)
    return new
