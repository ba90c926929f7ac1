# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other parts of the controller ask of jobs, and how jobs are joined to it: ``controller.services["jobs"]``."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.api.call import Call
from holdfast.context import Controller
from holdfast.db.base import after_commit, now
from holdfast.db.models import (
    Job,
    JobTemplate,
    Project,
    SystemJobTemplate,
    UnifiedJob,
    UnifiedJobTemplate,
    User,
    WorkflowJob,
    WorkflowJobNode,
)
from holdfast.jobs import building, launching, prompting, saved_launch
from holdfast.jobs.artifacts import SLICE, handed_on
from holdfast.jobs.credential_rows import all_passwords_needed, by_key
from holdfast.jobs.dispatching import TASKS, Dispatcher
from holdfast.jobs.leftovers import cleanup_leftovers
from holdfast.jobs.running import Runner
from holdfast.jobs.states import ACTIVE, CANCELED, ERROR, FAILED, INTERRUPTED, QUEUED, RUNNING

log = logging.getLogger("holdfast.jobs")
MISSING_RESOURCE = (
    "Job spawned from workflow could not start because it was missing a related resource such as project or inventory"
)
MISSING_PASSWORD = (
    "Job spawned from workflow could not start because it was not in the right state or required manual credentials"
)


class Jobs:
    """All jobs of a controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.dispatcher = Dispatcher(controller)
        self.runner = Runner(controller, self.dispatcher)

    @property
    def on_end(self) -> list[Callable[[int], object]]:
        """Called with the id of each job that has ended, once that is committed."""
        return self.dispatcher.on_end

    # --- launching ------------------------------------------------------------------------------------------------

    def launch(self, call: Call, template: JobTemplate, accepted: Mapping[str, Any], **more: Any) -> Job:
        """Launch a job template with values that were judged; see ``launching.launch``."""
        job = launching.launch(call, template, accepted, **more)
        self._enter(call, job)
        return job

    def launch_or_slice(
        self, call: Call, template: JobTemplate, accepted: Mapping[str, Any], **more: Any
    ) -> UnifiedJob:
        """The same; a template whose jobs are cut into parts launches a workflow of its parts instead."""
        count = prompting.slices(call.session, template, accepted)
        workflows = self._controller.services.get("workflows")
        if count > 1 and workflows is not None:
            parts: UnifiedJob = workflows.launch_slices(call, template, accepted, count, **more)
            return parts
        return self.launch(call, template, accepted, **more)

    def _enter(self, call: Call, job: Job) -> None:
        dependency = self._update_of(call, job)
        if dependency is not None:
            job.dependency_id = dependency
        self.queue(call.session, job)

    def queue(self, session: Session, job: UnifiedJob) -> None:
        """Have a pending job run once the transaction is committed and nothing holds it up."""
        self.dispatcher.queue(session, job)

    def launch_node(
        self, session: Session, template: UnifiedJobTemplate, row: WorkflowJobNode, around: WorkflowJob
    ) -> UnifiedJob:
        """Launch the template of a node within a workflow job. Raises HoldfastError for one that cannot be launched."""
        call = launching.internal_call(self._controller, session, session.get(User, around.created_by_id or 0))
        if isinstance(template, Project):
            update: UnifiedJob = self._controller.services["projects"].update(call, template, launch_type="workflow")
            return update
        if isinstance(template, SystemJobTemplate):
            kept = self._given(row, around)[0].get("extra_vars") or {}
            given = {"extra_vars": {**kept, **json.loads(around.extra_vars or "{}")}}
            variables = prompting.judge(session, template, given).accepted.get("extra_vars", {})
            cleaning: UnifiedJob = self._controller.services["housekeeping"].launch(
                call, template, variables, "workflow"
            )
            return cleaning
        if not isinstance(template, JobTemplate):
            raise HoldfastError(f"a node cannot launch a {template.type.replace('_', ' ')}")
        given, secret = self._given(row, around)
        judged = prompting.judge(session, template, given)
        artifacts, hidden = handed_on(row)
        variables = {**judged.accepted.get("extra_vars", {}), **artifacts, **self._above(around)}
        accepted = {**judged.accepted, **({"extra_vars": variables} if variables else {})}
        job = launching.launch(
            call, template, accepted, launch_type="workflow", secret_names=secret | hidden, eager=_slice(row, around)
        )
        why = self._why_not(job)
        if why:
            self.dispatcher.end(session, job, FAILED, why)
        else:
            self._enter(call, job)
        return job

    def _why_not(self, job: Job) -> str:
        """Why a job that nobody is asked about cannot start."""
        if job.inventory_id is None or job.project_id is None:
            return MISSING_RESOURCE
        return MISSING_PASSWORD if all_passwords_needed(job.credentials, self._controller.secrets) else ""

    def _given(self, row: WorkflowJobNode, around: WorkflowJob) -> tuple[dict[str, Any], set[str]]:
        """What a node gives to its template, over it what the workflow job gives; and which variables are secret."""
        found = saved_launch.kept(self._controller.secrets, row)
        above = {name: getattr(around, name) for name in _FROM_WORKFLOW}
        found.update({name: value for name, value in above.items() if value is not None})
        if around.credentials:
            found["credentials"] = list(by_key([*row.credentials, *around.credentials]).values())
        return found, {*(row.secret_data or {}), *(around.secret_answers or {})}

    def _above(self, around: WorkflowJob) -> dict[str, Any]:
        """The variables of the workflow job: its jobs are given them whether their templates ask for any or not."""
        secrets = self._controller.secrets.open_all(around.secret_answers or {})
        return {**json.loads(around.extra_vars or "{}"), **secrets}

    def _update_of(self, call: Call, job: Job) -> int | None:
        """The update of its project that a job must wait for, made where the project is updated at every launch."""
        project = call.session.get(Project, job.project_id) if job.project_id is not None else None
        if project is None or not project.scm_type or not project.scm_update_on_launch:
            return None
        update: UnifiedJob | None = self._controller.services["projects"].update_on_launch(call, project)
        return update.id if update is not None else None

    # --- cancelling -----------------------------------------------------------------------------------------------

    def cancel(self, job_id: int) -> None:
        """Cancel a job in a transaction of its own; nothing happens to one that has ended."""
        with self._controller.database.writing() as session:
            job = session.get(UnifiedJob, job_id)
            if job is not None:
                self.cancel_in(session, job)

    def cancel_in(self, session: Session, job: UnifiedJob) -> None:
        """Cancel a job within a transaction. What waits ends at once, what runs is ended after the commit."""
        if job.status not in ACTIVE or job.type not in TASKS:
            return
        job_id, task = job.id, TASKS[job.type]
        job.cancel_flag = True
        job.canceled_on = job.canceled_on or now()
        if job.status == RUNNING:
            after_commit(session, lambda: self.runner.cancel(job_id))
        else:
            after_commit(session, lambda: self._controller.engine.cancel(task, str(job_id)))
            self.dispatcher.end(session, job, CANCELED)

    # --- beginning and ending -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Before the engine starts: end what an earlier process left, write that down, and queue what waits."""
        self._controller.on_end.append(self.runner.stop)  # the last one is called first: before the engine waits
        engine = self._controller.engine
        # The engine says first whether another controller works here: what that one runs is no leftover.
        interrupted = [(task, key) for task, key in engine.interrupted() if task in TASKS.values()]
        cleanup_leftovers(building.folder_of(self._controller))
        shutil.rmtree(self._controller.settings.folder / "facts", ignore_errors=True)
        self._give_up(self._left())
        for task, key in interrupted:
            engine.settle(task, key, again=self._waits(int(key)))
        self.dispatcher.sweep()

    def _left(self) -> list[int]:
        with self._controller.database.reading() as session:
            query = select(UnifiedJob.id).where(UnifiedJob.status == RUNNING, UnifiedJob.type.in_(TASKS))
            return list(session.scalars(query.order_by(UnifiedJob.id)))

    def _give_up(self, job_ids: Iterable[int]) -> None:
        for job_id in job_ids:
            with self._controller.database.writing() as session:
                job = session.get(UnifiedJob, job_id)
                if job is not None:
                    log.warning("job %s was interrupted by the end of an earlier controller", job_id)
                    job.interrupted = True
                    status = CANCELED if job.cancel_flag else ERROR
                    self.dispatcher.end(session, job, status, "" if job.cancel_flag else INTERRUPTED)

    def _waits(self, job_id: int) -> bool:
        with self._controller.database.reading() as session:
            return session.scalar(select(UnifiedJob.status).where(UnifiedJob.id == job_id)) in QUEUED


_FROM_WORKFLOW = ("inventory", "limit", "scm_branch", "job_tags", "skip_tags")


def _slice(row: WorkflowJobNode, around: WorkflowJob) -> dict[str, Any]:
    """What makes a job one part of a sliced one."""
    number = (row.ancestor_artifacts or {}).get(SLICE) if around.is_sliced_job else None
    if number is None:
        return {"job_slice_count": 1}
    return {"allow_simultaneous": True, "job_slice_number": number, "job_slice_count": len(around.nodes)}


def attach(controller: Controller) -> None:
    """Join jobs to a controller: the services ``jobs`` and ``mask``, and the engine's tasks."""
    jobs = Jobs(controller)
    controller.services.update(jobs=jobs, mask=Mask)
    controller.engine.register(TASKS["job"], jobs.runner.run_job)
    controller.on_begin.append(jobs.begin)
    controller.on_end.append(jobs.runner.close)
