# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals: a workflow played on a virtual clock with made-up results, and what is expected to come of it.

A rehearsal's script is plain data (the YAML of a rehearsal file, see ``docs/rehearsals.md``)::

    results:                                  # by node, undo-<node> for its undo; what is not named succeeds
      web.deploy: {app2: failed}              # by host: a state, or {state, message}
      web.health: [{app1: failed}, successful]    # by attempt; the last one repeats
      build: {state: successful, outputs: {version: "2"}, takes: 30s}
    breakers: {service:jira: open, host:db: 30s}    # how they stand at first: open, closed or disabled, or open so long
    events:
      - {at: 10s, approve: sign_off, by: bob}     # also deny, cancel; or `after: <execution>` instead of `at`
      - {at: 20s, trip: service:jira}             # also reset
    expect:
      state: rolled_back
      explanation: text that must occur
      order: [preflight/1, [web.drain/1, windows/1]]   # labels of executions; those in a list in any order
      nodes: {web: failed}
      hosts: {web.deploy: {app2: failed}}
      undone: {web.deploy: [app2]}
      not_started: [web.deploy/2]
      untouched: [app3]
      breakers: {service:jira: closed}
      refused_event: text that the refusal of a person's event must hold
      refused: text of the problem for which nothing starts at all   # judged by whoever loads the rehearsal

An execution's label is ``node/slice``, with ``undo-`` before it for an undo and ``#2`` behind it for attempt 2.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple, Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker, Refusal
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    UNDO,
    Approved,
    Ask,
    Asked,
    Cancel,
    CancelAsked,
    Change,
    Denied,
    Ended,
    Event,
    Execution,
    Expire,
    Finished,
    HostResult,
    LocksHeld,
    Lost,
    Refused,
    Start,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal_breakers import Memory
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import node_state

RUN_ID = "rehearsal"
TAKES = 1.0
MOST_STEPS = 1_000_000
RESULT_KEYS = ("state", "outputs", "takes", "message")


class Performance(NamedTuple):
    """What came of a rehearsal: record, journal, labels of the executions as they started, refused events, breakers."""

    record: Record
    journal: list[Change]
    order: list[str]
    refused: list[str]
    breakers: Mapping[str, str] = {}


class Put(NamedTuple):
    """Somebody opens or closes a breaker; no event of the run."""

    target: str
    how: str


def label(execution: Execution) -> str:
    """``web.drain/1``, ``undo-web.drain/1``, ``web.drain/1#2``."""
    undo = "undo-" if execution.action == UNDO else ""
    again = f"#{execution.attempt}" if execution.attempt > 1 else ""
    return f"{undo}{execution.node}/{execution.slice}{again}"


