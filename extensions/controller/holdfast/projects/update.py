# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One update of a project: its files are fetched, what it requires is installed, what it holds is listed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from sqlalchemy.orm import Session

from holdfast import setting_values
from holdfast.auth.secrets import SecretBox
from holdfast.context import Controller
from holdfast.db import models
from holdfast.projects import access, archive, galaxy, git, listing, places, urls
from holdfast.projects.access import Credential
from holdfast.projects.errors import Cancelled, ProjectError
from holdfast.projects.galaxy import Galaxy, Server
from holdfast.projects.process import Programs, environment
from holdfast.projects.workplace import workplace

SUCCESSFUL, FAILED, CANCELED = "successful", "failed", "canceled"


class Log(Protocol):
    """Where an update says what it does."""

    def step(self, name: str) -> None:
        """A step begins."""

    def __call__(self, line: str) -> None:
        """A line that a program says."""


@dataclass(frozen=True)
class Plan:
    """An update with everything it needs, read from the database once. ``folder`` is the name of the project's."""

    update_id: int
    project_id: int
    folder: str
    scm_type: str
    url: str
    wanted: git.Wanted
    delete: bool = False
    timeout: int = 0
    credential: Credential = field(default_factory=Credential)
    galaxy: Galaxy = field(default_factory=Galaxy)
    file_roots: Sequence[Path] = ()
    follow_links: bool = False

    def secrets(self) -> list[str]:
        """What must not be seen anywhere."""
        tokens = [server.token for server in self.galaxy.servers if server.token]
        password = urls.password_in(self.url)
        return [*self.credential.secrets(), *tokens, *([password] if password else [])]


@dataclass(frozen=True)
class UpdateEnd:
    """How an update ended. ``explanation`` says why it failed."""

    status: str
    explanation: str = ""
    revision: str = ""
    playbooks: Sequence[str] = ()
    inventories: Sequence[str] = ()


def run_update(controller: Controller, update_id: int, log: Log, cancelled: Callable[[], bool]) -> UpdateEnd:
    """Carry out an update to its end; whatever goes wrong is in what is returned."""
    mask = Mask()
    try:
        with workplace(controller, "update") as private:
            with controller.database.reading() as session:
                plan = plan_of(controller, session, update_id)
            mask = Mask(plan.secrets())
            until = time.monotonic() + plan.timeout if plan.timeout > 0 else None
            programs = Programs(log, cancelled, until, mask.text, private)
            return _Update(controller, plan, programs, private, log).run()
    except Cancelled:
        return UpdateEnd(CANCELED)
    except (HoldfastError, OSError) as error:
        return UpdateEnd(FAILED, mask.text(str(error)))


class _Update:
    """One update on its way."""

    def __init__(self, controller: Controller, plan: Plan, programs: Programs, private: Path, log: Log) -> None:
        self._plan = plan
        self._programs = programs
        self._private = private
        self._log = log
        self._root = controller.settings.projects
        self._known_hosts = controller.settings.folder / "known_hosts"
        self._env = environment(private, {})

    def run(self) -> UpdateEnd:
        """Do all of it, alone with the files of the project."""
        plan = self._plan
        tree = places.path_of(self._root, plan.folder)
        kept = places.kept(self._root, plan.folder)
        with places.locked(self._root, plan.folder, alone=True, cancelled=self._is_over):
            if plan.delete and tree.exists():
                self._log.step("Delete the files of the project")
                shutil.rmtree(tree)
            revision = self._git(tree) if plan.scm_type == "git" else self._archive(tree, kept)
            self._log(f"Revision {revision}")
            self._log.step("Install the roles and collections that the project requires")
            galaxy.install(tree, kept, plan.galaxy, self._programs, self._private, self._env, self._log)
            self._log.step("List playbooks and inventories")
            playbooks = listing.playbooks(tree, plan.follow_links)
            return UpdateEnd(SUCCESSFUL, "", revision, playbooks, listing.inventories(tree))

    def _is_over(self) -> bool:
        self._programs.check()
        return False

    def _git(self, tree: Path) -> str:
        plan = self._plan
        source = _source(plan)
        more = access.for_git(source, plan.credential, self._private, self._known_hosts)
        repository = git.Repository(tree, source, self._programs, {**self._env, **more}, plan.file_roots)
        return repository.update(plan.wanted, self._log.step)

    def _archive(self, tree: Path, kept: Path) -> str:
        plan = self._plan
        source = _source(plan)
        new, trash = kept / "new", kept / "trash"
        for folder in (new, trash):
            shutil.rmtree(folder, ignore_errors=True)
        new.mkdir(mode=0o700)
        try:
            self._log.step(f"Download {source.plain.partition('?')[0]}")
            file = self._private / "archive"
            revision = archive.download(source, plan.credential, file, self._programs.check)
            self._log.step("Unpack the archive")
            archive.unpack(file, new, self._programs.check)
            archive.replace(tree, new / "project", trash)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return revision


