# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of projects, and what they said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.api.call import Call
from holdfast.api.registry import Action, Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources.common import AUTHORS, below, link_to
from holdfast.api.resources.empty import empty_list
from holdfast.api.resources.job_actions import cancel_action, refuse_deletion
from holdfast.api.resources.job_events import EVENT_FIELDS, of_job
from holdfast.api.resources.job_parts import JOB_FIELDS, JOB_LINKS, JOB_SUMMARY, read_only
from holdfast.api.resources.job_stdout import stdout_action
from holdfast.api.resources.jobs import notifications_of
from holdfast.api.resources.projects import scm_fields
from holdfast.auth import policies
from holdfast.db.models import JobEvent, ProjectUpdate
from holdfast.jobs import event_store

JOB_TYPES = (("run", "Run"), ("check", "Check"))
_NOT_OF_UPDATES = ("controller_node",)
_NOT_OF_EVENTS = ("parent_uuid", "host")


def summarize(_call: Call, rows: Sequence[ProjectUpdate]) -> Mapping[int, Any]:
    """What others' summaries show of updates."""
    names = ("id", "name", "description", "status", "failed")
    return {row.id: {name: getattr(row, name) for name in names} for row in rows}


def _host_counts(_call: Call, row: ProjectUpdate) -> dict[str, int]:
    """How the one host fared that an update is made on: this one."""
    if row.finished is None or row.started is None:
        return {}
    return {"failures": 1} if row.failed else {"ok": 1}


def _playbook_counts(call: Call, row: ProjectUpdate) -> dict[str, int]:
    with call.controller.database.events() as session:
        return event_store.counts(session, row.id)


def _scm(name: str, type_: str = "string", **more: Any) -> Field:
    kept = {key: value for key, value in more.items() if key in ("label", "choices", "to", "min_value")}
    if name == "timeout":
        kept["max_value"] = more["max_value"]
    return read_only(name, type_, **kept)


def _without_address(_call: Call, _rows: Sequence[JobEvent], shown: Sequence[dict[str, Any]]) -> None:
    """These events are only found below their update."""
    for one in shown:
        one["url"] = ""


FIELDS: tuple[Field, ...] = (
    *(one for one in JOB_FIELDS if one.name not in _NOT_OF_UPDATES),
    *scm_fields(_scm),
    read_only("scm_revision", label="SCM Revision"),
    read_only("project", "id", to="projects"),
    read_only("job_type", "choice", choices=JOB_TYPES),
    read_only("job_tags"),
    read_only("host_status_counts", "json", detail=True, value=_host_counts),
    read_only("playbook_counts", "field", detail=True, value=_playbook_counts, filterable=False),
)


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(
        Resource(
            name="project_updates",
            type="project_update",
            model=ProjectUpdate,
            title="Project Update",
            types={"project_update": "SCM Update"},
            fields=FIELDS,
            related=(
                *AUTHORS,
                *JOB_LINKS,
                *below("stdout"),
                link_to("project", "projects"),
                link_to("credential", "credentials"),
                *below("cancel", "scm_inventory_updates", "notifications", "events"),
            ),
            summary=(Summary("project"), Summary("credential"), *JOB_SUMMARY),
            summarize=summarize,
            sublists={
                "events": SubList("project_update_events", query=of_job, title="Project Update Events List"),
                "notifications": SubList("notifications", query=notifications_of),
            },
            actions={
                "cancel": cancel_action("Project Update"),
                "stdout": stdout_action("Project Update"),
                "scm_inventory_updates": Action({"GET": empty_list}, title="Project Update SCM Inventory Updates"),
            },
            access=policies.ProjectUpdates(),
            hooks=Hooks(deleting=refuse_deletion),
            list_methods=("GET",),
            detail_methods=("GET", "DELETE"),
        ),
        Resource(
            name="project_update_events",
            type="project_update_event",
            model=JobEvent,
            title="Project Update Event",
            fields=(
                *(one for one in EVENT_FIELDS if one.name not in _NOT_OF_EVENTS),
                read_only("project_update", "id", to="project_updates", column="job_id"),
            ),
            related=(Related("project_update", to=lambda row: ("project_updates", row.job_id)),),
            access=policies.JobEvents(),
            list_methods=(),
            detail_methods=(),
            order_by=("start_line",),
            search_fields=("stdout",),
            events=True,
            activity=False,
            finish=_without_address,
        ),
    )
