# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a path such as ``inventory__organization__name`` to the columns and joins that it means."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Select, and_, false, null, or_, select
from sqlalchemy.orm import Mapper, RelationshipProperty, class_mapper
from sqlalchemy.sql.util import ClauseAdapter

from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Registry, Resource
from holdfast.api.relations import CLASS_NAMES, FORBIDDEN, MORE, PASSWORDS, RELATIONS
from holdfast.db import models
from holdfast.db.base import EventsBase
from holdfast.seeds.roles import OBJECT_ROLES

_WORD = re.compile(r"(\w+)(?:([=<~%!])(\w*)(?:[.:](\w+))?(?:\.(\w+))?)?")
CONTENT_TYPE = "content_type"
"""The column that says of what type an object is; AWX asks for its ``model``, a name without underscores."""
_OLD_NAMES = {
    "current_update": "current_job",
    "last_update": "last_job",
    "last_update_failed": "last_job_failed",
    "last_updated": "last_job_run",
}
Join = Callable[[FromClause, FromClause], "list[tuple[FromClause, ColumnElement[bool]]]"]
"""Given the tables on both sides, what is joined one after another, the far side last."""


@dataclass(frozen=True)
class Hop:
    """One step to other rows. ``model`` is None for a relation of which nothing is kept here.

    ``column`` is the attribute of a reference, which often saves the join. ``many`` may find several rows.
    """

    name: str
    model: type[Any] | None
    join: Join | None = None
    column: str = ""
    many: bool = False


@dataclass(frozen=True)
class Path:
    """The hops to a model, and the attribute there; a path that ends in a relation has none."""

    hops: tuple[Hop, ...]
    model: type[Any] | None
    leaf: str = ""
    name: str = ""

    @property
    def is_relation(self) -> bool:
        """Whether what it names is other rows, and not a value."""
        return self.leaf == ""


def class_name(model: type[Any]) -> str:
    """What AWX calls a class of rows."""
    return CLASS_NAMES.get(model.__name__, model.__name__)


def resolve(registry: Registry, model: type[Any], text: str) -> Path:
    """The path that a text names, seen from a model. Raises Invalid or Forbidden in AWX's words."""
    hops: list[Hop] = []
    seen: set[tuple[Any, str]] = set()
    at: type[Any] | None = model
    leaf = last = ""
    for name in text.split("__"):
        if (leaf, name) == (CONTENT_TYPE, "model"):
            last = name
            continue
        if leaf:
            raise Invalid(f"No related model for field {name}.")
        if at is None:
            last = name
            continue
        last = _known_as(at, name)
        found = _field(registry, at, last)
        if (at, last) in seen:
            raise Invalid(f"Loops not allowed in filters, detected on field {last}.")
        seen.add((at, last))
        if isinstance(found, Hop):
            hops.append(found)
            at = found.model
        else:
            leaf = found
    return Path(tuple(hops), at, leaf, last)


def _known_as(model: type[Any], name: str) -> str:
    """The name that a field has today. Raises Forbidden for one that may not be asked about."""
    if ("*", name) in PASSWORDS or (model.__name__, name) in PASSWORDS:
        raise Forbidden("Filtering on password fields is not allowed.")
    if name in FORBIDDEN:
        raise Forbidden(f"Filtering on {name} is not allowed.")
    if name == "pk":
        return "id"
    return _OLD_NAMES.get(name, name) if model.__name__ == "Project" else name


def _field(registry: Registry, model: type[Any], name: str) -> Hop | str:
    """The relation of this name, or the attribute that holds the field of this name."""
    hop = relation(model, name)
    if hop is not None:
        return hop
    mapper = class_mapper(model)
    if name == "id" or (name == "type" and mapper.polymorphic_on is not None):
        return name
    resource = registry.of_model(model)
    role = _role(resource, name) or _entry(registry, model, name)
    if role is not None:
        return role
    one = resource.field_named(name) if resource is not None else None
    if one is not None and one.to and one.attribute in mapper.columns:
        return _reference(name, one.attribute, registry.resources[one.to].model)
    column = one.attribute if one is not None else name
    known = one is not None and (one.filterable or name == "created") and not one.write_only
    if column in mapper.columns and (known or resource is None or column in MORE.get(model.__name__, ())):
        return column
    if name.endswith("_id"):
        hop = relation(model, name.removesuffix("_id"))
        if hop is not None and hop.column == name:
            return hop
    raise Invalid(f"{class_name(model)} has no field named '{name}'")


