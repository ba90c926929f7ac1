# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any commit, again and again: nothing runs twice, everything ends, and bundles end as if nothing was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import Performance
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import node_state
from holdfast.db import models as m
from sqlalchemy import func, select

from .drawn import Drawing
from .rehearsals import Rehearsed, RunStage, played_by_core, rehearsals
from .theater import Result, Theater

SEEDS = 50


def by_time_alone(rehearsed: Rehearsed) -> bool:
    """Whether a verdict depends on when what happens: then a crash, which takes time, may change it.

    So it is with breakers: what a killed controller would have told one at that moment is not told.
    """
    text = repr(rehearsed.rehearsal.given) + repr(rehearsed.bundle)
    return (
        bool(rehearsed.rehearsal.given["events"])
        or "takes" in text
        or "BreakerUse(" in text
        or "lost" in text.replace("on_lost='retry'", "")
    )


STEADY = [one for one in rehearsals() if not by_time_alone(one)]


def verdict(rehearsed: Rehearsed, performance: Performance) -> dict[str, Any]:
    record, graph = performance.record, rehearsed.graph()
    return {
        "state": record.state,
        "nodes": {name: node_state(graph, record, name) for name in graph.nodes},
        "hosts": {name: dict(sorted(node.hosts.items())) for name, node in sorted(record.nodes.items()) if node.hosts},
        "undone": {name: sorted(hosts) for name, hosts in outcome.undone(record).items()},
        "untouched": outcome.untouched(graph, record),
    }


def nothing_is_left(theater: Theater) -> None:
    """No job, no run and no execution is open, and nothing was begun twice."""
    with theater.controller.database.reading() as session:
        for model, column in ((m.UnifiedJob, m.UnifiedJob.finished), (m.Execution, m.Execution.ended)):
            assert session.scalar(select(func.count()).select_from(model).where(column.is_(None))) == 0
        begun = session.execute(select(m.Job.id, m.Job.execution_id).where(m.Job.id.in_(theater.begun))).all()
    assert len(theater.begun) == len(set(theater.begun))
    executions = [execution for _id, execution in begun if execution]
    assert len(executions) == len(set(executions))
    assert not theater.engine.queued


def test_there_are_enough() -> None:
    assert len(STEADY) > 20


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_bundle_ends_as_if_nothing_was(seed: int, tmp_path: Path) -> None:
    rehearsed = STEADY[seed % len(STEADY)]
    stage = RunStage(rehearsed, tmp_path)
    stage.begin()
    stage.theater.doom(seed)
    stage.theater.play()
    assert stage.theater.crashes
    assert verdict(rehearsed, stage.performance()) == verdict(rehearsed, played_by_core(rehearsed))
    nothing_is_left(stage.theater)


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_workflow_comes_to_its_end(seed: int, tmp_path: Path) -> None:
    """Jobs that were interrupted are in error, as in AWX; here all goes on after that, to the last node of each."""
    theater = Theater(tmp_path, lambda _theater, job: Result("failed" if job.name == "bad" else "successful"))
    drawing = Drawing(theater)
    a, bad = drawing.job_template("a"), drawing.job_template("bad", allow_simultaneous=False)
    inner = drawing.workflow("inner", {"a": a, "b": bad, "z": a}, [("a", "always", "b"), ("b", "always", "z")])
    edges = [("a", "always", "in"), ("a", "always", "b"), ("in", "always", "z"), ("b", "always", "z")]
    outer = drawing.workflow("outer", {"a": a, "in": inner, "b": bad, "z": a}, edges, "z", allow_simultaneous=False)
    for _unused in range(2):
        theater.launch(outer)
    theater.doom(seed)
    theater.play()
    assert theater.crashes
    nothing_is_left(theater)
    with theater.controller.database.reading() as session:
        workflows = session.scalars(select(m.WorkflowJob).order_by(m.WorkflowJob.id)).all()
        jobs = session.scalars(select(m.Job)).all()
    for job in workflows:
        last = theater.nodes(job.id)["z"].job.status
        assert (last, job.status) in (("successful", "successful"), ("error", "failed"))
    assert {job.status for job in jobs if job.interrupted} <= {"error"}
    assert len(workflows) == 4 and len(jobs) == 12


def test_what_a_graceful_stop_breaks_off_is_done_again(tmp_path: Path) -> None:
    rehearsed = next(one for one in STEADY if one.name == "undo: undo-in-reverse-order")
    stage = RunStage(rehearsed, tmp_path)
    stage.begin()
    theater = stage.theater
    theater.step()
    first = theater.job(theater.begun[0])
    theater.runs.stop()
    theater.end(first.id, Result("failed"), "shutdown")
    assert theater.job(first.id).interrupted
    theater.crash()
    theater.play()
    assert verdict(rehearsed, stage.performance()) == verdict(rehearsed, played_by_core(rehearsed))
    nothing_is_left(theater)
