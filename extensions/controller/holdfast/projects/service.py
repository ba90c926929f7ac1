# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other parts of the controller ask of projects: updates of them, and their files for a job."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.context import Controller
from holdfast.db.base import now
from holdfast.db.models import Project, ProjectUpdate
from holdfast.projects import checkout, places, workplace
from holdfast.projects.checkout import Checkout
from holdfast.projects.errors import ProjectError
from holdfast.projects.log import EventLog
from holdfast.projects.update import FAILED, SUCCESSFUL, UpdateEnd, make_plan, run_update

log = logging.getLogger("holdfast.projects")
ACTIVE = ("pending", "waiting", "running")
OPTIONS = (
    "local_path",
    "scm_type",
    "scm_url",
    "scm_branch",
    "scm_refspec",
    "scm_clean",
    "scm_track_submodules",
    "scm_delete_on_update",
    "credential_id",
    "timeout",
)
"""What an update takes over from its project."""
STOPPED = "Task was canceled due to receiving a shutdown signal."


class _Run:
    """An update that runs, for whoever wants to end it."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self.stopped = False

    def cancel(self) -> None:
        """End it: somebody cancelled it."""
        self._over.set()

    def shutdown(self) -> None:
        """End it: the controller ends."""
        self.stopped = True
        self._over.set()

    def is_over(self) -> bool:
        """True once it is to end."""
        return self._over.is_set()


class Projects:
    """The projects of a controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    # --- updates --------------------------------------------------------------------------------------------------

    def update(self, call: Call, project: Project, launch_type: str = "manual") -> ProjectUpdate:
        """Make an update of a project and have it run once the transaction is committed."""
        update = ProjectUpdate(
            name=project.name,
            description=project.description,
            organization_id=project.organization_id,
            unified_job_template_id=project.id,
            project_id=project.id,
            launch_type=launch_type,
            status="pending",
            job_type="check",
            job_tags=_tags(project),
            created_by_id=call.user.id if call.user is not None else None,
            modified_by_id=call.user.id if call.user is not None else None,
            request_id=call.request_id,
            **{name: getattr(project, name) for name in OPTIONS},
        )
        session = call.session
        session.add(update)
        session.flush()
        project.current_job_id, project.status = update.id, "pending"
        session.flush()
        session.expire(project, ["current_job"])
        activity.record(call, "create", "project_update", update, changes={"name": update.name, "id": update.id})
        self._controller.services["jobs"].queue(session, update)
        return update

    def update_on_launch(self, call: Call, project: Project) -> ProjectUpdate | None:
        """The update that a job of this project has to wait for: one under way, or a new one where it is due."""
        query = select(ProjectUpdate).where(ProjectUpdate.project_id == project.id)
        latest = call.session.scalars(query.order_by(ProjectUpdate.id.desc()).limit(1)).first()
        if latest is not None and latest.status in ACTIVE:
            return latest
        if latest is not None and latest.status == SUCCESSFUL and latest.finished is not None:
            fresh = dt.timedelta(seconds=project.scm_update_cache_timeout or 0)
            if latest.finished + fresh > now():
                return None
        return self.update(call, project, launch_type="dependency")

    def run(self, key: str) -> None:
        """The engine's handler for updates."""
        jobs, update_id = self._controller.services["jobs"], int(key)
        if not jobs.runner.begin(update_id):
            return
        run = _Run()
        try:
            said = EventLog(self._controller.database, update_id, f"Update of project {self._name(update_id)}")
            with jobs.runner.running(update_id, run):
                end = run_update(self._controller, update_id, said, run.is_over)
            if run.stopped and end.status != SUCCESSFUL:
                end = UpdateEnd(FAILED, STOPPED)
            said.end("" if end.status == SUCCESSFUL else end.explanation or end.status)
        except Exception:  # a fault of ours must end the update, not leave it running for ever
            log.exception("project update %s could not be run", update_id)
            end = UpdateEnd("error", f"The controller failed to run this update.\n{traceback.format_exc()}")
        jobs.runner.finish(update_id, lambda: self._write_end(update_id, end))

    def _name(self, update_id: int) -> str:
        with self._controller.database.reading() as session:
            return session.scalar(select(ProjectUpdate.name).where(ProjectUpdate.id == update_id)) or ""

    def _write_end(self, update_id: int, end: UpdateEnd) -> None:
        with self._controller.database.writing() as session:
            update = session.get(ProjectUpdate, update_id)
            if update is None:
                return
            update.scm_revision = end.revision
            project = session.get(Project, update.project_id or 0)
            if project is not None and end.status == SUCCESSFUL:
                project.scm_revision = end.revision
                project.playbook_files = list(end.playbooks)
                project.inventory_files = list(end.inventories)
            self._controller.services["jobs"].dispatcher.end(session, update, end.status, end.explanation)

    # --- files ----------------------------------------------------------------------------------------------------

    def checkout(
        self, project_id: int, branch: str, destination: Path, cancelled: Callable[[], bool] = lambda: False
    ) -> Checkout:
        """Give a job the files of a project, of its own branch or of another one. Raises ProjectError."""
        with self._controller.database.reading() as session:
            project = session.get(Project, project_id)
            if project is None:
                raise ProjectError("the project of this job is gone; choose another one for the template")
            if branch and branch != project.scm_branch and project.scm_type:
                if not project.allow_override:
                    raise ProjectError(f"the project '{project.name}' does not allow another branch")
                plan = make_plan(self._controller, session, project, project)
            else:
                plan = None
            folder, revision = project.local_path or "", project.scm_revision or ""
        if plan is not None:
            return checkout.export(self._controller, plan, branch, destination, cancelled)
        return checkout.copy(self._controller.settings.projects, folder, revision, destination, cancelled)

    def refresh(self, session: Session, project: Project) -> None:
        """Write down what only the folder of a manual project says: whether it is there, and when it was changed."""
        root = self._controller.settings.projects
        project.status = "ok" if places.is_there(root, project.local_path) else "missing"
        project.last_job_run = places.changed(root, project.local_path)
        session.flush()

    def remove(self, folder: str) -> None:
        """Delete the files of a project that is gone."""
        places.remove(self._controller.settings.projects, folder)

    def clean(self) -> None:
        """Before the engine starts: delete what updates of an earlier process left, credentials among it."""
        workplace.clean(self._controller)


def _tags(project: Project) -> str:
    """Which parts of an update are carried out, in AWX's words."""
    tags = [f"update_{project.scm_type}", "install_roles", "install_collections"]
    return ",".join([*tags, "delete"] if project.scm_delete_on_update else tags)