@functools.cache
def relations(model: Any) -> dict[str, Hop]:
    """The relations of a model, by name."""
    found = (_hop(model, word) for word in RELATIONS.get(model.__name__, ()))
    return {hop.name: hop for hop in found}


@functools.cache
def _squeezed(model: Any) -> dict[str, Hop]:
    """Relations that come from elsewhere, without underscores: AWX takes them with any."""
    words = RELATIONS.get(model.__name__, ())
    away = {match[1] for match in map(_WORD.fullmatch, words) if match and match[2] and match[2] != "="}
    return {name.replace("_", ""): hop for name, hop in relations(model).items() if name in away}


def relation(model: Any, name: str) -> Hop | None:
    """The relation of this name, None where there is none."""
    return relations(model).get(name) or _squeezed(model).get(name.replace("_", ""))


def _hop(model: type[Any], word: str) -> Hop:
    """What one word of ``RELATIONS`` says."""
    match = _WORD.fullmatch(word)
    if match is None:
        raise ValueError(f"{model.__name__}: {word!r} is no relation")
    name, kind, first, second, third = match.groups()
    if kind == "!":
        return Hop(name, None, many=True)
    if kind == "<":
        return _reversed(name, getattr(models, first), second)
    if kind == "%":
        return _linked(name, getattr(models, first), second, third)
    if kind == "=":
        return _reference(name, f"{first}_id", getattr(models, second))
    if kind == "~":
        other = getattr(models, first)
        return Hop(name, other, lambda left, right: [(right, _same(left, "id", right, "id"))])
    return _own(model, name)


def _same(left: FromClause, first: str, right: FromClause, second: str) -> ColumnElement[bool]:
    return left.c[first] == right.c[second]


def _column(model: type[Any], attribute: str) -> Column[Any]:
    column = class_mapper(model).columns[attribute]
    if not isinstance(column, Column):
        raise TypeError(f"{model.__name__}.{attribute} is no column")
    return column


def _own(model: type[Any], name: str) -> Hop:
    """A relationship of the model itself, or its reference ``name_id``."""
    mapper: Mapper[Any] = class_mapper(model)
    prop = mapper.relationships.get(name)
    if prop is None:
        raise ValueError(f"{model.__name__} has no relationship {name}")
    if f"{name}_id" in mapper.columns:
        return _reference(name, f"{name}_id", prop.mapper.class_)
    return Hop(name, prop.mapper.class_, _through(prop, backwards=False), many=bool(prop.uselist))


def _reference(name: str, column: str, model: type[Any]) -> Hop:
    def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
        return [(right, left.c[column] == right.c.id)]

    return Hop(name, model, join, column)


def _reversed(name: str, other: type[Any], attribute: str) -> Hop:
    """Rows of another class that point here."""
    mapper: Mapper[Any] = class_mapper(other)
    if f"{attribute}_id" in mapper.columns:
        column = f"{attribute}_id"

        def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
            return [(right, right.c[column] == left.c.id)]

        return Hop(name, other, join, many=True)
    return Hop(name, other, _through(mapper.relationships[attribute], backwards=True), many=True)


def _through(prop: RelationshipProperty[Any], backwards: bool) -> Join:
    """The joins of a relationship, from its own side or from the other."""
    table = prop.secondary
    pairs = [(one.name, two.name) for one, two in prop.local_remote_pairs or ()]
    near = [(one.name, two.name) for one, two in prop.synchronize_pairs or ()]
    far = [(one.name, two.name) for one, two in prop.secondary_synchronize_pairs or ()]
    if backwards:
        pairs, near, far = [(two, one) for one, two in pairs], far, near

    def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
        if table is None:
            return [(right, and_(*(left.c[one] == right.c[two] for one, two in pairs)))]
        link = table.alias()
        return [
            (link, and_(*(left.c[one] == link.c[two] for one, two in near))),
            (right, and_(*(right.c[one] == link.c[two] for one, two in far))),
        ]

    return join


