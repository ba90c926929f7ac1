# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any graph: AWX with the gates of its jobs runs the very nodes that the conductor runs, and ends as it ends."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import NodeSpec, names, workflow_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.gate import STARTED, Gate, marker_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Approval,
    Bundle,
    Catalog,
    Component,
    Item,
    Need,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import Stage
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import node_state
from hypothesis import given, settings
from hypothesis import strategies as st

from . import awx_dag

ITEM = Item("work", action=Action("module", "ansible.builtin.ping"))
BAD = sorted(states.BAD)
WAYS = st.one_of(
    st.tuples(st.sampled_from(["success", "failure", "always"]), st.just(())),
    st.tuples(st.just("success"), st.sampled_from([tuple(BAD), (*BAD, "successful")])),
)
#: only of a parent that AWX starts for certain: after one that it did not start, it starts nothing
AFTER_SKIPPED = st.just(("success", ("successful", "skipped")))


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Bundle, dict[str, str]]:
    """A bundle of up to seven nodes, and how each of them ends when it runs."""
    components: list[Component] = []
    ends: dict[str, str] = {}
    for number in range(draw(st.integers(2, 7))):
        earlier = st.sampled_from(components or [Component("")])
        most = min(3, len(components))
        before = draw(st.lists(earlier, max_size=most, unique_by=lambda one: one.name))
        needs = tuple(Need(one.name, *draw(WAYS if one.needs else st.one_of(WAYS, AFTER_SKIPPED))) for one in before)
        asked = any(one.approval is not None for one in before)
        asks = draw(st.booleans()) and draw(st.booleans())
        components.append(
            Component(
                f"n{number}",
                kind="approval" if asks else "item",
                item="" if asks else "work",
                approval=Approval() if asks else None,
                needs=needs,
                join="all" if asked and len(before) > 1 else draw(st.sampled_from(["all", "any"])),
                when=draw(st.sampled_from(["", "", "1 == 1", "1 == 2"])),
            )
        )
        ends[f"n{number}"] = draw(st.sampled_from(["successful", "failed", *([] if asks else ["error"])]))
    return Bundle("it", components=tuple(components)), ends


def by_the_conductor(bundle: Bundle, catalog: Catalog, ends: dict[str, str]) -> tuple[dict[str, str], str]:
    graph = compile_graph(bundle, catalog, {}, lambda pattern: (pattern,))
    asked = [one.name for one in bundle.components if one.approval is not None]
    results = {name: end for name, end in ends.items() if name not in asked}
    events = [
        {"at": f"{second}s", ("approve" if ends[name] == "successful" else "deny"): name, "by": "bob"}
        for name in asked
        for second in range(1, 60, 2)
    ]
    performance = Stage(graph, {"results": results, "events": events}, {}).play()
    found = {name: node_state(graph, performance.record, name) for name in graph.nodes}
    return found, performance.record.state


def by_awx(bundle: Bundle, catalog: Catalog, ends: dict[str, str], said: dict[str, str]) -> tuple[dict[str, str], bool]:
    """What each node came to; ``said`` tells what people say who are asked: of what nobody would ask, yes."""
    spec = workflow_of(bundle, catalog)
    markers: dict[str, dict[str, Any]] = {}
    found = dict.fromkeys(ends, states.SKIPPED)

    def job(node: NodeSpec, _parents: list[str]) -> str:
        name = node.identifier
        if name == names.END_NODE:
            return awx_dag.FAILED
        if node.kind == "approval":
            found[name] = said[name]
            return awx_dag.SUCCESSFUL if said[name] == states.SKIPPED else said[name]
        if not Gate(bundle, catalog, markers, {}).decide(name).runs:
            markers[name] = marker_of(states.SKIPPED, {})
            return awx_dag.SUCCESSFUL
        if ends[name] == "error":
            found[name] = "error"
            return awx_dag.ERROR  # it never came to its first task, and left no marker
        found[name] = ends[name]
        markers[name] = marker_of(STARTED if ends[name] == "failed" else states.SUCCESSFUL, {})
        return ends[name]

    ended = awx_dag.play(spec, job)
    return found, awx_dag.failed(spec, ended)


@given(bundles())
@settings(max_examples=150, deadline=None)
def test_awx_runs_what_the_conductor_runs(made: tuple[Bundle, dict[str, str]]) -> None:
    bundle, ends = made
    catalog = Catalog({"work": ITEM}, {"it": bundle})
    expected, state = by_the_conductor(bundle, catalog, ends)
    found, failed = by_awx(bundle, catalog, ends, expected)
    assert found == expected, _told(bundle, ends)
    assert failed is (state != states.SUCCESSFUL), _told(bundle, ends)


def _told(bundle: Bundle, ends: dict[str, str]) -> str:
    """The example in a form that a person can read."""
    lines = []
    for one in bundle.components:
        needs = [f"{need.node} {'/'.join(need.states) or need.edge}" for need in one.needs]
        kind = "approval" if one.approval is not None else "item"
        lines.append(f"{one.name} ({kind}) {ends[one.name]} when={one.when!r} {one.join} of {needs}")
    return "\n".join(lines)
