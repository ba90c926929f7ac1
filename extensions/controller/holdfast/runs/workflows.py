# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflow jobs begun, nested, cut into slices, done again, resumed from failed nodes, cancelled.

A workflow job is a row first; it begins in a transaction of its own once that is committed, and what a crash keeps from
beginning begins at the next start. A bundle is prepared on the engine before: the catalog is read and its host patterns
are resolved, which may take a play.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import resume as core_resume
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from holdfast.api.call import Call
from holdfast.context import Controller
from holdfast.db.base import after_commit, now
from holdfast.db.models import (
    JobTemplate,
    Run,
    User,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplate,
    WorkflowJobTemplateNode,
)
from holdfast.jobs import prompting
from holdfast.jobs.launching import internal_call
from holdfast.jobs.states import CANCELED, FAILED, SUCCESSFUL
from holdfast.runs import launching, preparing, rows
from holdfast.runs.graphs import BUNDLE, NATIVE, opened
from holdfast.runs.service import RETRY, Runs, run_of

log = logging.getLogger("holdfast.runs")
TASK = "bundle"
RECURSION = (
    "Workflow Job spawned from workflow could not start because it would result in recursion "
    "(spawn order, most recent first: {names})"
)
WAITING = "waiting for workflowjob-{id} to finish"
NOT_ENDED = "Only a workflow job that has begun and ended can be resumed from its failed nodes."
ORPHANED = "Cannot relaunch slice workflow job orphaned from job template."
RESLICED = "Cannot relaunch sliced workflow job after slice count has changed."
SUCCEEDED = "This workflow job was successful; there is no failed node to resume it from."


