# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures inside and outside rollouts: budgets, what stops, and which rollback begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.gates import Gates
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Lane, Live
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.undo import UndoPlan

ROLLBACK = "rollback"


class Rollbacks:
    """Judges failures that nobody handles, and leads the rollbacks that follow from them.

    A rollback has a scope: ``host`` (some hosts of a rollout's batch, or of the run), ``batch`` (one batch of a
    rollout) or ``run``. It waits until nothing in its scope runs, then undoes.
    """

    def __init__(self, live: Live) -> None:
        self.live = live
        self.gates: Gates  # set by the conductor, which owns both
        self.plans: dict[int, UndoPlan] = {}
        self.closed: dict[tuple[str, int], int] = {}

    # --- what is open -------------------------------------------------------------------------------------------

    def entries(self) -> list[dict[str, Any]]:
        """The rollbacks that have begun and not ended."""
        rollbacks = self.live.record.rollbacks
        return [entry for entry in rollbacks if entry["state"] == states.RUNNING] if rollbacks else []

    def of_run(self) -> Optional[dict[str, Any]]:
        """The open rollback of the whole run, or None."""
        return next((entry for entry in self.entries() if entry["scope"] == "run"), None)

    def run_is_over(self) -> bool:
        """True once the whole run is being, or was, rolled back: nothing new starts but failure paths."""
        return any(entry["scope"] == "run" for entry in self.live.record.rollbacks)

    def _of_batch(self, rollout: str, batch: int) -> bool:
        return any((e["rollout"] == rollout and e["batch"] == batch) or e["scope"] == "run" for e in self.entries())

    # --- failures -----------------------------------------------------------------------------------------------

    def hosts_failed(self, lane: Lane, hosts: Iterable[str], because: str) -> None:
        """Hosts (none: the node itself) ended badly and no edge handles it."""
        if self.live.record.cancel is not None or lane.node.handled:
            return
        bad = list(hosts)
        if lane.node.rollout:
            self._in_rollout(lane, bad, because)
        elif self._rolls_back():
            self._at_top(bad, because)

    def _by_host(self) -> bool:
        """True when a failure costs only the failed hosts, even beyond the budget."""
        return self._rolls_back() and self.live.graph.rollback_scope == "host"

    def _rolls_back(self) -> bool:
        """True when a failure leads to a rollback; not one on a failure path after the run was rolled back."""
        return self.live.graph.on_failure == ROLLBACK and not self.run_is_over()

    def _at_top(self, bad: list[str], because: str) -> None:
        if self.live.graph.rollback_scope != "host" or not bad or LOCALHOST in bad:
            self.begin("run", because)
            return
        known = {host for entry in self.live.record.rollbacks if not entry["rollout"] for host in entry["hosts"] or ()}
        fresh = [host for host in bad if host not in known]
        if fresh:
            self.begin("host", because, hosts=fresh)

    def _in_rollout(self, lane: Lane, bad: list[str], because: str) -> None:
        rollout = self.live.graph.nodes[lane.node.rollout]
        record = self.live.record.node(rollout.name)
        counted = set(record.failed)
        fresh = [host for host in bad if host not in counted]
        if bad and not fresh:
            return
        if lane.batch in record.breached and not self._by_host():
            return  # this batch has been judged: it stops, and is undone where the bundle says so
        tolerated = bool(bad) and len(counted) + len(fresh) <= rollout.max_failed
        by_host = bool(bad) and (tolerated or self._by_host())
        facts: dict[str, Any] = {"node": rollout.name, "failed": fresh, "why": because}
        if by_host:
            facts["dropped"] = fresh
        if not tolerated:
            facts["breached"] = lane.batch
        self.live.emit("budget", **facts)
        self._after_budget(lane, fresh if by_host else None, because, tolerated)

    def _after_budget(self, lane: Lane, dropped: Optional[list[str]], because: str, tolerated: bool) -> None:
        """Stop what must stop: the dropped hosts, or the whole batch; then roll back by scope."""
        rollout = self.live.graph.nodes[lane.node.rollout]
        rollback = self._rolls_back()
        if dropped is not None:
            for node in self.live.graph.inner_of(rollout.name):
                self.gates.skip(self.live.lane(node.name, lane.batch), dropped, f"left the rollout: {because}")
            if rollback:
                self.begin("host", because, rollout, lane.batch, dropped, tolerated)
        elif rollback and self.live.graph.rollback_scope == "run":
            self.begin("run", because)
        else:
            self._stop_lanes(self.live.graph.inner_of(rollout.name), lane.batch, f"stopped: {because}")
            if rollback:
                self.begin("batch", because, rollout, lane.batch)

    def refused(self, execution: Execution, why: str) -> None:
        """A breaker let these hosts not start: they have failed, whatever the budget, and the node's path is taken."""
        lane = self.live.lane(execution.node, execution.batch)
        if lane.node.breaker is None:
            raise HoldfastError(f"no breaker stands before '{execution.node}'")
        path, hosts = lane.node.breaker.on_open, list(execution.hosts)
        if execution.attempt > 1:
            self.live.emit("retry_dropped", node=execution.node, slice=execution.slice, action=execution.action)
        else:
            self.live.ready.discard(lane.key, execution.hosts)
        self.live.emit("refused", node=execution.node, batch=execution.batch, hosts=hosts, why=why, path=path)
        if self.live.record.cancel is None and not self.run_is_over():
            self._after_refusal(lane, path, f"{execution.node}: {why}")
        self.gates.hosts_ended(lane, hosts)

    def _after_refusal(self, lane: Lane, path: str, because: str) -> None:
        """The rollout ends with this batch.

        ``rollback`` is the whole run's, for what the breaker holds up next has not begun: in a smaller scope there
        would be nothing to undo. The other paths undo what this batch had begun, where the bundle undoes failures.
        """
        if path == ROLLBACK:
            self.begin("run", because)
        elif lane.node.rollout and lane.batch not in self.live.record.seen(lane.node.rollout).breached:
            rollout = self.live.graph.nodes[lane.node.rollout]
            self.live.emit("budget", node=rollout.name, failed=[], why=because, breached=lane.batch)
            self._stop_lanes(self.live.graph.inner_of(rollout.name), lane.batch, f"stopped: {because}")
            if self._rolls_back():
                self.begin("batch", because, rollout, lane.batch)

    def _stop_lanes(self, nodes: Iterable[Node], batch: int, why: str) -> None:
        """Nothing that has not started in these lanes will start; attempts that wait are dropped."""
        for node in nodes:
            lane = self.live.lane(node.name, batch)
            for gone, hosts in self.live.drop_retries(node.name, batch, DO, why):
                self.gates.hosts_ended(gone, hosts)
            if lane.hosts:
                self.gates.skip(lane, lane.hosts, why)
            elif lane.record.batches.get(batch) == states.WAITING:
                self.gates.end_lane(lane, states.CANCELED, why)
            else:
                self.gates.skip(lane, (), why)

    def stop_run(self, why: str, keep_failure_paths: bool) -> None:
        """Nothing that has not started in the run will start, save failure paths where they are kept."""
        for node in self.live.graph.top_level():
            if node.kind == "rollout" and self.live.record.seen(node.name).batches.get(0) == states.RUNNING:
                current = max(self.live.record.node(node.name).lanes)
                self.live.emit("budget", node=node.name, stopped=current, why=why)
                self._stop_lanes(self.live.graph.inner_of(node.name), current, why)
            elif not (keep_failure_paths and node.failure_path):
                self._stop_lanes([node], 0, why)

    # --- rollbacks ----------------------------------------------------------------------------------------------

    def begin(
        self,
        scope: str,
        because: str,
        rollout: Optional[Node] = None,
        batch: int = 0,
        hosts: Optional[list[str]] = None,
        tolerated: bool = False,
    ) -> None:
        """Begin a rollback; one of the whole run stops everything else first."""
        self.live.emit(
            "rollback",
            number=len(self.live.record.rollbacks),
            scope=scope,
            rollout=rollout.name if rollout else "",
            batch=batch,
            hosts=hosts,
            because=because,
            tolerated=tolerated,
            state=states.RUNNING,
        )
        self.live.note_gone(self.live.record.rollbacks[-1])
        if scope == "run":
            self.stop_run(f"stopped: {because}", keep_failure_paths=True)
        elif scope == "host" and rollout is None:
            for node in self.live.graph.nodes.values():
                for lane in list(self.live.lanes.get(node.name, {}).values()):
                    if lane.hosts:
                        mine = [host for host in hosts or () if host in lane.hosts]
                        self.gates.skip(lane, mine, f"stopped: {because}")

    def _quiet(self, entry: dict[str, Any]) -> bool:
        """True when nothing runs, or waits for another attempt, in the scope of a rollback."""
        hosts = set(entry["hosts"]) if entry["hosts"] is not None else None
        record = self.live.record
        waiting = [(e["node"], e["batch"], e["action"], e["hosts"]) for e in record.retries.values()]
        running = [(e.node, e.batch, e.action, e.hosts) for e in self.live.running.values()]
        for name, batch, action, busy in waiting + running:
            inside = not entry["rollout"] or (
                self.live.graph.nodes[name].rollout == entry["rollout"] and batch == entry["batch"]
            )
            if action == DO and inside and (hosts is None or not hosts.isdisjoint(busy)):
                return False
        return True

    def progress(self) -> bool:
        """Plan what has become quiet and close what is done; True when something moved."""
        moved = False
        entries = self.entries()
        everything, taken = False, set[str]()  # what the rollbacks that began earlier may touch
        for entry in entries:
            number = entry["number"]
            hosts = entry["hosts"]
            blocked = everything or (bool(taken) if hosts is None else not taken.isdisjoint(hosts))
            everything = everything or hosts is None
            taken.update(hosts or ())
            if number not in self.plans and not blocked and self._quiet(entry):
                self.plans[number] = UndoPlan(self.live, entry)
                moved = True
            plan = self.plans.get(number)
            if plan is not None and plan.open == 0:
                self._close(entry, plan)
                moved = True
        return moved

    def _close(self, entry: dict[str, Any], plan: UndoPlan) -> None:
        state = states.FAILED if plan.failed else states.SUCCESSFUL
        self.live.emit("rollback_ended", number=entry["number"], state=state, undone=plan.undid)
        del self.plans[entry["number"]]
        for rollout, batch in list(self.closed):
            self.batch_over(rollout, batch)

    def plan_of(self, execution: Execution) -> Optional[UndoPlan]:
        """The plan that an undo execution belongs to."""
        return next((plan for plan in self.plans.values() if plan.step_of(execution)), None)

    def stop_undo(self, why: str) -> None:
        """A person wants even the rollback to end: nothing more of it starts."""
        for entry in self.entries():
            plan = self.plans.get(entry["number"])
            if plan is None:
                plan = self.plans[entry["number"]] = UndoPlan(self.live, entry)
            for node in self.live.graph.nodes.values():
                self.live.drop_retries(node.name, None, UNDO, why)
            plan.stop(why)

    # --- batches ------------------------------------------------------------------------------------------------

    def lane_closed(self, lane: Lane) -> None:
        """A node inside a rollout has its verdict for a batch; after the last one the batch is over."""
        key = (lane.node.rollout, lane.batch)
        self.closed[key] = self.closed.get(key, 0) + 1
        self.batch_over(*key)

    def batch_over(self, rollout: str, batch: int) -> None:
        """End a batch when all its nodes have ended and no rollback holds it; begin the next, or end the rollout."""
        node = self.live.graph.nodes[rollout]
        if self.closed.get((rollout, batch), 0) < len(node.inner) or self._of_batch(rollout, batch):
            return
        del self.closed[(rollout, batch)]
        record = self.live.record.node(rollout)
        breached = batch in record.breached
        total = len(self.live.graph.nodes[node.inner[0]].batches)
        canceled = batch in record.stopped
        state = states.FAILED if breached else states.CANCELED if canceled else states.SUCCESSFUL
        self.live.emit("lane", node=rollout, batch=batch, state=state)
        if batch + 1 < total and not breached and not canceled:
            self.gates.begin_batch(node, batch + 1)
        else:
            self._end_rollout(node, batch, total, breached, canceled)

    def _end_rollout(self, node: Node, batch: int, total: int, breached: bool, canceled: bool) -> None:
        why = ""
        if breached:
            why = f"batch {batch + 1} of {total} failed"
        elif canceled:
            why = f"stopped in batch {batch + 1} of {total}"
        for name in node.inner:
            inner = self.live.graph.nodes[name]
            rest = [host for hosts in inner.batches[batch + 1 :] for host in hosts] if inner.kind == "item" else []
            untouched = self.live.pending(self.live.lane(name, batch), rest)
            if untouched:
                self.live.emit("hosts", node=name, hosts=untouched, state=states.SKIPPED, why=f"not reached: {why}")
        state = states.FAILED if breached else states.CANCELED if canceled else states.SUCCESSFUL
        self.gates.end_lane(self.live.lane(node.name, 0), state, why)