def _source(plan: Plan) -> urls.Source:
    try:
        return urls.source(plan.scm_type, plan.url, plan.file_roots)
    except ValueError as error:
        raise ProjectError(str(error)) from None


# --- from rows to a plan ----------------------------------------------------------------------------------------------


def plan_of(controller: Controller, session: Session, update_id: int) -> Plan:
    """What an update is to do. Raises ProjectError for one that cannot be done."""
    row = session.get(models.ProjectUpdate, update_id)
    project = session.get(models.Project, row.project_id) if row is not None and row.project_id is not None else None
    if row is None or project is None:
        raise ProjectError("the project was deleted before its update began")
    return make_plan(controller, session, project, row, update_id, int(row.timeout or 0))


def make_plan(
    controller: Controller, session: Session, project: models.Project, row: Any, update_id: int = 0, timeout: int = 0
) -> Plan:
    """The same from a project and whatever holds its options, itself or an update of it."""
    if row.scm_type not in urls.SCHEMES:
        raise ProjectError(f"projects of the type {row.scm_type!r} cannot be updated by this controller")
    if project.signature_validation_credential_id is not None:
        raise ProjectError(
            "the project asks for a signature of its files, which this controller cannot check; take its "
            "signature_validation_credential away to use them unchecked"
        )
    wanted = git.Wanted(
        branch=row.scm_branch or "",
        refspec=row.scm_refspec or "",
        clean=bool(row.scm_clean),
        track_submodules=bool(row.scm_track_submodules),
    )
    most = timeout or int(setting_values.value(session, "DEFAULT_PROJECT_UPDATE_TIMEOUT") or 0)
    return Plan(
        update_id=update_id,
        project_id=project.id,
        folder=project.local_path or "",
        scm_type=row.scm_type,
        url=row.scm_url or "",
        wanted=wanted,
        delete=bool(row.scm_delete_on_update),
        timeout=max(0, most),
        credential=credential_of(controller.secrets, row.credential),
        galaxy=_galaxy(controller, session, project),
        file_roots=controller.settings.file_roots,
        follow_links=bool(setting_values.value(session, "AWX_SHOW_PLAYBOOK_LINKS")),
    )


def credential_of(secrets: SecretBox, row: models.Credential | None) -> Credential:
    """A source control credential in clear."""
    if row is None:
        return Credential()
    inputs = {name: str(value or "") for name, value in secrets.open_all(row.inputs).items()}
    return Credential(
        username=inputs.get("username", ""),
        password=inputs.get("password", ""),
        ssh_key=inputs.get("ssh_key_data", ""),
        passphrase=inputs.get("ssh_key_unlock", ""),
    )


def _galaxy(controller: Controller, session: Session, project: models.Project) -> Galaxy:
    organization = project.organization
    servers = []
    for row in organization.galaxy_credentials if organization is not None else ():
        inputs = controller.secrets.open_all(row.inputs)
        servers.append(
            Server(str(inputs.get("url", "")), str(inputs.get("token", "")), str(inputs.get("auth_url", "")))
        )
    variables: Mapping[str, Any] = setting_values.value(session, "GALAXY_TASK_ENV") or {}
    return Galaxy(
        servers=tuple(servers),
        roles=bool(setting_values.value(session, "AWX_ROLES_ENABLED")),
        collections=bool(setting_values.value(session, "AWX_COLLECTIONS_ENABLED")),
        ignore_certificates=bool(setting_values.value(session, "GALAXY_IGNORE_CERTS")),
        environment={str(name): str(value) for name, value in variables.items()},
    )
