# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of the catalog: each execution a job that plays an item on the hosts of its slice.

What a play is made of (its files, answers, outputs) is the same as on a terminal: the hands write it. The values never
stand in the database where one of them is a secret: they are made again from record and answers when a job begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO, Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import (
    ExecutionInputs,
    execution_inputs,
    secret_names,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import execution_of
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import secrets_source
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import write_play
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import Events
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import Job, JobTemplate, Run, UnifiedJob, WorkflowJob
from holdfast.runs import nodes
from holdfast.runs.graphs import bundle_launch
from holdfast.runs.native import Results
from holdfast.runs.store import OpenRun, RunStore


class Play(NamedTuple):
    """What a job of a bundle plays: a playbook with arguments, and what has to be masked wherever it is shown.

    ``events`` collects the results; ``hosts`` and ``marked`` are for ``Bundles.finish``.
    """

    playbook: str
    arguments: tuple[str, ...]
    secrets: tuple[str, ...]
    events: Events
    hosts: tuple[str, ...]
    marked: bool
    from_module: bool


class Bundles:
    """Carries out the nodes of bundles."""

    def __init__(self, controller: Controller, store: RunStore) -> None:
        self._controller = controller
        self._store = store
        self._inputs: dict[str, ExecutionInputs] = {}
        self._secret_outputs: dict[str, dict[str, Any]] = {}

    # --- a start ------------------------------------------------------------------------------------------------

    def start(self, session: Session, run: OpenRun, execution: Execution) -> UnifiedJob:
        """Make the job of an execution."""
        workflow_job = session.get(WorkflowJob, run.row.workflow_job_id)
        node = run.conductor.graph.nodes[execution.node]
        if workflow_job is None or node.item is None:
            raise HoldfastError(f"node {execution.node} has nothing to run")
        self._inputs[execution.id] = execution_inputs(run.conductor.graph, run.record, execution, run.conductor.context)
        row = nodes.of_execution(session, run, execution)
        template = session.scalar(select(JobTemplate).where(JobTemplate.catalog_key == f"item/{node.item.name}"))
        action = self._inputs[execution.id].action
        title = f"{'Undo ' if execution.action == UNDO else ''}{node.item.title or node.item.name}"
        job = Job(
            name=f"{title}: {execution.node}",
            description=node.description,
            unified_job_template_id=template.id if template is not None else None,
            organization_id=workflow_job.organization_id,
            created_by_id=workflow_job.created_by_id,
            modified_by_id=workflow_job.created_by_id,
            inventory_id=workflow_job.inventory_id,
            project_id=template.project_id if template is not None else None,
            credentials=list(workflow_job.credentials),
            launch_type="workflow",
            status="pending",
            job_type="run",
            playbook=action.name,
            limit=",".join(execution.hosts),
            allow_simultaneous=True,
            execution_id=execution.id,
            execution={"run": run.row.id},
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
        with self._controller.database.reading() as session:
            run = session.get(Run, str((job.execution or {}).get("run")))
            if run is None:
                raise HoldfastError(f"the run of job {job.id} is gone")
            answers = self._answers(session, run)
            launch = bundle_launch(run.launch, answers)
            named = secrets_source.read()
            record = self._store.record(session, run.id)
        entry = record.executions.get(str(job.execution_id))
        if entry is None:
            raise HoldfastError(f"run {run.id} knows nothing of the execution {job.execution_id}")
        execution = execution_of(entry)
        graph = launch.graph(run.id, named)
        self._restore_secrets(record.secret_outputs, run.id)
        inputs = self._inputs.pop(execution.id, None) or execution_inputs(
            graph, record, execution, launch.context(run.id, named)
        )
        cwd = launch.options.cwd or str(folder)
        files = write_play(folder, execution, inputs, cwd, not local_inventory)
        item = graph.nodes[execution.node].item
        outputs = tuple(output.name for output in item.outputs) if item is not None else ()
        hidden = (*launch.secret_answers(), *secret_texts(named), *secret_texts([record.secret_outputs]))
        return Play(
            files.playbook, files.arguments, tuple(hidden), Events(outputs), execution.hosts, files.marked,
            inputs.action.kind == "module",
        )  # fmt: skip

    def _answers(self, session: Session, run: Run) -> dict[str, Any]:
        job = session.get(WorkflowJob, run.workflow_job_id)
        return self._controller.secrets.open_all(job.secret_answers) if job is not None else {}

    def _restore_secrets(self, known: dict[str, dict[str, dict[str, Any]]], run_id: str) -> None:
        """Secret outputs live in memory only: what the jobs of this process reported."""
        for execution_id, values in self._secret_outputs.items():
            run, node, slice_ = execution_id.split("/")[:3]
            if run == run_id:
                batch = str(int(slice_.partition(".")[0]) - 1)
                known.setdefault(node, {}).setdefault(batch, {}).update(values)

    # --- an end -------------------------------------------------------------------------------------------------

    def finish(self, job: Job, play: Play, return_code: int, ended_for: str = "") -> None:
        """Write how an execution ended into its job, within the transaction that ends the job.

        ``ended_for`` is ``cancel`` or ``timeout`` where it was ended before its time. Secret outputs stay in memory.
        """
        results = play.events.results(play.hosts, return_code, play.marked)
        if ended_for:
            state = states.TIMED_OUT if ended_for == "timeout" else states.CANCELED
            told = (states.FAILED, states.UNREACHABLE)
            results = {
                host: one if ended_for == "cancel" and one.state in told else HostResult(state)
                for host, one in results.items()
            }
        outputs = {} if ended_for else play.events.outputs(play.from_module)
        secret = self._secret_names(job)
        self._secret_outputs[str(job.execution_id)] = {k: v for k, v in outputs.items() if k in secret}
        mask = self._controller.services["mask"](play.secrets)
        job.execution = {
            **(job.execution or {}),
            "results": {host: [one.state, mask.apply(one.message)] for host, one in results.items()},
            "outputs": mask.apply({name: value for name, value in outputs.items() if name not in secret}),
        }

    def _secret_names(self, job: Job) -> frozenset[str]:
        with self._controller.database.reading() as session:
            run = session.get(Run, str((job.execution or {}).get("run")))
            if run is None:
                return frozenset()
            graph = bundle_launch(run.launch, {}).graph(run.id, {})
        return secret_names(graph.nodes[str(job.execution_id).split("/")[1]])

    def results(self, session: Session, _run: OpenRun, execution: Execution, job: UnifiedJob) -> Results:
        """The results that ``finish`` wrote; a job that ended without them is in error on all its hosts."""
        known: Mapping[str, Any] = (job.execution or {}) if isinstance(job, Job) else {}
        if "results" not in known:
            state = states.CANCELED if job.status == "canceled" else states.ERROR
            why = job.job_explanation or "the job ended before its play began"
            return Results(dict.fromkeys(execution.hosts, HostResult(state, why)), {})
        hosts = {host: HostResult(state, message) for host, (state, message) in known["results"].items()}
        return Results(hosts, {**known["outputs"], **self._secret_outputs.get(execution.id, {})})

    def forget(self, run_id: str) -> None:
        """A run is over: nothing of its secrets is needed any more."""
        for kept in (self._inputs, self._secret_outputs):
            for execution_id in [one for one in kept if one.startswith(f"{run_id}/")]:
                del kept[execution_id]  # type: ignore[attr-defined]
