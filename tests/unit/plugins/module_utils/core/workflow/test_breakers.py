# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers in a run: what bundles may say of them, what they are asked and told, and what a refusal does."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import Document, validate
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound, render_path
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker, calls_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Execution,
    LocksHeld,
    Refused,
    Start,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, NodeBreaker
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal_breakers import Memory
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.resume import resume

from .graphs import Driver, failing, node

JIRA = "service:jira"


# --- documents ---------------------------------------------------------------------------------------------------


def item(name: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "holdfast.ops/v1",
        "kind": "CatalogItem",
        "metadata": {"name": name},
        "fulfillment": {"automated": {"role": "a.b.c"}},
        **more,
    }


BY_HAND = item("by-hand", fulfillment={"mode": "manual", "manual": {"instructions": "Do it."}})


def bundle(components: dict[str, Any], **orchestration: Any) -> dict[str, Any]:
    return {
        "apiVersion": "holdfast.ops/v1",
        "kind": "CatalogBundle",
        "metadata": {"name": "it"},
        "presentation": {"fields": [{"name": "pool", "required": True}]},
        "orchestration": orchestration,
        "components": components,
    }


def told(*documents: dict[str, Any]) -> list[str]:
    _catalog, problems = validate([Document(one, "it.yml") for one in documents])
    return [f"{render_path(problem.path)}: {problem.message}" for problem in problems]


def one(**breaker: Any) -> dict[str, Any]:
    return bundle({"a": {"item": "work", "breaker": {"target": JIRA, **breaker}}, "b": {"item": "work"}})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (one(target="jira"), "components.a.breaker.target: "),
        (one(target=["db", "x"]), "components.a.breaker.target: 'db:x' is no target of a breaker"),
        (one(target=["service", "$fields.pol"]), "components.a.breaker.target[1]: "),
        (one(failure_rate_threshold=101), "components.a.breaker.failure_rate_threshold: "),
        (one(sliding_window_size=20000), "components.a.breaker: sliding_window_size must be at most 10000 calls"),
        (one(wait_duration_in_open_state="soon"), "components.a.breaker.wait_duration_in_open_state: "),
        (one(on_open="fallback"), "components.a.breaker: 'on_open: fallback' names no component"),
        (one(fallback="b"), "components.a.breaker.fallback: belongs to 'on_open: fallback'"),
        (one(on_open="fallback", fallback="c"), "components.a.breaker.fallback: unknown component 'c' of the bundle"),
        (one(on_open="fallback", fallback="a"), "components.a.breaker.fallback: nothing can take over from itself"),
        (one(on_open="rollback"), "components.a.item: the item 'work' (also used by 'b') has no compensation, "
                                  "and 'on_open: rollback' needs one"),
        (bundle({"a": {"item": "by-hand", "breaker": {"target": JIRA}}}), "components.a.breaker: the item 'by-hand' is "
                                                                          "done by hand and asks no breaker"),
        (bundle({"a": {"approval": {}, "breaker": {"target": JIRA}}}), "components.a.breaker: "),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(document: dict[str, Any], said: str) -> None:
    found = told(document, item("work"), BY_HAND)
    assert any(problem.startswith(said) for problem in found), found


def test_a_fallback_has_no_needs_and_is_no_way_around() -> None:
    fallback = {"target": JIRA, "on_open": "fallback", "fallback": "b"}
    components = {"a": {"item": "work", "breaker": fallback}, "c": {"item": "work"}}
    found = told(bundle({**components, "b": {"item": "work", "needs": ["c"]}}), item("work"))
    assert found == ["components.b.needs: a fallback has no needs: it takes over from 'a' when its breaker refuses"]
    circle = {"a": {**components["a"], "needs": ["b"]}, "b": {"item": "work"}}
    assert any(
        "cycle: a → b → a" in problem or "cycle: b → a → b" in problem for problem in told(bundle(circle), item("work"))
    )


def test_breakers_of_items_are_judged_too() -> None:
    (wrong,) = told(item("work", breaker={"target": "db:x"}))
    assert wrong.startswith("breaker.target: ")
    assert told({**BY_HAND, "breaker": {"target": JIRA}}) == ["breaker: a manual item asks no breaker"]
    assert told(item("work", breaker={"target": JIRA, "on_open": "wait", "minimum_number_of_calls": 1})) == []


def graph_of(document: dict[str, Any], *items: dict[str, Any]) -> Graph:
    catalog, problems = validate([Document(one, "it.yml") for one in (document, *items)])
    assert problems == []
    return compile_graph(catalog.bundles["it"], catalog, {"fields": {"pool": "web"}}, lambda _pattern: ["h1"])


