# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the database: the journal, and conductors made from it.

A conductor is kept in memory between two events and thrown away whenever the transaction that used it fails: what is
in the database counts, and a conductor made from it goes on as if it had never been gone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change, Finished
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from holdfast.db.base import in_turn
from holdfast.db.models import Run, RunChange
from holdfast.runs.graphs import opened

MOST = 500
"""So many conductors are kept at the most; of more, those that were not needed for longest are made again."""
SecretOutputs = dict[str, dict[str, dict[str, Any]]]


@dataclass
class OpenRun:
    """A run within one transaction.

    ``mask`` hides the run's secrets. ``ending`` are executions that were told to end. ``fresh`` are the changes that
    the journal does not hold yet, ``next`` ends to be applied when all that was decided is done, ``cancels`` jobs to be
    cancelled with the commit. ``anew``: the conductor has to be asked again before anything more is done.
    """

    row: Run
    conductor: Conductor
    mask: Mask
    ending: set[str] = field(default_factory=set)
    fresh: list[Change] = field(default_factory=list)
    next: list[Finished] = field(default_factory=list)
    cancels: list[int] = field(default_factory=list)
    anew: bool = False

    @property
    def record(self) -> Record:
        """The record of the run."""
        return self.conductor.record


class _Kept(NamedTuple):
    version: int
    conductor: Conductor
    mask: Mask
    ending: set[str]


class RunStore:
    """Loads and saves runs.

    ``answers_of`` gives the secret answers of a run in clear, for its conditions; ``secrets_of`` what its nodes have
    reported so far that the journal must not hold.
    """

    def __init__(
        self,
        answers_of: Callable[[Session, Run], dict[str, Any]],
        secrets_of: Callable[[Session, Run], SecretOutputs],
    ) -> None:
        self._answers_of = answers_of
        self._secrets_of = secrets_of
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def load(self, session: Session, run_id: str) -> OpenRun:
        """A run to be changed in this transaction. Raises HoldfastError when there is none."""
        row = session.get(Run, run_id, with_for_update=True)
        if row is None:
            raise HoldfastError(f"there is no run '{run_id}'")
        return self.open(session, row)

    def open(self, session: Session, row: Run) -> OpenRun:
        """The same, of a row that this transaction holds."""
        kept = self._kept.pop(row.id, None)
        if kept is not None and kept.version == row.version:
            return OpenRun(row, kept.conductor, kept.mask, kept.ending)
        return self.restored(session, row)

    def restored(self, session: Session, row: Run) -> OpenRun:
        """A run as the database knows it."""
        graph, context, secrets = opened(row.kind, row.launch, row.id, self._answers_of(session, row))
        record = self.record(session, row.id)
        record.secret_outputs = self._secrets_of(session, row)
        mask = Mask((*secrets, *secret_texts(record.secret_outputs)))
        return OpenRun(row, Conductor(graph, record, context), mask)

    @staticmethod
    def record(session: Session, run_id: str) -> Record:
        """The record of a run, folded from its journal."""
        query = select(RunChange.change).where(RunChange.run_id == run_id).order_by(RunChange.id)
        return Record.replay(session.scalars(query))

    def save(self, session: Session, run: OpenRun) -> None:
        """Append what was changed to the journal; the conductor is kept once that is committed."""
        if run.fresh:
            rows = [{"run_id": run.row.id, "change": _shown(change, run.mask)} for change in run.fresh]
            session.execute(insert(RunChange), rows)
            run.row.version += len(run.fresh)
            run.fresh = []
        if run.row.state != run.record.state:
            run.row.state = run.record.state
        session.flush()
        if not run.record.ended:
            kept = _Kept(run.row.version, run.conductor, run.mask, run.ending)
            in_turn(session, lambda: self._keep(run.row.id, kept))

    def drop(self, run_id: str) -> None:
        """Make the conductor of a run anew when it is needed next: it takes for done what was not."""
        self._kept.pop(run_id, None)

    def _keep(self, run_id: str, kept: _Kept) -> None:
        self._kept[run_id] = kept
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)


def _shown(change: Change, mask: Mask) -> Change:
    """A change as the journal may hold it: a play may report a secret that somebody gave it."""
    if change["type"] != "outputs":
        return change
    return {**change, "outputs": mask.apply(change["outputs"])}
