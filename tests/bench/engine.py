# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine by itself: large graphs conducted with made-up results, with and without persistence."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Compensation, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Change,
    Ended,
    Execution,
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Start,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore

ITEM = Item("noop", action=Action("role", "a.b.c"), compensation=Compensation(action=Action("role", "a.b.d")))
SUCCESS = HostResult(states.SUCCESSFUL)
Write = Callable[[list[Change]], None]


class Measured(NamedTuple):
    """One measurement: seconds, and how many changes were made."""

    seconds: float
    changes: int


def _node(name: str, parents: list[str], hosts: tuple[str, ...] = ("localhost",)) -> Node:
    edges = tuple(Edge(parent, states.EDGES["success"]) for parent in parents)
    return Node(name, item=ITEM, parents=edges, batches=(hosts,))


def layered(nodes: int, width: int = 10) -> Graph:
    """``nodes`` nodes in layers of ``width``; each needs two of the layer before, joined by ALL."""
    made: list[Node] = []
    for number in range(nodes):
        layer, place = divmod(number, width)
        parents = [f"n{layer - 1}_{place}", f"n{layer - 1}_{(place + 1) % width}"] if layer else []
        made.append(_node(f"n{layer}_{place}", parents))
    return Graph(made, name="layered", max_parallel=width)


def chained(nodes: int, hosts: int) -> Graph:
    """A chain of nodes over many hosts, each host going its own way."""
    names = tuple(f"host{number:04}" for number in range(hosts))
    made = [_node(f"n{number}", [f"n{number - 1}"] if number else [], names) for number in range(nodes)]
    return Graph(made, name="chained", host_flow="per_host", max_parallel=10)


def in_order(running: list[Execution], _tick: int) -> list[Execution]:
    """Everything that runs ends in the same tick."""
    return running


def staggered(running: list[Execution], tick: int) -> list[Execution]:
    """One execution ends per tick, now the oldest, now the newest: the host groups overtake each other."""
    return [running[0 if tick % 3 else -1]]


def conduct(graph: Graph, write: Write, ends: Callable[[list[Execution], int], list[Execution]]) -> Measured:
    """Conduct a graph to its end; ``write`` gets the changes of each tick, before anything is started."""
    conductor = Conductor(graph, Record())
    began = time.perf_counter()
    count = 0
    changes = conductor.begin(0.0, {"id": "bench"}) + conductor.apply(LocksHeld(), 0.0)
    running: list[Execution] = []
    tick = 0
    while not conductor.record.ended:
        tick += 1
        for decision in conductor.decide(float(tick)):
            if isinstance(decision, Start):
                changes += conductor.apply(Started(decision.execution), float(tick))
                running.append(decision.execution)
            elif isinstance(decision, Finish):
                changes += conductor.apply(Ended(decision.state, decision.explanation), float(tick))
        count += len(changes)
        write(changes)
        changes = []
        for execution in list(ends(running, tick)) if running else []:
            running.remove(execution)
            results = dict.fromkeys(execution.hosts, SUCCESS)
            changes += conductor.apply(Finished(execution.id, results), float(tick))
    assert conductor.record.state == states.SUCCESSFUL, conductor.record.run
    return Measured(time.perf_counter() - began, count)


def split_first(graph: Graph, parts: int) -> Graph:
    """Let the first node of a chain start in ``parts`` groups of hosts, so that the groups stay apart all the way."""
    first = graph.nodes["n0"]
    size = max(1, len(first.hosts) // parts)
    groups = [first.hosts[start : start + size] for start in range(0, len(first.hosts), size)]
    heads = [_node(f"head{number}", [], group) for number, group in enumerate(groups)]
    any_head = tuple(Edge(head.name, frozenset({states.SUCCESSFUL})) for head in heads)
    nodes = [node for node in graph.nodes.values() if node.name != "n0"]
    gate = Node("n0", item=ITEM, parents=any_head, join="any", batches=(first.hosts,))
    return Graph([*heads, gate, *nodes], name="chained", host_flow="per_host", max_parallel=10)


def memory(graph: Graph) -> Measured:
    """Decisions alone: nothing is written."""
    return conduct(graph, lambda changes: None, in_order)


def persisted(graph: Graph, ends: Callable[[list[Execution], int], list[Execution]] = in_order) -> Measured:
    """With the journal of the real store on this disk: one write and one sync per tick."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        run: Run = RunsStore(Path(folder)).create(0.0)
        journal = _journal(run)
        try:
            return conduct(graph, journal.append, ends)
        finally:
            journal.close()


def _journal(run: Run):  # type: ignore[no-untyped-def]
    from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Journal

    return Journal(run.journal_path)


def report() -> None:
    """Print every figure of the engine."""
    print("engine (virtual results, the real journal on this disk)")
    for nodes in (1_000, 10_000):
        alone = memory(layered(nodes))
        stored = persisted(layered(nodes))
        print(
            f"  layered graph, {nodes:>6} nodes, 10 wide, ALL joins: decisions alone {alone.seconds:6.3f} s, "
            f"with persistence {stored.seconds:6.3f} s ({stored.changes} changes)"
        )
    for hosts in (100, 1_000):
        one = persisted(chained(100, hosts))
        many = persisted(split_first(chained(100, hosts), 10), staggered)
        print(
            f"  per-host flow, 100 nodes x {hosts:>5} hosts: {one.seconds:6.3f} s in one group, "
            f"{many.seconds:6.3f} s in groups that overtake each other ({many.changes} changes)"
        )
