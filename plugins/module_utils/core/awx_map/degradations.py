# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX does otherwise than Holdfast: every such thing has a name here, what AWX does instead, and when it matters.

The table is what the export prints, what it writes into the descriptions of templates and what the manual shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Callable

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import (
    outputs_read,
    walk,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import Degradation
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.breaker_rules import breaker_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Component,
    Field,
    Item,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import find_references
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states


@dataclass(frozen=True)
class View:
    """What a feature is looked for in: a bundle and its catalog, and every component with its full name."""

    bundle: Bundle
    catalog: Catalog
    parts: tuple[tuple[Component, str], ...]

    def item(self, component: Component) -> Item:
        """The item of a component; an empty one where it has none."""
        return self.catalog.items.get(component.item) or Item("")

    def manual(self, component: Component) -> bool:
        """Whether a person does the work of a component."""
        return self.item(component).mode == "manual"

    def any_undo(self) -> bool:
        """Whether anything in the bundle can be undone."""
        undos = (self.item(component).compensation for component, _name in self.parts)
        return any(undo is not None and undo.action is not None for undo in undos)


Finder = Callable[[View], Iterator[str]]


@dataclass(frozen=True)
class Feature:
    """Something of Holdfast that AWX has not. ``means`` is what it is here, ``instead`` what AWX does.

    ``find`` gives the components it shows in, "" for the bundle as a whole.
    """

    means: str
    instead: str
    find: Finder


def degradations_of(bundle: Bundle, catalog: Catalog) -> tuple[Degradation, ...]:
    """Everything that AWX does otherwise when it runs this bundle as a workflow, in the order of the table."""
    view = View(bundle, catalog, tuple(walk(bundle.components)))
    return tuple(
        Degradation(place, name, feature.instead) for name, feature in FEATURES.items() for place in feature.find(view)
    )


def item_degradations(item: Item) -> tuple[Degradation, ...]:
    """Everything that AWX does otherwise when it runs this item by itself."""
    found = [Degradation("", "survey limits", FEATURES["survey limits"].instead)] if _fractions(item.fields) else []
    if _by_path(_actions(item)):
        found.append(Degradation("", "playbooks by path", FEATURES["playbooks by path"].instead))
    if _uses_secrets({}, item):
        found.append(Degradation("", "secrets", FEATURES["secrets"].instead))
    return tuple(found)


# --- when it matters ---------------------------------------------------------------------------------------------


def _whole(holds: Callable[[View], bool]) -> Finder:
    def find(view: View) -> Iterator[str]:
        if holds(view):
            yield ""

    return find


def _each(holds: Callable[[View, Component], bool]) -> Finder:
    def find(view: View) -> Iterator[str]:
        yield from (name for component, name in view.parts if holds(view, component))

    return find


def _top(holds: Callable[[View, Component], bool]) -> Finder:
    """Only of the bundle's own components: inside a rollout the engine does as it always does."""

    def find(view: View) -> Iterator[str]:
        yield from (component.name for component in view.bundle.components if holds(view, component))

    return find


def _inner(holds: Callable[[View, Component], bool]) -> Finder:
    """Only of components inside rollouts."""

    def find(view: View) -> Iterator[str]:
        yield from (name for component, name in view.parts if "." in name and holds(view, component))

    return find


def _fractions(fields: tuple[Field, ...]) -> bool:
    limits = [limit for field in fields for limit in (field.min, field.max) if isinstance(limit, float)]
    return any(not limit.is_integer() for limit in limits)


def _actions(item: Item) -> list[Action]:
    undo = item.compensation
    actions = (item.action, undo.action if undo else None, undo.verify if undo else None)
    return [action for action in actions if action is not None]


def _by_path(actions: list[Action]) -> bool:
    return any(action.kind == "playbook" and action.name.endswith((".yml", ".yaml")) for action in actions)


def _uses_secrets(fields: Mapping[str, object], item: Item) -> bool:
    values = [dict(fields), *(dict(action.args) for action in _actions(item))]
    return any(reference.names[0] == "secrets" for value in values for reference in find_references(value))


def _names_states(_view: View, component: Component) -> bool:
    return any(need.states for need in component.needs)


def _waits_for_skipped(view: View, component: Component) -> bool:
    later = {other.name for other in view.bundle.components if other.needs}
    return any(states.SKIPPED in need.states and need.node in later for need in component.needs)


def _people_or_else(view: View, component: Component) -> bool:
    by_name = {other.name: other for other in view.bundle.components}
    parents = [by_name[need.node] for need in component.needs if need.node in by_name]
    asked = [parent.approval is not None or view.manual(parent) for parent in parents]
    return component.join == "any" and len(parents) > 1 and any(asked)


def _joins_many(_view: View, component: Component) -> bool:
    return component.join == "all" and len(component.needs) > 1


FEATURES: Mapping[str, Feature] = {
    "rollout": Feature(
        "one batch of hosts after another walks through an inner graph, within a failure budget",
        "is one node: its job runs Holdfast's engine, which keeps batches, budget and the undo of a batch; AWX shows "
        "no node for each step",
        _top(lambda _view, component: component.rollout is not None),
    ),
    "when": Feature(
        "a node whose condition is false is skipped, and so is what needs it",
        "the job starts, does nothing and ends successful; jobs after it that it would have skipped do the same",
        _top(
            lambda view, component: bool(component.when) and component.approval is None and not view.manual(component)
        ),
    ),
    "when of people's work": Feature(
        "nobody is asked when the condition is false",
        "AWX knows no condition: people are asked always; what comes after goes by the condition all the same",
        _top(
            lambda view, component: bool(component.when) and (component.approval is not None or view.manual(component))
        ),
    ),
    "join": Feature(
        "join: all waits for every parent; each bad end counts",
        "AWX passes over parents that ended in error or were canceled; the job then finds that a parent did not come "
        "to its end, does nothing and ends successful",
        _top(_joins_many),
    ),
    "states": Feature(
        "an edge that names end states looks on: it does not make a failure handled",
        "becomes an edge on success, on failure or on both; failed, timed out, lost and unreachable are one to it; the "
        "node '(failed)' makes the workflow end as failed all the same",
        _top(_names_states),
    ),
    "after a skipped node": Feature(
        "an edge that names skipped is met by a parent that never ran",
        "it is met by a parent whose condition was false; after a parent that AWX itself did not start, nothing starts",
        _top(_waits_for_skipped),
    ),
    "retries": Feature(
        "further attempts, on all hosts or on those that failed",
        "are made by the engine inside the node's job; AWX shows one job",
        _top(lambda _view, component: component.retries.count > 0),
    ),
    "rollback": Feature(
        "a failure undoes what was done, back to the scope of the bundle",
        "only what the failed node's own job did is undone, by that job; nodes before it stay as they are and nodes "
        "beside it go on: launch the templates named (undo), or use the template named (engine)",
        _whole(lambda view: view.bundle.on_failure == "rollback" and view.any_undo()),
    ),
    "rollback on cancel": Feature(
        "a canceled run is undone",
        "a canceled workflow ends its jobs, and nothing more is undone",
        _whole(lambda view: view.bundle.on_cancel == "rollback" and view.any_undo()),
    ),
    "per-host flow": Feature(
        "each host goes on by itself, along its own edges",
        "all hosts end a node before the next node begins; inside a rollout each goes on by itself",
        _whole(lambda view: view.bundle.host_flow == "per_host"),
    ),
    "locks": Feature(
        "no other run touches the same thing meanwhile",
        "AWX does not run the same workflow template twice at a time, and that is all; locks of components hold inside "
        "their jobs, against jobs that share a HOLDFAST_STORE",
        _whole(lambda view: bool(view.bundle.locks) or any(part.locks for part, _name in view.parts)),
    ),
    "breakers": Feature(
        "an open circuit breaker stops the run before its next batch, and the declared path is taken",
        "the node's own job asks and tells the breaker, with the controller that HOLDFAST_BREAKERS_URL names or in a "
        "shared HOLDFAST_STORE; when it refuses, that job fails: nothing before it is undone, and a fallback runs "
        "after every failure of what it stands in for",
        _each(lambda view, component: breaker_of(component, view.item(component)) is not None),
    ),
    "max_parallel": Feature(
        "at most so many executions at a time",
        "AWX starts every node that can start, as far as its capacity goes",
        _whole(lambda view: view.bundle.max_parallel < Bundle("").max_parallel),
    ),
    "quorum": Feature(
        "so many different people must approve",
        "one approval is enough",
        _each(lambda _view, component: component.approval is not None and component.approval.quorum > 1),
    ),
    "four eyes": Feature(
        "whoever asked for the run may not approve it",
        "everybody who may approve the workflow may, also who launched it",
        _each(lambda _view, component: component.approval is not None and component.approval.four_eyes),
    ),
    "approve on timeout": Feature(
        "silence approves",
        "silence denies",
        _top(lambda _view, component: component.approval is not None and component.approval.on_timeout == "approve"),
    ),
    "approval in an any join": Feature(
        "join: any goes on when people approve, whatever became of the other parents",
        "when another parent was skipped, the job cannot tell what people said, and does nothing",
        _top(_people_or_else),
    ),
    "approval in a rollout": Feature(
        "every batch waits for people",
        "AWX does not know that the job waits: people approve with the playbook holdfast.ops.approve, in a shared "
        "HOLDFAST_STORE",
        _inner(lambda _view, component: component.approval is not None),
    ),
    "work by hand": Feature(
        "a person does it and says so",
        "becomes an approval: approved means done",
        _top(lambda view, component: view.manual(component)),
    ),
    "outputs": Feature(
        "values that a node reports to later ones",
        "travel as an artifact of the node's job, which the engine runs, and can be read in AWX; secret ones do not "
        "travel",
        _top(lambda view, component: bool(outputs_read(view.bundle, component))),
    ),
    "secrets": Feature(
        "$secrets.NAME comes from the environment or a file of whoever runs it",
        "a credential with an injector for the environment variable HOLDFAST_SECRET_NAME has to bring it",
        _each(lambda view, component: _uses_secrets(component.fields, view.item(component))),
    ),
    "masking": Feature(
        "secret answers are hidden in everything that a run says",
        "AWX hides them in its own fields, and not in what a job that plays by itself prints",
        _whole(lambda view: any(field.type == "password" for field in view.bundle.fields)),
    ),
    "survey limits": Feature(
        "limits of a number may be fractions",
        "AWX takes whole numbers only: the form does not check these limits, the job does",
        _whole(lambda view: _fractions(view.bundle.fields)),
    ),
    "playbooks by path": Feature(
        "an item may be a playbook of your own, by its path",
        "the file has to stand in the project at the same path, with all it needs",
        _each(lambda view, component: _by_path(_actions(view.item(component)))),
    ),
    "resume": Feature(
        "an interrupted run goes on where it stopped",
        "a relaunch begins at the beginning",
        _whole(lambda _view: True),
    ),
    "limit": Feature(
        "a limit narrows the hosts of every node",
        "the workflow asks for no limit; its questions decide which hosts",
        _whole(lambda _view: True),
    ),
}
"""Everything of Holdfast that a workflow of AWX does otherwise, by the name it is told under."""
