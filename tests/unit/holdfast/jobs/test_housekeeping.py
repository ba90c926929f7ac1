# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Management jobs remove what is old, and nothing else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from holdfast import housekeeping
from holdfast.db import models as m
from holdfast.db.base import now
from sqlalchemy import func, select

from tests.unit.holdfast.jobs.world import World

LONG_AGO = dt.timedelta(days=200)


def run(world: World, kind: str, **variables: Any) -> dict[str, Any]:
    """Launch a management job, and have the engine run it."""
    template = world.get(f"system_job_templates/?job_type={kind}")["results"][0]
    launched = world.post(f"system_job_templates/{template['id']}/launch/", extra_vars=variables)
    assert launched["system_job"] == launched["id"]
    assert world.queue.queued[-1] == ("system_job", str(launched["id"]))
    world.queue.handlers["system_job"](str(launched["id"]))
    found: dict[str, Any] = world.get(f"system_jobs/{launched['id']}/")
    return found


def count(world: World, model: Any) -> int:
    with world.controller.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_old_activity_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)  # several rounds
    with world.controller.database.writing() as session:
        session.add_all(
            [m.ActivityStream(operation="update", object1="host", timestamp=now() - LONG_AGO) for _unused in range(5)]
        )
    before = count(world, m.ActivityStream)
    job = run(world, "cleanup_activitystream", days=150)
    assert (job["status"], job["job_type"], job["extra_vars"]) == (
        "successful",
        "cleanup_activitystream",
        '{"days": 150}',
    )
    assert count(world, m.ActivityStream) == before - 5


def test_old_jobs_go_and_jobs_that_run_stay(world: World) -> None:
    template = world.template()
    old, new, runs = (world.post(f"job_templates/{template}/launch/")["id"] for _unused in range(3))
    with world.controller.database.writing() as session:
        for job_id, status, ended in (
            (old, "failed", now() - LONG_AGO),
            (new, "failed", now()),
            (runs, "running", None),
        ):
            job = session.get_one(m.Job, job_id)
            job.status, job.finished, job.event_processing_finished = status, ended, True
    assert run(world, "cleanup_jobs")["status"] == "successful"
    left = {job["id"] for job in world.get(f"jobs/?id__in={old},{new},{runs}")["results"]}
    assert left == {new, runs}


def test_sessions_and_tokens_that_are_over_go(world: World) -> None:
    with world.controller.database.writing() as session:
        over, later = now() - dt.timedelta(minutes=1), now() + dt.timedelta(days=1)
        session.add_all(
            [
                m.LoginSession(key_hash="a", user_id=1, created=over, expires=over),
                m.LoginSession(key_hash="b", user_id=1, created=over, expires=later),
                m.Token(token_hash="a", user_id=1, expires=over),
                m.Token(token_hash="b", user_id=1, expires=later),
            ]
        )
    sessions, tokens = count(world, m.LoginSession), count(world, m.Token)
    assert run(world, "cleanup_sessions")["status"] == "successful"
    assert run(world, "cleanup_tokens")["status"] == "successful"
    assert (count(world, m.LoginSession), count(world, m.Token)) == (sessions - 1, tokens - 1)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"who": 1}, ["Variables who are not allowed for system jobs."]),
        ({"days": -1}, ["days must be a positive integer."]),
        ({"days": "soon"}, ["days must be a positive integer."]),
    ],
)
def test_wrong_variables_are_refused(world: World, variables: dict[str, Any], said: list[str]) -> None:
    template = world.get("system_job_templates/?job_type=cleanup_jobs")["results"][0]
    refused = world.refused(f"system_job_templates/{template['id']}/launch/", {"extra_vars": variables})
    assert refused == {"extra_vars": said}


def test_a_fault_ends_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping.Housekeeping, "_clean", lambda *_unused: 1 / 0)
    job = run(world, "cleanup_tokens")
    assert job["status"] == "error"
    assert "ZeroDivisionError" in job["job_explanation"]
