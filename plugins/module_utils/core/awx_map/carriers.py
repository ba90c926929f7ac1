# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who carries a node out in AWX: Ansible itself, or Holdfast's engine inside the node's job.

Ansible can when the node is one play. What takes more than a play - batches, further attempts, an undo, values that
others read - is run by the engine, so that it stays what the bundle says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.breaker_rules import breaker_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Component
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import find_references

ROLLOUT = "it is a rollout"
OUTPUTS = "other nodes read its outputs"
RETRIES = "it is tried again"
UNDO = "it is undone when it fails"
LOCKS = "it holds locks"
BREAKER = "it asks a circuit breaker"
PLAYBOOK = "it is a playbook that plays on hosts of its own choice"
NAMES = "an output has the name of one of the bundle's questions"


def why_engine(bundle: Bundle, catalog: Catalog, component: Component) -> str:
    """Why the engine has to carry out a component, "" when Ansible can. Approvals and work by hand are neither's."""
    if component.rollout is not None:
        return ROLLOUT
    item = catalog.items.get(component.item)
    if item is None or item.action is None:
        return ""
    undone = item.compensation is not None and item.compensation.action is not None
    asked = {field.name for field in bundle.fields}
    reasons = (
        (component.name in read_by_others(bundle), OUTPUTS),
        (component.retries.count > 0, RETRIES),
        (bundle.on_failure == "rollback" and undone, UNDO),
        (bool(component.locks), LOCKS),
        (breaker_of(component, item) is not None, BREAKER),
        (item.action.kind == "playbook", PLAYBOOK),
        # Job artifacts become variables of later jobs, where they would pass for answers.
        (any(output.name in asked for output in item.outputs), NAMES),
    )
    return next((reason for holds, reason in reasons if holds), "")


def read_by_others(bundle: Bundle) -> frozenset[str]:
    """The components of the bundle, rollouts among them, whose outputs are read outside of themselves."""
    found: set[str] = set()
    for component in bundle.components:
        found |= outputs_read(bundle, component)
    return frozenset(found)


def outputs_read(bundle: Bundle, component: Component) -> frozenset[str]:
    """The other components of the bundle whose outputs a component reads, the inner ones of a rollout too."""
    inner = component.rollout.components if component.rollout is not None else ()
    found = {name for part in (component, *inner) for name in _reads(part)}
    siblings = {part.name for part in inner}
    return frozenset(ancestors(bundle, component) & (found - siblings))


def _reads(component: Component) -> Iterator[str]:
    """The first name behind ``outputs`` in a component's answers and in its condition."""
    for reference in find_references(dict(component.fields)):
        if reference.names[0] == "outputs":
            yield reference.names[1]
    for name in sorted(conditions.names(component.when)) if component.when else ():
        scope, _dot, rest = name.partition(".")
        if scope == "outputs":
            yield rest.split(".")[0]


def ancestors(bundle: Bundle, component: Component) -> set[str]:
    """The components of the bundle that come before one, at any distance."""
    by_name = {other.name: other for other in bundle.components}
    found: set[str] = set()
    todo = [component]
    while todo:
        for need in todo.pop().needs:
            if need.node not in found and need.node in by_name:
                found.add(need.node)
                todo.append(by_name[need.node])
    return found


def walk(components: Iterable[Component], prefix: str = "") -> Iterator[tuple[Component, str]]:
    """Every component, inside rollouts too, each with its full name."""
    for component in components:
        yield component, prefix + component.name
        if component.rollout is not None:
            yield from walk(component.rollout.components, f"{component.name}.")
