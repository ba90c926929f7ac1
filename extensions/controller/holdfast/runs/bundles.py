# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of the catalog: each execution a job that plays an item on the hosts of its slice.

What a play is made of (its files, answers, outputs) is the same as on a terminal: the hands write it. It is kept in
memory from the start of the execution to its play, and made again from journal and answers after a restart. Secret
outputs are in memory and, sealed, in the jobs that reported them, so a run goes on with them after a restart too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO, Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import (
    ExecutionInputs,
    declared_names,
    execution_inputs,
    secret_names,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import execution_of
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import write_play
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import Events
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import Execution as ExecutionRow
from holdfast.db.models import Job, JobTemplate, Run, UnifiedJob, WorkflowJob, WorkflowJobNode
from holdfast.jobs.credential_rows import by_key
from holdfast.runs import nodes
from holdfast.runs.kinds import Results
from holdfast.runs.store import OpenRun, RunStore, SecretOutputs

_FROM_TEMPLATE = ("project_id", "forks", "verbosity", "become_enabled", "diff_mode", "execution_environment_id")
"""What the job of an execution takes from the template that people see for it."""
_LATER = frozenset((states.FAILED, states.UNREACHABLE))


class Play(NamedTuple):
    """What a job of a bundle plays: a playbook with arguments, and what has to be masked wherever it is shown.

    ``events`` collects the results; everything behind it is for ``Bundles.finish``.
    """

    playbook: str
    arguments: tuple[str, ...]
    secrets: tuple[str, ...]
    events: Events
    hosts: tuple[str, ...]
    marked: bool
    from_module: bool
    secret_outputs: frozenset[str]


class _Begun(NamedTuple):
    """An execution that was started, with everything its play needs."""

    execution: Execution
    inputs: ExecutionInputs
    outputs: frozenset[str]
    secret_outputs: frozenset[str]
    secrets: tuple[str, ...]


class Bundles:
    """Carries out the nodes of bundles."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._begun: dict[str, _Begun] = {}

    # --- a start ------------------------------------------------------------------------------------------------

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Make the job of an execution."""
        around = session.get(WorkflowJob, run.row.workflow_job_id)
        node = run.conductor.graph.nodes[execution.node]
        if around is None or node.item is None:
            raise HoldfastError(f"node {execution.node} has nothing to run")
        begun = self._begun[execution.id] = _begin(run, execution)
        row = nodes.of_execution(session, run, execution)
        templates = _templates(session, run.conductor.graph.name, node, execution.action)
        template = templates[0] if templates else None
        held = [credential for one in reversed(templates) for credential in one.credentials]
        credentials = by_key([*held, *around.credentials])
        job = Job(
            name=_name(node, execution),
            description=node.description,
            unified_job_template_id=template.id if template is not None else None,
            organization_id=around.organization_id,
            created_by_id=around.created_by_id,
            modified_by_id=around.created_by_id,
            inventory_id=around.inventory_id,
            credentials=list(credentials.values()),
            launch_type="workflow",
            status="pending",
            playbook=begun.inputs.action.name,
            limit=",".join(execution.hosts),
            job_tags=around.job_tags or "",
            skip_tags=around.skip_tags or "",
            allow_simultaneous=True,
            execution_id=execution.id,
            execution={"run": run.row.id},
            request_id=around.request_id,
            **({name: getattr(template, name) for name in _FROM_TEMPLATE} if template is not None else {}),
        )
        session.add(job)
        session.flush()
        row.job_id = job.id
        self._controller.services["jobs"].queue(session, job)
        return job

    def play_of(self, job: Job, folder: Path, local_inventory: bool) -> Play:
        """The files that a job of a bundle plays, written into ``folder``. ``local_inventory``: it holds localhost.

        Raises HoldfastError for what cannot be resolved any more.
        """
        begun = self._begun.pop(str(job.execution_id), None) or self._begin_again(job)
        execution, inputs = begun.execution, begun.inputs
        files = write_play(folder, execution, inputs, os.getcwd(), not local_inventory)
        return Play(
            files.playbook,
            files.arguments,
            begun.secrets,
            Events(sorted(begun.outputs)),
            execution.hosts,
            files.marked,
            inputs.action.kind == "module",
            begun.secret_outputs,
        )

    def _begin_again(self, job: Job) -> _Begun:
        """An execution that an earlier process started, from the journal."""
        store: RunStore = self._controller.services["runs"].store
        with self._controller.database.reading() as session:
            row = session.get(Run, str((job.execution or {}).get("run")))
            if row is None:
                raise HoldfastError(f"the run of job {job.id} is gone")
            run = store.restored(session, row)
        entry = run.record.executions.get(str(job.execution_id))
        if entry is None:
            raise HoldfastError(f"run {row.id} knows nothing of the execution {job.execution_id}")
        return _begin(run, execution_of(entry))

    # --- an end -------------------------------------------------------------------------------------------------

    def finish(self, job: Job, play: Play, return_code: int, ended_for: str = "") -> None:
        """Write how an execution ended into its job, within the transaction that ends the job.

        ``ended_for`` says why it was ended before its time: ``cancel``, ``timeout`` or ``shutdown``. What the end of
        this controller breaks off is told as interrupted.
        """
        if ended_for == "shutdown":
            job.interrupted = True
            return
        results = play.events.results(play.hosts, return_code, play.marked)
        if ended_for:
            state = states.TIMED_OUT if ended_for == "timeout" else states.CANCELED
            results = {
                host: one if ended_for == "cancel" and one.state in _LATER else HostResult(state)
                for host, one in results.items()
            }
        outputs = {} if ended_for else play.events.outputs(play.from_module)
        declared = {name: value for name, value in outputs.items() if name in play.secret_outputs}
        mask = Mask((*play.secrets, *secret_texts(declared)))
        shown = {name: mask.apply(value) for name, value in outputs.items() if name not in declared}
        hidden = {name: value for name, value in outputs.items() if shown.get(name) != value}
        job.execution = {
            **(job.execution or {}),
            "results": {host: [one.state, mask.apply(one.message)] for host, one in results.items()},
            "outputs": shown,
            "sealed": self._controller.secrets.seal(json.dumps(hidden)) if hidden else "",
        }

    def asked(self, _session: Session, _run: OpenRun, _row: WorkflowJobNode) -> None:
        """What was reported stands in the record of the run."""

    def results(self, _session: Session, run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """The results that ``finish`` wrote; a job that ended without them is in error on all its hosts."""
        known: Mapping[str, Any] = (job.execution or {}) if isinstance(job, Job) else {}
        self._begun.pop(execution.id, None)
        if "results" not in known:
            state = states.CANCELED if job.status == "canceled" else states.ERROR
            why = job.job_explanation or "the job ended before its play began"
            return Results(dict.fromkeys(execution.hosts, HostResult(state, why)), {})
        hosts = {host: HostResult(state, message) for host, (state, message) in known["results"].items()}
        hidden = self._opened(known)
        declared = secret_names(run.conductor.graph.nodes[execution.node])
        secrets = secret_texts([value for name, value in hidden.items() if name in declared])
        return Results(hosts, {**known["outputs"], **hidden}, frozenset(secrets))

    def _opened(self, known: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (
            json.loads(self._controller.secrets.open(known["sealed"])) if known.get("sealed") else {}
        )
        return found

    def secret_outputs(self, session: Session, run: Run) -> SecretOutputs:
        """What is sealed of the outputs of a run's nodes; of two host groups the later one counts."""
        query = (
            select(Job.execution_id, Job.execution)
            .join(ExecutionRow, ExecutionRow.job_id == Job.id)
            .where(ExecutionRow.run_id == run.id, ExecutionRow.ended.is_not(None))
        )
        found: SecretOutputs = {}
        for execution_id, known in session.execute(query.order_by(ExecutionRow.ended, Job.id)):
            values = self._opened(known or {})
            if values:
                node, slice_ = str(execution_id).split("/")[1:3]
                batch = str(int(slice_.partition(".")[0]) - 1)
                found.setdefault(node, {}).setdefault(batch, {}).update(values)
        return found

    def over(self, run_id: str) -> None:
        """A run is over: what was kept for plays that never began is not needed any more."""
        for execution_id in [one for one in self._begun if one.startswith(f"{run_id}/")]:
            self._begun.pop(execution_id, None)


def catalog_keys(bundle: str, node: Node, action: str) -> list[str]:
    """The keys of the templates that the catalog sync makes for a node, the closest first."""
    item = node.item.name if node.item is not None else ""
    return [f"undo/{item}", f"item/{item}"] if action == UNDO else [f"node/{bundle}/{node.name}", f"item/{item}"]


def _templates(session: Session, bundle: str, node: Node, action: str) -> list[JobTemplate]:
    """The templates of a node, the closest first: people give them credentials."""
    keys = catalog_keys(bundle, node, action)
    found = session.scalars(select(JobTemplate).where(JobTemplate.catalog_key.in_(keys))).all()
    return sorted(found, key=lambda one: keys.index(str(one.catalog_key)))


def _begin(run: OpenRun, execution: Execution) -> _Begun:
    """Everything that the play of an execution needs; raises HoldfastError for what cannot be resolved."""
    graph, node = run.conductor.graph, run.conductor.graph.nodes[execution.node]
    inputs = execution_inputs(graph, run.record, execution, run.conductor.context)
    return _Begun(execution, inputs, declared_names(node), secret_names(node), tuple(run.mask.secrets))


def _name(node: Node, execution: Execution) -> str:
    item = node.item
    title = (item.title or item.name) if item is not None else node.name
    return f"{'Undo ' if execution.action == UNDO else ''}{title}: {execution.node}"[:512]
