# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live side of a record: what the conductor keeps beside it to decide in constant time per change.

Everything here is derived: it is built again from graph and record whenever a conductor is made.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Change, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import NodeRecord, Record

_JOINED = frozenset({"hosts", "undo"})


class Lane:
    """One node in one batch, with the edges it still waits for.

    ``left`` counts hosts that have not ended. A gate is what a join guards: the whole lane, or, in per-host flow,
    each host (``host_gates``: host → [edges missing, edges met, edges unmet]); ``gate`` is the lane's own.
    """

    __slots__ = ("batch", "gate", "host_gates", "hosts", "left", "members", "node", "record")

    def __init__(self, node: Node, record: NodeRecord, batch: int, per_host: bool) -> None:
        self.node = node
        self.record = record
        self.batch = batch
        self.hosts: tuple[str, ...] = node.batches[batch] if node.kind == "item" and node.batches else ()
        self.left = len(self.hosts)
        self.gate = [len(node.parents), 0, 0]
        self.host_gates: Optional[dict[str, list[int]]] = None
        self.members: frozenset[str] = frozenset()
        if per_host and self.hosts:
            self.host_gates = {}
            self.members = frozenset(self.hosts)

    @property
    def key(self) -> tuple[int, int]:
        """Sorts lanes in the order of the graph, then of the batches."""
        return (self.node.index, self.batch)


class ReadyList:
    """The lanes with hosts that may start, in the order of the graph: the same whatever way led there."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, int]] = []
        self._hosts: dict[tuple[int, int], tuple[Lane, set[str]]] = {}

    def add(self, lane: Lane, hosts: Iterable[str]) -> None:
        """Make hosts of a lane ready."""
        entry = self._hosts.get(lane.key)
        if entry is None:
            insort(self._keys, lane.key)
            self._hosts[lane.key] = (lane, set(hosts))
        else:
            entry[1].update(hosts)

    def discard(self, lane_key: tuple[int, int], hosts: Iterable[str]) -> None:
        """Take hosts of a lane away; a lane without hosts leaves the list."""
        entry = self._hosts.get(lane_key)
        if entry is None:
            return
        entry[1].difference_update(hosts)
        if not entry[1]:
            del self._hosts[lane_key]
            del self._keys[bisect_left(self._keys, lane_key)]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Any:
        """Yield (lane, hosts in the lane's order)."""
        for key in self._keys:
            lane, hosts = self._hosts[key]
            yield lane, (lane.hosts if len(hosts) == len(lane.hosts) else tuple(h for h in lane.hosts if h in hosts))


class Live:
    """Graph and record with their derived state; ``emit`` is the only way to change the record."""

    def __init__(self, graph: Graph, record: Record) -> None:
        self.graph = graph
        self.record = record
        self.now = 0.0
        self.changes: list[Change] = []
        self.lanes: dict[str, dict[int, Lane]] = {}
        self.ready = ReadyList()
        self.to_ask: dict[tuple[str, int], None] = {}
        self.asked: dict[tuple[str, int], Optional[float]] = {
            (name, batch): deadline
            for name, node in record.nodes.items()
            for batch, deadline in node.deadlines.items()
            if node.batches.get(batch) == states.WAITING
        }
        self.running: dict[str, Execution] = {}
        self.locked: set[str] = set()
        self.gone: set[str] = set()
        self._batch_of: dict[str, dict[str, int]] = {}
        for rollback in record.rollbacks:
            self.note_gone(rollback)
        self.started: dict[str, set[str]] = {}
        for entry in record.executions.values():
            self.note_started(entry["node"], entry["action"], entry["hosts"])
            if entry["state"] == states.RUNNING:
                self.note_running(execution_of(entry))

    def emit(self, kind: str, **facts: Any) -> Change:
        """Fold one change into the record and keep it for the journal; equal neighbours are joined.

        ``hosts`` among the facts must be a list of the change's own: joining lengthens it.
        """
        change: Change = {"at": self.now, "type": kind, **facts}
        self.record.fold(change)
        last = self.changes[-1] if self.changes else None
        if last is not None and kind in _JOINED and _same(last, change):
            last["hosts"].extend(change["hosts"])
        else:
            self.changes.append(change)
        return change

    def take_changes(self) -> list[Change]:
        """What was emitted since the last time; the last change is marked as such."""
        taken, self.changes = self.changes, []
        if taken:
            taken[-1]["last"] = True
        return taken

    def note_started(self, node: str, action: str, hosts: Iterable[str]) -> None:
        """Remember who was started: only those are ever undone."""
        if action == DO:
            self.started.setdefault(node, set()).update(hosts)

    def note_gone(self, rollback: dict[str, Any]) -> None:
        """Hosts that are rolled back by themselves take no further part in the run."""
        if rollback["scope"] == "host" and not rollback["rollout"]:
            self.gone.update(rollback["hosts"])

    def batch_of(self, name: str) -> dict[str, int]:
        """The batch of each host of a node."""
        found = self._batch_of.get(name)
        if found is None:
            batches = self.graph.nodes[name].batches
            found = {host: batch for batch, hosts in enumerate(batches) for host in hosts}
            self._batch_of[name] = found
        return found

    def note_running(self, execution: Execution) -> None:
        """An execution occupies a slot and its locks."""
        self.running[execution.id] = execution
        self.locked.update(self.graph.nodes[execution.node].locks)

    def note_ended(self, execution_id: str) -> Execution:
        """An execution frees its slot and its locks."""
        execution = self.running.pop(execution_id)
        self.locked.difference_update(self.graph.nodes[execution.node].locks)
        return execution

    def lane(self, name: str, batch: int) -> Lane:
        """The lane of a node, made when first needed."""
        try:
            return self.lanes[name][batch]
        except KeyError:
            lane = Lane(self.graph.nodes[name], self.record.node(name), batch, self.graph.per_host)
            self.lanes.setdefault(name, {})[batch] = lane
            return lane

    def pending(self, lane: Lane, hosts: Iterable[str]) -> list[str]:
        """Those of the hosts that nothing has happened to yet."""
        known = lane.record.hosts
        return [host for host in hosts if known.get(host, states.PENDING) == states.PENDING]

    def drop_retries(self, node: str, batch: Optional[int], action: str, why: str) -> list[tuple[Lane, list[str]]]:
        """Forget waiting attempts of a node; their hosts become canceled. Returns them by lane."""
        gone = []
        for entry in [e for e in self.record.retries.values() if e["node"] == node and e["action"] == action]:
            if batch is None or entry["batch"] == batch:
                self.emit("retry_dropped", node=node, slice=entry["slice"], action=action)
                kind = "hosts" if action == DO else "undo"
                self.emit(kind, node=node, hosts=list(entry["hosts"]), state=states.CANCELED, why=why)
                gone.append((self.lane(node, entry["batch"]), list(entry["hosts"])))
        return gone


def _same(last: Change, change: Change) -> bool:
    """True when two changes say the same of different hosts of one node."""
    return (
        last["type"] == change["type"]
        and last["node"] == change["node"]
        and last["state"] == change["state"]
        and last.get("why") == change.get("why")
    )


def execution_of(entry: dict[str, Any]) -> Execution:
    """The execution that a record's entry describes."""
    return Execution(
        entry["id"],
        entry["node"],
        entry["slice"],
        entry["batch"],
        entry["action"],
        entry["attempt"],
        tuple(entry["hosts"]),
        entry["timeout"],
    )
