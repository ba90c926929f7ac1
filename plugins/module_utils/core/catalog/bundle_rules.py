# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between a bundle and the items it names: hosts, answers, outputs, conditions, undo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import sight
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.breaker_rules import (
    breaker_of,
    check_component_breaker,
    check_fallback,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.graph_rules import GraphRules
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import check_hosts
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.item_rules import by_name, check_fields
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Bundle,
    Component,
    Field,
    Item,
    Output,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, Problem, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import check_default
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions

_BEFORE = "only what is known before the run may be used here: fields, metadata, request, environment"


@dataclass(frozen=True)
class Level:
    """One graph: its components by name; inside a rollout also that rollout, and the graph around it."""

    nodes: Mapping[str, Component]
    rollout: Optional[Component] = None
    outer: Optional[Level] = None

    def ancestors(self, name: str) -> set[str]:
        """Everything that comes before a component of this level, at any distance; never the component itself."""
        found: set[str] = set()
        todo = [name]
        while todo:
            node = self.nodes.get(todo.pop())
            for need in node.needs if node else ():
                if need.node not in found and need.node in self.nodes:
                    found.add(need.node)
                    todo.append(need.node)
        return found - {name}


class BundleRules:
    """The rules of one bundle. ``damaged``: names of items whose own documents have problems of form."""

    def __init__(
        self,
        bundle: Bundle,
        places: Places,
        items: Mapping[str, Item],
        damaged: frozenset[str] = frozenset(),
        fields_known: bool = True,
    ) -> None:
        self.bundle = bundle
        self.places = places
        self.items = items
        self.damaged = damaged
        self.fields = by_name(bundle.fields)
        self.fields_known = fields_known
        self.top = Level({component.name: component for component in bundle.components})
        self.problems: list[Problem] = []

    def check(self) -> list[Problem]:
        """Everything that is wrong with the meaning of the bundle."""
        self.problems += check_fields(self.bundle.fields, self.places)
        self._locks(self.bundle.locks, ("orchestration", "locks"))
        self._graph(self.top)
        self._undo()
        for component in self.bundle.components:
            self._component(component, self.top)
            if component.rollout is not None:
                self._rollout(component, component.rollout)
        return self.problems

    def _say(self, path: DocumentPath, message: str, hint: str = "") -> None:
        self.problems.append(Problem(path, message, hint))

    # --- graphs

    def _graph(self, level: Level) -> None:
        def elsewhere(name: str) -> str:
            return self._elsewhere(name, level)

        per_host = self.bundle.host_flow == "per_host"
        components = tuple(level.nodes.values())
        self.problems += GraphRules(components, self.places, self.items, elsewhere, per_host).check()

    def _elsewhere(self, name: str, level: Level) -> str:
        if level.rollout is not None and name in self.top.nodes:
            return f"'{name}' is outside this rollout: let the rollout '{level.rollout.name}' need it"
        for component in self.bundle.components if level.rollout is None else ():
            if component.rollout and any(inner.name == name for inner in component.rollout.components):
                return f"'{name}' is inside the rollout '{component.name}': need '{component.name}'"
        return ""

    def _rollout(self, component: Component, rollout: Rollout) -> None:
        path = self.places.of(rollout)
        self._hosts(rollout.hosts, (*path, "hosts"))
        for index, step in enumerate(rollout.batch):
            self._launch_value(step, (*path, "batch"), sight.COUNTS, f"a batch size (number {index + 1})")
        self._launch_value(rollout.max_failed_hosts, (*path, "max_failed_hosts"), sight.COUNTS, "a number of hosts")
        self._launch_value(rollout.max_failed_percent, (*path, "max_failed_percent"), sight.SHARES, "a percentage")
        level = Level({inner.name: inner for inner in rollout.components}, component, self.top)
        self._graph(level)
        for inner in rollout.components:
            self._component(inner, level)

    # --- components

    def _component(self, component: Component, level: Level) -> None:
        path = self.places.of(component)
        seen = self._sight(component, level)
        self._when(component, path, seen)
        self.problems += check_fallback(component, self.places)
        if component.kind != "item" or not component.item:
            return
        self._hosts(component.hosts, (*path, "hosts"))
        self._locks(component.locks, (*path, "locks"))
        item = self.items.get(component.item)
        self._breaker(component, level, item)
        if item is None:
            self._say((*path, "item"), f"unknown item '{component.item}'", did_you_mean(component.item, self.items))
            sight.check_references(component.fields, (*path, "fields"), seen, self.problems)
            return
        if item.mode == "manual" and component.hosts:
            self._say((*path, "hosts"), f"the item '{item.name}' is done by hand and runs on no hosts", "take it away")
        around = level.rollout.rollout if level.rollout is not None else None
        self.problems += check_hosts(component, around.hosts if around else component.hosts, item, path)
        self._values(component, item, path, seen)

    def _when(self, component: Component, path: DocumentPath, seen: sight.Sight) -> None:
        if not component.when:
            return
        path = (*path, "when")
        wrong = conditions.check(component.when)
        for message in wrong:
            self._say(path, message)
        if wrong:
            return
        seen = replace(seen, scopes=sight.CONDITION, public=True)
        for dotted in sorted(conditions.names(component.when)):
            brought = sight.look(tuple(dotted.split(".")), seen)
            if brought.wrong:
                self._say(path, f"{dotted}: {brought.wrong}", brought.hint)

    def _undo(self) -> None:
        """Each item without a way back is told once, at the first component that uses it."""
        wanted = [key for key in ("on_failure", "on_cancel") if getattr(self.bundle, key) == "rollback"]
        uses = [breaker_of(component, self.items.get(component.item)) for component in self._all()]
        wanted += ["on_open" for use in uses if use is not None and use.on_open == "rollback"]
        users: dict[str, list[Component]] = {}
        for component in self._all() if wanted else ():
            users.setdefault(component.item, []).append(component)
        for name, components in users.items():
            item = self.items.get(name)
            if item is None or item.mode == "manual" or item.compensation is not None or name in self.damaged:
                continue
            also = ", ".join(f"'{component.name}'" for component in components[1:])
            more = f" (also used by {also})" if also else ""
            self._say(
                (*self.places.of(components[0]), "item"),
                f"the item '{name}'{more} has no compensation, and '{wanted[0]}: rollback' needs one",
                "give the item a 'compensation', or 'none' with the reason why there is nothing to undo",
            )

    def _all(self) -> list[Component]:
        inner = [part for one in self.bundle.components if one.rollout for part in one.rollout.components]
        return [*self.bundle.components, *inner]

    # --- what is known at launch

    def _public(self) -> sight.Sight:
        fields = self.fields if self.fields_known else None
        return sight.Sight(sight.LAUNCH, fields, public=True, why=_BEFORE)

    def _launch_value(self, value: Any, path: DocumentPath, accepted: frozenset[str], what: str) -> None:
        brought = sight.check_references(value, path, self._public(), self.problems)
        if brought is not None:
            sight.check_type(brought, accepted, what, path, self.problems)
            if brought.field is not None:
                self._may_be_missing(brought.field, what, path)

    def _hosts(self, hosts: str, path: DocumentPath) -> None:
        self._launch_value(hosts, path, sight.NAMES, "a host pattern")

    def _locks(self, locks: tuple[tuple[str, ...], ...], path: DocumentPath) -> None:
        for index, lock in enumerate(locks):
            for part, text in enumerate(lock):
                self._launch_value(text, (*path, index, part), sight.COUNTS, "a part of a lock's name")

    def _breaker(self, component: Component, level: Level, item: Optional[Item]) -> None:
        outer = level.rollout.name if level.rollout is not None else component.name
        self.problems += check_component_breaker(component, outer, item, self.top.nodes, self.places)
        for part, text in enumerate(component.breaker.target if component.breaker is not None else ()):
            place = (*self.places.of(component.breaker), "target", part)
            self._launch_value(text, place, sight.COUNTS, "a part of a breaker's target")

    # --- answers to the item's questions

    def _values(self, component: Component, item: Item, path: DocumentPath, seen: sight.Sight) -> None:
        known = by_name(item.fields)
        for name, value in component.fields.items():
            place = (*path, "fields", name)
            brought = sight.check_references(value, place, seen, self.problems)
            if name in known:
                self._value(known[name], value, brought, place)
            elif item.name not in self.damaged:
                hint = did_you_mean(name, known) if known else "it asks nothing"
                self._say(place, f"the item '{item.name}' has no field '{name}'", hint)
        for field in known.values():
            if field.name not in component.fields:
                self._left_out(field, item, path)

    def _value(self, field: Field, value: Any, brought: Optional[sight.Brought], place: DocumentPath) -> None:
        what = f"the answer to '{field.name}', a question of type {field.type}"
        if brought is not None:
            sight.check_type(brought, sight.answered_by(field.type), what, place, self.problems)
            if field.required and brought.field is not None:
                self._may_be_missing(brought.field, f"the required field '{field.name}'", place)
        elif value is None:
            self._say(place, f"must be {what}, not nothing", "give a value or leave the key out")
        elif not sight.holds_references(value):
            refusal = check_default(replace(field, default=value))
            if refusal:
                self._say(place, refusal, f"it answers the item's question '{field.name}'")

    def _left_out(self, field: Field, item: Item, path: DocumentPath) -> None:
        """The bundle's field of the same name answers, else the item's default."""
        asked = self.fields.get(field.name)
        if asked is not None:
            what = f"the answer to '{field.name}', a question of type {field.type} of the item '{item.name}'"
            if asked.type not in sight.answered_by(field.type):
                hint = (
                    f"the bundle's field of the same name answers it; say otherwise in 'fields: {{{field.name}: ...}}'"
                )
                self._say(path, f"a value of type {asked.type} cannot be {what}", hint)
            elif field.required:
                self._may_be_missing(asked, f"the required field '{field.name}'", path)
        elif field.required and field.default is None and self.fields_known:
            hint = f"answer it in 'fields: {{{field.name}: ...}}', or give the bundle a field of that name"
            self._say(path, f"the item '{item.name}' requires the field '{field.name}', which has no value", hint)

    def _may_be_missing(self, asked: Field, what: str, path: DocumentPath) -> None:
        if not asked.required and asked.default is None:
            hint = f"make the bundle's field '{asked.name}' required, or give it a default"
            self._say(path, f"{what} may be left without a value", hint)

    # --- outputs

    def _sight(self, component: Component, level: Level) -> sight.Sight:
        def outputs(name: str) -> Any:
            return self._outputs(name, component, level)

        return sight.Sight(sight.COMPONENT, self.fields if self.fields_known else None, outputs)

    def _outputs(self, name: str, component: Component, level: Level) -> Any:
        """The outputs that ``outputs.NAME`` means for a component, or in words why there are none."""
        if level.outer is not None and name in level.nodes and name in level.outer.nodes:
            return f"'{name}' is ambiguous: a component of the rollout and one outside have this name | rename one"
        if name in level.nodes:
            if name in level.ancestors(component.name):
                return self._outputs_of(level.nodes[name])
            return self._not_before(name, component.name)
        if level.outer is not None and level.rollout is not None and name in level.outer.nodes:
            if name in level.outer.ancestors(level.rollout.name):
                return self._outputs_of(level.outer.nodes[name])
            return self._not_before(name, level.rollout.name)
        inside = self._elsewhere(name, level).partition(":")[0]
        hint = f"{inside}: write outputs.ROLLOUT.{name}.NAME" if inside else did_you_mean(name, self._seen_from(level))
        return f"unknown component '{name}' | {hint}"

    def _seen_from(self, level: Level) -> list[str]:
        return [*level.nodes, *(level.outer.nodes if level.outer else ())]

    def _not_before(self, name: str, component: str) -> str:
        if name == component:
            return f"'{name}' does not come before itself"
        return f"'{name}' does not come before '{component}' | add it to the 'needs' of '{component}'"

    def _outputs_of(self, component: Component) -> Any:
        if component.rollout is not None:
            return {inner.name: self._outputs_of(inner) for inner in component.rollout.components}
        item = self.items.get(component.item)
        if component.kind == "item" and (item is None or item.name in self.damaged):
            return None
        outputs: dict[str, Output] = {output.name: output for output in item.outputs} if item else {}
        return outputs
