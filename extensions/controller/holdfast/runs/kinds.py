# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries out the nodes of a run: it turns a start into a job, and the end of a job into results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution, HostResult
from sqlalchemy.orm import Session

from holdfast.db.models import Run, UnifiedJob, WorkflowJobNode
from holdfast.runs.store import OpenRun


class Results(NamedTuple):
    """How an execution ended: its hosts, and what was reported; ``secrets`` are texts in it that are to be hidden."""

    hosts: Mapping[str, HostResult]
    outputs: Mapping[str, Any]
    secrets: frozenset[str] = frozenset()


class Kind(Protocol):
    """Carries out the nodes of one kind of run."""

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Make the job of an execution; it is queued with the commit, or has ended already where it cannot run.

        Raises HoldfastError where there cannot even be a job.
        """

    def asked(self, session: Session, run: OpenRun, row: WorkflowJobNode) -> None:
        """People are asked about a node that is not executed."""

    def results(self, session: Session, run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """What a job's end means for the hosts of its execution."""

    def secret_outputs(self, session: Session, run: Run) -> dict[str, dict[str, dict[str, Any]]]:
        """What the nodes of a run have reported so far that is kept out of its journal, as its record holds it."""

    def over(self, run_id: str) -> None:
        """A run is over: nothing that was kept for it is needed any more."""