def test_a_graph_has_targets_paths_and_policies() -> None:
    own = {"target": ["group", "$fields.pool"], "wait_duration_in_open_state": "2m"}
    components = {
        "a": {"item": "work", "breaker": own},
        "b": {"item": "guarded"},
        "r": {
            "rollout": {"hosts": "web", "components": {"x": {"item": "guarded", "breaker": {**own, "on_open": "wait"}}}}
        },
    }
    compensated = {"compensation": {"none": "it only looks"}}
    work, guarded = item("work", **compensated), item("guarded", breaker={"target": JIRA}, **compensated)
    graph = graph_of(bundle(components, on_failure="rollback"), work, guarded)
    assert graph.nodes["a"].breaker == NodeBreaker("group:web", "rollback", Policy(wait_duration_in_open_state=120.0))
    assert graph.nodes["b"].breaker == NodeBreaker(JIRA, "rollback", None)
    assert graph.nodes["r.x"].breaker is not None and graph.nodes["r.x"].breaker.on_open == "wait"


def test_a_target_that_is_none_is_told_at_launch() -> None:
    with pytest.raises(ProblemsFound) as caught:
        graph_of(bundle({"a": {"item": "work", "breaker": {"target": ["$fields.pool", "x"]}}}), item("work"))
    assert render_path(caught.value.problems[0].path) == "components.a.breaker.target"


# --- asked and told ----------------------------------------------------------------------------------------------


def entry(state: str, hosts: list[str], **more: Any) -> dict[str, Any]:
    facts = {"id": "r/a/1/do/1", "node": "a", "action": "do", "started": 10.0, "finished": 14.0}
    return {**facts, "state": state, "hosts": hosts, **more}


def test_each_host_is_a_call_and_a_trial_is_one() -> None:
    mixed = entry("failed", ["x", "y", "z"], results={"successful": ["x"], "failed": ["y"], "canceled": ["z"]},
                  messages={"y": "no route"})  # fmt: skip
    good, bad = calls_of(mixed, 0)
    assert (good.failed, bad.failed, bad.duration, bad.said) == (False, True, 4.0, "a failed on y: no route")
    assert calls_of(mixed, 7) == [bad._replace(trial=7)]
    assert calls_of(entry("successful", ["x", "y"]), 7) == [good._replace(trial=7)]
    assert calls_of(entry("lost", ["x"]), 7) == calls_of(entry("canceled", ["x"]), 0) == []


def test_a_trial_that_tells_nothing_is_given_back_and_an_end_is_told_once() -> None:
    breaker = NodeBreaker(JIRA, "stop")
    graph = Graph([node("a", breaker=breaker)])
    now = [0.0]
    memory = Memory(lambda: now[0], {JIRA: "5s"})
    asker = Asker(memory)
    start = Start(Execution("r/a/1/do/1", "a", "1", 0, "do", 1, ("x",), None), (), breaker)
    refusal = asker.refusal("r", start)
    assert refusal is not None and not refusal.waits and refusal.retry_at == 5.0
    now[0] = 5.0
    assert asker.refusal("r", start) is None
    second = start._replace(execution=start.execution._replace(id="r/a/2/do/1"))
    beside = asker.refusal("r", second)
    assert beside is not None and beside.waits, "a half-open breaker has not decided yet"
    asker.ended(graph, entry("canceled", ["x"]))
    assert asker.refusal("r", second) is None, "the trial was given back"
    asker.ended(graph, entry("failed", ["x"], id="r/a/2/do/1"))
    asker.ended(graph, entry("failed", ["x"], id="r/a/2/do/1"))
    assert memory.states([JIRA]) == {JIRA: "open"}
    assert memory._known[JIRA].totals.calls == 1


def test_a_resume_does_not_do_again_what_was_done_by_hand() -> None:
    refuses = {"a": True}
    nodes = [
        node("a", breaker=NodeBreaker(JIRA, "fallback")),
        node("by_hand", Edge("a", states.BAD, observes=True), fallback_of=("a",)),
        node("b"),
    ]
    graph = Graph(nodes)
    first = Driver(
        graph, failing(("b", "localhost")), random.Random(1), refuses=lambda one: refuses.get(one.node, False)
    )
    assert first.play().state == states.FAILED
    changes = resume(graph, first.conductor.record, 100.0, {"id": "r2", "requested_by": "alice"})
    again = Driver(graph, failing(), random.Random(1), record=Record.replay(changes))
    again.now = 100.0
    again.tell(LocksHeld())
    assert again.play().state == states.SUCCESSFUL
    assert [one.node for one in again.starts] == ["b"]


# --- refused -----------------------------------------------------------------------------------------------------


def test_held_breakers_are_left_out_and_undo_is_never_asked() -> None:
    graph = Graph([node("a", breaker=NodeBreaker(JIRA)), node("b", "a")], on_failure="rollback")
    play = Driver(graph, failing(("b", "localhost")), random.Random(1))
    play.journal += play.conductor.begin(0.0, {"id": "r", "requested_by": "alice"})
    play.tell(LocksHeld())
    assert play.conductor.decide(0.0, frozenset({f"breaker {JIRA}"})) == []
    (start,) = play.conductor.decide(0.0)
    assert isinstance(start, Start) and start.breaker == NodeBreaker(JIRA)
    record = play.play()
    assert record.state == states.ROLLED_BACK
    with pytest.raises(HoldfastError, match="has ended"):
        play.conductor.apply(Refused(start.execution, "late"), 1.0)
