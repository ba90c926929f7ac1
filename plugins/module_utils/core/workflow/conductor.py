# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conductor: asked what may happen next, told what has happened. It never makes anything happen.

``decide`` is pure and may be asked again; ``apply`` takes one event and returns the changes to persist. All state
stands in the record, so a conductor can be made from graph and record at any point and goes on as if never gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import (
    agenda,
    approvals,
    attempts,
    outcome,
    states,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    DO,
    UNDO,
    Approved,
    Ask,
    Asked,
    CancelAsked,
    Change,
    Decision,
    Denied,
    Ended,
    Event,
    Execution,
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Lost,
    Refused,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.gates import Gates
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import (
    check_outputs,
    condition_scopes,
    declared_names,
    secret_names,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Lane, Live
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import INTERRUPTED, Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rollbacks import ROLLBACK, Rollbacks

_RESULTS = states.ENDED - {states.SKIPPED}
NOT_REPORTED = "the play did not report on this host"


class Conductor:
    """One run of one graph.

    ``context`` holds the values that conditions may use besides outputs: ``fields``, ``metadata``, ``request``,
    ``environment``, ``system``.
    """

    def __init__(self, graph: Graph, record: Record, context: Optional[Mapping[str, Any]] = None) -> None:
        self.graph = graph
        self.record = record
        self.context = dict(context or {})
        self.live = Live(graph, record)
        self.rollbacks = Rollbacks(self.live)
        self.gates = Gates(self.live, self._scopes_of, self.rollbacks.lane_closed, self._condition_failed)
        self.rollbacks.gates = self.gates
        if record.state == states.RUNNING:
            self._open()

    def _scopes_of(self, node: Node, batch: int) -> Mapping[str, Any]:
        return condition_scopes(self.graph, self.record, node, batch, self.context)

    def _open(self) -> None:
        """Open the graph, passing on every end that the record holds already."""
        self.gates.open([node.name for node in self.graph.top_level()], 0)
        self._judge_interrupted()
        self._settle()

    def _judge_interrupted(self) -> None:
        """Work that the end of an earlier supervisor interrupted, and that is not done again, has failed."""
        for name, lanes in list(self.live.lanes.items()):
            for lane in list(lanes.values()):
                lost = [host for host in lane.hosts if lane.record.why.get(host) == INTERRUPTED]
                lost = [host for host in lost if lane.record.hosts.get(host) == states.LOST]
                if lost:
                    first = HostResult(states.LOST, INTERRUPTED)
                    self.rollbacks.hosts_failed(lane, lost, because(name, lost, {lost[0]: first}))

    def _settle(self) -> None:
        self.gates.settle()
        while self.rollbacks.progress():
            self.gates.settle()

    # --- asked --------------------------------------------------------------------------------------------------

    def decide(self, now: float, held: frozenset[str] = frozenset()) -> list[Decision]:
        """What may be done now, in order. ``held`` names locks that other runs hold, and breakers to wait for.

        All of it may be applied, one after the other, before the next question, save after a ``Refused``.

        Pure: asked again without an event between, it says the same (later times may add timeouts and retries).
        """
        if self.record.state != states.RUNNING:
            canceled = self.record.cancel is not None and not self.record.ended
            return [Finish(*outcome.of(self.graph, self.record))] if canceled else []
        decisions: list[Decision] = [*agenda.ends_due(self.live, now)]
        expired = approvals.expired(self.live.asked, now)
        if expired:
            return [*decisions, expired[0]]  # what follows from it may change everything else
        for name, batch in sorted(self.live.to_ask, key=lambda ask: (self.graph.nodes[ask[0]].index, ask[1])):
            if not self._held_back(name):
                decisions.append(Ask(name, batch))
        slots = self.graph.max_parallel - len(self.live.running)
        if slots > 0:
            decisions += agenda.starts(self.live, self.rollbacks, now, held, slots)
        if not decisions and self._idle():
            state, explanation = outcome.of(self.graph, self.record)
            decisions.append(Finish(state, explanation))
        return decisions

    def _held_back(self, name: str) -> bool:
        """Failure paths wait until a rollback of the whole run is over, so that they can tell how it went."""
        return self.rollbacks.of_run() is not None and not self.graph.nodes[name].rollout

    def _idle(self) -> bool:
        live = self.live
        return not (
            live.running
            or len(live.ready)
            or self.record.retries
            or live.to_ask
            or live.asked
            or self.rollbacks.entries()
        )

    def next_wakeup(self, now: float) -> Optional[float]:
        """The next time after ``now`` at which ``decide`` may say something new by itself, or None.

        What is due already waits for something else (a slot, a lock, an end) and needs no clock.
        """
        times = [agenda.deadline(self.live, e) for e in self.live.running.values() if e.timeout is not None]
        times += [entry["due"] for entry in self.record.retries.values()]
        times += [deadline for deadline in self.live.asked.values() if deadline is not None]
        return min((time for time in times if time > now), default=None)

    # --- told ---------------------------------------------------------------------------------------------------

    def begin(self, now: float, facts: Mapping[str, Any]) -> list[Change]:
        """The first changes of a new run. ``facts``: ``id``, ``requested_by`` and whatever the record shall hold."""
        self.live.now = now
        self.live.emit("run", **{"bundle": self.graph.name, "created": now, **facts})
        return self.live.take_changes()

    def apply(self, event: Event, now: float) -> list[Change]:
        """Take in one event; the changes it made, for the journal.

        Raises HoldfastError when the event cannot be true of this record (an id used twice, an approval by who may
        not give it); the record is then as it was.
        """
        if self.record.ended:
            raise HoldfastError(f"run {self.record.run['id']} has ended as {self.record.state}")
        self.live.now = now
        _APPLY[type(event)](self, event)
        self._settle()
        return self.live.take_changes()

    def _started(self, event: Started) -> None:
        execution = event.execution
        if execution.id in self.record.executions:
            raise HoldfastError(f"execution {execution.id} was started before; an execution id is used once")
        self.live.emit(
            "started",
            id=execution.id,
            node=execution.node,
            slice=execution.slice,
            batch=execution.batch,
            action=execution.action,
            attempt=execution.attempt,
            hosts=list(execution.hosts),
            timeout=execution.timeout,
        )
        self.live.note_started(execution.node, execution.action, execution.hosts)
        self.live.note_running(execution)
        if execution.action == UNDO:
            plan = self.rollbacks.plan_of(execution)
            step = plan.step_of(execution) if plan is not None else None
            if plan is not None and step is not None:
                plan.started(step)
        else:
            self.live.ready.discard((self.graph.nodes[execution.node].index, execution.batch), execution.hosts)

    def _refused(self, event: Refused) -> None:
        self.rollbacks.refused(event.execution, event.why)

    def _running(self, execution_id: str) -> Execution:
        execution = self.live.running.get(execution_id)
        if execution is None:
            raise HoldfastError(f"execution {execution_id} is not running")
        return execution

    def _finished(self, event: Finished) -> None:
        execution = self._running(event.execution_id)
        unknown = {result.state for result in event.results.values()} - _RESULTS
        if unknown:
            raise HoldfastError(f"an execution cannot end as {', '.join(sorted(unknown))}")
        missing = HostResult(states.ERROR, NOT_REPORTED)
        results = {host: event.results.get(host, missing) for host in execution.hosts}
        if execution.action == DO and event.outputs:
            wrong = check_outputs(self.graph.nodes[execution.node], event.outputs)
            if wrong:
                broken = HostResult(states.ERROR, wrong)
                results = {host: one if one.state in states.BAD else broken for host, one in results.items()}
            else:
                self._keep_outputs(execution, event.outputs)
        self._end(execution, results)

    def _keep_outputs(self, execution: Execution, outputs: Mapping[str, Any]) -> None:
        """What a node reported goes into the record; what it declares secret stays in memory.

        Where an item declares secrets, what it does not declare is dropped: it may be a secret under a wrong name.
        """
        node = self.graph.nodes[execution.node]
        secret = secret_names(node)
        known = declared_names(node) if secret else frozenset(outputs)
        shown = {key: value for key, value in outputs.items() if key in known and key not in secret}
        if shown:
            self.live.emit("outputs", node=node.name, batch=execution.batch, outputs=shown)
        hidden = {key: value for key, value in outputs.items() if key in secret}
        if hidden:
            by_batch = self.record.secret_outputs.setdefault(node.name, {})
            by_batch.setdefault(str(execution.batch), {}).update(hidden)

    def _lost(self, event: Lost) -> None:
        execution = self._running(event.execution_id)
        self._end(execution, dict.fromkeys(execution.hosts, HostResult(states.LOST, event.why)), event.interrupted)

    def _timed_out(self, event: TimedOut) -> None:
        if event.execution_id:
            execution = self._running(event.execution_id)
            why = f"did not end within its timeout of {execution.timeout:g} s"
            self._end(execution, dict.fromkeys(execution.hosts, HostResult(states.TIMED_OUT, why)))
        else:
            lane = self._waiting_lane(event.node, event.batch)
            state, why = approvals.at_timeout(lane.node)
            self._end_approval(lane, state, why)

    def _end(self, execution: Execution, results: Mapping[str, HostResult], interrupted: bool = False) -> None:
        bad = [host for host, result in results.items() if result.state in states.BAD]
        over = self.rollbacks.run_is_over()
        again = attempts.hosts_again(self.live, execution, results, bad, over, interrupted)
        self._write_end(execution, results, again, interrupted)
        self.live.note_ended(execution.id)
        if again:
            self._write_retry(execution, again)
        ended, final_bad = list(execution.hosts), bad
        if again:
            left = set(again)
            ended = [host for host in ended if host not in left]
            final_bad = [host for host in bad if host not in left]
        if execution.action == UNDO:
            plan = self.rollbacks.plan_of(execution)
            step = plan.step_of(execution) if plan is not None else None
            if plan is not None and step is not None:
                plan.ended(step, ended, final_bad)
            return
        lane = self.live.lane(execution.node, execution.batch)
        if final_bad:
            self.rollbacks.hosts_failed(lane, final_bad, because(execution.node, final_bad, results))
        self.gates.hosts_ended(lane, ended)

    def _write_end(
        self, execution: Execution, results: Mapping[str, HostResult], again: list[str], interrupted: bool
    ) -> None:
        by_state: dict[str, list[str]] = {}
        messages = {}
        for host, result in results.items():
            by_state.setdefault(result.state, []).append(host)
            if result.message:
                messages[host] = result.message
        facts: dict[str, Any] = {"id": execution.id, "state": states.worst(list(by_state))}
        if len(by_state) > 1:
            facts["hosts"] = by_state
        if messages:
            facts["messages"] = messages
        if again:
            facts["retry"] = again
        if interrupted:
            facts["interrupted"] = True
        self.live.emit("ended", **facts)

    def _write_retry(self, execution: Execution, hosts: list[str]) -> None:
        due = self.live.now + self.graph.nodes[execution.node].retries.backoff
        self.live.emit(
            "retry",
            node=execution.node,
            slice=execution.slice,
            batch=execution.batch,
            action=execution.action,
            attempt=execution.attempt + 1,
            hosts=list(hosts),
            due=due,
        )

    def _condition_failed(self, lane: Lane, hosts: list[str]) -> None:
        why = lane.record.why.get(hosts[0] if hosts else "", "")
        self.rollbacks.hosts_failed(lane, hosts, f"{lane.node.name}: {why}")

    # --- people -------------------------------------------------------------------------------------------------

    def _asked(self, event: Asked) -> None:
        self.live.to_ask.pop((event.node, event.batch), None)
        deadline = approvals.deadline(self.graph.nodes[event.node], self.live.now)
        self.live.emit("asked", node=event.node, batch=event.batch, deadline=deadline)
        self.live.asked[(event.node, event.batch)] = deadline

    def _waiting_lane(self, name: str, batch: int) -> Lane:
        node = self.graph.nodes.get(name)
        if node is None or node.kind not in ("approval", "manual"):
            raise HoldfastError(f"'{name}' is no approval of this run")
        if self.record.seen(name).batches.get(batch) != states.WAITING:
            where = f" in batch {batch + 1}" if node.rollout else ""
            raise HoldfastError(f"'{name}' does not wait for approval{where}: it was decided, or was not reached")
        return self.live.lane(name, batch)

    def _approved(self, event: Approved) -> None:
        lane = self._waiting_lane(event.node, event.batch)
        approvals.may_vote(lane.node, self.record, event.by, event.batch)
        self._vote(event, "approved")
        if approvals.quorum_met(lane.node, self.record, event.batch):
            self._end_approval(lane, states.SUCCESSFUL, approvals.told_by(self.record, event.node, event.batch))

    def _denied(self, event: Denied) -> None:
        lane = self._waiting_lane(event.node, event.batch)
        self._vote(event, "denied")
        reason = f": {event.reason}" if event.reason else ""
        self._end_approval(lane, states.FAILED, f"denied by {event.by}{reason}")

    def _vote(self, event: Any, verdict: str) -> None:
        self.live.emit("vote", node=event.node, batch=event.batch, by=event.by, verdict=verdict, reason=event.reason)

    def _end_approval(self, lane: Lane, state: str, why: str) -> None:
        self.gates.end_lane(lane, state, why)
        if state in states.BAD:
            self.rollbacks.hosts_failed(lane, [], f"{lane.node.name}: {why}")

    def _cancel_asked(self, event: CancelAsked) -> None:
        earlier = self.record.cancel
        rollback = self.graph.on_cancel == ROLLBACK if event.rollback is None else event.rollback
        rollback = rollback and earlier is None
        why = f"canceled by {event.by}"
        self.live.emit("cancel", by=event.by, rollback=rollback)
        self.rollbacks.stop_run(why, keep_failure_paths=False)
        self.gates.settle()
        if not rollback:
            self.rollbacks.stop_undo(why)
        elif not self.rollbacks.run_is_over():
            self.rollbacks.begin("run", why)

    def _locks_held(self, event: LocksHeld) -> None:
        if event.waiting_for:
            self.live.emit("run", state=states.WAITING, waiting_for=event.waiting_for)
        else:
            self.live.emit("run", state=states.RUNNING, waiting_for="")
            self._open()

    def _ended(self, event: Ended) -> None:
        self.live.emit("run", state=event.state, explanation=event.explanation)


def because(node: str, bad: list[str], results: Mapping[str, HostResult]) -> str:
    """Why a rollback begins or a batch stops: node, hosts, and what the first of them said."""
    hosts = ", ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
    first = results[bad[0]]
    said = f": {first.message}" if first.message else ""
    return f"{node} {first.state} on {hosts}{said}"


_APPLY: Mapping[type, Any] = {
    Started: Conductor._started,
    Refused: Conductor._refused,
    Finished: Conductor._finished,
    Lost: Conductor._lost,
    TimedOut: Conductor._timed_out,
    Asked: Conductor._asked,
    Approved: Conductor._approved,
    Denied: Conductor._denied,
    CancelAsked: Conductor._cancel_asked,
    LocksHeld: Conductor._locks_held,
    Ended: Conductor._ended,
}