class Stage:
    """Plays one rehearsal. Time is virtual: an execution takes a second unless its result says otherwise."""

    def __init__(self, graph: Graph, script: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        self.script = script
        self.conductor = Conductor(graph, Record(), context)
        self.graph = graph
        self.now = 0.0
        self.numbers = count()
        self.queue: list[tuple[float, int, Union[Event, Put]]] = []
        self.journal: list[Change] = []
        self.order: list[str] = []
        self.ending: set[str] = set()
        self.refused: list[str] = []
        self.breakers = Memory(lambda: self.now, script.get("breakers") or {})
        self.asker = Asker(self.breakers)
        self.waiting: dict[str, Refusal] = {}
        self.people = [dict(entry) for entry in script.get("events", ())]

    def play(self) -> Performance:
        """Play to the end; raises HoldfastError when the workflow never ends."""
        asker = self.script.get("requested_by", "rehearsal")
        self.journal += self.conductor.begin(self.now, {"id": RUN_ID, "requested_by": asker})
        self._tell(LocksHeld())
        for entry in [e for e in self.people if "at" in e]:
            self._later(durations.parse(entry["at"]), _person_event(entry))
        for _step in range(MOST_STEPS):
            if self.conductor.record.ended:
                wanted = self.script.get("expect", {}).get("breakers") or {}
                states_ = self.breakers.states(wanted)
                return Performance(self.conductor.record, self.journal, self.order, self.refused, states_)
            if not self._act():
                self._wait()
        raise HoldfastError("the rehearsal does not come to an end")

    def _tell(self, event: Event) -> None:
        self.journal += self.conductor.apply(event, self.now)

    def _later(self, at: float, event: Union[Event, Put]) -> None:
        heapq.heappush(self.queue, (at, next(self.numbers), event))

    def _act(self) -> bool:
        """Carry out what the conductor decides; False when it has nothing new to say."""
        moved = False
        for decision in self.conductor.decide(self.now, frozenset(self.waiting)):
            if isinstance(decision, Start):
                if self._ask(decision):
                    return True
            elif isinstance(decision, Cancel):
                if decision.execution_id in self.ending:
                    continue
                self._end_early(decision)
            elif isinstance(decision, Ask):
                self._tell(Asked(decision.node, decision.batch))
            elif isinstance(decision, Expire):
                self._tell(TimedOut(node=decision.node, batch=decision.batch))
            else:
                self._tell(Ended(decision.state, decision.explanation))
            moved = True
        return moved

    def _ask(self, decision: Start) -> bool:
        """Start, wait for the breaker, or take its refusal (True: the conductor has to be asked anew)."""
        refusal = self.asker.refusal(RUN_ID, decision)
        if refusal is None or decision.breaker is None:
            self._start(decision.execution)
        elif refusal.waits:
            self.waiting[decision.breaker.name] = refusal
        else:
            self._tell(Refused(decision.execution, refusal.message))
            return True
        return False

    def _start(self, execution: Execution) -> None:
        self._tell(Started(execution))
        name = label(execution)
        self.order.append(name)
        result = self._result(execution)
        self._later(self.now + durations_of(result), _end_event(execution, result))
        for entry in [e for e in self.people if e.get("after") == name]:
            self._later(self.now, _person_event(entry))

    def _result(self, execution: Execution) -> Any:
        name = label(execution).split("/", 1)[0]
        found = self.script.get("results", {}).get(name, states.SUCCESSFUL)
        if isinstance(found, Sequence) and not isinstance(found, str):
            return found[min(execution.attempt, len(found)) - 1]
        return found

    def _end_early(self, decision: Cancel) -> None:
        self.ending.add(decision.execution_id)
        execution = self.conductor.live.running[decision.execution_id]
        event: Event = TimedOut(decision.execution_id)
        if decision.reason == "cancel":
            event = Finished(execution.id, dict.fromkeys(execution.hosts, HostResult(states.CANCELED)))
        self._later(self.now, event)

    def _wait(self) -> None:
        """Let time pass until something happens."""
        times = [self.conductor.next_wakeup(self.now), *(refusal.retry_at for refusal in self.waiting.values())]
        wakeup = min((time for time in times if time is not None and time > self.now), default=None)
        if not self.queue and wakeup is None:
            waiting = ", ".join([*(name for name, _batch in self.conductor.live.asked), *self.waiting])
            raise HoldfastError(f"the rehearsal waits for ever{' for a decision on ' + waiting if waiting else ''}")
        self.waiting.clear()
        if not self.queue or (wakeup is not None and wakeup < self.queue[0][0]):
            self.now = max(self.now, wakeup or 0.0)
            return
        at, _number, event = heapq.heappop(self.queue)
        self.now = max(self.now, at)
        if isinstance(event, Put):
            self.breakers.put(event.target, event.how)
            return
        key = getattr(event, "execution_id", "")
        if key and key not in self.conductor.live.running:
            return
        try:
            self._tell(event)
        except HoldfastError as error:
            if not isinstance(event, (Approved, Denied, CancelAsked)):
                raise
            self.refused.append(str(error))
        if key:
            self.asker.ended(self.graph, self.conductor.record.executions[key])


def durations_of(result: Any) -> float:
    """How long a result takes, in seconds."""
    return durations.parse(result["takes"]) if isinstance(result, Mapping) and "takes" in result else TAKES


def _end_event(execution: Execution, result: Any) -> Event:
    """The event that a made-up result stands for."""
    if result == states.LOST:
        return Lost(execution.id, "rehearsed")
    if isinstance(result, str):
        return Finished(execution.id, dict.fromkeys(execution.hosts, HostResult(result)))
    whole = result.get("state", states.SUCCESSFUL)
    by_host = result.get("hosts", {host: end for host, end in result.items() if host not in RESULT_KEYS})
    results = {host: _host_result(by_host.get(host, whole), result.get("message", "")) for host in execution.hosts}
    return Finished(execution.id, results, result.get("outputs", {}))


def _host_result(value: Any, message: str) -> HostResult:
    if isinstance(value, Mapping):
        return HostResult(value.get("state", states.SUCCESSFUL), value.get("message", message))
    return HostResult(value, message if value in states.BAD else "")


def _person_event(entry: Mapping[str, Any]) -> Union[Event, Put]:
    if "trip" in entry or "reset" in entry:
        return Put(entry["trip"], entry.get("for", "open")) if "trip" in entry else Put(entry["reset"], "closed")
    by = entry.get("by", "somebody")
    batch = int(entry.get("batch", 1)) - 1
    if "approve" in entry:
        return Approved(entry["approve"], by, batch, entry.get("reason", ""))
    if "deny" in entry:
        return Denied(entry["deny"], by, batch, entry.get("reason", ""))
    return CancelAsked(by, entry.get("rollback"))


# --- expectations ----------------------------------------------------------------------------------------------


def mismatches(graph: Graph, performance: Performance, expect: Mapping[str, Any]) -> list[Problem]:
    """Everything that came otherwise than ``expect`` says; the paths lead into the rehearsal file."""
    record = performance.record
    found: list[Problem] = []
    if "state" in expect and expect["state"] != record.state:
        found.append(Problem(("expect", "state"), f"expected {expect['state']}, it was {record.state}", _why(record)))
    explanation = str(record.run.get("explanation", ""))
    if expect.get("explanation", "") not in explanation:
        found.append(Problem(("expect", "explanation"), f"{expect['explanation']!r} is not in {explanation!r}"))
    wanted = expect.get("refused_event")
    if wanted is not None and not any(wanted in text for text in performance.refused):
        found.append(Problem(("expect", "refused_event"), f"{wanted!r} was not said; refused: {performance.refused}"))
    for target, state in (expect.get("breakers") or {}).items():
        if performance.breakers.get(target) != state:
            actual = performance.breakers.get(target)
            found.append(Problem(("expect", "breakers", target), f"expected {state}, it was {actual}"))
    found += _order_problems(performance.order, expect.get("order"))
    started = set(performance.order)
    for index, name in enumerate(expect.get("not_started", ())):
        if name in started or any(one.split("/")[0] == name for one in started):
            found.append(Problem(("expect", "not_started", index), f"{name} was started"))
    found += _state_problems(graph, record, expect)
    return found


def _why(record: Record) -> str:
    return "; ".join(f"{f.node} {f.state} on {f.host or 'itself'}: {f.message}" for f in outcome.failures(record)[:3])


def _order_problems(actual: Sequence[str], expected: Optional[Sequence[Any]]) -> Iterator[Problem]:
    if expected is None:
        return
    position = 0
    for index, step in enumerate(expected):
        wanted = [step] if isinstance(step, str) else list(step)
        got = list(actual[position : position + len(wanted)])
        if sorted(got) != sorted(wanted):
            yield Problem(("expect", "order", index), f"expected {wanted}, started {got}", f"all: {list(actual)}")
            return
        position += len(wanted)
    if position < len(actual):
        yield Problem(("expect", "order"), f"also started, which was not expected: {list(actual[position:])}")


def _state_problems(graph: Graph, record: Record, expect: Mapping[str, Any]) -> Iterator[Problem]:
    for name, state in expect.get("nodes", {}).items():
        if name not in graph.nodes:
            yield Problem(("expect", "nodes", name), "unknown node", did_you_mean(name, graph.nodes))
            continue
        actual = node_state(graph, record, name)
        if actual != state:
            yield Problem(("expect", "nodes", name), f"expected {state}, it was {actual}")
    for name, hosts in expect.get("hosts", {}).items():
        for host, state in hosts.items():
            actual = record.node(name).hosts.get(host, states.PENDING)
            if actual != state:
                yield Problem(("expect", "hosts", name, host), f"expected {state}, it was {actual}")
    undone = {name: sorted(hosts) for name, hosts in outcome.undone(record).items()}
    if "undone" in expect:
        wanted = {name: sorted(hosts) for name, hosts in expect["undone"].items()}
        if undone != wanted:
            yield Problem(("expect", "undone"), f"expected {wanted}, it was {undone}")
    if "untouched" in expect and sorted(expect["untouched"]) != sorted(outcome.untouched(graph, record)):
        yield Problem(
            ("expect", "untouched"), f"expected {expect['untouched']}, it was {outcome.untouched(graph, record)}"
        )
