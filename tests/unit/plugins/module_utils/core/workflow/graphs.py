# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small graphs for tests, and a driver that plays one with made-up results in a chosen order of events."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Compensation, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    DO,
    Approved,
    Ask,
    Asked,
    Cancel,
    CancelAsked,
    Change,
    Denied,
    Ended,
    Execution,
    Expire,
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Lost,
    Refused,
    Start,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record

UNDOABLE = Item("thing", action=Action("role", "a.b.c"), compensation=Compensation(action=Action("role", "a.b.undo")))
CONTEXT = {"fields": {"x": 1}}
WAIVED = Item("look", action=Action("role", "a.b.c"), compensation=Compensation(none_reason="it only looks"))


def edge(parent: str, kind: str = "success") -> Edge:
    """An edge by its AWX name."""
    return Edge(parent, states.EDGES[kind])


def node(name: str, *parents: Any, hosts: Iterable[str] = ("localhost",), item: Item = UNDOABLE, **facts: Any) -> Node:
    """An item node; parents are names (success edges) or Edges."""
    edges = tuple(p if isinstance(p, Edge) else edge(p) for p in parents)
    return Node(name, item=item, parents=edges, batches=(tuple(hosts),), **facts)


def rollout(name: str, batches: Iterable[Iterable[str]], inner: list[Node], *parents: Any, **facts: Any) -> list[Node]:
    """A rollout with its inner nodes (named without the rollout's name, as are their parents)."""
    lanes = tuple(tuple(batch) for batch in batches)
    outer = node(name, *parents, kind="rollout", **facts)
    outer.item = None
    outer.batches = ((),)
    outer.inner = tuple(f"{name}.{one.name}" for one in inner)
    for one in inner:
        one.name = f"{name}.{one.name}"
        one.rollout = name
        one.batches = lanes
        one.parents = tuple(Edge(f"{name}.{e.parent}", e.states, e.observes) for e in one.parents)
    return [outer, *inner]


Judge = Callable[[Execution, str], str]


class Driver:
    """Plays a graph: ``judge`` gives a host's end for an execution, ``rng`` the order in which things happen.

    ``restore`` asks before every step whether to go on from a serialised copy; ``cancel_at`` is a step number.
    """

    def __init__(self, graph: Graph, judge: Judge, rng: random.Random, **facts: Any) -> None:
        self.graph = graph
        self.judge = judge
        self.rng = rng
        self.restore: Callable[[int], bool] = facts.get("restore", lambda step: False)
        self.cancel_at: Optional[int] = facts.get("cancel_at")
        self.cancel_rollback: Optional[bool] = facts.get("cancel_rollback")
        self.before_start: Callable[[Conductor, Execution], None] = facts.get("before_start", lambda *_unused: None)
        self.refuses: Callable[[Execution], bool] = facts.get("refuses", lambda execution: False)
        self.denials: int = facts.get("denials", 0)
        self.journal: list[Change] = []
        self.starts: list[Execution] = []
        self.lost: Callable[[Execution], bool] = facts.get("lost", lambda execution: False)
        self.outputs: Callable[[Execution], dict[str, Any]] = facts.get("outputs", lambda execution: {})
        self.conductor = Conductor(graph, facts.get("record") or Record(), CONTEXT)
        self.now = 0.0
        self.peak = 0

    def tell(self, event: Any) -> None:
        self.journal += self.conductor.apply(event, self.now)

    def play(self, most: int = 100_000) -> Record:
        """To the end; fails when the graph is stuck or does not end."""
        if self.conductor.record.state == states.PENDING:
            self.journal += self.conductor.begin(self.now, {"id": "r", "requested_by": "alice"})
            self.tell(LocksHeld())
        for step in range(most):
            if self.conductor.record.ended:
                return self.conductor.record
            if self.restore(step):
                data = json.loads(json.dumps(self.conductor.record.to_dict()))
                self.conductor = Conductor(self.graph, Record.from_dict(data), CONTEXT)
                assert not self.conductor.live.changes, "a restored conductor changes nothing by itself"
            self.now += 1.0
            if step == self.cancel_at:
                self.tell(CancelAsked("eve", self.cancel_rollback))
                continue
            self._step()
        raise AssertionError("does not come to an end")

    def _step(self) -> None:
        decisions = self.conductor.decide(self.now)
        assert decisions == self.conductor.decide(self.now), "decide is pure"
        moves: list[Any] = list(decisions)
        cancels = {d.execution_id for d in decisions if isinstance(d, Cancel)}
        running = [key for key in self.conductor.live.running if key not in cancels]
        moves += running
        moves += self._words()
        if not moves:
            wakeup = self.conductor.next_wakeup(self.now)
            assert wakeup is not None and wakeup > self.now, f"stuck: {self.conductor.record.to_dict()}"
            self.now = wakeup
            return
        self._make(self.rng.choice(moves))

    def _words(self) -> list[Any]:
        """What people may say now; each question is decided by its name, as far as anybody says something."""
        found: list[Any] = []
        for (name, batch), deadline in sorted(self.conductor.live.asked.items()):
            mood = zlib.crc32(f"{name}/{batch}".encode()) % 10
            votes = len([vote for vote in self.conductor.record.seen(name).votes if vote["batch"] == batch])
            if mood < self.denials:
                found.append(Denied(name, "zoe", batch))
            elif mood < 8 or deadline is None:
                found.append(Approved(name, f"{self.conductor.record.run['id']}-{votes}", batch))
        return found

    def _make(self, move: Any) -> None:
        if isinstance(move, str):
            execution = self.conductor.live.running[move]
            if self.lost(execution):
                self.tell(Lost(move, "gone"))
                return
            results = {host: HostResult(self.judge(execution, host)) for host in execution.hosts}
            self.tell(Finished(move, results, self.outputs(execution)))
        elif isinstance(move, Start):
            if move.breaker is not None and self.refuses(move.execution):
                self.tell(Refused(move.execution, "it is open"))
                return
            self.before_start(self.conductor, move.execution)
            self.starts.append(move.execution)
            self.tell(Started(move.execution))
            self.peak = max(self.peak, len(self.conductor.live.running))
        elif isinstance(move, Cancel):
            self._cancel(move)
        elif isinstance(move, (Approved, Denied)):
            self.tell(move)
        elif isinstance(move, Ask):
            self.tell(Asked(move.node, move.batch))
        elif isinstance(move, Expire):
            self.tell(TimedOut(node=move.node, batch=move.batch))
        elif isinstance(move, Finish):
            assert not self.conductor.live.running
            self.tell(Ended(move.state, move.explanation))

    def _cancel(self, move: Cancel) -> None:
        execution = self.conductor.live.running[move.execution_id]
        if move.reason == "timeout":
            self.tell(TimedOut(move.execution_id))
        else:
            self.tell(Finished(move.execution_id, dict.fromkeys(execution.hosts, HostResult(states.CANCELED))))


def failing(*bad: tuple[str, str]) -> Judge:
    """A judge: these (node, host) fail; ``undo-`` before a node's name means its undo."""

    def judge(execution: Execution, host: str) -> str:
        name = execution.node if execution.action == DO else f"undo-{execution.node}"
        return states.FAILED if (name, host) in bad else states.SUCCESSFUL

    return judge


def play(graph: Graph, judge: Optional[Judge] = None, seed: int = 0, **facts: Any) -> Driver:
    """Play a graph to its end and give the driver."""
    driver = Driver(graph, judge or failing(), random.Random(seed), **facts)
    driver.play()
    return driver
