# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One component as a bundle of its own, for the engine inside the component's job.

What the component reads of others is handed in: in the place of each of them stands a component that only reports again
what was reported, so that references and conditions mean what they meant in the whole bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.carriers import outputs_read, walk
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Bundle,
    Catalog,
    Compensation,
    Component,
    Field,
    Item,
    Need,
    Rollout,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import find_references
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import FALLBACK, LOCALHOST

HANDED = "reported_"
"""What the names of questions begin with by which reported values are handed in."""
REPORTER = "holdfast.ops.awx_node"
"""The module that reports them again."""


class Part(NamedTuple):
    """A bundle with one component to run, the items that only this bundle knows, and the components handed in."""

    bundle: Bundle
    items: tuple[Item, ...]
    handed: tuple[str, ...]


def part_of(bundle: Bundle, catalog: Catalog, component: Component) -> Part:
    """The part of a bundle that the engine runs for one component; its needs and its condition are looked at before."""
    by_name = {other.name: other for other in bundle.components}
    read = outputs_read(bundle, component)
    handed = tuple(name for name, other in by_name.items() if name in read and _reports(other, catalog))
    stand_ins, items, fields = [], [], list(bundle.fields)
    for name in handed:
        stand_in, own = _stand_in(by_name[name], catalog)
        stand_ins.append(stand_in)
        items += own
        fields.append(Field(handed_in(name), label=f"What {name} reported", type="textarea", required=True))
    alone = replace(
        _without_fallback(component), needs=tuple(Need(name) for name in handed), join="all", when="", fallback_of=()
    )
    part = replace(bundle, fields=tuple(fields), locks=(), components=(*stand_ins, alone))
    return Part(part, tuple(items), handed)


def _without_fallback(component: Component) -> Component:
    """What takes over is another node's job, so this one has to fail when a breaker refuses."""
    if component.rollout is not None:
        inner = tuple(_without_fallback(part) for part in component.rollout.components)
        return replace(component, rollout=replace(component.rollout, components=inner))
    if component.breaker is None or component.breaker.on_open != FALLBACK:
        return component
    return replace(component, breaker=replace(component.breaker, on_open="stop", fallback=""))


def _reports(component: Component, catalog: Catalog) -> bool:
    return any(part.item in catalog.items and catalog.items[part.item].outputs for part, _name in walk([component]))


def handed_in(component: str) -> str:
    """The question by which the outputs of a component are handed in; ``_D_`` stands for a dash."""
    return HANDED + component.replace("-", "_D_")


def handed_answer(outputs: Mapping[str, Any]) -> str:
    """The answer to that question."""
    return json.dumps(outputs, ensure_ascii=False, sort_keys=True)


def _stand_in(component: Component, catalog: Catalog) -> tuple[Component, list[Item]]:
    """A component of the same name that reports again, and the items that it needs."""
    if component.rollout is None:
        item = _reporting(component.name, (), catalog.items.get(component.item) or Item(""))
        return Component(component.name, item=item.name, fields=_value(component.name)), [item]
    inner, items = [], []
    for part in component.rollout.components:
        source = catalog.items.get(part.item) or Item("")
        if not source.outputs:
            continue
        item = _reporting(component.name, (part.name,), source)
        items.append(item)
        inner.append(Component(part.name, item=item.name, fields=_value(component.name)))
    return Component(component.name, kind="rollout", rollout=Rollout(LOCALHOST, components=tuple(inner))), items


def _value(component: str) -> dict[str, Any]:
    return {"values": f"$fields.{handed_in(component)}"}


def _reporting(component: str, inner: tuple[str, ...], source: Item) -> Item:
    """An item that reports again what an item has reported. Secret outputs never come this far."""
    name = "-".join((component, *inner, "reported"))
    return Item(
        name=name,
        title=f"Report again what {'.'.join((component, *inner))} reported",
        fields=(Field("values", type="textarea", required=True),),
        action=Action("module", REPORTER, {"state": "reported", "values": "$fields.values", "path": list(inner)}),
        outputs=tuple(output for output in source.outputs if not output.secret),
        compensation=Compensation(none_reason="It only says what was said before."),
    )


# --- what cannot be handed in ------------------------------------------------------------------------------------


def problems_of(bundle: Bundle, catalog: Catalog) -> list[Problem]:
    """Why a bundle cannot be a workflow of AWX: every place that reads a secret output of another component."""
    secret = _secret_outputs(bundle, catalog)
    found = []
    for component, name in walk(bundle.components):
        outer, dot, inner = name.partition(".")
        path = ("components", outer, "rollout", "components", inner) if dot else ("components", outer)
        for names in _names_read(component):
            if names in secret:
                read = ".".join(names)
                hint = "secret values do not travel between jobs of AWX; use the template that runs the whole engine"
                found.append(Problem(path, f"reads '{read}', which is a secret output of another component", hint))
    return found


def _secret_outputs(bundle: Bundle, catalog: Catalog) -> set[tuple[str, ...]]:
    return {
        (*name.split("."), output.name)
        for component, name in walk(bundle.components)
        for output in (catalog.items.get(component.item) or Item("")).outputs
        if output.secret
    }


def _names_read(component: Component) -> list[tuple[str, ...]]:
    """The dotted names of outputs that a component reads, as the bundle knows them from outside."""
    read = [reference.names for reference in find_references(dict(component.fields))]
    if component.when:
        read += [tuple(name.split(".")) for name in sorted(conditions.names(component.when))]
    return [names[1:] for names in read if names[0] == "outputs"]
