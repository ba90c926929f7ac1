# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``create_schedule`` of jobs: a schedule that launches the same with the same prompts, off until somebody sets it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action
from holdfast.api.render import render_one, summarize
from holdfast.auth.policies.jobs import Jobs, may_repeat
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.base import now
from holdfast.db.models import Job, Schedule
from holdfast.jobs import relaunching, surveys
from holdfast.jobs.credential_rows import all_passwords_needed

NEEDS_PASSWORDS = "Cannot create schedule because job requires credential passwords."
LACKS = "Cannot create schedule because a related resource is missing."
SHOWN = 10

POLICY = Jobs()


def _passwords(call: Call, row: Job) -> list[str]:
    return all_passwords_needed(row.credentials, call.controller.secrets)


def _can_schedule(call: Call, row: Job) -> bool:
    return not _passwords(call, row) and row.inventory_id is not None and row.unified_job_template_id is not None


def _show(call: Call, row: Job) -> Reply:
    return Reply(body={"can_schedule": _can_schedule(call, row), "prompts": _shown_prompts(call, row)})


def _shown_prompts(call: Call, row: Job) -> dict[str, Any]:
    """What a job was launched with, objects as summaries show them, secret answers hidden."""
    found = relaunching.prompts(call, row)
    shown: dict[str, Any] = {}
    for name, value in found.items():
        if name == "labels":
            results = [{"id": label.id, "name": label.name} for label in value[:SHOWN]]
            shown[name] = {"count": len(value), "results": results}
        elif isinstance(value, list):
            shown[name] = [summarize(call, [one])[id(one)] for one in value]
        elif hasattr(value, "id"):
            shown[name] = summarize(call, [value])[id(value)]
        else:
            shown[name] = (row.prompts or {})[name]
    return {name: value for name, value in shown.items() if value not in ([], {})}


def _create(call: Call, row: Job) -> Reply:
    if _passwords(call, row):
        raise Invalid({"error": NEEDS_PASSWORDS})
    if not _can_schedule(call, row):
        raise Invalid({"error": LACKS})
    resource = call.controller.registry.resources["schedules"]
    if not (
        POLICY.may_start(call, row)
        and may_repeat(call, row, row.unified_job_template)
        and resource.access.may_add(call, {"unified_job_template_id": row.unified_job_template_id})
    ):
        raise Forbidden()
    schedule = _schedule(call, row)
    call.session.add(schedule)
    call.session.flush()
    activity.created(call, resource, schedule)
    return Reply(201, render_one(call, schedule, resource), {"Location": call.url("schedules", schedule.id)})


def _schedule(call: Call, row: Job) -> Schedule:
    found = relaunching.prompts(call, row)
    hidden = {name for name, value in (row.prompts or {}).get("extra_vars", {}).items() if value == ENCRYPTED}
    variables = found.pop("extra_vars", {})
    references = {f"{name}_id": found.pop(name).id for name in ("inventory", "execution_environment") if name in found}
    return Schedule(
        name=_free_name(call, row),
        unified_job_template_id=row.unified_job_template_id,
        enabled=False,
        rrule=f"{now():DTSTART:%Y%m%dT%H%M%S}Z RRULE:FREQ=MONTHLY;INTERVAL=1",
        extra_data={name: value for name, value in variables.items() if name not in hidden},
        secret_data=surveys.seal_values(
            {name: value for name, value in variables.items() if name in hidden}, call.controller.secrets
        ),
        created_by_id=call.user.id if call.user is not None else None,
        modified_by_id=call.user.id if call.user is not None else None,
        **references,
        **found,
    )


def _free_name(call: Call, row: Job) -> str:
    name = f"Auto-generated schedule from job {row.id}"
    taken = set(call.session.scalars(select(Schedule.name).where(Schedule.name.startswith(name, autoescape=True))))
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name} - number {number}"
    return free


CREATE_SCHEDULE = Action({"GET": _show, "POST": _create}, title="Job Create Schedule")
