# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine says to people: plan, views, outcome."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval, Retries
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.plan import plan, render
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import mermaid, text

from .graphs import WAIVED, edge, failing, node, play, rollout


def web(**facts) -> Graph:
    inner = [
        node("drain"),
        node("deploy", "drain", retries=Retries(2, "failed_hosts")),
        node("look", "deploy", item=WAIVED),
    ]
    approval = node("sign_off", "web", kind="approval", approval=Approval(quorum=2, four_eyes=True, timeout=3600.0))
    approval.item, approval.batches = None, ((),)
    return Graph(
        [
            node("before", item=WAIVED),
            *rollout("web", [["a"], ["b", "c"]], inner, "before"),
            approval,
            node("page", edge("web", "failure"), item=WAIVED),
        ],
        name="web-change",
        locks=("pool:web",),
        **facts,
    )


def test_the_plan_says_everything_that_would_happen():
    past = {"before": 10.0, "web.drain": 5.0, "web.deploy": 20.0, "web.look": 5.0}
    lines = list(render(plan(web(on_failure="rollback"), past)))
    assert lines[0].startswith("Plan of web-change (on failure: rollback (scope: batch)")
    assert lines[1] == "  locks: pool:web"
    together = "\n".join(lines)
    for part in (
        "wave 1",
        "before on localhost - nothing to undo: it only looks",
        "web in 2 batches",
        "batch 2: b, c",
        "each: drain → deploy - up to 2 more attempts (failed_hosts); undo by a.b.undo",
        "2 approvals, four eyes; after 1h: deny",
        "page on localhost - only on failure",
        "critical path: before → web → sign_off: about 1m 10s",
    ):
        assert part in together, f"{part}\n{together}"


def test_the_plan_knows_no_length_without_a_past():
    assert plan(web()).seconds is None


def test_the_text_view_shows_states_and_edges():
    driver = play(web(on_failure="rollback"), failing(("web.look", "b")))
    lines = list(text(driver.graph, driver.conductor.record))
    assert lines[0] == "✔ before: successful"
    assert "✘ web: failed  ← before" in lines
    assert "  ✔ drain: successful, undo successful" in lines
    assert "✔ page: successful  ← web (failure)" in lines
    assert "– sign_off: skipped  ← web" in lines


def test_mermaid_draws_every_node_and_edge_once():
    driver = play(web(on_failure="rollback"), failing(("web.look", "b")))
    lines = list(mermaid(driver.graph, driver.conductor.record))
    assert lines[0] == "flowchart LR"
    assert '  n_web -- "failure" --> n_page' in lines
    assert sum("-->" in line for line in lines) == sum(len(one.parents) for one in driver.graph.nodes.values())
    assert '    n_web_2e_drain["drain<br/>successful<br/>undo successful"]' in lines


def test_names_that_would_break_mermaid_are_written_safely():
    lines = list(mermaid(Graph([node("end-of_day")])))
    assert lines[1] == '  n_end_2d_of_5f_day["end-of_day"]'


def test_the_outcome_names_what_was_undone_what_failed_and_what_was_never_touched():
    driver = play(web(on_failure="rollback"), failing(("web.look", "a")))
    record = driver.conductor.record
    assert record.state == states.ROLLED_BACK
    assert record.run["explanation"] == "web.look failed on a"
    assert outcome.undone(record) == {"web.drain": ["a"], "web.deploy": ["a"]}
    assert outcome.untouched(driver.graph, record) == ["b", "c"]
    assert outcome.not_reached(driver.graph, record) == {"web": ["b", "c"]}
    assert outcome.failures(record)[0] == outcome.Failure("web.look", "a", states.FAILED, "")
    assert "launch again" in (outcome.next_step(record) or "")


def test_hosts_that_were_left_half_way_are_named_with_what_stands_there():
    driver = play(web(), failing(("web.look", "b")))
    assert outcome.half_way(driver.graph, driver.conductor.record) == {"b": ["web.drain", "web.deploy"]}
    rolled_back = play(web(on_failure="rollback"), failing(("web.look", "b")))
    assert outcome.half_way(rolled_back.graph, rolled_back.conductor.record) == {}


def test_a_rollback_with_nothing_to_undo_is_a_failure():
    graph = Graph([node("a", item=WAIVED)], on_failure="rollback")
    assert play(graph, failing(("a", "localhost"))).conductor.record.state == states.FAILED


def test_a_success_needs_no_next_step():
    assert outcome.next_step(play(Graph([node("a")])).conductor.record) is None


def test_edges_by_states_are_drawn_with_their_states():
    graph = Graph([node("a"), node("b", Edge("a", frozenset({"failed", "lost"}), observes=True))])
    assert list(text(graph)) == ["a", "b  ← a (failed, lost)"]
