# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: when a template is to be launched, and with what. They are kept and judged; nothing fires yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api import variables, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Page, Registry, Related, Resource, SubList, Summary, plain
from holdfast.api.render import moment
from holdfast.api.resources import labels
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, below, link_to
from holdfast.api.resources.job_parts import RESOURCE_OF, read_only, unified_job_template
from holdfast.auth import policies
from holdfast.db.base import now
from holdfast.db.models import Credential, Inventory, Schedule, UnifiedJob, UnifiedJobTemplate
from holdfast.jobs import prompting, recurrence, saved_launch, zones
from holdfast.jobs.credential_rows import passwords_needed, unique_key, unique_name
from holdfast.jobs.launch_request import JOB_TYPES, VERBOSITIES

NO_SOURCE = "Inventory Source must be a cloud resource."
MANUAL = "Manual Project cannot have a schedule set."
NO_PROMPT = "Related template cannot accept {name} on launch."
ASKS_PASSWORD = "Credential that requires user input on launch cannot be used in saved launch configuration."
NOT_ASKED = "Related template is not configured to accept credentials on launch."
TWICE = "This launch configuration already provides a {name} credential."
HELD = "Related template already uses {name} credential."


def clean_rrule(_call: Call, text: str) -> str:
    """A rule that can be kept; its end is told in UTC."""
    wrong = recurrence.problems(text)
    if wrong:
        raise ValueError(*wrong)
    return recurrence.with_until_in_utc(text)


RRULE = Field("rrule", required=True, clean=clean_rrule, label="Rrule")


def _extra_data(_call: Call, value: Any) -> dict[str, Any]:
    return variables.parse(value)


def _prompt(name: str, type_: str = "string", **more: Any) -> Field:
    return Field(name, type_, null=True, default=None, filterable=False, **more)


_NOTHING = (None, "---------")
PROMPT_FIELDS: tuple[Field, ...] = (
    Field("extra_data", "json", default=dict, clean=_extra_data, value=saved_launch.shown_variables),
    Field("inventory", "id", to="inventories", null=True, default=None),
    _prompt("scm_branch"),
    _prompt("job_type", "choice", choices=(_NOTHING, ("", "---------"), *JOB_TYPES)),
    _prompt("job_tags"),
    _prompt("skip_tags"),
    _prompt("limit"),
    _prompt("diff_mode", "boolean"),
    _prompt("verbosity", "choice", choices=(_NOTHING, *VERBOSITIES), blank=False),
    Field("execution_environment", "id", to="execution_environments", null=True, default=None),
    _prompt("forks", "integer", min_value=0),
    _prompt("job_slice_count", "integer", min_value=0),
    _prompt("timeout", "integer"),
)
"""What may be kept for later launches of a template."""


def _validate(call: Call, data: dict[str, Any], row: Schedule | None) -> None:
    key = data.get("unified_job_template_id", row.unified_job_template_id if row is not None else None)
    template = call.session.get(UnifiedJobTemplate, key) if key is not None else None
    if template is None:
        raise Invalid({"unified_job_template": [writes.REQUIRED]})
    if template.type == "inventory_source":
        raise Invalid({"unified_job_template": [NO_SOURCE]})
    if template.type == "project" and not template.scm_type:  # type: ignore[attr-defined]
        raise Invalid({"unified_job_template": [MANUAL]})
    only_off = call.method == "PATCH" and call.data == {"enabled": False}
    if not only_off:
        saved_launch.check(call, data, row, template)
    text = data.get("rrule", row.rrule if row is not None else "")
    enabled = data.get("enabled", row.enabled if row is not None else True)
    times = recurrence.due(text, now(), enabled)
    data.update(dtstart=times.first, dtend=times.last, next_run=times.following)


def _follow(call: Call, template_id: int) -> None:
    """Tell a template which of its schedules comes next."""
    template = call.session.get(UnifiedJobTemplate, template_id)
    if template is None:
        return
    query = select(Schedule).where(
        Schedule.unified_job_template_id == template_id, Schedule.enabled.is_(True), Schedule.next_run.is_not(None)
    )
    following = call.session.scalars(query.order_by(Schedule.next_run).limit(1)).first()
    template.next_schedule_id = following.id if following is not None else None
    template.next_job_run = following.next_run if following is not None else None
    call.session.flush()


def _created(call: Call, row: Schedule, _data: dict[str, Any]) -> None:
    _follow(call, row.unified_job_template_id)


def _updated(call: Call, row: Schedule, _before: Any) -> None:
    _follow(call, row.unified_job_template_id)


def _deleting(call: Call, row: Schedule) -> Reply | None:
    row.enabled = False
    call.session.flush()
    _follow(call, row.unified_job_template_id)
    return None


def _timezone(_call: Call, row: Schedule) -> str:
    return recurrence.zone_name(row.rrule)


def _until(_call: Call, row: Schedule) -> str:
    return recurrence.until(row.rrule)


# --- links and summaries ----------------------------------------------------------------------------------------------


def _template(row: Schedule) -> tuple[str, Any] | None:
    template = row.unified_job_template
    return None if template is None else (RESOURCE_OF[template.type], template.id)


def _project(row: Schedule) -> tuple[str, Any] | None:
    key = getattr(row.unified_job_template, "project_id", None)
    return None if key is None else ("projects", key)


