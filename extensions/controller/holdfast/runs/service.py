# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of workflows: each event one transaction, in which the conductor is told, asked, and followed.

The conductor decides, the journal in the database remembers, and jobs do the work: a start is in the journal, and its
job's row in the table, in the same transaction; only what is committed is queued. Who carries nodes out is a *kind*
(``native``, ``bundles``): it turns a start into a job and a job's end into results.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker
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
    Refused,
    Start,
    Started,
    TimedOut,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import INTERRUPTED
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers
from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.base import after_commit, attempt, now
from holdfast.db.models import Execution as ExecutionRow
from holdfast.db.models import Run, RunChange, UnifiedJob, WorkflowJob
from holdfast.runs import people
from holdfast.runs.alarms import Alarms
from holdfast.runs.kinds import Kind
from holdfast.runs.locks import RunLocks
from holdfast.runs.showing import Showing
from holdfast.runs.store import OpenRun, RunStore

log = logging.getLogger("holdfast.runs")
LOOK_AGAIN = 1.0
"""Seconds until a lock that another process holds, or a breaker that refuses, is tried again."""
RETRY = 5.0
"""Seconds until what went wrong is tried again."""


class Runs:
    """All runs of a controller."""

    def __init__(self, controller: Controller, kinds: Mapping[str, Kind]) -> None:
        self._controller = controller
        self._kinds = kinds
        self.store = RunStore(self._answers_of, lambda session, run: kinds[run.kind].secret_outputs(session, run))
        self.alarms = Alarms(self.look, self.sweep)
        self._locks = RunLocks(controller.settings)
        self.breakers = breakers.kept(self._locks.store)
        self._asker = Asker(self.breakers)
        self._showing = Showing(controller)
        self._waiting: set[str] = set()
        self._stopped = False
        self.clock = time.time

    def _answers_of(self, session: Session, run: Run) -> dict[str, Any]:
        job = session.get(WorkflowJob, run.workflow_job_id)
        return self._controller.secrets.open_all(job.secret_answers) if job is not None else {}

    # --- from outside -------------------------------------------------------------------------------------------

    def begin(
        self,
        session: Session,
        job: WorkflowJob,
        kind: str,
        document: Mapping[str, Any],
        facts: Mapping[str, Any],
        resumed: Sequence[Change] = (),
    ) -> None:
        """Make the run of a workflow job and do what is to be done first.

        ``facts`` are those of the record, such as ``requested_by``; ``resumed`` are the first changes of a run that
        goes on from another one (see the core's ``resume``), which hold them already.
        """
        run_id = run_of(job)
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
        self._follow(session, run)

    def tell(self, run_id: str, event: Event, session: Session) -> None:
        """Tell a run what has happened. Raises HoldfastError for what cannot be true of it: it is then as it was."""
        run = self.store.load(session, run_id)
        self._apply(run, event)
        self._follow(session, run)

    def cancel(self, session: Session, job: WorkflowJob, by: str) -> None:
        """Cancel a workflow job; asked again, it stops the rollback of a cancelled one too."""
        self.tell(str(job.run_id), CancelAsked(by), session)

    def job_ended(self, job_id: int) -> None:
        """A job has ended; if it carries out an execution, its run is told. Told twice, the second time is nothing."""
        if self._stopped:
            return
        with self._controller.database.reading() as session:
            query = select(ExecutionRow.run_id).where(ExecutionRow.job_id == job_id, ExecutionRow.ended.is_(None))
            run_id = session.scalar(query)
        if run_id is not None:
            self.look(run_id)

    def look(self, run_id: str) -> None:
        """Go on with a run: hear of the jobs that have ended, and do what is due by the clock."""
        if self._stopped:
            return
        try:
            self._look(run_id)
        except Exception:  # nothing that goes wrong once may leave a run standing still
            log.exception("run %s: could not go on; trying again", run_id)
            self.alarms.set(run_id, self.clock() + RETRY)

    def _look(self, run_id: str) -> None:
        with self._controller.database.writing() as session:
            row = session.get(Run, run_id, with_for_update=True)
            if row is None or row.state in states.RUN_ENDED:
                return
            run = self.store.open(session, row)
            for execution in session.scalars(_unheard(run_id)).all():
                self._hear(session, run, execution)
            self._follow(session, run)

    def sweep(self) -> None:
        """Look at every run that has not heard of an end; there is none unless something went wrong."""
        with self._controller.database.reading() as session:
            run_ids = set(session.scalars(_unheard().with_only_columns(ExecutionRow.run_id)))
        for run_id in sorted(run_ids):
            self.look(run_id)

    def start(self) -> None:
        """The controller begins: go on with every run that an earlier process left behind."""
        self._controller.on_end.append(self.stop)  # the last one is called first: before running jobs are ended
        self.alarms.start()
        with self._controller.database.reading() as session:
            open_runs = session.scalars(select(Run.id).where(Run.state.not_in(states.RUN_ENDED))).all()
        for run_id in open_runs:
            self.look(run_id)

    def stop(self) -> None:
        """The controller ends: what its end breaks off is judged after the next start."""
        self._stopped = True
        self.alarms.stop()

    @staticmethod
    def forget(session: Session, run_id: str) -> None:
        """Delete all that is known of a run which is over."""
        for model, column in ((RunChange, RunChange.run_id), (ExecutionRow, ExecutionRow.run_id), (Run, Run.id)):
            session.execute(delete(model).where(column == run_id))

    # --- one event ----------------------------------------------------------------------------------------------

    def _apply(self, run: OpenRun, event: Event) -> None:
        run.fresh += run.conductor.apply(event, self.clock())

    def _hear(self, session: Session, run: OpenRun, execution: ExecutionRow) -> None:
        """An execution's job has ended: tell its run."""
        execution.ended = now()
        running = run.conductor.live.running.get(execution.id)
        if running is None:
            return
        run.ending.discard(execution.id)
        job = session.get(UnifiedJob, execution.job_id) if execution.job_id is not None else None
        if job is None or job.interrupted:
            self._apply(run, Lost(execution.id, INTERRUPTED, interrupted=True))
        elif execution.why == "timeout" and job.status == states.CANCELED:
            self._apply(run, TimedOut(execution.id))
        else:
            results = self._kinds[run.row.kind].results(session, run, running, job)
            run.mask = run.mask.plus(results.secrets) if results.secrets else run.mask
            self._apply(run, Finished(execution.id, results.hosts, results.outputs))
        self._free(session, run, running)

    def _free(self, session: Session, run: OpenRun, execution: Execution) -> None:
        """Let the locks go that only this execution needed, and tell its breaker at once: what is next may ask it."""
        self._tell_breaker(run, run.record.executions[execution.id])
        own = set(run.conductor.graph.nodes[execution.node].locks) - set(run.conductor.graph.locks)
        if own:
            after_commit(session, lambda: self._release(run.row.id, own))

    def _tell_breaker(self, run: OpenRun, entry: Mapping[str, Any]) -> None:
        """What cannot be told to a breaker does not hold up the run; whoever asks it next hears what is wrong."""
        try:
            self._asker.ended(run.conductor.graph, entry)
        except HoldfastError as error:
            log.warning("execution %s could not be reported to its breaker: %s", entry["id"], error)

    def _follow(self, session: Session, run: OpenRun) -> None:
        """Do what the conductor decides until it says nothing new; then save, show, and set the next alarm."""
        before = (run.row.state, run.record.run.get("waiting_for"))
        blocked = not self._hold_locks(run)
        busy: set[str] = set()
        moved = True
        while moved and not run.record.ended:
            moved = False
            for decision in run.conductor.decide(self.clock(), frozenset(busy)):
                if not (blocked and isinstance(decision, Start)):
                    moved = self._do(session, run, decision, busy) or moved
                if run.anew:
                    run.anew = False
                    break
            self._hear_at_once(session, run)
        changes, run_id = list(run.fresh), run.row.id
        self.store.save(session, run)
        self._showing.nodes(session, run, changes)
        if run.cancels:
            job_ids, run.cancels = run.cancels, []
            after_commit(session, lambda: self._cancel_jobs(run_id, job_ids))
        if before != (run.row.state, run.record.run.get("waiting_for")):
            self._showing.state(session, run)
        if run.record.ended:
            after_commit(session, lambda: self.let_go(run_id))
        else:
            self._set_alarm(session, run, blocked or bool(busy))

    def _hear_at_once(self, session: Session, run: OpenRun) -> None:
        """Apply the ends of executions that ended with their start; what was decided beside them is done by now."""
        while run.next:
            event = run.next.pop(0)
            execution = run.conductor.live.running[event.execution_id]
            self._apply(run, event)
            self._free(session, run, execution)

    def _do(self, session: Session, run: OpenRun, decision: Any, busy: set[str]) -> bool:
        """Follow one decision; False when it changes nothing now."""
        if isinstance(decision, Start):
            return self._start(session, run, decision, busy)
        if isinstance(decision, Cancel):
            self._end_execution(session, run, decision)
            return False
        if isinstance(decision, Ask):
            self._apply(run, Asked(decision.node, decision.batch))
            row = people.ask(session, run, decision.node, decision.batch)
            self._kinds[run.row.kind].asked(session, run, row)
        elif isinstance(decision, Expire):
            self._apply(run, TimedOut(node=decision.node, batch=decision.batch))
        elif isinstance(decision, Finish):
            self._apply(run, Ended(decision.state, decision.explanation))
        return True

    def _start(self, session: Session, run: OpenRun, decision: Start, busy: set[str]) -> bool:
        """Start an execution; a lock held elsewhere is left out of the next question."""
        holder = self._locks.take(run.row.id, decision.locks)
        if holder is not None:
            busy.add(holder.name)
            return True
        execution = decision.execution
        if self._refuses(run, decision, busy):
            return True
        self._apply(run, Started(execution))
        row = ExecutionRow(id=execution.id, run_id=run.row.id)
        session.add(row)
        session.flush()
        kind = self._kinds[run.row.kind]
        try:
            with attempt(session):
                job = kind.start(session, run, execution)
        except HoldfastError as error:
            row.ended, row.why = now(), str(error)
            results = dict.fromkeys(execution.hosts, HostResult(states.ERROR, str(error)))
            run.next.append(Finished(execution.id, results))
        else:
            row.job_id = job.id
            if job.finished is not None:
                row.ended = job.finished
                ended = kind.results(session, run, execution, job)
                run.next.append(Finished(execution.id, ended.hosts, ended.outputs))
        return True

    def _refuses(self, run: OpenRun, decision: Start, busy: set[str]) -> bool:
        """Whether the breaker before an execution refuses: it waits, as for a lock, or the conductor hears of it."""
        refusal = self._asker.refusal(run.row.id, decision)
        if refusal is None or decision.breaker is None:
            return False
        self._locks.release(run.row.id, set(decision.locks) - set(run.conductor.graph.locks))
        if refusal.waits:
            busy.add(decision.breaker.name)
        else:
            self._apply(run, Refused(decision.execution, refusal.message))
            run.anew = True  # what was decided beside it may be wrong now
        return True

    def _end_execution(self, session: Session, run: OpenRun, decision: Cancel) -> None:
        """Have an execution's job ended, once; its end is told when it comes."""
        if decision.execution_id in run.ending:
            return
        run.ending.add(decision.execution_id)
        row = session.get(ExecutionRow, decision.execution_id)
        if row is None or row.job_id is None or row.ended is not None:
            return
        row.why = row.why or decision.reason
        run.cancels.append(row.job_id)

    def _cancel_jobs(self, run_id: str, job_ids: Sequence[int]) -> None:
        """End what carries out executions: jobs, and workflows within this one. What goes wrong is tried again."""
        try:
            with self._controller.database.writing() as session:
                for job_id in job_ids:
                    self._cancel_job(session, job_id)
        except Exception:  # whatever it is, nobody else ends them
            log.exception("run %s: its jobs could not be ended; trying again", run_id)
            self.store.drop(run_id)
            self.alarms.set(run_id, self.clock() + RETRY)

    def _cancel_job(self, session: Session, job_id: int) -> None:
        job = session.get(UnifiedJob, job_id)
        if isinstance(job, WorkflowJob):
            self._controller.services["workflows"].cancel(session, job, "the workflow around it")
        elif job is not None:
            self._controller.services["jobs"].cancel_in(session, job)

    # --- locks and time -----------------------------------------------------------------------------------------

    def _hold_locks(self, run: OpenRun) -> bool:
        """Have the locks of the run and of what it executes, after a restart too. False: somebody else has one."""
        if run.record.ended:
            return True
        conductor = run.conductor
        holder = self._locks.take(run.row.id, (*conductor.graph.locks, *conductor.live.locked))
        if run.record.state not in (states.PENDING, states.WAITING) or run.record.cancel is not None:
            return holder is None
        if holder is None:
            self._apply(run, LocksHeld())
        elif run.record.run.get("waiting_for") != f"the lock {holder.render()}":
            self._apply(run, LocksHeld(f"the lock {holder.render()}"))
        return holder is None

    def _set_alarm(self, session: Session, run: OpenRun, waits: bool) -> None:
        """Come back when something is due by the clock, or to look whether a lock is free."""
        moment, run_id = self.clock(), run.row.id
        at = run.conductor.next_wakeup(moment)
        if waits:
            self._waiting.add(run_id)
            at = min(at or moment + LOOK_AGAIN, moment + LOOK_AGAIN)
        else:
            self._waiting.discard(run_id)
        if at is not None:
            due = at
            after_commit(session, lambda: self.alarms.set(run_id, due))

    def _release(self, run_id: str, names: set[str]) -> None:
        """Let locks go."""
        self._locks.release(run_id, names)
        self._wake()

    def _wake(self) -> None:
        """Have everybody look who waits for a lock: one has become free."""
        for run_id in list(self._waiting):
            self.alarms.set(run_id, self.clock())

    def let_go(self, run_id: str) -> None:
        """A run is over, or could not begin: nothing that was kept for it is needed any more."""
        self._waiting.discard(run_id)
        for kind in self._kinds.values():
            kind.over(run_id)
        if self._locks.release_all(run_id):
            self._wake()


def run_of(job: WorkflowJob) -> str:
    """The id of a workflow job's run."""
    return f"wf{job.id}"


def _unheard(run_id: str | None = None) -> Any:
    """The executions of one run, or of all, whose jobs have ended without their run having heard of it."""
    query = (
        select(ExecutionRow)
        .outerjoin(UnifiedJob, UnifiedJob.id == ExecutionRow.job_id)
        .where(ExecutionRow.ended.is_(None), or_(UnifiedJob.id.is_(None), UnifiedJob.finished.is_not(None)))
    )
    query = query.order_by(UnifiedJob.finished, ExecutionRow.job_id)
    return query if run_id is None else query.where(ExecutionRow.run_id == run_id)
