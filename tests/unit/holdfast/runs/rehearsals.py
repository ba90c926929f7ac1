# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals for the controller: from their documents to launches, and their results to the ends of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.validate import validate
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Event,
    Execution,
    Finished,
    Lost,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import execution_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import (
    Performance,
    Put,
    Stage,
    _end_event,
    _person_event,
    durations_of,
    label,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal_breakers import Memory
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal_document import (
    Rehearsal,
    is_rehearsal,
    launch_context,
    parse_rehearsal,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import folder_documents, search_path
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.yaml_lines import read_documents
from holdfast.db import models as m
from sqlalchemy import select

from .theater import Killed, Result, Theater

FOLDER = Path(__file__).parents[3] / "rehearsals"


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal with the bundle and the items it plays."""

    name: str
    rehearsal: Rehearsal
    bundle: Bundle
    catalog: Catalog

    def launch(self) -> Launch:
        given = self.rehearsal.given
        return Launch(
            bundle=self.bundle,
            catalog=self.catalog,
            fields=launch_context(self.rehearsal, self.bundle)["fields"],
            hosts=given["hosts"],
            limit=None if given["limit"] is None else tuple(given["limit"]),
            requested_by=given["requested_by"],
        )

    def graph(self) -> Graph:
        return self.launch().graph("rehearsal", {})


def rehearsals() -> list[Rehearsed]:
    """All rehearsals but those in which nothing starts at all, for what is wrong is told before there is a run."""
    known, _problems = folder_documents([FOLDER / "items", *search_path()])
    found = []
    for file in sorted(FOLDER.glob("*.yml")):
        documents, _unreadable = read_documents(file, "own")
        catalog, _wrong = validate([*(one for one in documents if not is_rehearsal(one.data)), *known])
        for document in documents:
            rehearsal = parse_rehearsal(document.data, []) if is_rehearsal(document.data) else None
            bundle = catalog.bundles.get(rehearsal.bundle) if rehearsal is not None else None
            if rehearsal is not None and bundle is not None and "refused" not in rehearsal.expect:
                found.append(Rehearsed(f"{file.stem}: {rehearsal.name}", rehearsal, bundle, catalog))
    return found


def played_by_core(rehearsed: Rehearsed) -> Performance:
    launch = rehearsed.launch()
    return Stage(rehearsed.graph(), rehearsed.rehearsal.given, launch.context("rehearsal", {})).play()


class RunStage:
    """Plays a rehearsal through the controller's runs."""

    def __init__(self, rehearsed: Rehearsed, folder: Path) -> None:
        self.rehearsed = rehearsed
        self.given: Mapping[str, Any] = rehearsed.rehearsal.given
        self.theater = Theater(folder, self._script)
        self.theater.now = 0.0
        self.breakers = Memory(lambda: self.theater.now, self.given["breakers"] or {})
        self.theater.keep(self.breakers)
        self.core = Stage(rehearsed.graph(), self.given, {})
        self.refused: list[str] = []
        self.run_id = ""

    def play(self) -> Performance:
        self.begin()
        self.theater.play()
        return self.performance()

    def begin(self) -> None:
        self.theater.add(m.User(username=self.given["requested_by"]))
        with self.theater.controller.database.writing() as session:
            user = session.scalar(select(m.User))
            job = m.WorkflowJob(name="rehearsal", status="pending", created_by_id=user.id if user else None)
            session.add(job)
            session.flush()
            self.job_id, self.run_id = job.id, f"wf{job.id}"
            self.theater.workflows._begin_bundle(session, job, self.rehearsed.launch())
        for entry in self.given["events"]:
            if "at" in entry:
                self._say(entry, durations.parse(entry["at"]))

    def performance(self) -> Performance:
        with self.theater.controller.database.reading() as session:
            query = select(m.RunChange.change).where(m.RunChange.run_id == self.run_id).order_by(m.RunChange.id)
            journal = list(session.scalars(query))
        started = [change for change in journal if change["type"] == "started"]
        order = [label(execution_of(change)) for change in started]
        stand = self.breakers.states(self.given["expect"]["breakers"] or {})
        return Performance(Record.replay(journal), journal, order, self.refused, stand)

    def _say(self, entry: Mapping[str, Any], delay: float) -> None:
        event = _person_event(entry)
        self.theater.at(delay, lambda: self._tell(event))

    def _tell(self, event: Event | Put) -> None:
        """Somebody says something; who is not answered because the controller was killed looks whether it was heard."""
        if isinstance(event, Put):
            self.breakers.put(event.target, event.how)
            return
        before = len(self.performance().journal)
        try:
            with self.theater.controller.database.writing() as session:
                self.theater.runs.tell(self.run_id, event, session)
        except HoldfastError as error:
            if not self.performance().record.ended:
                self.refused.append(str(error))
        except Killed:
            if len(self.performance().journal) == before:
                self.theater.at(0.0, lambda: self._tell(event))
            raise

    def _script(self, theater: Theater, job: Any) -> Result:
        execution = self.execution(job)
        for entry in self.given["events"]:
            if entry.get("after") == label(execution):
                self._say(entry, 0.0)
        result = self.core._result(self._uninterrupted(execution))
        event = _end_event(execution, result)
        takes = durations_of(result)
        if isinstance(event, Lost):
            theater.at(takes, lambda: self._tell_lost(event))
            return Result("error", takes=takes)
        assert isinstance(event, Finished)
        bad = any(one.state != "successful" for one in event.results.values())
        return Result("failed" if bad else "successful", takes, event.results, event.outputs)

    def _uninterrupted(self, execution: Execution) -> Execution:
        """The execution as it would be numbered had no attempt before it been interrupted."""
        known = self.performance().record.executions
        before = execution.id.rpartition("/")[0]
        numbers = range(1, execution.attempt)
        lost = sum(1 for number in numbers if known.get(f"{before}/{number}", {}).get("interrupted"))
        return execution._replace(attempt=execution.attempt - lost)

    def execution(self, job: Any) -> Execution:
        started = [change for change in self.performance().journal if change["type"] == "started"]
        return next(execution_of(change) for change in started if change["id"] == job.execution_id)

    def _tell_lost(self, event: Lost) -> None:
        """A play that is gone without a word; nothing tells this apart from an interruption but the rehearsal."""
        with self.theater.controller.database.writing() as session:
            self.theater.runs.tell(self.run_id, event, session)


def played_by_runs(rehearsed: Rehearsed, folder: Path) -> Performance:
    return RunStage(rehearsed, folder).play()
