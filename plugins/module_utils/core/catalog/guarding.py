# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items under a guard: what they become, so that nothing else in the house has to know of guards.

Such an item runs ``lkg_guard``, which plays what the item says. It reports one output more, and is undone by
``lkg_restore`` unless it says how. Its ``guard`` keeps what the document says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import sight
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Compensation,
    Component,
    GuardUse,
    Item,
    Output,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem

CHANGE = "{{ holdfast.request.origin }}/{{ holdfast.request.node }}"
"""The label of a change: its node, in the run that it belongs to or in the one that this run goes on from."""
_RUN = "{{ holdfast.request.run }}"
_REPORTS = "How the guard left each host, and the snapshots before and after, by host."
_LOCALHOST = "localhost"


def label_of(item_name: str) -> str:
    """The label that all guarded changes of an item share, for who undoes one without knowing its run."""
    return f"item:{item_name}"


def guarded(item: Item, use: GuardUse) -> Item:
    """The item under a guard; as it is, but for its ``guard``, when a guard cannot play what it runs."""
    use = replace(use, action=item.action, restores=item.compensation is None)
    if item.action is None or cannot_be_guarded(item):
        return replace(item, guard=use)
    return replace(
        item,
        guard=use,
        action=_guard(item.name, item.action, item.outputs, use),
        outputs=(*item.outputs, Output(links.OUTPUT, "dict", description=_REPORTS)),
        compensation=item.compensation or Compensation(_restore(item.action)),
    )


def cannot_be_guarded(item: Item) -> str:
    """Why no guard can play what an item runs, "" when one can."""
    if item.mode == "manual":
        return "a manual item is under no guard | people look after what they do"
    if item.action is not None and item.action.kind == "playbook":
        return "a playbook chooses hosts of its own, so no guard can play it | run a role or a module"
    return ""


def _guard(name: str, what: Action, outputs: Sequence[Output], use: GuardUse) -> Action:
    args: dict[str, Any] = {what.kind: what.name, "vars": what.args, "gather_facts": what.gather_facts, **use.options}
    args["labels"] = [CHANGE, label_of(name)]
    if what.kind == "module" and outputs:
        args["returns"] = [output.name for output in outputs]
    return Action("module", links.GUARD, args, what.become)


def _restore(what: Action) -> Action:
    return Action("module", links.RESTORE, {"label": CHANGE, "run": _RUN}, what.become)


def as_written(item: Item) -> Item:
    """The item without what its guard made of it: action, outputs and compensation as its document says them."""
    use = item.guard
    if use is None or item.action == use.action:
        return item
    return replace(
        item,
        action=use.action,
        outputs=item.outputs[:-1],
        compensation=None if use.restores else item.compensation,
    )


# --- what must hold ----------------------------------------------------------------------------------------------


def check_guard(item: Item, path_of_output: DocumentPath, seen: sight.Sight) -> list[Problem]:
    """What is wrong with the guard of an item; ``path_of_output``: where its own output of the guard's name stands."""
    if item.guard is None:
        return []
    problems: list[Problem] = []
    message, _bar, hint = cannot_be_guarded(as_written(item)).partition(" | ")
    if message:
        problems.append(Problem(("guard",), message, hint))
    if path_of_output:
        said = f"the guard reports an output '{links.OUTPUT}' of its own"
        problems.append(Problem((*path_of_output, "name"), said, "give yours another name"))
    sight.check_references(item.guard.options, ("guard", "lkg"), seen, problems)
    return problems


def check_hosts(component: Component, hosts: str, item: Item, path: DocumentPath) -> list[Problem]:
    """What is wrong with where a component runs an item under a guard; ``hosts`` may be those of its rollout."""
    if item.guard is None or cannot_be_guarded(as_written(item)) or hosts not in ("", _LOCALHOST):
        return []
    said = f"the item '{item.name}' is under a guard, and nothing guards localhost, where Holdfast itself runs"
    return [Problem((*path, "hosts" if component.hosts else "item"), said, "say on which hosts: hosts: PATTERN")]
