# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that waits for the files of its project: it can be ended, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from holdfast.db.models import Project
from holdfast.jobs.child import ENDS
from holdfast.projects import places
from sqlalchemy import event

from tests.unit.holdfast.jobs.jobs import wait_for
from tests.unit.holdfast.jobs.world import PLAYBOOK, World


def _job(world: World) -> tuple[int, str]:
    """A job of a project from git, and the folder of that."""
    with world.controller.database.writing() as session:
        project = Project(name=world.name(), organization_id=world.organization, scm_type="git", status="successful")
        session.add(project)
        session.flush()
        project.local_path = places.folder_name(project.id, "x")
        project.playbook_files = ["site.yml"]
    tree = world.controller.settings.projects / project.local_path
    tree.mkdir()
    (tree / "site.yml").write_text(PLAYBOOK)
    return world.launch(world.template(project=project.id)), project.local_path


def _cancel(world: World, job: int) -> None:
    world.post(f"jobs/{job}/cancel/")


def _stop(world: World, _job: int) -> None:
    world.jobs.runner.stop()


@pytest.mark.parametrize(("end", "reason"), [(_cancel, "cancel"), (_stop, "shutdown")])
def test_it_can_be_ended(world: World, end: Callable[[World, int], None], reason: str) -> None:
    job, folder = _job(world)
    asked: list[str] = []
    pool = world.controller.database.engine.pool
    with places.locked(world.controller.settings.projects, folder, alone=True):
        thread = threading.Thread(target=world.jobs.runner.run_job, args=(str(job),))
        thread.start()
        wait_for("the job waits", lambda: world.row(job).status == "running")
        time.sleep(0.3)
        event.listen(pool, "checkout", lambda *_any: asked.append("a connection"))
        time.sleep(0.3)
        assert (pool.checkedout(), asked) == (0, [])  # type: ignore[attr-defined]
        try:
            end(world, job)
            thread.join(10)
        finally:
            world.jobs.runner._stopping = False
    row = world.row(job)
    assert (row.status, row.job_explanation) == ENDS[reason]
