# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain dicts of documents become the model; whatever is wrong with their form becomes problems.

A model is always returned, also of rubbish: it holds what could be used, so that all that is wrong with a document
can be said at once. Nobody may run a model that came with problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional, TypeVar

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import POLICY_TYPES
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.check import MISSING, clean
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import guarded
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Approval,
    BreakerUse,
    Bundle,
    Compensation,
    Component,
    Field,
    GuardUse,
    Item,
    Need,
    Output,
    Retries,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states

Thing = TypeVar("Thing")


class Places:
    """Where the parts of a model stand in their document."""

    def __init__(self) -> None:
        self._paths: dict[int, DocumentPath] = {}
        self._kept: list[object] = []

    def mark(self, thing: Thing, path: DocumentPath) -> Thing:
        """Remember where ``thing`` (this very object) stands, and give it back."""
        self._paths[id(thing)] = path
        self._kept.append(thing)
        return thing

    def of(self, thing: object) -> DocumentPath:
        """Where the thing stands; the empty path for one that was never marked."""
        return self._paths.get(id(thing), ())


def parse_item(data: Any, problems: list[Problem], places: Optional[Places] = None) -> Item:
    """The item that a document of the kind CatalogItem describes; appends to ``problems`` what is wrong."""
    found = clean(KINDS["CatalogItem"], data, (), problems)
    return Item(name="") if found is MISSING else _Parser(places or Places()).item(found)


def parse_bundle(data: Any, problems: list[Problem], places: Optional[Places] = None) -> Bundle:
    """The bundle that a document of the kind CatalogBundle describes; appends to ``problems`` what is wrong."""
    found = clean(KINDS["CatalogBundle"], data, (), problems)
    return Bundle(name="") if found is MISSING else _Parser(places or Places()).bundle(found)


def _usable(values: Any) -> list[tuple[int, Any]]:
    """The elements of a cleaned list that can be used, each with its index in the document."""
    return [(index, value) for index, value in enumerate(values or ()) if value is not MISSING]


def _seconds(text: Optional[str]) -> Optional[float]:
    return None if text is None else durations.parse(text)


def _locks(locks: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(part for _index, part in _usable(lock)) for _index, lock in _usable(locks))


def _policy_value(name: str, value: Any) -> Any:
    """Durations of a breaker's policy are seconds in the model."""
    return durations.parse(value) if isinstance(value, str) and name != "sliding_window_type" else value


def _guard_options(guard: Any) -> dict[str, Any]:
    """The options that a guard is given, without elements of lists that are wrong."""
    given = {} if isinstance(guard, str) else guard["lkg"] or {}
    lists = ("probes", "sections")
    return {
        name: [one for _index, one in _usable(value)] if name in lists else value
        for name, value in given.items()
        if value is not None
    }


