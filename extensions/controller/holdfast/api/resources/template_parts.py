# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What templates of all kinds show of their jobs, made for many rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, func, not_, select

from holdfast.api.call import Call
from holdfast.api.registry import Batch, Related, Summary
from holdfast.api.render import moment
from holdfast.api.resources.common import link_to
from holdfast.api.resources.job_parts import RESOURCE_OF
from holdfast.db.models import ExecutionEnvironment, Job, UnifiedJob
from holdfast.jobs.running import environment_id

RECENT = 10


def recent_jobs(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """``recent_jobs``: the last ten jobs of each template, the newest first, without parts of sliced jobs."""
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    part = and_(UnifiedJob.type == "job", func.coalesce(Job.job_slice_count, 1) > 1)
    place = func.row_number().over(
        partition_by=UnifiedJob.unified_job_template_id, order_by=(UnifiedJob.created.desc(), UnifiedJob.id.desc())
    )
    ranked = (
        select(UnifiedJob.id, place.label("place"))
        .where(UnifiedJob.unified_job_template_id.in_(found), not_(part))
        .subquery()
    )
    query = (
        select(
            UnifiedJob.unified_job_template_id, UnifiedJob.id, UnifiedJob.status, UnifiedJob.finished,
            UnifiedJob.canceled_on, UnifiedJob.type,
        )
        .join(ranked, ranked.c.id == UnifiedJob.id)
        .where(ranked.c.place <= RECENT)
        .order_by(ranked.c.place)
    )  # fmt: skip
    for template_id, job_id, status, finished, canceled_on, type_ in call.session.execute(query):
        found[template_id or 0].append(
            {
                "id": job_id,
                "status": status,
                "finished": moment(finished),
                "canceled_on": moment(canceled_on),
                "type": type_,
            }
        )
    return found


def _job_of(name: str, *shown: str) -> Batch:
    """The job that ``<name>_id`` of a template names, with these attributes; empty moments are left out."""

    def batch(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
        jobs = call.fetch(UnifiedJob, [getattr(row, f"{name}_id") for row in rows])
        found = {}
        for row in rows:
            job = jobs.get(getattr(row, f"{name}_id"))
            if job is not None:
                values = {one: getattr(job, one) for one in shown}
                found[row.id] = {
                    one: moment(value) if one in ("finished", "canceled_on") else value
                    for one, value in values.items()
                    if value is not None
                }
        return found

    return batch


_STATE = ("id", "name", "description", "status", "failed")
LAST_AND_CURRENT: tuple[Summary, ...] = (
    Summary("last_job", batch=_job_of("last_job", *_STATE, "finished", "canceled_on")),
    Summary("last_update", batch=_job_of("last_job", *_STATE)),
    Summary("current_update", batch=_job_of("current_job", *_STATE)),
    Summary("current_job", batch=_job_of("current_job", *_STATE)),
)
"""The last and the current job in summaries of templates, under the names of jobs and of updates."""


def _linked_job(name: str) -> Related:
    def target(row: Any) -> tuple[str, Any] | None:
        job = getattr(row, name)
        return None if job is None else (RESOURCE_OF[job.type], job.id)

    return Related(name, to=target)


TEMPLATE_LINKS: tuple[Related, ...] = (
    _linked_job("current_job"),
    _linked_job("last_job"),
    link_to("next_schedule", "schedules"),
    link_to("execution_environment", "execution_environments"),
)
"""The links of every kind of template."""


def resolved_environment(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """``resolved_environment``: what a job of the template would run in; not told of what has just been made."""
    return {} if call.method == "POST" else environments(call, rows)


def environments(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """What jobs of these templates would run in."""
    found = {}
    for row in rows:
        environment = _environment_of(call, row)
        if environment is not None:
            found[row.id] = {
                "id": environment.id,
                "name": environment.name,
                "description": environment.description,
                "image": environment.image,
            }
    return found


def _environment_of(call: Call, row: Any) -> ExecutionEnvironment | None:
    key = row.execution_environment_id
    if key is None:
        project = row if row.type == "project" else getattr(row, "project", None)
        key = environment_id(call.session, row.organization, project)
    return call.session.get(ExecutionEnvironment, key) if key is not None else None
