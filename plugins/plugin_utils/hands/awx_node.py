# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job of AWX does for an item, an undo, a bundle or a node of one: it takes in answers, and says how it ended.

The project holds the catalog it was made of; by it the job knows questions, conditions and arguments. What has to run
is written into a folder that Ansible removes when it ends, values from outside marked ``!unsafe``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names, parts
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import why_engine
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.gate import (
    STARTED,
    Gate,
    marker_of,
    markers_in,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.wrappers import ANSWERS
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import label_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import resolve, unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import compile_graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, UNDO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import (
    ExecutionInputs,
    condition_scopes,
    execution_inputs,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import secrets_source
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch, checked_answers
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars

NOWHERE = "all:!all"
"""A host pattern that matches no host."""


@dataclass(frozen=True)
class Subject:
    """What a job is for. ``kind`` is item, undo, engine or node; ``name`` that of the item or bundle."""

    project: Path
    kind: str
    name: str
    component: str = ""

    def catalog(self) -> Catalog:
        """The catalog of the project; raises ProblemsFound with all that is wrong with it."""
        catalog, problems = load_catalog([self.project / "catalog"])
        if problems:
            raise ProblemsFound(problems)
        known = catalog.items if self.kind in (names.ITEM, names.UNDO) else catalog.bundles
        if self.name not in known:
            raise HoldfastError(f"the project's catalog has no '{self.name}' ({did_you_mean(self.name, known)})")
        return catalog


@dataclass(frozen=True)
class Job:
    """What a job was given: its variables as they are, its hosts, who asked for it, where its files go.

    ``limit`` is the host pattern it was limited to, "" for none; ``hosts_of`` gives the hosts of a pattern.
    """

    variables: Mapping[str, Any]
    folder: Path
    hosts_of: Callable[[str], Sequence[str]]
    limit: str = ""
    run: str = ""
    requested_by: str = ""


class Begun(NamedTuple):
    """What the job does: whether it runs and why not, on which hosts, by which files, and what it leaves behind."""

    runs: bool
    why: str = ""
    pattern: str = ""
    hosts: tuple[str, ...] = ()
    files: Mapping[str, str] = {}
    stats: Mapping[str, Any] = {}


def begin(subject: Subject, job: Job) -> Begun:
    """Take in the answers. Raises HoldfastError with everything that is wrong with them."""
    catalog = subject.catalog()
    if subject.kind in (names.ITEM, names.UNDO):
        return _alone(subject, job, catalog)
    bundle = catalog.bundles[subject.name]
    answers = _answers(bundle, job)
    if subject.kind == names.ENGINE:
        return Begun(True, files=_write_variables(job, {ANSWERS: unsafe(answers)}))
    return _Node(subject, job, catalog, bundle, answers).begin()


def _answers(bundle: Bundle, job: Job) -> dict[str, Any]:
    """The answers among the variables; raises ProblemsFound with every wrong one."""
    given = {question.name: job.variables[question.name] for question in bundle.fields
             if job.variables.get(question.name) is not None}  # fmt: skip
    return checked_answers(bundle, given)


# --- an item by itself -------------------------------------------------------------------------------------------


def _alone(subject: Subject, job: Job, catalog: Catalog) -> Begun:
    item = catalog.items[subject.name]
    component = Component(item.name, item=item.name, hosts=job.limit or LOCALHOST)
    bundle = Bundle(item.name, item.version, item.title, item.owner, item.labels, fields=item.fields,
                    components=(component,))  # fmt: skip
    case = _Case(job, bundle, Catalog({item.name: item}, {}), _answers(bundle, job))
    hosts = tuple(job.hosts_of(component.hosts)) if job.limit else (LOCALHOST,)
    inputs = case.inputs(item.name, hosts, UNDO if subject.kind == names.UNDO else DO)
    if subject.kind == names.UNDO and item.guard is not None and item.guard.restores:
        # The job that is undone is another one, whose number nobody tells: the item's last change is meant.
        inputs = inputs._replace(args={**inputs.args, "label": label_of(item.name)})
    return Begun(True, pattern=component.hosts, hosts=hosts, files=_write(job, inputs))


@dataclass
class _Case:
    """A bundle with its answers, as the engine would see it, and what other nodes have reported."""

    job: Job
    bundle: Bundle
    catalog: Catalog
    answers: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        launch = Launch(self.bundle, self.catalog, fields=self.answers, requested_by=self.job.requested_by)
        self.context = launch.context(self.job.run, secrets_source.read())
        self.graph: Graph = compile_graph(self.bundle, self.catalog, self.context, lambda pattern: (pattern,))
        self.record = Record()
        self.record.run.update(id=self.job.run, requested_by=self.job.requested_by)
        for name, values in self.outputs.items():
            self._report(name, values)

    def _report(self, name: str, values: Mapping[str, Any]) -> None:
        node = self.graph.nodes.get(name)
        if node is not None and node.kind == "rollout":
            reported = {f"{name}.{inner}": own for inner, own in values.items() if isinstance(own, Mapping)}
        else:
            reported = {name: values}
        for full, own in reported.items():
            self.record.outputs[full] = {"0": dict(own)}

    def scopes(self, name: str) -> dict[str, Any]:
        """What the condition of a node sees."""
        return condition_scopes(self.graph, self.record, self.graph.nodes[name], 0, self.context)

    def inputs(self, name: str, hosts: tuple[str, ...], action: str) -> ExecutionInputs:
        """What has to run for a node."""
        execution = Execution(f"{self.job.run}/{name}/0/{action}/1", name, "0", 0, action, 1, hosts, None)
        return execution_inputs(self.graph, self.record, execution, self.context)


# --- a node of a workflow ----------------------------------------------------------------------------------------


@dataclass
class _Node:
    """A component of a bundle, in a job of its own."""

    subject: Subject
    job: Job
    catalog: Catalog
    bundle: Bundle
    answers: Mapping[str, Any]

    def begin(self) -> Begun:
        component = next((one for one in self.bundle.components if one.name == self.subject.component), None)
        if component is None:
            hint = did_you_mean(self.subject.component, [one.name for one in self.bundle.components])
            raise HoldfastError(f"the bundle '{self.bundle.name}' has no component '{self.subject.component}' ({hint})")
        markers = markers_in(self.job.variables)
        outputs = {name: marker["outputs"] for name, marker in markers.items()}
        case = _Case(self.job, self.bundle, self.catalog, self.answers, outputs)
        scopes = case.scopes(component.name)
        verdict = Gate(self.bundle, self.catalog, markers, scopes).decide(component.name)
        if not verdict.runs:
            return Begun(False, verdict.why, NOWHERE, stats=_left(component.name, states.SKIPPED, {}))
        started = _left(component.name, STARTED, {})
        if why_engine(self.bundle, self.catalog, component):
            return Begun(True, files=self._part(component, outputs), stats=started)
        pattern = str(resolve(component.hosts or LOCALHOST, case.context))
        hosts = (LOCALHOST,) if pattern == LOCALHOST else tuple(self.job.hosts_of(pattern))
        if not hosts:
            raise HoldfastError(f"host pattern '{pattern}' matches no host (name a group or host of the inventory)")
        return Begun(True, "", pattern, hosts, _write(self.job, case.inputs(component.name, hosts, DO)), started)

    def _part(self, component: Component, outputs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        handed = {
            parts.handed_in(name): parts.handed_answer(outputs.get(name, {}))
            for name in parts.part_of(self.bundle, self.catalog, component).handed
        }
        return _write_variables(self.job, {ANSWERS: unsafe({**self.answers, **handed})})


def end(subject: Subject, came_through: bool, run: Optional[Path]) -> dict[str, Any]:
    """What a node leaves behind that came to its end: its state, and what the engine's run of it reported."""
    if run is not None:
        state, outputs = _of_run(Run(run).record(), subject.component)
        return _left(subject.component, state, outputs)
    return _left(subject.component, states.SUCCESSFUL, {}) if came_through else {}


def _of_run(record: Record, component: str) -> tuple[str, dict[str, Any]]:
    """How a component ended in a run of its own, and its outputs; those of a rollout by inner component."""
    skipped = record.seen(component).batches.get(0) == states.SKIPPED
    outputs: dict[str, Any] = {}
    for name, batches in record.outputs.items():
        values = {key: value for batch in sorted(batches, key=int) for key, value in batches[batch].items()}
        if name == component:
            outputs.update(values)
        elif name.startswith(f"{component}."):
            outputs[name[len(component) + 1 :]] = values
    return states.SKIPPED if skipped else states.SUCCESSFUL, outputs


def _left(component: str, state: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {names.marker(component): marker_of(state, outputs)}


def reported(values: str, path: Sequence[str]) -> dict[str, Any]:
    """What a component reported, for one that stands in its place; ``path`` names the part of a rollout."""
    found = json.loads(values)
    for name in path:
        found = found.get(name, {})
    return dict(found)


# --- files -------------------------------------------------------------------------------------------------------


def _write(job: Job, inputs: ExecutionInputs) -> dict[str, str]:
    """The files of an action and its verification: tasks of roles and modules, variables of playbooks."""
    pairs: list[tuple[str, Optional[Action], Mapping[str, Any]]] = [
        ("tasks", inputs.action, inputs.args),
        ("verify", inputs.verify, inputs.verify_args),
    ]
    files: dict[str, str] = {}
    variables: dict[str, Any] = {}
    for key, action, args in pairs:
        if action is None:
            continue
        if action.kind != "playbook":
            files[key] = _file(job, f"{key}.yml", [_task(action, args, inputs.scopes)])
            continue
        twice = sorted(name for name in args if name in variables and variables[name] != args[name])
        if twice:
            raise HoldfastError(f"the playbooks of an undo and its verification give '{twice[0]}' different values")
        variables.update(args)
    if variables or any(action is not None and action.kind == "playbook" for _key, action, _args in pairs):
        files.update(_write_variables(job, {**variables, "holdfast": inputs.scopes}))
    return files


def _task(action: Action, args: Mapping[str, Any], scopes: Mapping[str, Any]) -> dict[str, Any]:
    if action.kind == "module":
        return {"name": action.name, action.name: dict(args), "vars": {"holdfast": dict(scopes)}}
    include = {"name": action.name, "ansible.builtin.include_role": {"name": action.name}}
    return {**include, "vars": {**args, "holdfast": dict(scopes)}}


def _write_variables(job: Job, variables: Mapping[str, Any]) -> dict[str, str]:
    return {"variables": _file(job, "variables.yml", dict(variables))}


def _file(job: Job, name: str, content: Any) -> str:
    write_vars(job.folder / name, content)
    return str(job.folder / name)
