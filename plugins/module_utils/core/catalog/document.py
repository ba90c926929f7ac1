# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: models as the documents that describe them, for catalogs that a program writes.

``parse_item(item_document(item))`` is the item again, and so for bundles. Keys stand in the order of the shapes; what
is at its default is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import POLICY_TYPES
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import versions
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import as_written
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Approval,
    BreakerUse,
    Bundle,
    Compensation,
    Component,
    Field,
    Item,
    Need,
    Output,
    Retries,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_common import POLICY_DURATIONS

Document = dict[str, Any]


def item_document(item: Item) -> Document:
    """The document of an item."""
    guard, item = item.guard, as_written(item)
    minutes = {"manual_minutes": item.manual_minutes} if item.manual_minutes else {}
    document = {**_head("CatalogItem", item, minutes), "fulfillment": _fulfillment(item)}
    if item.outputs:
        document["outputs"] = [_changed(output, Output(""), ("name", "type", "secret", "description"))
                               for output in item.outputs]  # fmt: skip
    if item.compensation is not None:
        document["compensation"] = _compensation(item.compensation)
    if item.breaker is not None:
        document["breaker"] = _breaker(item.breaker)
    if guard is not None:
        document["guard"] = {"lkg": plain(guard.options)} if guard.options else "lkg"
    return document


def bundle_document(bundle: Bundle) -> Document:
    """The document of a bundle."""
    names = ("on_failure", "rollback_scope", "host_flow", "on_cancel", "max_parallel", "locks")
    orchestration = _changed(bundle, Bundle(""), names)
    document = _head("CatalogBundle", bundle)
    if orchestration:
        document["orchestration"] = orchestration
    document["components"] = _components(bundle.components)
    return document


def plain(value: Any) -> Any:
    """The value with lists for tuples and dictionaries for mappings."""
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, (list, tuple)) else value


def _changed(thing: Any, default: Any, names: Iterable[str]) -> dict[str, Any]:
    """The attributes that are not as in ``default``."""
    return {name: plain(getattr(thing, name)) for name in names if getattr(thing, name) != getattr(default, name)}


def _head(kind: str, thing: Any, more: Optional[Mapping[str, Any]] = None) -> Document:
    names = ("name", "version", "title", "owner", "labels", "description")
    metadata = {**_changed(thing, type(thing)(""), names), **(more or {})}
    document: Document = {"apiVersion": versions.SUPPORTED[-1], "kind": kind, "metadata": metadata}
    if thing.fields:
        document["presentation"] = {"fields": [_field(field) for field in thing.fields]}
    return document


def _field(field: Field) -> Document:
    names = ("name", "label", "description", "type", "required", "choices", "min", "max", "default")
    return _changed(field, Field("", label=field.name), names)


# --- items -------------------------------------------------------------------------------------------------------


def _fulfillment(item: Item) -> Document:
    if item.mode == "manual":
        manual = _changed(item, Item(""), ("instructions", "assignee"))
        return {"mode": "manual", "manual": manual}
    return {"mode": "automated", "automated": _action(item.action)}


def _action(action: Optional[Action]) -> Document:
    if action is None:
        return {}
    document: Document = {action.kind: action.name}
    if action.args:
        document["with"] = plain(action.args)
    return {**document, **_changed(action, Action("", ""), ("become", "gather_facts"))}


def _compensation(compensation: Compensation) -> Document:
    if compensation.action is None:
        return {"none": compensation.none_reason}
    verify = {"verify": _action(compensation.verify)} if compensation.verify else {}
    return {"automated": _action(compensation.action), **verify}


def _breaker(use: BreakerUse) -> Document:
    policy = {
        name: _duration(use.policy[name]) if name in POLICY_DURATIONS else use.policy[name]
        for name in POLICY_TYPES
        if name in use.policy
    }
    target = use.target[0] if len(use.target) == 1 else list(use.target)
    return {"target": target, **_changed(use, BreakerUse(), ("on_open", "fallback")), **policy}


# --- bundles -----------------------------------------------------------------------------------------------------


def _components(components: Iterable[Component]) -> Document:
    return {component.name: _component(component) for component in components}


def _component(component: Component) -> Document:
    if component.fallback_of:  # what it comes after, and how, follows from the breakers that name it
        component = replace(component, needs=(), join=Component("").join)
    document = _changed(component, Component(""), ("description", "item", "hosts"))
    if component.needs:
        document["needs"] = [_need(need) for need in component.needs]
    document.update(_changed(component, Component(""), ("join", "when", "fields", "locks", "on_lost")))
    if component.timeout is not None:
        document["timeout"] = _duration(component.timeout)
    if component.retries != Retries():
        backoff = {"backoff": _duration(component.retries.backoff)} if component.retries.backoff else {}
        document["retries"] = {"count": component.retries.count, "only": component.retries.only, **backoff}
    if component.approval is not None:
        document["approval"] = _approval(component.approval)
    if component.rollout is not None:
        document["rollout"] = _rollout(component.rollout)
    if component.breaker is not None:
        document["breaker"] = _breaker(component.breaker)
    return document


def _need(need: Need) -> Any:
    if need.states:
        return {"node": need.node, "states": list(need.states)}
    return need.node if need.edge == "success" else {"node": need.node, "edge": need.edge}


def _duration(seconds: float) -> str:
    return f"{round(seconds)}s"


def _approval(approval: Approval) -> Document:
    document = _changed(approval, Approval(), ("quorum", "four_eyes", "on_timeout", "message"))
    return document if approval.timeout is None else {**document, "timeout": _duration(approval.timeout)}


def _rollout(rollout: Rollout) -> Document:
    batch = plain(rollout.batch)
    return {
        "hosts": rollout.hosts,
        "batch": batch[0] if len(batch) == 1 else batch,
        **_changed(rollout, Rollout(""), ("max_failed_hosts", "max_failed_percent")),
        "components": _components(rollout.components),
    }
