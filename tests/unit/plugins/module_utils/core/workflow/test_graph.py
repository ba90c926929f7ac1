# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs, batches and what a launch makes of a bundle."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
    Field,
    Item,
    Need,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import (
    batches_of,
    compile_graph,
    host_patterns,
    lock_names,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import CycleFound, Graph, find_cycle

from .graphs import edge, node, rollout

TEN = [f"h{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("steps", "sizes"),
    [
        ([1], [1] * 10),
        ([3], [3, 3, 3, 1]),
        (["25%"], [2, 2, 2, 2, 2]),
        (["1%"], [1] * 10),
        (["100%"], [10]),
        ([1, 5, "25%"], [1, 5, 2, 2]),
        ([1, 20], [1, 9]),
        (["4"], [4, 4, 2]),
    ],
)
def test_batches_are_cut_as_by_serial(steps, sizes):
    batches = batches_of(TEN, steps)
    assert [len(batch) for batch in batches] == sizes
    assert [host for batch in batches for host in batch] == TEN


@pytest.mark.parametrize("step", [0, -1, True, "x", "0%", "", None, "1.5"])
def test_what_is_no_batch_size_is_refused(step):
    with pytest.raises(ValueError, match="is no batch size"):
        batches_of(TEN, [step])


def test_no_hosts_make_no_batches():
    assert batches_of([], [1]) == ()


def test_a_cycle_is_named_in_running_order():
    with pytest.raises(CycleFound, match=r"cycle: a → b → c → a|cycle: b → c → a → b|cycle: c → a → b → c"):
        Graph([node("a", "c"), node("b", "a"), node("c", "b")])


def test_a_cycle_beside_another_root_is_found():
    assert find_cycle({"root": [], "a": ["root", "b"], "b": ["a"]}) in (["a", "b", "a"], ["b", "a", "b"])


def test_a_diamond_is_no_cycle():
    assert find_cycle({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c", "a"]}) == []


def test_a_chain_of_many_nodes_needs_no_deep_stack():
    names = [f"n{number}" for number in range(50_000)]
    assert find_cycle({name: [names[index - 1]] if index else [] for index, name in enumerate(names)}) == []


def test_parents_stand_before_children_and_inner_nodes_after_their_rollout():
    graph = Graph([*rollout("web", [["a"]], [node("x", "y"), node("y")], "last"), node("last")])
    names = list(graph.nodes)
    assert names.index("last") < names.index("web") < names.index("web.y") < names.index("web.x")
    assert [one.name for one in graph.top_level()] == ["last", "web"]


def test_failure_paths_are_those_that_success_alone_never_reaches():
    graph = Graph([node("a"), node("b", edge("a", "failure")), node("c", "b"), node("d", edge("a", "always"))])
    assert [name for name, one in graph.nodes.items() if one.failure_path] == ["b", "c"]
    assert graph.nodes["a"].handled
    assert not graph.nodes["b"].handled


# --- compiling ---------------------------------------------------------------------------------------------------

ITEM = Item("step", fields=(Field("pool"), Field("size", default="small")), action=Action("role", "a.b.c"))
HOSTS = {"web": ["a", "b"], "db": [], "localhost": ["localhost"]}


def compiled(*components: Component, limit=None, fields=None, **facts) -> Graph:
    bundle = Bundle("b", fields=(Field("pool"),), components=components, **facts)
    context = {"fields": fields or {"pool": "web"}}
    return compile_graph(bundle, Catalog({"step": ITEM}), context, HOSTS.__getitem__, limit)


def test_hosts_come_from_the_answers_and_default_to_localhost():
    graph = compiled(Component("x", item="step", hosts="$fields.pool"), Component("y", item="step"))
    assert graph.nodes["x"].hosts == ("a", "b")
    assert graph.nodes["y"].hosts == ("localhost",)


def test_a_question_gets_the_components_word_then_the_answer_then_the_default():
    graph = compiled(
        Component("x", item="step", fields={"size": "large"}), Component("y", item="step", fields={"pool": "p"})
    )
    assert dict(graph.nodes["x"].fields) == {"pool": "$fields.pool", "size": "large"}
    assert dict(graph.nodes["y"].fields) == {"pool": "p", "size": "small"}


def test_a_pattern_without_hosts_and_a_bad_batch_are_said_together():
    with pytest.raises(ProblemsFound) as caught:
        compiled(
            Component("x", item="step", hosts="db"),
            Component(
                "y", kind="rollout", rollout=Rollout("web", batch=("0",), components=(Component("z", item="step"),))
            ),
        )
    assert [problem.path for problem in caught.value.problems] == [
        ("components", "x", "hosts"),
        ("components", "y", "rollout", "batch"),
    ]


def test_what_the_answers_rule_out_needs_no_hosts():
    graph = compiled(Component("x", item="step", hosts="db", when="fields.pool == 'db'"), Component("y", item="step"))
    assert graph.nodes["x"].hosts == ()


def test_a_limit_narrows_and_never_touches_localhost():
    graph = compiled(Component("x", item="step", hosts="web"), Component("y", item="step"), limit=frozenset({"b"}))
    assert graph.nodes["x"].hosts == ("b",)
    assert graph.nodes["y"].hosts == ("localhost",)


def test_a_limit_that_leaves_nothing_is_refused():
    with pytest.raises(ProblemsFound, match="--limit leaves no host"):
        compiled(Component("x", item="step", hosts="web"), limit=frozenset({"z"}))


def test_edges_by_states_only_look_on():
    graph = compiled(
        Component("x", item="step"), Component("y", item="step", needs=(Need("x", states=(states.FAILED,)),))
    )
    assert graph.nodes["y"].parents[0].observes
    assert not graph.nodes["x"].handled


def test_locks_are_named_by_their_parts():
    assert lock_names((("pool", "$fields.pool"), ("lb",)), {"fields": {"pool": "web"}}) == ("pool:web", "lb")


def test_patterns_are_gathered_with_their_places():
    inner = Rollout("web", components=(Component("z", item="step"),))
    bundle = Bundle(
        "b",
        components=(Component("x", item="step", hosts="$fields.pool"), Component("y", kind="rollout", rollout=inner)),
    )
    assert host_patterns(bundle, {"fields": {"pool": "db"}}) == {
        "db": ("components", "x", "hosts"),
        "web": ("components", "y", "rollout", "hosts"),
    }


@pytest.mark.parametrize(("percent", "allowed"), [(50, 1), (99, 1), (100, 2), (0, 0)])
def test_a_budget_in_percent_is_rounded_down(percent, allowed):
    inner = Rollout("web", max_failed_percent=percent, components=(Component("z", item="step"),))
    assert compiled(Component("y", kind="rollout", rollout=inner)).nodes["y"].max_failed == allowed