def _inventory_of(row: Schedule) -> int | None:
    key: int | None = row.inventory_id or getattr(row.unified_job_template, "inventory_id", None)
    return key


def _inventory(row: Schedule) -> tuple[str, Any] | None:
    key = _inventory_of(row)
    return None if key is None else ("inventories", key)


def _inventory_summary(call: Call, rows: Sequence[Schedule]) -> Mapping[int, Any]:
    call.fetch(UnifiedJobTemplate, [row.unified_job_template_id for row in rows])
    found = call.fetch(Inventory, [_inventory_of(row) for row in rows])
    summarize = call.controller.registry.resources["inventories"].summarize
    shown = summarize(call, list(found.values())) if summarize is not None and found else {}
    return {row.id: shown[key] for row in rows if (key := _inventory_of(row) or 0) in shown}


def _template_summary(call: Call, rows: Sequence[Schedule]) -> Mapping[int, Any]:
    found = {key: dict(value) for key, value in unified_job_template(call, rows).items()}
    for row in rows:
        if row.id in found and row.unified_job_template.type == "system_job_template":
            found[row.id]["job_type"] = row.unified_job_template.system_job_type
    return found


# --- lists below ------------------------------------------------------------------------------------------------------


def saved_credential(call: Call, parent: Any, credential: Credential, _data: Mapping[str, Any]) -> None:
    """A credential for later launches must be one that the template asks for and that asks for nothing itself."""
    template = parent.unified_job_template
    if template is None:
        raise Invalid({"msg": "Cannot assign credential when related template is null."})
    flag = prompting.asks(template).get("credentials")
    if flag is None:
        raise Invalid({"msg": NO_PROMPT.format(name="credentials")})
    if passwords_needed(credential, call.controller.secrets):
        raise Invalid({"msg": ASKS_PASSWORD})
    if not getattr(template, flag):
        raise Invalid({"msg": NOT_ASKED})
    if unique_key(credential) in {unique_key(held) for held in parent.credentials}:
        raise Invalid({"msg": TWICE.format(name=unique_name(credential))})
    if credential.id in {held.id for held in template.credentials}:
        raise Invalid({"msg": HELD.format(name=credential.name)})


def _jobs(_call: Call, row: Schedule) -> Select[Any]:
    return select(UnifiedJob).where(UnifiedJob.schedule_id == row.id)


# --- pages ------------------------------------------------------------------------------------------------------------


def _preview(call: Call) -> Reply:
    """POST schedules/preview: the next ten times of a rule."""
    given = call.data.get("rrule")
    try:
        if "rrule" not in call.data:
            raise ValueError(writes.REQUIRED)
        text = writes.clean_value(call, RRULE, given)
    except ValueError as error:
        raise Invalid({"rrule": list(error.args)}) from None
    times = recurrence.preview(text, now())
    return Reply(
        body={
            "local": [one.isoformat() for one in times],
            "utc": [moment(one.astimezone(recurrence.UTC)) for one in times],
        }
    )


def _zones(_call: Call) -> Reply:
    """GET schedules/zoneinfo."""
    return Reply(body={"zones": zones.zones(), "links": zones.links()})


def declare(registry: Registry) -> None:
    """Add the resource and its pages."""
    registry.page(
        "schedules/preview", Page({"POST": _preview}, title="Schedule Recurrence Rule Preview", fields=(RRULE,))
    )
    registry.page("schedules/zoneinfo", Page({"GET": _zones}, title="Schedule Zone Info"))
    registry.add(_resource())


def _resource() -> Resource:
    return Resource(
        name="schedules",
        type="schedule",
        model=Schedule,
        title="Schedule",
        fields=(
            RRULE,
            *NAMED,
            *PROMPT_FIELDS,
            Field("unified_job_template", "id", to="unified_job_templates", required=True),
            Field("enabled", "boolean", default=True),
            read_only("dtstart", "datetime"),
            read_only("dtend", "datetime"),
            read_only("next_run", "datetime"),
            read_only("timezone", "field", value=_timezone, filterable=False),
            read_only("until", "field", value=_until, filterable=False),
        ),
        related=(
            *AUTHORS,
            *below("labels", "credentials", "instance_groups"),
            Related("unified_jobs", "jobs"),
            Related("unified_job_template", to=_template),
            Related("project", to=_project),
            Related("inventory", to=_inventory),
            link_to("execution_environment", "execution_environments"),
        ),
        summary=(
            Summary("unified_job_template", batch=_template_summary),
            Summary("execution_environment"),
            *AUTHORS_SUMMARY,
            Summary("inventory", batch=_inventory_summary),
        ),
        summarize=plain("id", "name", "description", "next_run"),
        sublists={
            "labels": labels.sublist("schedule"),
            "credentials": SubList(
                "credentials", relation="credentials", attach=True, ordered=True, on_attach=saved_credential
            ),
            "instance_groups": SubList("instance_groups", relation="instance_groups", attach=True, ordered=True),
            "jobs": SubList("unified_jobs", query=_jobs),
        },
        access=policies.Schedules(),
        hooks=Hooks(validate=_validate, created=_created, updated=_updated, deleting=_deleting),
        unique=(("unified_job_template", "name"),),
        copy=None,
    )  # fmt: skip
