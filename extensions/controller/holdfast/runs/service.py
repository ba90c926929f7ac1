# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of workflows: each event one transaction, in which the conductor is told, asked, and followed.

The conductor decides, the journal in the database remembers, and jobs do the work: a start is in the journal, and its
job's row in the table, in the same transaction; only what is committed is queued. Who carries nodes out is a *kind*
(``native``, ``bundles``): it turns a start into a job and a job's end into results.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Ask,
    Asked,
    Cancel,
    CancelAsked,
    Change,
    Ended,
    Event,
    Execution,
    Expire,
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Lost,
    Start,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import INTERRUPTED
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.base import after_commit, now
from holdfast.db.models import Execution as ExecutionRow
from holdfast.db.models import Run, RunChange, UnifiedJob, WorkflowJob
from holdfast.runs import nodes, people
from holdfast.runs.alarms import Alarms
from holdfast.runs.locks import RunLocks
from holdfast.runs.store import OpenRun, RunStore

log = logging.getLogger("holdfast.runs")
AnswersOf = Callable[[Session, Run], dict[str, Any]]
LOOK_AGAIN = 1.0
"""Seconds until a lock that somebody else holds is tried again."""


class Results(Protocol):
    """How an execution ended: its hosts and what was reported."""

    hosts: Mapping[str, HostResult]
    outputs: Mapping[str, Any]


class Kind(Protocol):
    """Carries out the nodes of one kind of run."""

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Make the job of an execution, queued when the transaction is committed. Raises HoldfastError."""

    def results(self, session: Session, run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """What a job's end means for the hosts of its execution."""


