# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a project as one job gets them: a copy of its own, which no update changes under it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holdfast.context import Controller
from holdfast.projects import access, galaxy, git, places, urls
from holdfast.projects.errors import ProjectError
from holdfast.projects.process import Programs, environment
from holdfast.projects.update import Plan
from holdfast.projects.workplace import workplace

_PATIENCE = 600.0


@dataclass(frozen=True)
class Checkout:
    """Where a job finds its project, and the roles and collections that the project requires."""

    path: Path
    revision: str = ""
    collections: tuple[Path, ...] = ()
    roles: tuple[Path, ...] = ()


def copy(
    root: Path, folder: str, revision: str, destination: Path, cancelled: Callable[[], bool] = lambda: False
) -> Checkout:
    """Copy the files of a project as they are. Raises ProjectError for one that has none."""
    tree = places.path_of(root, folder)
    if not tree.is_dir():
        hint = "update the project" if folder.startswith("_") else "put its playbooks there"
        raise ProjectError(f"the project has no folder {tree}; {hint}")
    if not folder.startswith("_"):
        _copy(tree, destination)
        return Checkout(destination, revision)
    with places.locked(root, folder, alone=False, cancelled=cancelled):
        _copy(tree, destination)
        return _with_required(root, folder, destination, revision)


def export(
    controller: Controller, plan: Plan, branch: str, destination: Path, cancelled: Callable[[], bool] = lambda: False
) -> Checkout:
    """Check out another branch of a git project than its own. Raises ProjectError."""
    if plan.scm_type != "git":
        raise ProjectError("only projects from git have branches")
    try:
        with workplace(controller, "export") as private:
            return _exported(controller, plan, branch, destination, cancelled, private)
    except ValueError as error:
        raise ProjectError(str(error)) from None


def _exported(
    controller: Controller, plan: Plan, branch: str, destination: Path, cancelled: Callable[[], bool], private: Path
) -> Checkout:
    root = controller.settings.projects
    source = urls.source(plan.scm_type, plan.url, plan.file_roots)
    until = time.monotonic() + (plan.timeout or _PATIENCE)
    programs = Programs(lambda _line: None, cancelled, until, private=private)
    more = access.for_git(source, plan.credential, private, controller.settings.folder / "known_hosts")
    env = {**environment(private, {}), **more}
    wanted = git.Wanted(branch, plan.wanted.refspec, track_submodules=plan.wanted.track_submodules)
    with places.locked(root, plan.folder, alone=True, cancelled=cancelled):
        tree = places.path_of(root, plan.folder)
        repository = git.Repository(tree, source, programs, env, plan.file_roots)
        revision = repository.export(wanted, destination, lambda _step: None)
        return _with_required(root, plan.folder, destination, revision)


def _copy(tree: Path, destination: Path) -> None:
    shutil.copytree(tree, destination, symlinks=True, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)


def _with_required(root: Path, folder: str, path: Path, revision: str) -> Checkout:
    kept = places.kept(root, folder)
    return Checkout(
        path,
        revision,
        collections=_there(kept / galaxy.COLLECTIONS),
        roles=_there(kept / galaxy.ROLES),
    )


def _there(path: Path) -> tuple[Path, ...]:
    return (path,) if path.is_dir() else ()
