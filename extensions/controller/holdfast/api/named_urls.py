# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named URLs: objects by their names, such as ``Name++Organization``.

Parts of one object stand with ``+`` between them, objects with ``++``: first the object's own, then each that it
points to with all of its own. An object that is not there is an empty part. A plus in a name is written ``[+]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import select
from sqlalchemy.orm import aliased

from holdfast.api.call import Call
from holdfast.api.registry import Registry, Resource

_RESERVED = ";/?:@=&[]"
_PLUS = "[+]"


def of(call: Call, resource: Resource, row: Any) -> str | None:
    """The named URL of a row, None where its kind has none."""
    if not resource.named_url:
        return None
    return "++".join(_parts(call.controller.registry, resource, row))


def _parts(registry: Registry, resource: Resource, row: Any) -> Iterator[str]:
    own, others = _split(registry, resource)
    yield "+".join(_escape(str(getattr(row, name))) for name in own)
    for name, target in others:
        pointed_at = getattr(row, name, None)
        if pointed_at is None:
            yield ""
        else:
            yield from _parts(registry, target, pointed_at)


def _split(registry: Registry, resource: Resource) -> tuple[list[str], list[tuple[str, Resource]]]:
    """The fields of a named URL that are the object's own, and the references with what they lead to."""
    own: list[str] = []
    others: list[tuple[str, Resource]] = []
    for name in resource.named_url:
        field = resource.field_named(name)
        if field is not None and field.to:
            others.append((name, registry.resources[field.to]))
        else:
            own.append(name)
    return own, others


def _escape(text: str) -> str:
    return "".join(quote(one, safe="") if one in _RESERVED else one for one in text).replace("+", _PLUS)


def find(call: Call, resource: Resource, key: str) -> Any:
    """The row of a named URL; None for one that there is not, and for what is no named URL of this kind."""
    values = taken_apart(call.controller.registry, resource, key)
    if values is None or any("\x00" in text for text in values.values()):
        return None
    query = select(resource.model)
    tables: dict[tuple[str, ...], Any] = {(): resource.model}
    for path, text in values.items():
        query = query.where(getattr(_joined(resource.model, tables, path[:-1]), path[-1]) == text)
    for path in list(tables):
        if path:
            query = query.join(tables[path], getattr(tables[path[:-1]], f"{path[-1]}_id") == tables[path].id)
    return call.session.scalars(query.order_by(resource.model.id).limit(1)).first()


def _joined(model: type[Any], tables: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> Any:
    """The model at the end of a path of references, under a name of its own."""
    if path not in tables:
        before = _joined(model, tables, path[:-1])
        tables[path] = aliased(getattr(before, path[-1]).property.mapper.class_)
    return tables[path]


def taken_apart(registry: Registry, resource: Resource, key: str) -> dict[tuple[str, ...], str] | None:
    """The value of each field that a named URL gives, by the path to it; None for what is none."""
    if not resource.named_url:
        return None
    parts = key.replace(_PLUS, "%2B").split("++")
    values: dict[tuple[str, ...], str] = {}
    if resource.type == "job_template" and len(parts) == 1:
        return {("name",): unquote(parts[0])}  # as before templates belonged to organizations
    rest = _read(registry, resource, (), parts, values)
    return values if rest == [] else None


def _read(
    registry: Registry, resource: Resource, path: tuple[str, ...], parts: list[str], values: dict[tuple[str, ...], str]
) -> list[str] | None:
    """The parts that are left when one object has taken its own; None when they do not fit."""
    if not parts:
        return None
    if not parts[0]:
        return parts[1:] if path else None
    own, others = _split(registry, resource)
    texts = parts[0].split("+")
    if len(texts) != len(own):
        return None
    values.update({(*path, name): unquote(text) for name, text in zip(own, texts, strict=True)})
    rest: list[str] | None = parts[1:]
    for name, target in others:
        rest = _read(registry, target, (*path, name), rest, values) if rest is not None else None
    return rest


def formats(registry: Registry) -> dict[str, str]:
    """How the named URL of each kind of object is made, for the settings that show it."""
    return {
        one.name: "++".join(_format(registry, one, ""))
        for one in sorted(registry.resources.values(), key=lambda resource: resource.name)
        if one.named_url and registry.of_model(one.model) is one
    }


def _format(registry: Registry, resource: Resource, prefix: str) -> Iterator[str]:
    own, others = _split(registry, resource)
    yield "+".join(f"<{prefix}{name}>" for name in own)
    for name, target in others:
        yield from _format(registry, target, f"{name}.")
