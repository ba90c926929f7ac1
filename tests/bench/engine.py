# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine by itself: large graphs conducted with made-up results, with and without persistence."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Compensation, Item, Retries
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
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Journal, RunsStore

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
    for node in made:
        node.retries = Retries(1, "failed_hosts")
    return Graph(made, name="chained", host_flow="per_host", max_parallel=10)


Ends = Callable[[list[Execution], int], list[Execution]]
Judge = Callable[[Execution, str], HostResult]


def well(_execution: Execution, _host: str) -> HostResult:
    """Everything succeeds."""
    return SUCCESS


def in_order(running: list[Execution], _tick: int) -> list[Execution]:
    """Everything that runs ends in the same tick."""
    return running


def staggered(running: list[Execution], tick: int) -> list[Execution]:
    """One execution ends per tick, now the oldest, now the newest: the host groups overtake each other."""
    return [running[0 if tick % 3 else -1]]


def conduct(graph: Graph, write: Write, ends: Ends = in_order, judge: Judge = well) -> Measured:
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
            results = {host: judge(execution, host) for host in execution.hosts}
            changes += conductor.apply(Finished(execution.id, results), float(tick))
    assert conductor.record.state == states.SUCCESSFUL, conductor.record.run
    return Measured(time.perf_counter() - began, count)


def often_failing(execution: Execution, host: str) -> HostResult:
    """One host in ten needs a second attempt, so that the hosts drift apart into ever new groups."""
    chosen = zlib.crc32(f"{execution.node}/{host}".encode()) % 10 == 0
    return HostResult(states.FAILED, "once more") if chosen and execution.attempt == 1 else SUCCESS


def memory(graph: Graph) -> Measured:
    """Decisions alone: nothing is written."""
    return conduct(graph, lambda changes: None)


def persisted(graph: Graph, ends: Ends = in_order, judge: Judge = well) -> Measured:
    """With the journal of the real store on this disk: one write and one sync per tick."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        journal = Journal(RunsStore(Path(folder)).create(0.0).journal_path)
        try:
            return conduct(graph, journal.append, ends, judge)
        finally:
            journal.close()


def report() -> None:
    """Print every figure of the engine, each beside that of a tenth of the size."""
    print("engine (made-up results; 'with persistence' is the real journal on this disk)")
    _compare("decisions alone", lambda nodes: memory(layered(nodes)), "nodes in layers of 10, ALL joins", 1_000)
    _compare("with persistence", lambda nodes: persisted(layered(nodes)), "nodes in layers of 10, ALL joins", 1_000)
    what = "hosts x 100 nodes, per-host flow"
    _compare("all go well", lambda hosts: persisted(chained(100, hosts)), what, 100)
    drifting = "hosts x 100 nodes, per-host flow"
    _compare("one in ten twice", lambda hosts: persisted(chained(100, hosts), staggered, often_failing), drifting, 100)


def _compare(name: str, measure: Callable[[int], Measured], what: str, small: int) -> None:
    one, ten = measure(small), measure(small * 10)
    print(
        f"  {name:<17} {small * 10:>6} {what}: {ten.seconds:6.3f} s ({ten.changes} changes), "
        f"{small:>5}: {one.seconds:6.3f} s, ratio {ten.seconds / one.seconds:.1f}"
    )
