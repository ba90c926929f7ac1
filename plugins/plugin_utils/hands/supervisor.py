# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor's loop: it hears, tells the conductor, writes down what changed, and only then acts.

One tick: take what has come in (ends of executions, words of people, signals), apply it, ask the conductor what to
do, apply the starts, append every change of the tick to the journal with one sync, then launch and end executions.
A start is in the journal before it happens, so a crash never forgets one; an end is there before anything follows
from it outside.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Optional, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
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
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Refused,
    Start,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import execution_inputs, secret_names
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers, inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Feed
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import ExecutionEnd, Heard
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Holder, Locks
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.patient_asker import PatientAsker
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import Progress
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Journal, Run

POLL = 0.25
"""Seconds between two looks into the inbox, or at a lock that another run holds."""
RECORD_EVERY = 5.0
"""Seconds between two rewritings of the record; more when it takes long."""


class CancelWanted(NamedTuple):
    """Somebody wants the run to end. ``again``: counts even when a cancel was asked before."""

    by: str
    again: bool = True


class Launches(Protocol):
    """What starts and ends executions, and puts their ends into the supervisor's queue."""

    def start(self, execution: Execution, inputs: Any, outputs: tuple[str, ...] = ()) -> None:
        """Start an execution."""

    def cancel(self, execution_id: str, reason: str) -> None:
        """End an execution."""

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these secrets from now on."""

    @property
    def running(self) -> frozenset[str]:
        """The ids of executions under way."""


class Supervisor:
    """One run from its first decision to its end.

    ``begun`` (see ``conduct``) are changes made before, those of the launch itself; they are written with the first
    tick.
    """

    def __init__(
        self,
        run: Run,
        conductor: Conductor,
        journal: Journal,
        launcher: Launches,
        locks: Locks,
        feed: Feed,
        arrivals: queue.SimpleQueue[Any],
        *,
        asker: Optional[Asker] = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.run = run
        self.conductor = conductor
        self.record = conductor.record
        self._journal = journal
        self._launcher = launcher
        self._locks = locks
        self._feed = feed
        self._arrivals = arrivals
        self._asker = PatientAsker(asker or Asker(breakers.used(run.path.parents[1], clock=clock)))
        self._clock = clock
        self._progress = Progress(conductor.graph, conductor.record)
        self._changes: list[Change] = []
        self._launches: list[Execution] = []
        self._ends: list[Cancel] = []
        self._ending: set[str] = set()
        self._answers: list[tuple[inbox.Taken, str]] = []
        self._busy: dict[str, Holder] = {}
        self._told_busy: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._anew = False
        self._asked_at = 0.0
        self._next_look = 0.0
        self._next_record = 0.0

    def conduct(self, begun: list[Change]) -> None:
        """Conduct the run to its end.

        Raises StoreBroken when it cannot be written down. Whatever is raised, every child has been ended.
        """
        try:
            self._changes += begun
            self._commit()
            self._take_bundle_locks()
            while not self.record.ended:
                self._tick()
            self._write_record()
        except BaseException:
            self._end_everything()
            raise
        finally:
            self._locks.release_all()

    # --- one tick -----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._decide()
        self._commit()
        if not self.record.ended:
            for arrival in self._wait():
                self._hear(arrival)
            self._look_into_inbox()

    def _apply(self, event: Event) -> None:
        self._changes += self.conductor.apply(event, self._clock())

    def _wait(self) -> list[Any]:
        """What has come in, after waiting for the first of it no longer than until something else is due."""
        wakeup = self.conductor.next_wakeup(self._asked_at)
        patience = max(0.0, self._next_look - self._clock())
        if wakeup is not None:
            patience = min(patience, max(0.0, wakeup - self._clock()))
        found: list[Any] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._arrivals.get(timeout=min(patience, POLL)) if patience else self._arrivals.get_nowait())
            while True:
                found.append(self._arrivals.get_nowait())
        return found

    def _hear(self, arrival: Any) -> None:
        if isinstance(arrival, Heard):
            self._feed.send("heard", execution=arrival.execution_id, what=arrival.kind, text=arrival.text)
        elif isinstance(arrival, ExecutionEnd):
            self._hear_end(arrival)
        elif isinstance(arrival, CancelWanted) and (arrival.again or self.record.cancel is None):
            self._apply(CancelAsked(arrival.by))

    def _hear_end(self, end: ExecutionEnd) -> None:
        execution = self.conductor.live.running[end.execution_id]
        self._ending.discard(end.execution_id)
        secret = secret_names(self.conductor.graph.nodes[execution.node])
        self._launcher.learn(secret_texts([value for name, value in end.outputs.items() if name in secret]))
        if end.ended_for == "timeout":
            self._apply(TimedOut(end.execution_id))
        else:
            self._apply(Finished(end.execution_id, end.results, end.outputs))
        self._free(self.conductor.graph.nodes[execution.node].locks)
        self._tell_breaker(execution)
        for process in end.left.stubborn:
            self._feed.line(f"    process {process.render()} of {end.execution_id} would not end")
        for process in end.left.spared:
            self._feed.line(f"    left running, started by {end.execution_id}: {process.render()}")

    def _free(self, locks: Iterable[str]) -> None:
        """Let the locks of an execution go, save those of the bundle."""
        for name in locks:
            if name not in self.conductor.graph.locks:
                self._locks.release(name)

    def _tell_breaker(self, execution: Execution) -> None:
        """What cannot be told to a breaker does not hold up the run; whoever asks it next hears what is wrong."""
        try:
            self._asker.ended(self.conductor.graph, self.record.executions[execution.id])
        except HoldfastError as error:
            self._feed.line(f"  {execution.id} could not be reported to its breaker: {error}")

    # --- people -------------------------------------------------------------------------------------------------

    def _look_into_inbox(self) -> None:
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + POLL
        for taken in inbox.look(self.run.inbox, self.run.id):
            if self.record.ended:
                return
            refused = taken.refused
            if taken.word is not None:
                try:
                    self._hear_word(taken.word)
                except HoldfastError as error:
                    refused = str(error)
            if refused:
                self._feed.line(f"  refused: {refused}")
            self._answers.append((taken, refused))

    def _hear_word(self, word: inbox.Word) -> None:
        if word.kind == "cancel":
            self._apply(CancelAsked(word.by, word.rollback))
            return
        batch = word.batch if word.batch is not None else self._batch_asked(word.node)
        kind = Approved if word.kind == "approve" else Denied
        self._apply(kind(word.node, word.by, batch, word.reason))

    def _batch_asked(self, node: str) -> int:
        """The batch of a node that waits for people; the first when none does."""
        return next((batch for name, batch in self.conductor.live.asked if name == node), 0)

    # --- deciding -----------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        """Apply what the conductor decides until it says nothing new."""
        self._busy, self._refused = {}, {}
        moved = True
        while moved and not self.record.ended:
            moved = False
            self._asked_at = self._clock()
            for decision in self.conductor.decide(self._asked_at, frozenset([*self._busy, *self._refused])):
                moved = self._follow(decision) or moved
                if self._anew:
                    self._anew = False
                    break
        self._tell_busy()

    def _follow(self, decision: Any) -> bool:
        """Apply one decision; False when it changes nothing now."""
        if isinstance(decision, Start):
            return self._follow_start(decision)
        if isinstance(decision, Cancel):
            if decision.execution_id not in self._ending:
                self._ending.add(decision.execution_id)
                self._ends.append(decision)
            return False
        if isinstance(decision, Ask):
            self._apply(Asked(decision.node, decision.batch))
        elif isinstance(decision, Expire):
            self._apply(TimedOut(node=decision.node, batch=decision.batch))
        elif isinstance(decision, Finish):
            self._apply(Ended(decision.state, decision.explanation))
        return True

    def _follow_start(self, decision: Start) -> bool:
        """Take the locks of an execution and note its start; a lock held elsewhere is left out of the next question."""
        holder = self._locks.take_all(decision.locks)
        if holder is not None:
            self._busy[holder.name] = holder
            return True
        if not self._refuses(decision):
            self._apply(Started(decision.execution))
            self._launches.append(decision.execution)
        return True

    def _refuses(self, decision: Start) -> bool:
        """Whether the breaker before an execution refuses: it waits, as for a lock, or the conductor hears of it.

        Raises StoreBroken when breakers cannot be asked and nothing runs that would be ended by it.
        """
        refusal = self._asker.refusal(self.run.id, decision, bool(self.conductor.live.running))
        if refusal is None or decision.breaker is None:
            return False
        self._free(decision.locks)
        if refusal.waits:
            self._refused[decision.breaker.name] = refusal.message
        else:
            self._apply(Refused(decision.execution, refusal.message))
            self._anew = True  # what was decided beside it may be wrong now
        return True

    def _tell_busy(self) -> None:
        """Say once for each lock who holds it, and for each breaker why it refuses."""
        shown = {name: f"the lock {holder.render()}" for name, holder in self._busy.items()}
        shown.update(self._refused)
        for name, text in shown.items():
            if self._told_busy.get(name) != text:
                self._feed.line(f"  waiting for {text}" if name in self._busy else f"  waiting: {text}")
        self._told_busy = shown

    # --- writing and acting -------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Write the tick's changes down, tell them, then act on them."""
        changes, self._changes = self._changes, []
        self._journal.append(changes)
        self._tell(changes)
        launches, self._launches = self._launches, []
        for execution in launches:
            self._launch(execution)
        ends, self._ends = self._ends, []
        for end in ends:
            self._launcher.cancel(end.execution_id, end.reason)
        answers, self._answers = self._answers, []
        for taken, refused in answers:
            inbox.answer(taken, refused)
        if changes and self._clock() >= self._next_record:
            self._write_record()

    def _tell(self, changes: list[Change]) -> None:
        if changes:
            self._feed.send("changes", changes=changes)
            for change in changes:
                for line in self._progress.lines(change):
                    self._feed.line(line)

    def _write_record(self) -> None:
        before = self._clock()
        self.run.write_record(self.record, self._journal.size)
        now = self._clock()
        self._next_record = now + max(RECORD_EVERY, 20 * (now - before))

    def _launch(self, execution: Execution) -> None:
        item = self.conductor.graph.nodes[execution.node].item
        try:
            inputs = execution_inputs(self.conductor.graph, self.record, execution, self.conductor.context)
        except HoldfastError as error:
            results = dict.fromkeys(execution.hosts, HostResult(states.ERROR, str(error)))
            self._arrivals.put(ExecutionEnd(execution.id, results, {}))
            return
        self._launcher.start(execution, inputs, tuple(output.name for output in item.outputs) if item else ())

    def _end_everything(self) -> None:
        """End every child; nothing can be written down any more."""
        for execution_id in self._launcher.running:
            self._launcher.cancel(execution_id, "cancel")
        deadline = time.monotonic() + 5.0
        while self._launcher.running and time.monotonic() < deadline:
            time.sleep(0.05)

    # --- the bundle's locks -------------------------------------------------------------------------------------

    def _take_bundle_locks(self) -> None:
        """Take the bundle's locks before anything starts, or hear that the run shall not begin."""
        waiting = ""
        while self.record.cancel is None:
            holder = self._locks.take_all(self.conductor.graph.locks)
            if holder is None:
                self._apply(LocksHeld())
                self._commit()
                return
            if holder.render() != waiting:
                waiting = holder.render()
                self._apply(LocksHeld(f"the lock {waiting}"))
                self._commit()
            by = self._canceled_while_waiting()
            if by:
                self._apply(CancelAsked(by))

    def _canceled_while_waiting(self) -> str:
        for arrival in self._wait():
            if isinstance(arrival, CancelWanted):
                return arrival.by
        self._next_look = self._clock() + POLL
        for taken in inbox.look(self.run.inbox, self.run.id):
            wanted = taken.word is not None and taken.word.kind == "cancel"
            self._answers.append((taken, "" if wanted else taken.refused or "the run has not begun"))
            if taken.word is not None and wanted:
                return taken.word.by
        return ""
