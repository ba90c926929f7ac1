# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph before any launch, and the minutes that a run spared people."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Compensation,
    Component,
    Item,
    Need,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import views
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import minutes_recovered, outline
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import Stage

UNDO = Compensation(Action("role", "a.b.undo"))
STEP = Item("step", action=Action("role", "a.b.c"), manual_minutes=5.0, compensation=UNDO)
HAND = Item("hand", mode="manual", manual_minutes=60.0)
PARTS = (Component("drain", item="step"), Component("deploy", item="step", needs=(Need("drain"),)))
BUNDLE = Bundle(
    "walk",
    on_failure="rollback",
    components=(
        Component("before", item="step", hosts="$fields.pool"),
        Component("web", "rollout", needs=(Need("before"),), rollout=Rollout("$fields.pool", (1,), components=PARTS)),
        Component("key", item="hand", needs=(Need("web"),)),
    ),
)
CATALOG = Catalog({"step": STEP, "hand": HAND}, {"walk": BUNDLE})


def test_the_outline_needs_no_answers_and_no_hosts() -> None:
    graph = outline(BUNDLE, CATALOG)
    assert list(views.text(graph)) == ["before", "web  ← before", "  drain", "  deploy  ← drain", "key  ← web"]
    assert graph.nodes["key"].kind == "manual"
    assert not any(node.hosts for node in graph.nodes.values())


def test_the_outline_draws_the_same_as_a_launch() -> None:
    launched = compile_graph(BUNDLE, CATALOG, {"fields": {"pool": "web"}}, lambda _pattern: ["a", "b"])
    assert list(views.mermaid(outline(BUNDLE, CATALOG))) == list(views.mermaid(launched))


def minutes(**results: object) -> float:
    graph = compile_graph(BUNDLE, CATALOG, {"fields": {"pool": "web"}}, lambda _pattern: ["a", "b"])
    events = [{"at": "2h", "approve": "key", "by": "guard"}]
    record = Stage(graph, {"results": results, "events": events}, {"fields": {"pool": "web"}}).play().record
    return minutes_recovered(graph, record)


def test_minutes_count_every_host_that_was_done() -> None:
    assert minutes() == 5 * 2 * 3, "what a person did by hand spares nobody anything"


def test_minutes_do_not_count_what_failed_or_was_undone() -> None:
    assert minutes(before={"a": "failed"}) == 0, "b is undone with its batch"
    assert minutes(**{"web.deploy": {"b": "failed"}}) == 5 * 2 + 5 * 2, "before on two hosts, and the first batch"
