# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs jobs, each in a thread of the engine: its row says that it runs, its child runs, its row says how it ended.

Whatever goes wrong on the way ends the job: one that has begun is never left running by a living controller.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.base import now
from holdfast.db.models import (
    ExecutionEnvironment,
    Host,
    InstanceGroup,
    Job,
    JobHostSummary,
    Project,
    ProjectUpdate,
    UnifiedJob,
    UnifiedJobTemplate,
)
from holdfast.jobs import building, fact_cache
from holdfast.jobs.building import Prepared
from holdfast.jobs.child import ENDS, JobEnd, JobRun
from holdfast.jobs.dispatching import Dispatcher
from holdfast.jobs.event_store import EventStore
from holdfast.jobs.guard import Guard
from holdfast.jobs.states import CANCELED, ERROR, PENDING, RUNNING, WAITING

log = logging.getLogger("holdfast.jobs")
DEFAULT_GROUP = "default"
FAULT = "The controller failed to run this job."
_TRIES = 5
_PAUSE = 1.0
_LONGEST_PAUSE = 10.0


class Runner:
    """The jobs that run in this process."""

    def __init__(self, controller: Controller, dispatcher: Dispatcher) -> None:
        self._controller = controller
        self._dispatcher = dispatcher
        self._runs: dict[int, JobRun] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self.guard = Guard()

    # --- one job --------------------------------------------------------------------------------------------------

    def run_job(self, key: str) -> None:
        """The engine's handler for jobs."""
        job_id = int(key)
        if not self.begin(job_id):
            return
        prepared: Prepared | None = None
        preparation = _Preparation()
        try:
            with self.running(job_id, preparation):
                prepared = self._prepare(job_id, preparation)
            end = self._run(job_id, prepared)
        except HoldfastError as error:
            end = JobEnd(*ENDS[preparation.ended_for]) if preparation.ended_for else JobEnd(ERROR, str(error))
        except Exception:  # a fault of ours must end the job, not leave it running for ever
            log.exception("job %s could not be run", job_id)
            end = JobEnd(ERROR, FAULT, traceback.format_exc())
        finally:
            shutil.rmtree(building.folder_of(self._controller) / building.key_of(job_id), ignore_errors=True)
        done = prepared
        self.finish(job_id, lambda: self._write_end(job_id, done, end))

    def begin(self, job_id: int) -> bool:
        """Write that a job runs now; False when it must not: it was cancelled, or has ended already."""
        with self._controller.database.writing() as session:
            job = session.get(UnifiedJob, job_id)
            if job is None or job.status not in (PENDING, WAITING):
                return False
            if job.cancel_flag:
                self._dispatcher.end(session, job, CANCELED)
                return False
            settings = self._controller.settings
            job.status = RUNNING
            job.started = now()
            job.job_explanation = ""
            job.execution_node = job.controller_node = settings.node_name
            job.modified_by_id = None  # the system goes on with it, as in AWX
            job.work_unit_id = uuid.uuid4().hex[:8]
            job.instance_group_id = session.scalar(select(InstanceGroup.id).where(InstanceGroup.name == DEFAULT_GROUP))
            _resolve(session, job)
            template = session.get(UnifiedJobTemplate, job.unified_job_template_id or 0)
            if template is not None:
                template.current_job_id, template.status = job.id, RUNNING
        return True

    def _prepare(self, job_id: int, preparation: _Preparation) -> Prepared:
        with self._controller.database.reading() as session:
            job = session.get(Job, job_id)
            if job is None:
                raise HoldfastError("the job was deleted before it began")
            prepared = building.prepare(self._controller, session, job)
        return building.add_files(self._controller, job, prepared, preparation.is_over)

    def _is_cancelled(self, job_id: int) -> bool:
        with self._controller.database.reading() as session:
            return bool(session.scalar(select(UnifiedJob.cancel_flag).where(UnifiedJob.id == job_id)))

    def _run(self, job_id: int, prepared: Prepared) -> JobEnd:
        sink = EventStore(self._controller.database, job_id, prepared.hosts)
        run = JobRun(prepared.spec, prepared.credentials, sink, self.guard, prepared.tap)
        with self.running(job_id, run):
            end = run.run()
        sink.mark(end)
        return end

    def running(self, job_id: int, run: Any) -> _Running:
        """Have ``run`` cancelled when the job is, for as long as the context lasts."""
        return _Running(self, job_id, run)

    def enter(self, job_id: int, run: Any) -> None:
        """A run begins; it is cancelled at once when its job was while it was being prepared."""
        with self._lock:
            self._runs[job_id] = run
            stopping = self._stopping
        if stopping:
            run.shutdown()
        if self._is_cancelled(job_id):
            run.cancel()

    def leave(self, job_id: int) -> None:
        """A run is over."""
        with self._lock:
            self._runs.pop(job_id, None)

    # --- its end --------------------------------------------------------------------------------------------------

    def finish(self, job_id: int, write: Callable[[], None]) -> None:
        """Write how a job ended. What cannot be written at all becomes a fault, for the job must end."""
        try:
            self._written(job_id, write)
        except Exception:  # there is something in this end that no database takes
            log.exception("job %s: its end cannot be written", job_id)
            trace = traceback.format_exc().encode("ascii", "backslashreplace").decode()
            self._written(job_id, lambda: self._write_fault(job_id, trace))

    def _written(self, job_id: int, write: Callable[[], None]) -> None:
        """Write, and do not give up while the database cannot: the job would be running for ever."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return write()
            except SQLAlchemyError:
                log.exception("job %s: its end could not be written (attempt %s)", job_id, attempt)
                if self._stopping and attempt >= _TRIES:
                    return None  # the next start ends it
                time.sleep(min(_PAUSE * attempt, _LONGEST_PAUSE))

    def _write_fault(self, job_id: int, trace: str) -> None:
        with self._controller.database.writing() as session:
            job = session.get(UnifiedJob, job_id)
            if job is not None:
                job.result_traceback = trace
                self._dispatcher.end(session, job, ERROR, FAULT)

    def _write_end(self, job_id: int, prepared: Prepared | None, end: JobEnd) -> None:
        facts = prepared.facts if prepared is not None else None
        changed = facts.changed() if facts is not None else {}
        cleared = facts.cleared() if facts is not None else []
        with self._controller.database.writing() as session:
            job = session.get(Job, job_id)
            if job is None:
                return
            job.result_traceback = end.result_traceback
            job.scm_revision = (prepared.revision if prepared is not None else "") or job.scm_revision
            job.artifacts = end.artifacts
            job.host_status_counts = end.host_status_counts
            job.playbook_counts = {"play_count": end.play_count, "task_count": end.task_count}
            summarize_hosts(session, job, end, prepared.hosts if prepared is not None else {})
            fact_cache.save(session, changed, cleared)
            if prepared is not None and prepared.play is not None:
                bundles = self._controller.services["bundles"]
                bundles.finish(job, prepared.play, end.return_code, end.ended_for)
            self._dispatcher.end(session, job, end.status, end.explanation)
        if facts is not None:
            facts.remove()

    # --- all jobs -------------------------------------------------------------------------------------------------

    def cancel(self, job_id: int) -> None:
        """End the run of a job, if there is one."""
        with self._lock:
            run = self._runs.get(job_id)
        if run is not None:
            run.cancel()

    def stop(self) -> None:
        """The controller ends: end what runs, and what would still begin. The engine waits until it has ended."""
        with self._lock:
            self._stopping = True
            runs = list(self._runs.values())
        for run in runs:
            threading.Thread(target=run.shutdown, daemon=True).start()

    def close(self) -> None:
        """Nothing runs any more: let the guard go."""
        self.guard.close()


class _Preparation:
    """The time before a job has a process, for whoever wants to end it. ``ended_for`` is a key of ``ENDS``, or ""."""

    def __init__(self) -> None:
        self.ended_for = ""

    def cancel(self) -> None:
        """End it: somebody cancelled the job."""
        self.ended_for = self.ended_for or "cancel"

    def shutdown(self) -> None:
        """End it: the controller ends."""
        self.ended_for = self.ended_for or "shutdown"

    def is_over(self) -> bool:
        """True once it is to end."""
        return bool(self.ended_for)


class _Running:
    """The time in which a job has a run that can be cancelled."""

    def __init__(self, runner: Runner, job_id: int, run: Any) -> None:
        self._runner, self._job_id, self._run = runner, job_id, run

    def __enter__(self) -> None:
        self._runner.enter(self._job_id, self._run)

    def __exit__(self, *_error: object) -> None:
        self._runner.leave(self._job_id)


def _resolve(session: Session, job: UnifiedJob) -> None:
    """What is only settled when a job begins: its environment and the revision of its project."""
    project = session.get(Project, job.project_id) if job.project_id is not None else None
    if job.execution_environment_id is None:
        own = isinstance(job, ProjectUpdate)
        job.execution_environment_id = (
            control_plane_id(session) if own else environment_id(session, job.organization, project)
        )
    if project is not None and isinstance(job, Job):
        job.scm_revision = project.scm_revision or ""


def environment_id(session: Session, organization: Any, project: Any) -> int | None:
    """The environment that is used where nobody names one: the project's, the organization's, or the first of all."""
    for owner in (project, organization):
        if owner is not None and owner.default_environment_id is not None:
            return int(owner.default_environment_id)
    query = select(ExecutionEnvironment.id).where(ExecutionEnvironment.organization_id.is_(None))
    return session.scalar(query.where(ExecutionEnvironment.managed.is_(False)).order_by(ExecutionEnvironment.id))


def control_plane_id(session: Session) -> int | None:
    """The environment of what the controller does itself, such as updates of projects."""
    query = select(ExecutionEnvironment.id).where(ExecutionEnvironment.managed.is_(True))
    return session.scalar(query.order_by(ExecutionEnvironment.id))


def summarize_hosts(session: Session, job: Job, end: JobEnd, hosts: dict[str, int]) -> None:
    """Write how each host fared, and tell the hosts."""
    if not end.host_summaries:
        return
    there = set(session.scalars(select(Host.id).where(Host.inventory_id == job.inventory_id)))
    rows = [
        {"job_id": job.id, "host_name": name, "host_id": hosts[name] if hosts.get(name) in there else None, **fields}
        for name, fields in end.host_summaries.items()
    ]
    session.execute(insert(JobHostSummary), rows)
    query = select(JobHostSummary.id, JobHostSummary.host_id, JobHostSummary.failed)
    query = query.where(JobHostSummary.job_id == job.id, JobHostSummary.host_id.is_not(None))
    told = [
        {"id": host_id, "last_job_id": job.id, "last_job_host_summary_id": summary_id, "last_job_failed": failed}
        for summary_id, host_id, failed in session.execute(query)
    ]
    if told:
        session.execute(update(Host), told)