def _linked(name: str, through: type[Any], mine: str, theirs: str) -> Hop:
    """Rows that a class of links leads to."""
    key = next(iter(_column(through, theirs).foreign_keys))
    target = next(one for one in _classes() if class_mapper(one).local_table is key.column.table)

    def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
        link = class_mapper(through).local_table.alias()
        return [(link, link.c[mine] == left.c.id), (right, link.c[theirs] == right.c.id)]

    return Hop(name, target, join, many=True)


def _classes() -> list[type[Any]]:
    """The classes of tables, of several for one table the one that has all its rows."""
    found = [getattr(models, name) for name in models.__all__]
    return [one for one in found if class_mapper(one).inherits is None]


def _role(resource: Resource | None, name: str) -> Hop | None:
    """A role of an object, such as ``admin_role``."""
    kind = resource.type if resource is not None else ""
    if not any(role.field == name for role in OBJECT_ROLES.get(kind, ())):
        return None

    def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
        is_it = and_(right.c.content_type == kind, right.c.object_id == left.c.id, right.c.role_field == name)
        return [(right, is_it)]

    return Hop(name, models.Role, join)


def _entry(registry: Registry, model: type[Any], kind: str) -> Hop | None:
    """The objects of a type that entries of the activity stream are about."""
    if model is not models.ActivityStream or not registry.knows_type(kind):
        return None

    def join(left: FromClause, right: FromClause) -> list[tuple[FromClause, ColumnElement[bool]]]:
        first = and_(left.c.object1 == kind, left.c.object1_id == right.c.id)
        second = and_(left.c.object2 == kind, left.c.object2_id == right.c.id)
        return [(right, or_(first, second))]

    return Hop(kind, registry.of_type(kind).model, join, many=True)


class Joined:
    """A select of the ids of a model, with every path joined to it once: what one ``filter`` sees together."""

    def __init__(self, model: type[Any]) -> None:
        self._base = class_mapper(model).local_table.alias()
        self.id: ColumnElement[Any] = self._base.c.id
        self._from: FromClause = self._base
        self._tables: dict[tuple[str, ...], FromClause | None] = {(): self._base}

    def value(self, path: Path) -> ColumnElement[Any]:
        """The column that a path ends in, its joins made where they are not there yet."""
        hops = path.hops
        if path.is_relation:
            last = hops[-1]
            if last.column:
                table = self._table(hops[:-1])
                return null() if table is None else table.c[last.column]
            table = self._table(hops)
            return null() if table is None else table.c.id
        if path.leaf == "id" and hops and hops[-1].column:
            return self.value(Path(hops, path.model))
        table = self._table(hops)
        if table is None or path.model is None:
            return null()
        column: Any = class_mapper(path.model).columns[path.leaf]
        if isinstance(column, Column):
            return table.c[column.name]
        counted: ColumnElement[Any] = ClauseAdapter(table).traverse(column)  # a query about the row, now the joined one
        return counted

    def ids(self, condition: ColumnElement[bool]) -> Select[Any]:
        """The select of the ids of rows that meet a condition made of its values."""
        return select(self.id).select_from(self._from).where(condition)

    @property
    def tables(self) -> FromClause:
        """Everything that has been joined so far."""
        return self._from

    def _table(self, hops: Sequence[Hop]) -> FromClause | None:
        """The table at the end of these hops; None where they lead nowhere."""
        key = tuple(hop.name for hop in hops)
        if key in self._tables:
            return self._tables[key]
        before = self._table(hops[:-1])
        hop = hops[-1]
        table = None
        if before is not None and hop.model is not None and hop.join is not None:
            table = class_mapper(hop.model).local_table.alias()
            for one, condition in hop.join(before, table):
                extra = _kind(hop.model, table) if one is table else None
                self._from = self._from.outerjoin(one, condition if extra is None else and_(condition, extra))
        self._tables[key] = table
        return table


def _kind(model: type[Any], table: FromClause) -> ColumnElement[bool] | None:
    """What tells rows of this class from others in the same table."""
    mapper: Mapper[Any] = class_mapper(model)
    if mapper.inherits is None or mapper.polymorphic_on is None:
        return None
    names = [one.polymorphic_identity for one in mapper.self_and_descendants]
    kind = table.c[mapper.polymorphic_on.name]
    return kind.in_(names) if names else false()


def in_events(model: type[Any]) -> bool:
    """Whether rows of this class lie in the database of events."""
    return issubclass(model, EventsBase)
