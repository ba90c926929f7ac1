# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges and joins: who may go on when somebody has ended.

``Gates`` is told of ends and opens what they were waited for: hosts become ready, people are to be asked, rollouts
begin, or the unmet are skipped. It works through a queue, so a long chain needs no deep stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Callable

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Lane, Live

Wanted = tuple[frozenset[str], ...]
"""The states that each edge from a parent to a child waits for; nearly always it is one edge."""

UNMET = "an edge from its parents was not met"
ROLLED_BACK = "the host was rolled back"
OUTSIDE_LIMIT = "no host within the limit"
NOT_REFUSED = "no breaker refused what it stands in for"


class Gates:
    """Carries ends along the edges.

    ``scopes_of(node, batch)`` gives what a condition may use; ``lane_closed(lane)`` is called when every host of a
    lane inside a rollout has ended, ``unhandled(lane, hosts)`` when hosts ended badly without a start (a condition
    in error).
    """

    def __init__(
        self,
        live: Live,
        scopes_of: Callable[[Node, int], Mapping[str, Any]],
        lane_closed: Callable[[Lane], None],
        unhandled: Callable[[Lane, list[str]], None],
    ) -> None:
        self.live = live
        self.scopes_of = scopes_of
        self.lane_closed = lane_closed
        self.unhandled = unhandled
        self.queue: deque[Callable[[], None]] = deque()

    def settle(self) -> None:
        """Work until nothing follows from what has happened."""
        while self.queue:
            self.queue.popleft()()

    # --- opening ------------------------------------------------------------------------------------------------

    def open(self, names: Iterable[str], batch: int) -> None:
        """Open the lanes of these nodes: those without parents may go on at once.

        Ends that the record already holds (of this run before a restart, or brought from an earlier run) are passed
        on as if they had just come.
        """
        for name in names:
            lane = self.live.lane(name, batch)
            known = lane.record.hosts
            ended = [host for host in lane.hosts if known.get(host) in states.ENDED] if known else []
            if ended:
                self.hosts_ended(lane, ended)
            elif not lane.hosts:
                self._reopen(lane)
            if not lane.node.parents:
                # Later, for what it sets off must not meet lanes whose ends were not counted yet.
                self.queue.append(partial(self._passed, lane, lane.hosts))

    def _reopen(self, lane: Lane) -> None:
        """A lane without hosts may have begun or ended before."""
        state = lane.record.batches.get(lane.batch)
        if state in states.ENDED:
            self.queue.append(partial(self._close, lane))
        elif state == states.RUNNING and lane.node.kind == "rollout":
            current = max(lane.record.lanes, default=-1)
            if lane.record.lanes.get(current) == states.RUNNING:
                self.open(lane.node.inner, current)

    # --- ends ---------------------------------------------------------------------------------------------------

    def hosts_ended(self, lane: Lane, hosts: Iterable[str]) -> None:
        """These hosts have ended; their states stand in the record."""
        ended = list(hosts)
        lane.left -= len(ended)
        if lane.host_gates is not None:
            self.queue.append(partial(self._tell_hosts, lane, ended))
        if lane.left == 0:
            self.queue.append(partial(self._close, lane))

    def _tell_hosts(self, lane: Lane, ended: list[str]) -> None:
        """In per-host flow: tell the same hosts in the children."""
        known = lane.record.hosts
        for name, wanted in lane.node.children:
            child = self.live.lane(name, lane.batch)
            if child.host_gates is None:
                continue
            passed: list[str] = []
            for host in ended:
                if host in child.members:
                    self._count(child, host, known[host], wanted, passed)
            self._passed(child, passed)

    def _close(self, lane: Lane) -> None:
        """All hosts of a lane have ended: its verdict, for the joins that look at the whole."""
        state = lane.record.batches.get(lane.batch)
        if state in states.ENDED:
            self.pass_on(lane, states.SUCCESSFUL if lane.batch in lane.record.vacuous else state)
        else:
            self.end_lane(lane, self.verdict(lane))

    def verdict(self, lane: Lane) -> str:
        """The state of a node in a batch from its hosts; hosts that were dropped count only when no other is left."""
        known = lane.record.hosts
        rollout = lane.node.rollout
        dropped = self.live.record.node(rollout).dropped if rollout else ()
        if dropped:
            gone = set(dropped)
            stay = [known[host] for host in lane.hosts if host not in gone]
            if stay:
                return states.worst(stay)
        if len(lane.hosts) == 1:
            return known[lane.hosts[0]]
        return states.worst([known[host] for host in lane.hosts])

    def end_lane(self, lane: Lane, state: str, why: str = "", vacuous: bool = False) -> None:
        """Write the verdict of a lane and pass it on."""
        facts: dict[str, Any] = {"why": why} if why else {}
        if vacuous:
            facts["vacuous"] = True
        self.live.emit("batch", node=lane.node.name, batch=lane.batch, state=state, **facts)
        if not lane.hosts:
            self.live.asked.pop((lane.node.name, lane.batch), None)
        self.queue.append(partial(self.pass_on, lane, states.SUCCESSFUL if vacuous else state))

    def pass_on(self, lane: Lane, state: str) -> None:
        """Tell the children of a lane how it ended (``successful`` for one that had nothing to do)."""
        for name, wanted in lane.node.children:
            child = self.live.lane(name, lane.batch)
            if child.host_gates is None:
                self._count_lane(child, state, wanted)
                continue
            passed: list[str] = []
            for host in child.hosts:
                if lane.host_gates is None or host not in lane.members:
                    self._count(child, host, state, wanted, passed)
            self._passed(child, passed)
        if lane.node.rollout:
            self.lane_closed(lane)

    # --- counting -----------------------------------------------------------------------------------------------

    def _count_lane(self, lane: Lane, state: str, wanted: Wanted) -> None:
        gate = lane.gate
        for ends in wanted:
            gate[0] -= 1
            gate[1 if state in ends else 2] += 1
        if gate[0] == 0:
            if _open(lane.node, gate):
                self._passed(lane, lane.hosts)
            else:
                self.skip(lane, lane.hosts, UNMET)

    def _count(self, lane: Lane, host: str, state: str, wanted: Wanted, passed: list[str]) -> None:
        """Count an edge for one host of a lane with ``host_gates``."""
        gates = lane.host_gates
        if gates is None:
            raise TypeError(f"{lane.node.name} is counted as a whole, not host by host")
        gate = gates.get(host)
        if gate is None:
            gate = gates[host] = [len(lane.node.parents), 0, 0]
        for ends in wanted:
            gate[0] -= 1
            gate[1 if state in ends else 2] += 1
        if gate[0] == 0:
            if _open(lane.node, gate):
                passed.append(host)
            else:
                self.skip(lane, [host], UNMET)

    # --- what follows -------------------------------------------------------------------------------------------

    def _passed(self, lane: Lane, hosts: Iterable[str]) -> None:
        """The join is met for these hosts (or for the lane, where it has none)."""
        node = lane.node
        if lane.hosts:
            waiting = self.live.pending(lane, hosts)
            if self.live.gone:
                self.skip(lane, [host for host in waiting if host in self.live.gone], ROLLED_BACK)
                waiting = [host for host in waiting if host not in self.live.gone]
            if waiting and self._condition(lane, waiting):
                self.live.ready.add(lane, waiting)
        elif lane.record.batches.get(lane.batch, states.PENDING) == states.PENDING and self._condition(lane, []):
            if node.kind == "rollout" and self.live.graph.nodes[node.inner[0]].batches:
                self._begin_rollout(lane)
            elif node.kind in ("approval", "manual"):
                self.live.to_ask[(node.name, lane.batch)] = None
            else:
                self.end_lane(lane, states.SKIPPED, OUTSIDE_LIMIT, vacuous=True)

    def _condition(self, lane: Lane, hosts: list[str]) -> bool:
        """True when the node's condition holds; else its hosts are skipped, or in error when it cannot be judged."""
        node = lane.node
        if node.fallback_of and not any(self.live.record.seen(name).refused for name in node.fallback_of):
            self.skip(lane, hosts, NOT_REFUSED)
            return False
        if not node.when:
            return True
        true = lane.record.conditions.get(lane.batch)
        if true is None:
            try:
                true = conditions.evaluate(node.when, self.scopes_of(node, lane.batch))
            except HoldfastError as error:
                self._in_error(lane, hosts, f"when: {error}")
                return False
            self.live.emit("condition", node=node.name, batch=lane.batch, value=true)
        if not true:
            self.skip(lane, hosts, f"when: {node.when} is false")
        return true

    def _in_error(self, lane: Lane, hosts: list[str], why: str) -> None:
        if lane.hosts:
            self.live.emit("hosts", node=lane.node.name, hosts=hosts, state=states.ERROR, why=why)
            self.unhandled(lane, hosts)
            self.hosts_ended(lane, hosts)
        else:
            self.end_lane(lane, states.ERROR, why)
            self.unhandled(lane, [])

    def _begin_rollout(self, lane: Lane) -> None:
        self.live.emit("batch", node=lane.node.name, batch=lane.batch, state=states.RUNNING)
        self.begin_batch(lane.node, 0)

    def begin_batch(self, rollout: Node, batch: int) -> None:
        """The next batch of a rollout begins its walk through the inner graph."""
        self.live.emit("lane", node=rollout.name, batch=batch, state=states.RUNNING)
        self.open(rollout.inner, batch)

    def skip(self, lane: Lane, hosts: Iterable[str], why: str) -> None:
        """Skip those of the hosts that are still pending, or a lane without hosts."""
        if lane.hosts:
            waiting = self.live.pending(lane, hosts)
            if waiting:
                self.live.ready.discard(lane.key, waiting)
                self.live.emit("hosts", node=lane.node.name, hosts=waiting, state=states.SKIPPED, why=why)
                self.hosts_ended(lane, waiting)
        elif lane.record.batches.get(lane.batch, states.PENDING) == states.PENDING:
            self.live.to_ask.pop((lane.node.name, lane.batch), None)
            self.end_lane(lane, states.SKIPPED, why)


def _open(node: Node, gate: list[int]) -> bool:
    """Whether the join lets through: every edge met (all), or at least one (any)."""
    return gate[2] == 0 if node.join == "all" else gate[1] > 0
