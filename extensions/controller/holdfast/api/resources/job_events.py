# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of jobs, which lie in a database of their own, and how hosts fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call
from holdfast.api.registry import Field, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources.common import STAMPS, link_to
from holdfast.api.resources.job_parts import brief, read_only
from holdfast.auth import policies
from holdfast.db.models import Host, JobEvent, JobHostSummary, JobTemplate, UnifiedJob
from holdfast.jobs.event_text import EVENTS, event_display, event_level, shown_stdout

COUNTS = ("changed", "dark", "failures", "ok", "processed", "skipped")


def of_job(_call: Call, row: Any) -> Select[Any]:
    """The events of a job."""
    return select(JobEvent).where(JobEvent.job_id == row.id).order_by(JobEvent.start_line, JobEvent.counter)


def _of_event(_call: Call, row: JobEvent) -> Select[Any]:
    return select(JobEvent).where(JobEvent.job_id == row.job_id, JobEvent.parent_uuid == row.uuid)


def _job(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """``job`` in summaries of events and of hosts' results, with the job's template."""
    jobs = call.fetch(UnifiedJob, [row.job_id for row in rows])
    templates = call.fetch(JobTemplate, [job.unified_job_template_id for job in jobs.values() if job.type == "job"])
    found = {}
    for row in rows:
        job = jobs.get(row.job_id)
        if job is not None:
            found[row.id] = brief(job)
            template = templates.get(job.unified_job_template_id)
            if template is not None:
                found[row.id].update(job_template_id=template.id, job_template_name=template.name)
    return found


def _host(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    hosts = call.fetch(Host, [row.host_id for row in rows])
    return {
        row.id: {"id": host.id, "name": host.name, "description": host.description}
        for row in rows
        if (host := hosts.get(row.host_id)) is not None
    }


def _role(_call: Call, rows: Sequence[JobEvent]) -> Mapping[int, Any]:
    return {row.id: {} for row in rows}


def _display(_call: Call, row: JobEvent) -> str:
    return event_display(row.event, row.event_data or {}, row.play, row.role, row.task)


def _stdout(call: Call, row: JobEvent) -> str:
    """The output of an event; a list shows no more than the beginning of a long one, unless it is asked to."""
    whole = call.path.rstrip("/").endswith(f"/job_events/{row.id}") or bool(call.get("no_truncate"))
    return row.stdout if whole else shown_stdout(row.event, row.stdout)


EVENT_FIELDS: tuple[Field, ...] = (
    *STAMPS,
    read_only("event", "choice", choices=tuple((name, kind.display) for name, kind in EVENTS.items())),
    read_only("counter", "integer"),
    read_only("event_display", value=_display, filterable=False),
    read_only("event_data", "json"),
    read_only("event_level", "integer", value=lambda _call, row: event_level(row.event), filterable=False),
    read_only("failed", "boolean"),
    read_only("changed", "boolean"),
    read_only("uuid"),
    read_only("parent_uuid"),
    read_only("host", "id", to="hosts"),
    read_only("host_name"),
    read_only("playbook"),
    read_only("play"),
    read_only("task"),
    read_only("role"),
    read_only("stdout", value=_stdout),
    read_only("start_line", "integer"),
    read_only("end_line", "integer"),
    read_only("verbosity", "integer"),
)
"""The fields of events, but for the one that says whose they are."""


EVENTS_OF_JOB = SubList("job_events", query=of_job, title="Job Events List")


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(
        Resource(
            name="job_events",
            type="job_event",
            model=JobEvent,
            title="Job Event",
            fields=(*EVENT_FIELDS[:2], read_only("job", "id", to="jobs"), *EVENT_FIELDS[2:]),
            related=(link_to("job", "jobs"), Related("children", "children"), link_to("host", "hosts")),
            summary=(Summary("host", batch=_host), Summary("job", batch=_job), Summary("role", batch=_role)),
            sublists={"children": SubList("job_events", query=_of_event, title="Job Event Children List")},
            access=policies.JobEvents(),
            list_methods=(),
            detail_methods=("GET",),
            order_by=("start_line",),
            search_fields=("stdout",),
            events=True,
            activity=False,
        ),
        Resource(
            name="job_host_summaries",
            type="job_host_summary",
            model=JobHostSummary,
            title="Job Host Summary",
            fields=(
                *STAMPS,
                read_only("job", "id", to="jobs"),
                read_only("host", "id", to="hosts"),
                read_only("constructed_host", "id", to="hosts"),
                read_only("host_name"),
                *(read_only(name, "integer", min_value=0, max_value=2147483647) for name in COUNTS),
                read_only("failed", "boolean"),
                *(read_only(name, "integer", min_value=0, max_value=2147483647) for name in ("ignored", "rescued")),
            ),
            related=(link_to("job", "jobs"), link_to("host", "hosts")),
            summary=(Summary("host", batch=_host), Summary("job", batch=_job)),
            access=policies.JobHostSummaries(),
            list_methods=(),
            detail_methods=("GET",),
            order_by=("-id",),
            search_fields=("host_name",),
            activity=False,
        ),
    )
