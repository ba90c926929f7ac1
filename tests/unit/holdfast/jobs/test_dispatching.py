# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which jobs may run, which wait for which others, and what a start makes of what an earlier process left."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.db.models import Project, ProjectUpdate, UnifiedJob
from holdfast.jobs.states import INTERRUPTED

from tests.unit.holdfast.jobs.world import World


def _update(world: World, project: int, status: str = "pending") -> int:
    """An update of a project."""
    with world.controller.database.writing() as session:
        update = ProjectUpdate(
            name="update", project_id=project, unified_job_template_id=project, status=status, allow_simultaneous=False
        )
        session.add(update)
        session.flush()
        return update.id


def _project(world: World, **more: Any) -> int:
    """A project that has been updated once."""
    with world.controller.database.writing() as session:
        project = Project(
            name=world.name(), organization_id=world.organization, scm_type="git", scm_url="file:///nowhere",
            playbook_files=["site.yml"], scm_revision="abc", status="successful", **more,
        )  # fmt: skip
        session.add(project)
        session.flush()
        return project.id


def _status(world: World, *jobs: int) -> list[str]:
    return [world.row(job).status for job in jobs]


def test_jobs_of_a_template_run_one_after_the_other(world: World) -> None:
    template = world.template()
    first, second, third = (world.launch(template) for _unused in range(3))
    assert [world.is_queued(job) for job in (first, second, third)] == [True, False, False]
    assert world.row(second).job_explanation == f"waiting for job-{first} to finish"
    world.begin(first)
    world.end(first)
    assert [world.is_queued(job) for job in (second, third)] == [True, False]
    assert _status(world, second, third) == ["waiting", "pending"]
    assert world.row(second).job_explanation == ""
    world.post(f"jobs/{second}/cancel/")
    assert world.is_queued(third)


def test_unless_they_may_run_together(world: World) -> None:
    template = world.template(allow_simultaneous=True)
    assert all(world.is_queued(world.launch(template)) for _unused in range(2))


def test_jobs_of_other_templates_do_not_wait(world: World) -> None:
    world.launch(world.template())
    assert world.is_queued(world.launch(world.template()))


def test_jobs_wait_for_an_earlier_update_of_their_project(world: World) -> None:
    project = _project(world)
    template = world.template(project=project)
    update = _update(world, project)
    job = world.launch(template)
    assert not world.is_queued(job)
    world.end(update, "failed")
    assert world.is_queued(job)


def test_a_later_update_waits_for_nothing_and_holds_nothing_up(world: World) -> None:
    project = _project(world)
    job = world.launch(world.template(project=project))
    update = _update(world, project)
    with world.controller.database.writing() as session:
        held = world.jobs.dispatcher.held_by(session, session.get_one(UnifiedJob, job))
        assert held is None
    world.end(update)


@pytest.mark.parametrize(
    ("status", "end", "said"),
    [("failed", "failed", "Previous Task Failed: "), ("canceled", "canceled", "Previous Task Canceled: ")],
)
def test_a_job_falls_with_what_it_depends_on(world: World, status: str, end: str, said: str) -> None:
    project = _project(world)
    update = _update(world, project)
    job = world.launch(world.template(project=project))
    with world.controller.database.writing() as session:
        session.get_one(UnifiedJob, job).dependency_id = update
    world.end(update, status)
    row = world.row(job)
    assert row.status == end
    assert row.job_explanation == (
        f'{said}{{"job_type": "project_update", "job_name": "update", "job_id": "{update}"}}'
    )
    assert not world.is_queued(job)


def test_a_project_that_is_updated_at_every_launch(world: World) -> None:
    key = _project(world, scm_update_on_launch=True)
    job = world.launch(world.template(project=key))
    update = world.row(job).dependency_id
    assert update is not None
    assert ("project_update", str(update)) in world.queue.queued
    assert not world.is_queued(job)
    world.end(update)
    assert world.is_queued(job)


def test_a_job_that_was_cancelled_or_has_ended_does_not_begin(world: World) -> None:
    template = world.template(allow_simultaneous=True)
    cancelled, over = world.launch(template), world.run(template)
    world.post(f"jobs/{cancelled}/cancel/")
    runner = world.jobs.runner
    assert not runner.begin(cancelled)
    assert not runner.begin(over)
    assert not runner.begin(987654)


def test_whoever_asks_is_told_of_ends_once_they_are_written_down(world: World) -> None:
    told: list[tuple[int, str]] = []

    def note(job: int) -> None:
        told.append((job, world.row(job).status))

    world.jobs.on_end.append(note)
    job = world.run(world.template(), "failed")
    world.jobs.on_end.remove(note)
    assert told == [(job, "failed")]


class TestStart:
    """What an earlier process left."""

    def test_what_ran_has_ended_and_what_waits_is_queued_again(self, world: World) -> None:
        one, other, third = world.template(), world.template(), world.template()
        running, behind = world.launch(one), world.launch(one)
        unqueued, taken = world.launch(other), world.launch(third)
        cancelled = world.launch(world.template())
        world.begin(running)
        world.begin(cancelled)
        with world.controller.database.writing() as session:
            session.get_one(UnifiedJob, cancelled).cancel_flag = True
        world.queue.queued.clear()
        world.queue.left[:] = [("job", str(running)), ("job", str(taken)), ("workflow", "run/1")]
        world.jobs.begin()
        row = world.row(running)
        assert (row.status, row.job_explanation, row.interrupted) == ("error", INTERRUPTED, True)
        assert row.event_processing_finished
        assert world.row(cancelled).status == "canceled"
        assert all(world.is_queued(job) for job in (behind, unqueued, taken))
        assert world.queue.settled == {("job", str(running)): False, ("job", str(taken)): True}
