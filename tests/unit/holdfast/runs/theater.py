# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller whose jobs are played: real database, runs and bookkeeping of jobs, with a double of the engine.

Nothing is launched. A job that is queued begins, and ends as the script says, on a virtual clock. The controller can be
thrown away at any point, like one that was killed, and another one goes on with its database.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker, Keeper
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import HostResult
from holdfast.api.registry import Registry, Resource
from holdfast.api.resources import common
from holdfast.auth.secrets import SecretBox
from holdfast.context import Controller
from holdfast.db import models as m
from holdfast.db.base import Database
from holdfast.jobs import attach as attach_jobs
from holdfast.jobs.launching import internal_call
from holdfast.runs import attach as attach_runs
from holdfast.runs.bundles import Play
from holdfast.settings import Settings
from sqlalchemy import select
from sqlalchemy.orm import Session

KEY = "a key for tests only"


class EngineDouble:
    """The engine, but nobody works: what is queued waits in ``queued`` for the stage."""

    running: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.queued: list[tuple[str, str]] = []
        self.known: set[tuple[str, str]] = set()

    def register(self, task: str, handler: Callable[[str], None]) -> None:
        """Nobody is called."""

    def enqueue(self, task: str, key: str) -> None:
        if (task, key) not in self.known:
            self.known.add((task, key))
            self.queued.append((task, key))

    def cancel(self, task: str, key: str) -> bool:
        waiting = (task, key) not in self.known or (task, key) in self.queued
        self.queued = [one for one in self.queued if one != (task, key)]
        self.known.add((task, key))
        return waiting

    def interrupted(self) -> list[tuple[str, str]]:
        return []

    def settle(self, task: str, key: str, *, again: bool = False) -> None:
        """Nothing was interrupted as far as the double knows."""


class AlarmsDouble:
    """The alarm clock, on the stage's time."""

    def __init__(self) -> None:
        self.due: dict[str, float] = {}

    def set(self, run_id: str, at: float) -> None:
        self.due[run_id] = min(at, self.due.get(run_id, at))

    def start(self) -> None:
        """The stage looks itself."""

    stop = start


