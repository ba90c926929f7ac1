# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From rows to JSON: fields, links and summaries, many rows with few queries."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.api import named_urls
from holdfast.api.call import Call
from holdfast.api.registry import Field, Resource, Summary
from holdfast.auth import roles
from holdfast.seeds.roles import OBJECT_ROLES

ENCRYPTED = "$encrypted$"


def moment(value: dt.datetime | None) -> str | None:
    """A moment as the API writes it: UTC, ``Z``, microseconds only where there are any."""
    if value is None:
        return None
    return value.isoformat().replace("+00:00", "Z")


def render(call: Call, rows: Sequence[Any], detail: bool = False) -> list[dict[str, Any]]:
    """Rows as objects of the API, each as what it is: a list of unified jobs holds jobs and project updates."""
    registry = call.controller.registry
    found: dict[int, dict[str, Any]] = {}
    kinds: dict[str, tuple[Resource, list[Any]]] = {}
    for row in rows:
        resource = registry.of_row(row)
        kinds.setdefault(resource.name, (resource, []))[1].append(row)
    for resource, same in kinds.values():
        for row, shown in zip(same, render_as(call, resource, same, detail), strict=True):
            found[id(row)] = shown
    return [found[id(row)] for row in rows]


def render_one(call: Call, row: Any, resource: Resource | None = None) -> dict[str, Any]:
    """One row as its detail shows it."""
    resource = resource or call.controller.registry.of_row(row)
    return render_as(call, resource, [row], True)[0]


def render_as(call: Call, resource: Resource, rows: Sequence[Any], detail: bool) -> list[dict[str, Any]]:
    """Rows of one resource."""
    if not rows:
        return []
    summaries = _summaries(call, resource, rows, detail)
    fields = [one for one in resource.fields if not one.write_only and (detail or not one.detail)]
    shown = [_render_row(call, resource, row, fields, summaries, detail) for row in rows]
    if resource.finish is not None:
        resource.finish(call, rows, shown)
    return shown


def _render_row(
    call: Call,
    resource: Resource,
    row: Any,
    fields: Sequence[Field],
    summaries: Mapping[str, Mapping[int, Any]],
    detail: bool,
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id,
        "type": resource.type,
        "url": call.url(resource.name, row.id),
        "related": related(call, resource, row, detail),
        "summary_fields": {name: found[row.id] for name, found in summaries.items() if row.id in found},
    }
    for one in fields:
        value = one.value(call, row) if one.value is not None else getattr(row, one.attribute)
        shown[one.name] = moment(value) if isinstance(value, dt.datetime) else value
    return shown


def related(call: Call, resource: Resource, row: Any, detail: bool = False) -> dict[str, str]:
    """The links of a row; those to nothing are left out. Lists do not show named URLs."""
    links: dict[str, str] = {}
    named = named_urls.of(call, resource, row) if detail else None
    if named is not None:
        links["named_url"] = call.url(resource.name, named)
    for one in resource.related:
        if one.when is not None and not one.when(row):
            continue
        if one.to is None:
            links[one.name] = call.url(resource.name, row.id, one.path)
            continue
        target = one.to(row)
        if isinstance(target, tuple):
            links[one.name] = call.url(*target)
        elif target is not None:
            links[one.name] = target
    return links


def _summaries(call: Call, resource: Resource, rows: Sequence[Any], detail: bool) -> dict[str, Mapping[int, Any]]:
    found: dict[str, Mapping[int, Any]] = {}
    for one in resource.summary:
        if one.detail and not detail:
            continue
        found[one.name] = one.batch(call, rows) if one.batch is not None else _pointed_at(call, one, rows)
    if resource.type in OBJECT_ROLES and not any(one.name == "object_roles" for one in resource.summary):
        found["object_roles"] = roles.summaries(call, resource.type, rows)
    capabilities = resource.access.capabilities(call, rows)
    if capabilities:
        found["user_capabilities"] = capabilities
    return found


def _pointed_at(call: Call, one: Summary, rows: Sequence[Any]) -> Mapping[int, Any]:
    """What the objects that rows point to look like in a summary, each made once."""
    targets = pointed_at(call, rows, one.name)
    shown = summarize(call, list({id(t): t for t in targets.values()}.values()))
    return {row_id: shown[id(target)] for row_id, target in targets.items() if id(target) in shown}


def pointed_at(call: Call, rows: Sequence[Any], name: str) -> dict[int, Any]:
    """What each row points to, by the row's id, with one query for each table; rows that point to nothing left out."""
    found: dict[int, Any] = {}
    for model, group in _by_model(rows).items():
        attribute = _column_of(model, name)
        if attribute is None:
            found.update({row.id: target for row in group if (target := getattr(row, name, None)) is not None})
            continue
        keys = {row.id: getattr(row, attribute) for row in group}
        targets = call.fetch(getattr(model, name).property.mapper.class_, keys.values())
        found.update({row_id: targets[key] for row_id, key in keys.items() if key in targets})
    return found


@functools.cache
def _column_of(model: Any, name: str) -> str | None:
    """The attribute of the column by which a model points to one other row."""
    relation: Any = getattr(getattr(model, name, None), "property", None)
    column = getattr(relation, "local_columns", None)
    if not column or relation.uselist or "id" not in {one.name for one in relation.remote_side}:
        return None
    return str(model.__mapper__.get_property_by_column(next(iter(column))).key)


def summarize(call: Call, rows: Sequence[Any]) -> dict[int, Any]:
    """What summaries show of rows of any kind, by Python identity; kept for the rest of the request."""
    kept: dict[int, Any] = call.cache.setdefault("summaries", {})
    kinds: dict[type[Any], list[Any]] = {}
    for row in rows:
        if id(row) not in kept:
            kinds.setdefault(type(row), []).append(row)
    for same in kinds.values():
        make: Callable[..., Mapping[int, Any]] | None = call.controller.registry.of_row(same[0]).summarize
        if make is not None:
            shown = make(call, same)
            kept.update({id(row): shown[row.id] for row in same if row.id in shown})
    return kept


def _by_model(rows: Sequence[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for row in rows:
        found.setdefault(type(row), []).append(row)
    return found
