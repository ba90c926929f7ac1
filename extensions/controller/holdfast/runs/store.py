# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the database: the journal, and conductors made from it.

A conductor is kept in memory between two events and thrown away whenever the transaction that used it fails: what is
in the database counts, and a conductor made from it goes on as if it had never been gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from holdfast.db.base import after_commit
from holdfast.db.models import Run, RunChange
from holdfast.runs.graphs import graph_and_context


@dataclass
class OpenRun:
    """A run within one transaction."""

    row: Run
    conductor: Conductor
    fresh: list[Change]

    @property
    def record(self) -> Record:
        """The record of the run."""
        return self.conductor.record


class RunStore:
    """Loads and saves runs. ``answers_of`` gives the secret answers of a run in clear, for its conditions."""

    def __init__(self, answers_of: Callable[[Session, Run], dict[str, Any]]) -> None:
        self._answers_of = answers_of
        self._kept: dict[str, tuple[int, Conductor]] = {}

    def load(self, session: Session, run_id: str) -> OpenRun:
        """A run to be changed in this transaction. Raises HoldfastError when there is none."""
        row = session.get(Run, run_id, with_for_update=True)
        if row is None:
            raise HoldfastError(f"there is no run '{run_id}'")
        kept = self._kept.pop(run_id, None)
        if kept is not None and kept[0] == row.version:
            return OpenRun(row, kept[1], [])
        graph, context = graph_and_context(row.kind, row.launch, row.id, self._answers_of(session, row))
        return OpenRun(row, Conductor(graph, self.record(session, run_id), context), [])

    def record(self, session: Session, run_id: str) -> Record:
        """The record of a run, folded from its journal."""
        query = select(RunChange.change).where(RunChange.run_id == run_id).order_by(RunChange.id)
        return Record.replay(session.scalars(query))

    def save(self, session: Session, run: OpenRun) -> None:
        """Append what was changed to the journal; the conductor is kept once that is committed."""
        if run.fresh:
            rows = [{"run_id": run.row.id, "change": change} for change in run.fresh]
            session.execute(insert(RunChange), rows)
            run.row.version += len(rows)
            run.fresh = []
        run.row.state = run.record.state
        session.flush()
        version, conductor, run_id = run.row.version, run.conductor, run.row.id
        if not run.record.ended:
            after_commit(session, lambda: self._kept.__setitem__(run_id, (version, conductor)))