class Result:
    """How a job ends: its status, and for a bundle's execution a result for each host and outputs."""

    def __init__(
        self,
        status: str = "successful",
        takes: float = 1.0,
        hosts: Mapping[str, HostResult] | None = None,
        outputs: Mapping[str, Any] | None = None,
        artifacts: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.takes = takes
        self.hosts = hosts
        self.outputs = dict(outputs or {})
        self.artifacts = dict(artifacts or {})


class Killed(BaseException):
    """The controller is killed here."""


class Fate:
    """Says when the controller is killed: soon, and then again and again."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._left = self._random.randint(1, 5)

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._left = self._random.randint(5, 60)
            raise Killed


class Fragile(Database):
    """A database whose process may be killed just before a commit, and just after one."""

    fate: Fate | None = None

    @contextlib.contextmanager
    def writing(self, unseen: bool = False) -> Iterator[Session]:
        with super().writing(unseen) as session:
            yield session
            if self.fate is not None:
                self.fate.step()
                session.info["in_turn"].insert(0, self.fate.step)


Script = Callable[["Theater", m.UnifiedJob], Result]


class Theater:
    """One database, and one controller after another."""

    def __init__(self, folder: Path, script: Script | None = None) -> None:
        self.folder = folder
        self.script = script or (lambda _theater, _job: Result())
        self.now = 1_700_000_000.0
        self.numbers = itertools.count()
        self.begun: list[int] = []
        self.later: list[tuple[float, int, Callable[[], object]]] = []
        self.crashes = 0
        self.keeper: Keeper | None = None
        shutil.copytree(_blank(), folder / "controller")
        self.database = Fragile.at(folder / "controller")
        self.controller = self._make()

    def _make(self) -> Controller:
        settings = Settings(home=self.folder, store=str(self.folder / "store"))
        self.engine = EngineDouble()
        self.alarms = AlarmsDouble()
        controller = Controller(settings, self.database, _registry(), SecretBox(KEY), self.engine)
        attach_jobs(controller)
        attach_runs(controller)
        self.jobs, self.runs = controller.services["jobs"], controller.services["runs"]
        self.workflows, self.bundles = controller.services["workflows"], controller.services["bundles"]
        self.runs.clock = lambda: self.now
        self.runs.alarms = self.alarms
        if self.keeper is not None:
            self.runs._asker = Asker(self.keeper)
        self.jobs.runner.cancel = self._cancel_running
        return controller

    def keep(self, keeper: Keeper) -> None:
        """Breakers of the stage's own, on the stage's time; they outlive its controllers."""
        self.keeper = keeper
        self.runs._asker = Asker(keeper)

    # --- crashes ------------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The controller is killed: whatever it had in mind is gone, and so is every job that ran."""
        self.crashes += 1
        for locks in list(self.runs._locks._runs.values()):
            locks.release_all()
        self._no_end()
        self.controller = self._make()
        self.survive(self.controller.begin)

    def doom(self, seed: int) -> None:
        """From now on the controller is killed every now and then."""
        self.database.fate = Fate(seed)

    def survive(self, call: Callable[[], object]) -> object:
        """Do something with a controller that may be killed meanwhile: another one is started then."""
        try:
            return call()
        except Killed:
            self.crash()
            return None

    # --- time ---------------------------------------------------------------------------------------------------

    def at(self, delay: float, call: Callable[[], object]) -> None:
        heapq.heappush(self.later, (self.now + delay, next(self.numbers), call))

    def play(self, limit: int = 100_000) -> None:
        """Let time pass until nothing happens any more."""
        for _step in range(limit):
            if self.survive(self.step) is False:
                return
        raise HoldfastError("this does not come to an end")

    def step(self) -> bool:
        """Take what is queued, or let time pass to the next thing; False when there is nothing."""
        if self.engine.queued:
            task, key = self.engine.queued.pop(0)
            self._take(task, key)
            return True
        wakeup = min(self.alarms.due.values(), default=None)
        if self.later and (wakeup is None or self.later[0][0] <= wakeup):
            at, _number, call = heapq.heappop(self.later)
            self.now = max(self.now, at)
            call()
            return True
        if wakeup is None:
            return False
        self.now = max(self.now, wakeup)
        for run_id in [one for one, at in self.alarms.due.items() if at <= self.now]:
            del self.alarms.due[run_id]
            self.runs.look(run_id)
        return True

    # --- jobs ---------------------------------------------------------------------------------------------------

    def _take(self, task: str, key: str) -> None:
        if task == "bundle":
            self.workflows.prepare(key)
            return
        if not self.jobs.runner.begin(int(key)):
            return
        self.begun.append(int(key))
        job = self.job(int(key))
        result = self.script(self, job)

        self._ends(int(key), result)

    def _cancel_running(self, job_id: int) -> None:
        self._no_end(job_id)
        self._ends(job_id, Result("canceled", takes=0.0), "cancel")

    def _ends(self, job_id: int, result: Result, ended_for: str = "") -> None:
        self.at(result.takes, functools.partial(self.end, job_id, result, ended_for))

    def _no_end(self, job_id: int | None = None) -> None:
        """Forget how a job was to end, or all of them."""
        self.later = [one for one in self.later if not self._is_end(one[2], job_id)]
        heapq.heapify(self.later)

    def _is_end(self, call: Any, job_id: int | None) -> bool:
        return getattr(call, "func", None) == self.end and job_id in (None, call.args[0])

    def end(self, job_id: int, result: Result, ended_for: str = "") -> None:
        """A job ends, unless it has."""
        with self.controller.database.writing() as session:
            job = session.get(m.UnifiedJob, job_id)
            if job is None or job.finished is not None:
                return
            if isinstance(job, m.Job):
                job.artifacts = result.artifacts
                if job.execution_id:
                    self._finish(job, result, ended_for)
            self.jobs.dispatcher.end(session, job, result.status)

    def _finish(self, job: m.Job, result: Result, ended_for: str) -> None:
        begun = self.bundles._begun.get(str(job.execution_id)) or self.bundles._begin_again(job)
        hosts = begun.execution.hosts
        given = result.hosts or dict.fromkeys(hosts, HostResult(_STATES.get(result.status, states.FAILED)))
        events = SimpleNamespace(
            results=lambda *_any: {host: given.get(host, HostResult(states.ERROR, "not reported")) for host in hosts},
            outputs=lambda _module: result.outputs,
        )
        play = Play("play.yml", (), begun.secrets, events, hosts, True, False, begun.secret_outputs)  # type: ignore[arg-type]
        self.bundles.finish(job, play, 0, ended_for)

    # --- looking ------------------------------------------------------------------------------------------------

    def job(self, job_id: int) -> Any:
        with self.controller.database.reading() as session:
            return session.get(m.UnifiedJob, job_id)

    def nodes(self, job_id: int) -> dict[str, Any]:
        """The nodes of a workflow job by identifier."""
        with self.controller.database.reading() as session:
            query = select(m.WorkflowJobNode).where(m.WorkflowJobNode.workflow_job_id == job_id)
            found = {row.identifier: row for row in session.scalars(query.order_by(m.WorkflowJobNode.id))}
            for row in found.values():
                _unused = row.job
            return found

    # --- making -------------------------------------------------------------------------------------------------

    def add(self, *rows: Any) -> None:
        with self.controller.database.writing() as session:
            session.add_all(rows)

    def launch(self, template: m.WorkflowJobTemplate, user: m.User | None = None, **accepted: Any) -> int:
        """Launch a workflow; the id of its job."""
        with self.controller.database.writing() as session:
            call = internal_call(self.controller, session, session.get(m.User, user.id) if user is not None else None)
            row = session.get_one(m.WorkflowJobTemplate, template.id)
            return int(self.workflows.launch(call, row, accepted).id)


_STATES = {"successful": states.SUCCESSFUL, "failed": states.FAILED, "canceled": states.CANCELED}


@functools.cache
def _blank() -> Path:
    """A folder with empty databases."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-blank-"))
    database = Database.at(folder)
    database.create()
    database.close()
    return folder


def _registry() -> Registry:
    registry = Registry()
    for model in (m.JobTemplate, m.WorkflowJobTemplate, m.Job, m.WorkflowJob, m.WorkflowApproval, m.User):
        name = model.__name__
        registry.add(Resource(f"{name}s", name, model, name, common.NAMED))
    return registry