def _metadata(data: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(data["metadata"] or {})
    found["name"] = found.get("name") or ""
    found["labels"] = tuple(label for _index, label in _usable(found.get("labels")))
    return found


class _Parser:
    """Builds the model from cleaned data: every known key is there, and MISSING elements stand for wrong ones."""

    def __init__(self, places: Places) -> None:
        self._places = places

    # --- items

    def item(self, data: Mapping[str, Any]) -> Item:
        fulfillment = data["fulfillment"] or {}
        manual = fulfillment.get("manual") or {}
        mode = "manual" if "manual" in fulfillment else "automated"
        path = ("fulfillment", "automated")
        item = Item(
            **_metadata(data),
            fields=self._fields(data),
            mode=mode,
            action=self._action(fulfillment.get("automated"), path),
            instructions=manual.get("instructions") or "",
            assignee=manual.get("assignee") or "",
            outputs=self._outputs(data["outputs"]),
            compensation=self._compensation(data["compensation"]),
            breaker=self._breaker(data["breaker"], ("breaker",)),
        )
        guard = data["guard"]
        return item if guard is None or guard is MISSING else guarded(item, GuardUse(_guard_options(guard)))

    def _fields(self, data: Mapping[str, Any]) -> tuple[Field, ...]:
        path = ("presentation", "fields")
        return tuple(
            self._places.mark(self._field(field), (*path, index))
            for index, field in _usable((data["presentation"] or {}).get("fields"))
        )

    def _field(self, data: Mapping[str, Any]) -> Field:
        name = data["name"] or ""
        return Field(
            name=name,
            label=data["label"] or name,
            type=data["type"],
            required=data["required"],
            default=data["default"],
            choices=tuple(choice for _index, choice in _usable(data.get("choices"))),
            min=data.get("min"),
            max=data.get("max"),
            description=data["description"],
        )

    def _outputs(self, outputs: Any) -> tuple[Output, ...]:
        return tuple(
            self._places.mark(Output(**{**output, "name": output["name"] or ""}), ("outputs", index))
            for index, output in _usable(outputs)
        )

    def _action(self, data: Any, path: DocumentPath) -> Optional[Action]:
        if data is None or data is MISSING:
            return None
        kind = next((kind for kind in ("playbook", "role", "module") if kind in data), "role")
        action = Action(
            kind=kind,
            name=data.get(kind) or "",
            args=data["with"],
            become=data["become"],
            gather_facts=data["gather_facts"],
        )
        return self._places.mark(action, path)

    def _compensation(self, data: Any) -> Optional[Compensation]:
        if data is None:
            return None
        path = ("compensation",)
        compensation = Compensation(
            action=self._action(data.get("automated"), (*path, "automated")),
            verify=self._action(data.get("verify"), (*path, "verify")),
            none_reason=data.get("none") or "",
        )
        return self._places.mark(compensation, path)

    def _breaker(self, data: Any, path: DocumentPath) -> Optional[BreakerUse]:
        if data is None or data is MISSING:
            return None
        target = data["target"] or ()
        parts = (target,) if isinstance(target, str) else tuple(part for _index, part in _usable(target))
        policy = {name: _policy_value(name, data[name]) for name in POLICY_TYPES if data[name] is not None}
        use = BreakerUse(parts, data["on_open"] or "", data.get("fallback") or "", policy)
        return self._places.mark(use, path)

    # --- bundles

    def bundle(self, data: Mapping[str, Any]) -> Bundle:
        orchestration = dict(data["orchestration"])
        locks = _locks(orchestration.pop("locks"))
        return Bundle(
            **_metadata(data),
            fields=self._fields(data),
            **orchestration,
            locks=locks,
            components=self._with_fallbacks(self._components(data["components"], ("components",))),
        )

    def _with_fallbacks(self, components: tuple[Component, ...]) -> tuple[Component, ...]:
        """A fallback comes after whatever names it: that is an edge like any other, to all who look at the graph."""
        users: dict[str, list[tuple[Component, Component]]] = {}
        for outer in components:
            for part in (outer, *(outer.rollout.components if outer.rollout else ())):
                if part.breaker is not None and part.breaker.fallback:
                    users.setdefault(part.breaker.fallback, []).append((outer, part))
        return tuple(self._fallback(one, users[one.name]) if one.name in users else one for one in components)

    def _fallback(self, component: Component, users: Sequence[tuple[Component, Component]]) -> Component:
        needs = {need.node: need for need in component.needs}
        for outer, part in users:
            place = (*self._places.of(part.breaker), "fallback")
            needs.setdefault(outer.name, self._places.mark(Need(outer.name, states=tuple(sorted(states.BAD))), place))
        names = tuple(part.name if part is outer else f"{outer.name}.{part.name}" for outer, part in users)
        found = replace(component, needs=tuple(needs.values()), join="any", fallback_of=names)
        return self._places.mark(found, self._places.of(component))

    def _components(self, data: Any, path: DocumentPath) -> tuple[Component, ...]:
        return tuple(
            self._places.mark(self._component(name, body, (*path, name)), (*path, name))
            for name, body in (data or {}).items()
        )

    def _component(self, name: str, data: Any, path: DocumentPath) -> Component:
        if data is MISSING:
            return Component(name)
        kind = next((kind for kind in ("approval", "rollout") if kind in data), "item")
        return Component(
            name=name,
            kind=kind,
            item=data.get("item") or "",
            hosts=data.get("hosts") or "",
            needs=self._needs(data["needs"], (*path, "needs")),
            join=data["join"],
            when=data["when"],
            retries=self._retries(data.get("retries")),
            timeout=_seconds(data.get("timeout")),
            locks=_locks(data.get("locks")),
            fields=data.get("fields") or {},
            on_lost=data.get("on_lost", "retry"),
            rollout=self._rollout(data.get("rollout"), (*path, "rollout")),
            approval=self._approval(data.get("approval")),
            description=data["description"],
            breaker=self._breaker(data.get("breaker"), (*path, "breaker")),
        )

    def _needs(self, data: Any, path: DocumentPath) -> tuple[Need, ...]:
        return tuple(self._places.mark(self._need(need), (*path, index)) for index, need in _usable(data))

    def _need(self, data: Any) -> Need:
        if isinstance(data, str):
            return Need(data)
        return Need(data["node"] or "", data["edge"], tuple(state for _index, state in _usable(data["states"])))

    def _retries(self, data: Any) -> Retries:
        return Retries(data["count"] or 0, data["only"], _seconds(data["backoff"]) or 0.0) if data else Retries()

    def _approval(self, data: Any) -> Optional[Approval]:
        if data is None:
            return None
        return Approval(**{**data, "timeout": _seconds(data["timeout"])})

    def _rollout(self, data: Any, path: DocumentPath) -> Optional[Rollout]:
        if data is None:
            return None
        batch = data["batch"] if isinstance(data["batch"], list) else [data["batch"]]
        rollout = Rollout(
            hosts=data["hosts"] or "",
            batch=tuple(step for _index, step in _usable(batch)),
            max_failed_hosts=data["max_failed_hosts"],
            max_failed_percent=data["max_failed_percent"],
            components=self._components(data["components"], (*path, "components")),
        )
        return self._places.mark(rollout, path)
