# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of the circuit breakers that items and components name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import (
    BreakerProblem,
    check_target,
    policy_from,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import BreakerUse, Component, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import find_references

FALLBACK = "fallback"


def breaker_of(component: Component, item: Optional[Item]) -> Optional[BreakerUse]:
    """The breaker that a component asks: its own, else that of its item."""
    return component.breaker or (item.breaker if item is not None else None)


def check_use(use: BreakerUse, places: Places) -> list[Problem]:
    """What is wrong with a target or a policy; a target with references is judged at launch."""
    path = places.of(use)
    problems = []
    if use.target and not list(find_references(list(use.target))):
        wrong = check_target(":".join(str(part) for part in use.target))
        problems += [Problem((*path, "target"), wrong)] if wrong else []
    try:
        policy_from(use.policy)
    except BreakerProblem as error:
        problems.append(Problem(path, str(error)))
    return problems


def check_item_breaker(item: Item, places: Places) -> list[Problem]:
    """What is wrong with the breaker of an item."""
    if item.breaker is None:
        return []
    problems = check_use(item.breaker, places)
    if item.mode == "manual":
        problems.append(Problem(("breaker",), "a manual item asks no breaker", "people decide when they do it"))
    return problems


def check_component_breaker(
    component: Component, outer: str, item: Optional[Item], top: Mapping[str, Component], places: Places
) -> list[Problem]:
    """What is wrong with the breaker of a component; ``outer`` is the rollout around it, or the component itself."""
    use = component.breaker
    if use is None:
        return []
    problems = check_use(use, places)
    path = places.of(use)
    if item is not None and item.mode == "manual":
        problems.append(Problem(path, f"the item '{item.name}' is done by hand and asks no breaker", "take it away"))
    if use.on_open == FALLBACK and not use.fallback:
        problems.append(Problem(path, "'on_open: fallback' names no component", "say which: fallback: NAME"))
    elif use.fallback and use.on_open != FALLBACK:
        problems.append(Problem((*path, FALLBACK), "belongs to 'on_open: fallback'"))
    elif use.fallback and use.fallback not in top:
        hint = did_you_mean(use.fallback, set(top) - {outer})
        problems.append(Problem((*path, FALLBACK), f"unknown component '{use.fallback}' of the bundle", hint))
    elif use.fallback == outer:
        problems.append(Problem((*path, FALLBACK), "nothing can take over from itself", "name another component"))
    return problems


def check_fallback(component: Component, places: Places) -> list[Problem]:
    """A fallback begins when a breaker refuses; other needs would hold it up, or begin it without one."""
    needs = (*places.of(component), "needs")
    own = [need for need in component.needs if places.of(need)[: len(needs)] == needs]
    if not component.fallback_of or not own:
        return []
    who = f"it takes over from '{component.fallback_of[0]}' when its breaker refuses"
    return [Problem(needs, f"a fallback has no needs: {who}", "take them away")]
