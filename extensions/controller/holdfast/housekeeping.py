# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Management jobs: what is old is removed, a few rows at a time so that nobody waits long for the database.

``controller.services["housekeeping"]`` launches them.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, delete, select

from holdfast.api import views
from holdfast.api.call import Call
from holdfast.api.errors import ApiError
from holdfast.context import Controller
from holdfast.db.base import attempt, now
from holdfast.db.models import ActivityStream, LoginSession, SystemJob, SystemJobTemplate, Token, UnifiedJob, User
from holdfast.jobs.launching import internal_call
from holdfast.jobs.states import ACTIVE, CANCELED, ERROR, SUCCESSFUL
from holdfast.projects.log import EventLog

log = logging.getLogger("holdfast.housekeeping")
TASK = "system_job"
DAYS = 90
"""How old is old where nobody says."""
AT_ONCE = 500
JOBS_AT_ONCE = 50


class Housekeeping:
    """The management jobs of a controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def launch(
        self, call: Call, template: SystemJobTemplate, variables: Mapping[str, Any], launch_type: str = "manual"
    ) -> SystemJob:
        """Make a job of variables that were judged, and have it run once the transaction is committed."""
        user = call.user.id if call.user is not None else None
        job = SystemJob(
            name=template.name,
            description=template.description,
            unified_job_template_id=template.id,
            job_type=template.system_job_type,
            extra_vars=json.dumps(dict(variables)),
            launch_type=launch_type,
            status="pending",
            created_by_id=user,
            modified_by_id=user,
            request_id=call.request_id,
        )
        call.session.add(job)
        call.session.flush()
        template.current_job_id, template.status = job.id, "pending"
        self._controller.services["jobs"].queue(call.session, job)
        return job

    def run(self, key: str) -> None:
        """The engine's handler."""
        jobs, job_id = self._controller.services["jobs"], int(key)
        if not jobs.runner.begin(job_id):
            return
        stop = _Stop()
        status, why = SUCCESSFUL, ""
        try:
            with self._controller.database.reading() as session:
                job = session.get_one(SystemJob, job_id)
                name, kind, variables = job.name, job.job_type or "", json.loads(job.extra_vars or "{}")
            said = EventLog(self._controller.database, job_id, name)
            with jobs.runner.running(job_id, stop):
                said(self._clean(kind, variables, stop))
            said.end()
        except Exception:  # a fault of ours must end the job, not leave it running for ever
            log.exception("management job %s could not be run", job_id)
            status, why = ERROR, f"The controller failed to run this job.\n{traceback.format_exc()}"
        jobs.runner.finish(job_id, lambda: self._write_end(job_id, CANCELED if stop.over.is_set() else status, why))

    def _write_end(self, job_id: int, status: str, why: str) -> None:
        with self._controller.database.writing() as session:
            job = session.get(SystemJob, job_id)
            if job is not None:
                self._controller.services["jobs"].dispatcher.end(session, job, status, why)

    def _clean(self, kind: str, variables: Mapping[str, Any], stop: _Stop) -> str:
        """Remove what is old; returns what to say of it."""
        days = int(variables.get("days", DAYS))
        before = now() - dt.timedelta(days=min(days, 36500))
        if kind == "cleanup_activitystream":
            return f"Entries removed: {self._rows(ActivityStream, ActivityStream.timestamp < before, stop)}"
        if kind == "cleanup_sessions":
            return f"Sessions removed: {self._rows(LoginSession, LoginSession.expires < now(), stop)}"
        if kind == "cleanup_tokens":
            return f"Tokens removed: {self._rows(Token, Token.expires < now(), stop)}"
        return f"Jobs removed: {self._jobs(before, stop)}"

    def _rows(self, model: Any, which: ColumnElement[bool], stop: _Stop) -> int:
        total, ids = 0, [0] * AT_ONCE
        while len(ids) == AT_ONCE and not stop.over.is_set():
            with self._controller.database.writing() as session:
                ids = list(session.scalars(select(model.id).where(which).limit(AT_ONCE)))
                session.execute(delete(model).where(model.id.in_(ids)))
            total += len(ids)
        return total

    def _jobs(self, before: dt.datetime, stop: _Stop) -> int:
        """Delete jobs as people do; those that may not be deleted yet stay."""
        total, ids = 0, [0]
        while ids and not stop.over.is_set():
            with self._controller.database.writing() as session:
                old = UnifiedJob.finished < before, UnifiedJob.status.not_in(ACTIVE), UnifiedJob.id > ids[-1]
                ids = list(
                    session.scalars(select(UnifiedJob.id).where(*old).order_by(UnifiedJob.id).limit(JOBS_AT_ONCE))
                )
                admin = session.scalars(select(User).where(User.is_superuser.is_(True)).order_by(User.id)).first()
                call = internal_call(self._controller, session, admin)
                total += sum(self._delete(call, job_id) for job_id in ids)
        return total

    def _delete(self, call: Call, job_id: int) -> bool:
        row = call.session.get(UnifiedJob, job_id)
        resource = self._controller.registry.of_row(row) if row is not None else None
        if resource is None or "DELETE" not in resource.detail_methods:
            return False
        try:
            with attempt(call.session):
                views.delete(call, resource, row)
        except ApiError:
            return False
        return True


class _Stop:
    """How a management job is ended early."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.cancel: Callable[[], None] = self.over.set
        self.shutdown: Callable[[], None] = self.over.set


def attach(controller: Controller) -> None:
    """Join management jobs to a controller, after its jobs."""
    housekeeping = Housekeeping(controller)
    controller.services["housekeeping"] = housekeeping
    controller.engine.register(TASK, housekeeping.run)
