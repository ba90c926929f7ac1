# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resume: nothing that finished is repeated, whatever way the earlier run ended."""

from __future__ import annotations

import random

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, LocksHeld
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.resume import (
    close_killed,
    resume,
)
from hypothesis import given
from hypothesis import strategies as st

from .graphs import Driver, failing, node, play, rollout
from .test_properties import MANY, badness, judge_by, random_graph, seeds


def resumed(graph: Graph, old: Record, judge, seed: int = 1, run: str = "r2") -> Driver:
    """A driver that goes on from an ended run."""
    changes = resume(graph, old, 1000.0, {"id": run, "requested_by": "alice"})
    driver = Driver(graph, judge, random.Random(seed), record=Record.replay(changes))
    driver.now = 1000.0
    driver.journal = changes
    driver.tell(LocksHeld())
    return driver


def killed_at(graph: Graph, judge, seed: int, steps: int) -> Record:
    """A run whose supervisor dies after so many steps."""
    driver = Driver(graph, judge, random.Random(seed))
    try:
        driver.play(most=steps)
    except AssertionError as error:
        assert "come to an end" in str(error)
    record = Record.replay(driver.journal)
    close_killed(record, driver.now)
    return record


def successes(record: Record) -> set:
    return {
        (name, host)
        for name, one in record.nodes.items()
        for host, state in one.hosts.items()
        if state == states.SUCCESSFUL and one.undo.get(host) != states.SUCCESSFUL
    }


@MANY
@given(seeds, badness, st.integers(1, 60))
def test_a_killed_run_goes_on_and_repeats_nothing(seed, bad, steps):
    graph, judge = random_graph(seed), judge_by(seed, bad)
    old = killed_at(graph, judge, seed, steps)
    if old.state == states.SUCCESSFUL:
        return
    driver = resumed(graph, old, judge)
    record = driver.play()
    assert record.ended
    again = {(e.node, host) for e in driver.starts if e.action == DO for host in e.hosts}
    assert not again & successes(old), "what succeeded is not repeated"
    if old.state == states.LOST:
        finished = {
            (name, host)
            for name, one in old.nodes.items()
            for host, state in one.hosts.items()
            if state in states.BAD and state != states.LOST
        }
        assert not again & finished, "what failed before the kill has failed; only the interrupted is done again"
    undone_before = {(n, h) for n, one in old.nodes.items() for h, s in one.undo.items() if s == states.SUCCESSFUL}
    if old.state in (states.LOST, states.ROLLBACK_FAILED):
        undone_again = {(e.node, h) for e in driver.starts if e.action != DO for h in e.hosts}
        assert not undone_again & undone_before, "what was undone is not undone again"
    assert Record.replay(driver.journal).to_dict() == record.to_dict()


@MANY
@given(seeds, st.integers(1, 60))
def test_a_killed_run_that_meets_no_failure_ends_as_if_never_killed(seed, steps):
    graph, judge = random_graph(seed), judge_by(seed, 0.0)
    for one in graph.nodes.values():
        one.timeout, one.approval, one.on_lost, one.when = None, one.approval and Approval(), "retry", ""
    straight = Driver(graph, judge, random.Random(seed)).play()
    old = killed_at(graph, judge, seed, steps)
    if old.state != states.LOST:
        return
    record = resumed(graph, old, judge).play()
    assert record.state == straight.state
    assert {n: r.hosts for n, r in record.nodes.items() if r.hosts} == {
        n: r.hosts for n, r in straight.nodes.items() if r.hosts
    }


def test_a_failed_run_repeats_only_what_failed_and_what_follows():
    graph = Graph([node("a"), node("b", "a"), node("c", "b")])
    old = play(graph, failing(("b", "localhost"))).conductor.record
    assert old.state == states.FAILED
    driver = resumed(graph, old, failing())
    driver.play()
    assert [e.node for e in driver.starts] == ["b", "c"]
    assert driver.conductor.record.state == states.SUCCESSFUL
    assert driver.conductor.record.run["resumed_from"] == "r"


def test_a_rolled_back_batch_is_done_again_and_the_good_one_is_not():
    inner = [node("drain"), node("deploy", "drain")]
    graph = Graph(rollout("web", [["a"], ["b"]], inner), on_failure="rollback")
    old = play(graph, failing(("web.deploy", "b"))).conductor.record
    assert old.state == states.ROLLED_BACK
    driver = resumed(graph, old, failing())
    driver.play()
    assert [(e.node, e.hosts) for e in driver.starts] == [("web.drain", ("b",)), ("web.deploy", ("b",))]
    assert driver.conductor.record.state == states.SUCCESSFUL


def test_a_failed_rollback_goes_on_with_the_undo_only():
    graph = Graph([node("a"), node("b", "a")], on_failure="rollback")
    old = play(graph, failing(("b", "localhost"), ("undo-b", "localhost"))).conductor.record
    assert old.state == states.ROLLBACK_FAILED
    assert outcome.not_undone(old) == {
        "a": {"localhost": "not undone: what came after it could not be undone on localhost"},
        "b": {"localhost": states.FAILED},
    }
    driver = resumed(graph, old, failing())
    driver.play()
    assert [(e.node, e.action) for e in driver.starts] == [("b", "undo"), ("a", "undo")]
    assert driver.conductor.record.state == states.ROLLED_BACK


def test_interrupted_work_that_must_not_be_tried_twice_is_a_bad_end():
    graph = Graph([node("a", on_lost="fail"), node("b", "a")])
    old = Driver(graph, failing(), random.Random(0))
    old.journal += old.conductor.begin(0.0, {"id": "r"})
    old.tell(LocksHeld())
    old._make(old.conductor.decide(1.0)[0])
    close_killed(old.conductor.record, 2.0)
    driver = resumed(graph, old.conductor.record, failing())
    record = driver.play()
    assert driver.starts == []
    assert record.state == states.FAILED
    assert record.node("a").hosts == {"localhost": states.LOST}
    assert record.node("b").hosts == {"localhost": states.SKIPPED}


def test_nothing_to_resume_after_a_success():
    old = play(Graph([node("a")])).conductor.record
    with pytest.raises(HoldfastError, match="succeeded; there is nothing to resume"):
        resume(Graph([node("a")]), old, 0.0, {"id": "r2"})
