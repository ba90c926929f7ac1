# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which jobs may run now, and how they end.

A job is a row first. In the transaction that makes it, it is looked whether something holds it up; if nothing does, it
is queued once that transaction is committed, and what a crash leaves unqueued is found at the next start. The
transaction that ends a job looks for those that waited for it, so they begin at once. How many run at the same time is
the queue's business.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.base import after_commit, now
from holdfast.db.models import UnifiedJob, UnifiedJobTemplate
from holdfast.jobs.states import (
    ACTIVE,
    BAD,
    CANCELED,
    FAILED,
    PENDING,
    QUEUED,
    RUNNING,
    SUCCESSFUL,
    WAITING,
    blamed,
)

TASKS = {"job": "job", "project_update": "project_update", "system_job": "system_job"}
"""The engine's task for each kind of job that it runs."""
UPDATE = "project_update"


class Dispatcher:
    """Queues jobs and ends them. ``on_end`` are called with the id of each job that has ended, after the commit."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.on_end: list[Callable[[int], object]] = []

    # --- beginning ------------------------------------------------------------------------------------------------

    def queue(self, session: Session, job: UnifiedJob) -> None:
        """Have a pending job run once the transaction is committed and nothing holds it up."""
        with session.no_autoflush:  # what is still to be written is about this job, and can be written at once
            holder = self.held_by(session, job)
        if holder is None:
            self._enqueue(session, job)
        else:
            job.job_explanation = f"waiting for {holder[0]}-{holder[1]} to finish"

    def _enqueue(self, session: Session, job: UnifiedJob) -> None:
        task, key = TASKS[job.type], str(job.id)
        job.job_explanation = ""
        after_commit(session, lambda: self._controller.engine.enqueue(task, key))

    def held_by(self, session: Session, job: UnifiedJob) -> tuple[str, int] | None:
        """Type and id of the job that must end before this one may begin; None when there is none.

        A job waits for what it depends on, for an update of its project, and for earlier jobs of its template unless
        they may run together. As it only waits for earlier ones and for what was made for it, none waits for ever.
        """
        pointers = {name: getattr(job, name) for name in ("dependency_id", "project_id", "unified_job_template_id")}
        if job.type == UPDATE or job.allow_simultaneous:
            pointers["unified_job_template_id"] = None
        query = _holder(*(one is not None for one in pointers.values()))
        if query is None:
            return None
        found = session.execute(query, {"job_id": job.id, **pointers}).first()
        return None if found is None else (found.type, found.id)

    # --- ending ---------------------------------------------------------------------------------------------------

    def end(self, session: Session, job: UnifiedJob, status: str, explanation: str = "") -> None:
        """Write that a job has ended, and begin with what waited for it. ``job.elapsed`` may be set already."""
        job.status = status
        job.failed = status in BAD
        job.job_explanation = explanation
        job.finished = now()
        if status == CANCELED:
            job.canceled_on = job.canceled_on or job.finished
        if job.started is not None and not job.elapsed:
            job.elapsed = round((job.finished - job.started).total_seconds(), 3)
        job.event_processing_finished = True
        job.start_args = ""
        session.flush()
        self._tell_template(session, job)
        self._release(session, job)
        for call in self.on_end:
            after_commit(session, functools.partial(call, job.id))

    @staticmethod
    def _tell_template(session: Session, job: UnifiedJob) -> None:
        template = session.get(UnifiedJobTemplate, job.unified_job_template_id) if job.unified_job_template_id else None
        if template is None:
            return
        if template.current_job_id == job.id:
            template.current_job_id = None
        template.last_job_id = job.id
        template.last_job_failed = job.failed
        template.last_job_run = job.finished
        if template.current_job_id is None:
            template.status = FAILED if job.failed else SUCCESSFUL
        session.flush()

    def _release(self, session: Session, ended: UnifiedJob) -> None:
        """Begin with the jobs that nothing holds up any more; fail those that needed this one to end well."""
        for job in session.scalars(select(UnifiedJob).where(UnifiedJob.dependency_id == ended.id, _QUEUED)).all():
            if ended.status == SUCCESSFUL:
                self._look_again(session, job)
            else:
                verb = "Canceled" if ended.status == CANCELED else "Failed"
                self.end(session, job, CANCELED if ended.status == CANCELED else FAILED, blamed(verb, ended))
        if ended.unified_job_template_id is not None:
            self._look_again(session, *self._first(session, _next_of_template(ended.unified_job_template_id)))
        if ended.type == UPDATE:
            waiting = select(UnifiedJob).where(UnifiedJob.project_id == ended.project_id, _QUEUED)
            self._look_again(session, *session.scalars(waiting.order_by(UnifiedJob.id)).all())

    @staticmethod
    def _first(session: Session, query: Select[Any]) -> Iterable[UnifiedJob]:
        return session.scalars(query.limit(1)).all()

    def _look_again(self, session: Session, *jobs: UnifiedJob) -> None:
        for job in jobs:
            if job.type in TASKS and job.status == PENDING and self.held_by(session, job) is None:
                job.status = WAITING
                self._enqueue(session, job)

    def sweep(self) -> None:
        """Queue whatever may run: after a start, nobody knows what an earlier process came to queue."""
        with self._controller.database.writing() as session:
            queued = session.scalars(
                select(UnifiedJob).where(_QUEUED, UnifiedJob.type.in_(TASKS)).order_by(UnifiedJob.id)
            ).all()
            for job in queued:
                self.queue(session, job)


_QUEUED = UnifiedJob.status.in_(QUEUED)


@functools.cache
def _holder(dependency: bool, project: bool, template: bool) -> Select[str, int] | None:
    """The first job that holds up another one, by which reasons there may be; put together once."""
    earlier = UnifiedJob.id < bindparam("job_id")
    reasons: list[ColumnElement[bool]] = []
    if dependency:
        reasons.append(UnifiedJob.id == bindparam("dependency_id"))
    if project:
        running = UnifiedJob.status.in_((WAITING, RUNNING))
        of_project = UnifiedJob.project_id == bindparam("project_id")
        reasons.append(and_(UnifiedJob.type == UPDATE, of_project, or_(earlier, running)))
    if template:
        of_template = UnifiedJob.unified_job_template_id == bindparam("unified_job_template_id")
        reasons.append(and_(of_template, earlier))
    if not reasons:
        return None
    query = select(UnifiedJob.type, UnifiedJob.id)
    query = query.where(UnifiedJob.status.in_(ACTIVE), UnifiedJob.id != bindparam("job_id"), or_(*reasons))
    return query.order_by(UnifiedJob.id).limit(1)


def _next_of_template(template_id: int) -> Select[Any]:
    """The jobs of a template that wait for each other, the oldest first."""
    return (
        select(UnifiedJob)
        .where(
            UnifiedJob.unified_job_template_id == template_id,
            UnifiedJob.type.in_(TASKS),
            UnifiedJob.status == PENDING,
            UnifiedJob.allow_simultaneous.is_(False),
        )
        .order_by(UnifiedJob.id)
    )