class Runs:
    """All runs of a controller."""

    def __init__(self, controller: Controller, kinds: Mapping[str, Kind], answers_of: AnswersOf) -> None:
        self._controller = controller
        self._kinds = kinds
        self.store = RunStore(answers_of)
        self.alarms = Alarms(self.look)
        self._locks = RunLocks(controller.settings)
        self.clock = time.time

    # --- from outside -------------------------------------------------------------------------------------------

    def begin(
        self,
        session: Session,
        job: WorkflowJob,
        kind: str,
        document: Mapping[str, Any],
        facts: Mapping[str, Any],
        resumed: Sequence[Change] = (),
    ) -> Run:
        """Make the run of a workflow job, and go on with it as soon as the transaction is committed.

        ``facts`` are those of the record, such as ``requested_by``; ``resumed`` are the first changes of a run that
        goes on from another one (see the core's ``resume``), which hold them already.
        """
        run_id = f"wf{job.id}"
        row = Run(id=run_id, workflow_job_id=job.id, kind=kind, launch=dict(document), state=states.PENDING, version=0)
        job.run_id = run_id
        session.add(row)
        session.flush()
        if resumed:
            session.execute(insert(RunChange), [{"run_id": run_id, "change": change} for change in resumed])
            row.version = len(resumed)
        run = self.store.load(session, run_id)
        if not resumed:
            run.fresh += run.conductor.begin(self.clock(), {"id": run_id, **facts})
        self._take_bundle_locks(run)
        self._follow(session, run)
        return row

    def tell(self, run_id: str, event: Event, session: Session | None = None) -> None:
        """Tell a run what has happened, in this transaction or in one of its own.

        Raises HoldfastError for what cannot be true of it: it is then as it was.
        """
        if session is None:
            with self._controller.database.writing() as own:
                self.tell(run_id, event, own)
            return
        run = self.store.load(session, run_id)
        self._apply(run, event)
        self._follow(session, run)

    def look(self, run_id: str) -> None:
        """Go on with a run whose time has come: a retry, a timeout, a lock that may be free."""
        with self._controller.database.writing() as session:
            row = session.get(Run, run_id)
            if row is None or row.state in states.RUN_ENDED:
                return
            run = self.store.load(session, run_id)
            if run.record.state in (states.PENDING, states.WAITING):
                self._take_bundle_locks(run)
            self._follow(session, run)

    def job_ended(self, job_id: int) -> None:
        """A job has ended; if it carries out an execution, its run is told. Told twice, the second time is nothing."""
        with self._controller.database.writing() as session:
            query = select(ExecutionRow).where(ExecutionRow.job_id == job_id, ExecutionRow.ended.is_(None))
            execution = session.scalar(query)
            if execution is not None:
                self._end(session, execution)

    def cancel(self, session: Session, job: WorkflowJob, by: str) -> None:
        """Cancel a workflow job."""
        run = self.store.load(session, str(job.run_id))
        self._apply(run, CancelAsked(by))
        self._follow(session, run)

    def recover(self) -> None:
        """After a start: go on with every run that an earlier process left behind."""
        with self._controller.database.reading() as session:
            open_runs = session.scalars(select(Run.id).where(Run.state.not_in(states.RUN_ENDED))).all()
        for run_id in open_runs:
            try:
                self._recover(run_id)
            except HoldfastError as error:
                log.error("run %s cannot be continued: %s", run_id, error)

    def _recover(self, run_id: str) -> None:
        with self._controller.database.writing() as session:
            query = select(ExecutionRow).where(ExecutionRow.run_id == run_id, ExecutionRow.ended.is_(None))
            for execution in session.scalars(query).all():
                job = session.get(UnifiedJob, execution.job_id) if execution.job_id is not None else None
                if job is None or job.finished is not None:
                    self._end(session, execution)
        self.look(run_id)

    # --- one event ----------------------------------------------------------------------------------------------

    def _apply(self, run: OpenRun, event: Event) -> None:
        run.fresh += run.conductor.apply(event, self.clock())

    def _end(self, session: Session, execution: ExecutionRow) -> None:
        """An execution's job has ended: tell its run."""
        execution.ended = now()
        run = self.store.load(session, execution.run_id)
        running = run.conductor.live.running.get(execution.id)
        job = session.get(UnifiedJob, execution.job_id) if execution.job_id is not None else None
        if running is not None:
            if job is None or job.interrupted:
                self._apply(run, Lost(execution.id, INTERRUPTED, interrupted=True))
            elif execution.why == "timeout":
                self._apply(run, TimedOut(execution.id))
            else:
                results = self._kinds[run.row.kind].results(session, run, running, job)
                self._apply(run, Finished(execution.id, results.hosts, results.outputs))
            own = set(run.conductor.graph.nodes[running.node].locks) - set(run.conductor.graph.locks)
            self._locks.release(run.row.id, own)
        self._follow(session, run)

    def _follow(self, session: Session, run: OpenRun) -> None:
        """Do what the conductor decides until it says nothing new; then save, show, and set the next alarm."""
        busy: set[str] = set()
        moved = True
        while moved and not run.record.ended:
            moved = False
            for decision in run.conductor.decide(self.clock(), frozenset(busy)):
                moved = self._do(session, run, decision, busy) or moved
        touched = {change["node"] for change in run.fresh if "node" in change}
        self.store.save(session, run)
        nodes.show(session, run, touched)
        self._show_state(session, run)
        if run.record.ended:
            after_commit(session, lambda: self._over(run.row.id, run.row.workflow_job_id))
        else:
            self._set_alarm(session, run, busy)

    def _do(self, session: Session, run: OpenRun, decision: Any, busy: set[str]) -> bool:
        """Follow one decision; False when it changes nothing now."""
        if isinstance(decision, Start):
            return self._start(session, run, decision, busy)
        if isinstance(decision, Cancel):
            self._end_execution(session, decision)
            return False
        if isinstance(decision, Ask):
            self._apply(run, Asked(decision.node, decision.batch))
            people.ask(session, run, decision.node, decision.batch)
        elif isinstance(decision, Expire):
            self._apply(run, TimedOut(node=decision.node, batch=decision.batch))
        elif isinstance(decision, Finish):
            self._apply(run, Ended(decision.state, decision.explanation))
        return True

    def _start(self, session: Session, run: OpenRun, decision: Start, busy: set[str]) -> bool:
        holder = self._locks.take(run.row.id, decision.locks)
        if holder is not None:
            busy.add(holder.name)
            return True
        execution = decision.execution
        self._apply(run, Started(execution))
        row = ExecutionRow(id=execution.id, run_id=run.row.id)
        session.add(row)
        session.flush()
        try:
            with session.begin_nested():
                row.job_id = self._kinds[run.row.kind].start(session, run, execution).id
        except HoldfastError as error:
            row.ended, row.why = now(), str(error)
            results = dict.fromkeys(execution.hosts, HostResult(states.ERROR, str(error)))
            self._apply(run, Finished(execution.id, results))
        session.flush()
        return True

    def _end_execution(self, session: Session, decision: Cancel) -> None:
        """Have an execution's job ended; its end is told when it comes."""
        row = session.get(ExecutionRow, decision.execution_id)
        if row is None or row.job_id is None or row.ended is not None or row.why:
            return
        row.why = decision.reason
        job_id = row.job_id
        after_commit(session, lambda: self._cancel_job(job_id))

    def _cancel_job(self, job_id: int) -> None:
        """End what carries out an execution: a job, or a workflow within this one."""
        with self._controller.database.writing() as session:
            nested = session.get(WorkflowJob, job_id)
            if nested is not None and nested.run_id and nested.finished is None:
                self.cancel(session, nested, "the workflow around it")
                return
        self._controller.services["jobs"].cancel(job_id)

    # --- locks and time -----------------------------------------------------------------------------------------

    def _take_bundle_locks(self, run: OpenRun) -> None:
        """Take the run's own locks before anything of it starts, or say who holds one."""
        if run.record.cancel is not None:
            return
        holder = self._locks.take(run.row.id, run.conductor.graph.locks)
        if holder is None:
            self._apply(run, LocksHeld())
        elif run.record.run.get("waiting_for") != f"the lock {holder.render()}":
            self._apply(run, LocksHeld(f"the lock {holder.render()}"))

    def _set_alarm(self, session: Session, run: OpenRun, busy: set[str]) -> None:
        """Come back when something is due by the clock, or to look whether a lock is free."""
        moment = self.clock()
        at = run.conductor.next_wakeup(moment)
        if busy or run.record.state in (states.PENDING, states.WAITING):
            at = min(at or moment + LOOK_AGAIN, moment + LOOK_AGAIN)
        if at is not None:
            run_id, due = run.row.id, at
            after_commit(session, lambda: self.alarms.set(run_id, due))

    # --- what clients see ---------------------------------------------------------------------------------------

    def _show_state(self, session: Session, run: OpenRun) -> None:
        """Write the state of a run into its workflow job, in AWX's words."""
        job = session.get(WorkflowJob, run.row.workflow_job_id)
        if job is None:
            return
        facts = run.record.run
        state = states.SHOWN_TO_AWX.get(run.record.state, run.record.state)
        job.status = {states.WAITING: "pending"}.get(state, state)
        if facts.get("started") and job.started is None:
            job.started = _moment(facts["started"])
        explanation = str(facts.get("explanation") or "")
        if run.record.state in states.SHOWN_TO_AWX:
            explanation = f"{run.record.state}: {explanation}" if explanation else run.record.state
        waiting = str(facts.get("waiting_for") or "")
        job.job_explanation = f"waiting for {waiting}" if waiting and not run.record.ended else explanation
        if run.record.ended and job.finished is None:
            job.finished = _moment(facts["finished"])
            job.failed = job.status != states.SUCCESSFUL
            job.elapsed = max(0.0, round((job.finished - (job.started or job.created)).total_seconds(), 3))
            job.canceled_on = job.finished if job.status == states.CANCELED else None
            self._show_template(job)

    def _show_template(self, job: WorkflowJob) -> None:
        template = job.unified_job_template
        if template is not None:
            template.last_job_id = job.id
            template.last_job_run, template.last_job_failed, template.status = job.finished, job.failed, job.status

    def _over(self, run_id: str, job_id: int) -> None:
        """A run is over: free its locks, and tell the workflow that it is a node of, and whoever else listens."""
        self._locks.release_all(run_id)
        for call in self._controller.services["jobs"].on_end:
            call(job_id)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
