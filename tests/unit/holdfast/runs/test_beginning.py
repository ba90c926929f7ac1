# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot begin, was interrupted while it began, or cannot be ended at once holds nobody up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from holdfast.db import models as m
from holdfast.engine.dbos_engine import DbosEngine
from holdfast.runs import preparing, workflows
from holdfast.runs.workflows import TASK
from sqlalchemy.exc import OperationalError

from tests.unit.holdfast.jobs.jobs import wait_for

from .drawn import Drawing
from .rehearsals import Rehearsed, rehearsals
from .theater import Result, Theater


def bundle_job(theater: Theater) -> int:
    """A workflow job that has not begun."""
    job = m.WorkflowJob(name="bundle", status="pending", allow_simultaneous=True)
    theater.add(job)
    return job.id


def begin(theater: Theater, job_id: int, rehearsed: Rehearsed) -> None:
    launch = rehearsed.launch()
    theater.workflows._guarded(job_id, lambda session, job: theater.workflows._begin_bundle(session, job, launch))


def test_a_run_that_cannot_begin_lets_its_locks_go(theater: Theater, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = next(one for one in rehearsals() if one.graph().locks)
    first, second = bundle_job(theater), bundle_job(theater)
    with monkeypatch.context() as patch:
        patch.setattr(theater.bundles, "start", lambda *_any: {}["a fault of ours"])
        begin(theater, first, locked)
    assert theater.job(first).status == "failed"
    begin(theater, second, locked)
    assert (theater.job(second).status, theater.job(second).job_explanation) == ("running", "")


def test_a_cancel_that_could_not_be_written_is_tried_again(
    theater: Theater, drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    theater.script = lambda *_any: Result(takes=10_000.0)
    job = theater.launch(drawing.workflow("w", {"a": drawing.job_template("a")}))
    theater.step()
    cancel, failures = theater.jobs.cancel_in, ["disk full", "disk full"]

    def failing(session: Any, row: Any) -> None:
        if failures:
            raise OperationalError("UPDATE", {}, Exception(failures.pop()))
        cancel(session, row)

    monkeypatch.setattr(theater.jobs, "cancel_in", failing)
    with theater.controller.database.writing() as session:
        theater.workflows.cancel(session, session.get_one(m.WorkflowJob, job), "ann")
    begin_at = theater.now
    theater.play()
    assert theater.job(job).status == "canceled"
    assert theater.now < begin_at + 1000


def test_a_bundle_that_cannot_be_prepared_has_failed(
    theater: Theater, drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = drawing.workflow("Bundle", {}, catalog_key="bundle/any", allow_simultaneous=False)

    def broken(*_any: Any) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(preparing, "prepare", broken)
    jobs = [theater.launch(workflow) for _unused in range(2)]
    theater.play()
    assert [theater.job(job).status for job in jobs] == ["failed", "failed"]
    assert "a fault of ours" in theater.job(jobs[0]).job_explanation


def test_a_workflow_begins_once_the_database_can_be_written_again(
    theater: Theater, drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, failures = theater.runs.store.save, ["disk full", "disk full"]

    def failing(session: Any, run: Any) -> None:
        if failures:
            raise OperationalError("INSERT", {}, Exception(failures.pop()))
        save(session, run)

    monkeypatch.setattr(theater.runs.store, "save", failing)
    monkeypatch.setattr(workflows, "RETRY", 0.05)
    job = theater.launch(drawing.workflow("w", {"a": drawing.job_template("a")}))
    wait_for("it begins", lambda: theater.job(job).run_id is not None, 10)
    theater.play()
    assert theater.job(job).status == "successful"


def test_what_was_being_prepared_is_prepared_again(
    theater: Theater, drawing: Drawing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workflow = drawing.workflow("Bundle", {}, catalog_key="bundle/any")
    prepared: list[int] = []

    def note(_controller: Any, _session: Any, job: m.WorkflowJob) -> None:
        prepared.append(job.id)
        raise preparing.HoldfastError("no such bundle")

    monkeypatch.setattr(preparing, "prepare", note)
    engine = DbosEngine(f"sqlite:///{tmp_path / 'engine.db'}", 1)
    engine.register(TASK, theater.workflows.prepare)
    theater.controller.engine = engine
    job = theater.launch(workflow)
    engine._claims._boot, own = "an earlier process", engine._claims._boot
    assert engine._claims.claim(TASK, str(job))
    engine._claims._boot = own
    try:
        theater.workflows.recover()
        engine.start()
        wait_for("it is prepared again", lambda: prepared == [job], 10)
    finally:
        engine.stop(10.0)
    assert theater.job(job).status == "failed"