class Workflows:
    """Begins, repeats and cancels the workflow jobs of a controller."""

    def __init__(self, controller: Controller, runs: Runs) -> None:
        self._controller = controller
        self._runs = runs

    # --- launching ----------------------------------------------------------------------------------------------

    def launch(
        self, call: Call, template: WorkflowJobTemplate, accepted: Mapping[str, Any], **more: Any
    ) -> WorkflowJob:
        """Launch a workflow with values that were judged; see ``launching.make``."""
        job = launching.make(call, template, accepted, **more)
        self.queue(call.session, job)
        return job

    def launch_node(
        self, session: Session, template: WorkflowJobTemplate, row: WorkflowJobNode, around: WorkflowJob
    ) -> WorkflowJob:
        """Launch a workflow as a node of another one. It fails at once where it would run within itself."""
        call = internal_call(self._controller, session, session.get(User, around.created_by_id or 0))
        call.request_id = around.request_id
        accepted, secret = launching.node_values(session, self._controller.secrets, template, row, around)
        job = launching.make(call, template, accepted, launch_type="workflow", secret_names=secret)
        trail = _ancestors(session, around)
        if template.id in [one.unified_job_template_id for one in trail]:
            names = ", ".join(f"<{one.name}>" for one in (job, *trail))
            self._end(session, job, FAILED, RECURSION.format(names=names))
        else:
            self.queue(session, job)
        return job

    def launch_slices(
        self, call: Call, template: JobTemplate, accepted: Mapping[str, Any], count: int, **more: Any
    ) -> WorkflowJob:
        """Launch a job in ``count`` parts, each with its share of the hosts: a workflow job with a node for each."""
        more["eager"] = {**dict(more.get("eager") or {}), "is_sliced_job": True}
        job = launching.make(call, template, accepted, **more)
        rows.slices(call.session, job, template, accepted, count)
        self.queue(call.session, job)
        return job

    def queue(self, session: Session, job: WorkflowJob) -> None:
        """Have a workflow job begin once the transaction is committed, and those that it waits for are over."""
        job_id = job.id
        after_commit(session, lambda: self.begin(job_id))

    # --- beginning ----------------------------------------------------------------------------------------------

    def begin(self, job_id: int) -> None:
        """Begin with a workflow job that has not begun, unless it has to wait for an earlier one."""
        self._guarded(job_id, self._begin)

    def _persist(self, call: Callable[[], None]) -> None:
        """Make a call, and make it again later while the database cannot: nobody else would before the next start."""
        try:
            call()
        except OperationalError:
            log.exception("the database cannot be used; trying again in %s s", RETRY)
            timer = threading.Timer(RETRY, self._persist, (call,))
            timer.daemon = True
            timer.start()

    def _guarded(self, job_id: int, call: Callable[[Session, WorkflowJob], object]) -> None:
        """Do something with a workflow job that has not begun; where that cannot be, the job fails and says why."""
        self._persist(lambda: self._done_or_refused(job_id, call))

    def _done_or_refused(self, job_id: int, call: Callable[[Session, WorkflowJob], object]) -> None:
        try:
            with self._controller.database.writing() as session:
                job = session.get(WorkflowJob, job_id)
                if job is not None and _is_waiting(job):
                    call(session, job)
        except HoldfastError as error:
            self._refuse(job_id, str(error))
        except OperationalError:
            raise
        except Exception as error:  # a fault of ours must not leave the job pending for ever
            log.exception("workflow job %s could not begin", job_id)
            self._refuse(job_id, f"{type(error).__name__}: {error}")

    def _refuse(self, job_id: int, why: str) -> None:
        """A workflow job that cannot even begin has failed, and says why."""
        with self._controller.database.writing() as session:
            job = session.get(WorkflowJob, job_id)
            if job is not None and _is_waiting(job):
                run_id = run_of(job)
                after_commit(session, lambda: self._runs.let_go(run_id))
                job.started = job.started or now()
                self._end(session, job, FAILED, why)

    def _begin(self, session: Session, job: WorkflowJob) -> None:
        holder = None if job.allow_simultaneous else self._before(session, job)
        job.job_explanation = WAITING.format(id=holder) if holder is not None else ""
        if holder is not None:
            return
        if job.resumed_from_id is not None:
            self._go_on(session, job, session.get_one(WorkflowJob, job.resumed_from_id))
        elif preparing.is_bundle(job.unified_job_template):
            job_id, enqueue = job.id, self._controller.engine.enqueue
            after_commit(session, lambda: enqueue(TASK, str(job_id)))
        else:
            self._begin_native(session, job)

    @staticmethod
    def _before(session: Session, job: WorkflowJob) -> int | None:
        """An earlier job of the same workflow that has not ended."""
        if job.unified_job_template_id is None:
            return None
        query = select(WorkflowJob.id).where(
            WorkflowJob.unified_job_template_id == job.unified_job_template_id,
            WorkflowJob.finished.is_(None),
            WorkflowJob.id < job.id,
        )
        return session.scalar(query.order_by(WorkflowJob.id).limit(1))

    def _begin_native(self, session: Session, job: WorkflowJob) -> None:
        template_id = job.unified_job_template_id
        if template_id is not None and not rows.has_nodes(session, job):
            rows.copy(session, job, WorkflowJobTemplateNode, template_id)
        facts = {"requested_by": preparing.requested_by(session, job)}
        self._runs.begin(session, job, NATIVE, rows.document(session, job), facts)

    def ended(self, job_id: int) -> None:
        """A job is over: if it is a workflow job, the next one of its template may begin."""
        with self._controller.database.reading() as session:
            query = select(WorkflowJob.unified_job_template_id).where(WorkflowJob.id == job_id)
            template_id = session.scalar(query)
            following = session.scalar(_next_of(template_id)) if template_id is not None else None
        if following is not None:
            self.begin(following)

    def recover(self) -> None:
        """After a start: begin with what a crash kept from beginning, and with what nothing holds up any more.

        What was being prepared is prepared again: nothing had begun by that.
        """
        engine = self._controller.engine
        for task, key in engine.interrupted():
            if task == TASK:
                engine.settle(task, key, again=True)
        with self._controller.database.reading() as session:
            query = select(WorkflowJob.id).where(WorkflowJob.finished.is_(None), WorkflowJob.run_id.is_(None))
            waiting = session.scalars(query.order_by(WorkflowJob.id)).all()
        for job_id in waiting:
            self.begin(job_id)

    # --- bundles ------------------------------------------------------------------------------------------------

    def prepare(self, key: str) -> None:
        """The engine's handler: read the catalog and resolve the hosts of a bundle, then begin with its run."""
        self._persist(lambda: self._prepare(int(key)))

    def _prepare(self, job_id: int) -> None:
        try:
            with self._controller.database.reading() as session:
                job = session.get(WorkflowJob, job_id)
                if job is None or not _is_waiting(job):
                    return
                launch = preparing.prepare(self._controller, session, job)
        except HoldfastError as error:
            self._refuse(job_id, str(error))
            return
        except OperationalError:
            raise
        except Exception as error:  # the queue asks but once: without an end the job would be pending for ever
            log.exception("workflow job %s could not be prepared", job_id)
            self._refuse(job_id, f"{type(error).__name__}: {error}")
            return
        self._guarded(job_id, lambda session, job: self._begin_bundle(session, job, launch))

    def _begin_bundle(self, session: Session, job: WorkflowJob, launch: Launch) -> None:
        document = launch.to_data()
        graph = preparing.graph_of(self._controller, job, document)
        rows.bundle_nodes(session, job, graph, preparing.templates_of(session, graph.name))
        self._runs.begin(session, job, BUNDLE, document, {"requested_by": launch.requested_by})

    # --- again --------------------------------------------------------------------------------------------------

    def relaunch(self, call: Call, old: WorkflowJob) -> WorkflowJob:
        """Do a workflow job again from its beginning: as its workflow is now, or as it was if that is gone.

        Raises HoldfastError for slices that would be others now.
        """
        session, template = call.session, old.unified_job_template
        if old.is_sliced_job:
            _check_slices(session, old)
        if isinstance(template, WorkflowJobTemplate):
            accepted = launching.restored(session, self._controller.secrets, old)
            secret = list(old.secret_answers or ())
            return self.launch(call, template, accepted, launch_type="relaunch", secret_names=secret)
        job = launching.make_like(call, old)
        rows.copy(session, job, WorkflowJobNode, old.id)
        self.queue(session, job)
        return job

    def resume(self, call: Call, old: WorkflowJob) -> WorkflowJob:
        """Go on from the nodes that did not succeed. Raises HoldfastError where that cannot be."""
        if old.finished is None or old.run_id is None:
            raise HoldfastError(NOT_ENDED)
        if old.status == SUCCESSFUL:
            raise HoldfastError(SUCCEEDED)
        job = launching.make_like(call, old)
        job.resumed_from_id = old.id
        self.queue(call.session, job)
        return job

    def _go_on(self, session: Session, job: WorkflowJob, old: WorkflowJob) -> None:
        """Begin with the run of a resumed workflow job; nodes that stand keep the jobs that did them."""
        run = session.get_one(Run, old.run_id)
        secrets = self._controller.secrets.open_all(job.secret_answers or {})
        graph = opened(run.kind, run.launch, run_of(job), secrets).graph
        facts = {"id": run_of(job), "requested_by": preparing.requested_by(session, job)}
        changes = core_resume.resume(graph, self._runs.store.record(session, run.id), self._runs.clock(), facts)
        if run.kind == NATIVE:
            rows.copy(session, job, WorkflowJobNode, old.id)
        else:
            rows.bundle_nodes(session, job, graph, preparing.templates_of(session, graph.name))
        rows.keep_jobs(session, job, old, {change["node"] for change in changes if change["type"] == "copied"})
        self._runs.begin(session, job, run.kind, run.launch, {}, changes)

    def cancel(self, session: Session, job: WorkflowJob, by: str) -> None:
        """Cancel a workflow job, also one that has not begun; nothing happens to one that has ended."""
        if job.finished is not None:
            return
        job.cancel_flag = True
        if job.run_id is not None:
            self._runs.cancel(session, job, by)
            return
        job_id = job.id
        after_commit(session, lambda: self._controller.engine.cancel(TASK, str(job_id)))
        self._end(session, job, CANCELED, "")

    def _end(self, session: Session, job: WorkflowJob, status: str, why: str) -> None:
        self._controller.services["jobs"].dispatcher.end(session, job, status, why)


def _is_waiting(job: WorkflowJob) -> bool:
    return job.run_id is None and job.finished is None


def _next_of(template_id: int) -> Any:
    """The oldest workflow job of a template that has not begun."""
    waiting = (WorkflowJob.run_id.is_(None), WorkflowJob.finished.is_(None))
    query = select(WorkflowJob.id).where(WorkflowJob.unified_job_template_id == template_id, *waiting)
    return query.order_by(WorkflowJob.id).limit(1)


def _ancestors(session: Session, job: WorkflowJob) -> list[WorkflowJob]:
    """A workflow job and those around it, from the inside out."""
    found = [job]
    while (row := found[-1].unified_job_node) is not None:
        found.append(session.get_one(WorkflowJob, row.workflow_job_id))
    return found


def _check_slices(session: Session, old: WorkflowJob) -> None:
    """Raise HoldfastError where a job template cuts its jobs into other parts than it did."""
    template = old.unified_job_template
    if not isinstance(template, JobTemplate):
        raise HoldfastError(ORPHANED)
    if prompting.parts(session, old.inventory_id, template.job_slice_count or 1) != len(old.nodes):
        raise HoldfastError(RESLICED)
