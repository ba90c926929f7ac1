# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job that has begun comes to one end, whatever goes wrong while it is written."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from holdfast.api import views
from holdfast.api.errors import Conflict
from holdfast.db.base import Database, after_commit, now
from holdfast.db.models import Job, JobEvent, JobHostSummary
from holdfast.jobs import running
from holdfast.jobs.child import JobEnd
from holdfast.projects.log import EventLog
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from tests.unit.holdfast.jobs.world import World


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_PAUSE", 0.0)


def broken(*_any: Any) -> None:
    raise OperationalError("INSERT", {}, Exception("database or disk is full"))


def begun(world: World, **more: Any) -> int:
    job = world.launch(world.template(**more))
    world.begin(job)
    return job


def test_what_fails_after_the_end_does_not_write_it_again(world: World) -> None:
    job, told = begun(world), []
    end = JobEnd("successful", host_summaries={"one": {"ok": 1}})
    world.jobs.on_end.extend((told.append, broken))
    try:
        world.jobs.runner.finish(job, lambda: world.jobs.runner._write_end(job, None, end))
    finally:
        del world.jobs.on_end[-2:]
    assert told == [job]
    assert world.row(job).status == "successful"
    with world.controller.database.reading() as session:
        query = select(func.count()).select_from(JobHostSummary).where(JobHostSummary.job_id == job)
        assert session.scalar(query) == 1


def test_a_database_that_is_full_for_long_is_waited_for(world: World) -> None:
    job, tries = begun(world), iter(range(20))

    def write() -> None:
        if next(tries) < 12:
            broken()
        world.end(job)

    world.jobs.runner.finish(job, write)
    assert world.row(job).status == "successful"


def test_an_end_that_cannot_be_written_is_an_error(world: World) -> None:
    job = begun(world)
    end = JobEnd("successful", host_summaries={"no text \udcff": {"ok": 1}})
    world.jobs.runner.finish(job, lambda: world.jobs.runner._write_end(job, None, end))
    row = world.row(job)
    assert (row.status, row.job_explanation) == ("error", running.FAULT)
    assert isinstance(row, Job)
    assert "UnicodeEncodeError" in row.result_traceback


@pytest.mark.parametrize("kind", ["cleanup_tokens", "cleanup_jobs"])
def test_a_management_job_that_cannot_say_anything_ends(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = world.get(f"system_job_templates/?job_type={kind}")["results"][0]["id"]
    job = world.post(f"system_job_templates/{template}/launch/")["id"]
    monkeypatch.setattr(EventLog, "flush", broken)
    world.queue.handlers["system_job"](str(job))
    assert world.row(job).status == "error"


def test_calls_after_a_commit_are_made_each_for_itself(world: World) -> None:
    made: list[str] = []
    with world.controller.database.writing() as session:
        for call in (lambda: made.append("first"), broken, lambda: made.append("last")):
            after_commit(session, call)
    assert made == ["first", "last"]


def test_what_is_refused_is_not_followed_by_anything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a person nor by housekeeping: the events of a job that cannot be deleted stay."""

    def refuse(*_any: Any) -> None:
        raise Conflict({"error": "in use"})

    job = world.run(world.template())
    with world.controller.database.events(write=True) as session:
        session.add(JobEvent(job_id=job, counter=1, event="verbose", uuid="a", stdout="said", start_line=0, end_line=1))
    with world.controller.database.writing() as session:
        session.get_one(Job, job).finished = now() - dt.timedelta(days=200)
    monkeypatch.setattr(views, "delete_row", refuse)
    world.refused(f"jobs/{job}/", None, 409, "DELETE")
    template = world.get("system_job_templates/?job_type=cleanup_jobs")["results"][0]["id"]
    cleanup = world.post(f"system_job_templates/{template}/launch/")["id"]
    world.queue.handlers["system_job"](str(cleanup))
    assert world.row(cleanup).status == "successful"
    assert world.get(f"jobs/{job}/job_events/")["count"] == 1


def test_errors_of_the_database_do_not_tell_what_was_written(tmp_path: Path) -> None:
    database = Database.at(tmp_path)
    rows = [{"job_id": 1, "stdout": "a secret of somebody"}]
    with pytest.raises(SQLAlchemyError) as raised, database.events(write=True) as session:
        session.execute(insert(JobEvent), rows)
    assert "no such table" in str(raised.value)
    assert "a secret" not in str(raised.value)
    database.close()
