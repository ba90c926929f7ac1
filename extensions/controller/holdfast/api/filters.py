# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's filter language: parameters of a list's address that narrow and order it.

What is asked together is seen together: conditions on one to-many relation are about the same related row, as in
Django, unless they are chained (``chain__``). No row is listed twice for several that it is related to, except where
the order is by such a relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, false, func, or_, select, true
from sqlalchemy.orm import class_mapper

from holdfast.api import comparisons
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.lookups import CONTENT_TYPE, Hop, Joined, Path, in_events, resolve
from holdfast.api.registry import Registry, Resource
from holdfast.auth import roles
from holdfast.seeds.roles import OBJECT_ROLES

RESERVED = frozenset(
    (
        *("page", "page_size", "format", "order", "order_by", "search", "type"),
        *("host_filter", "count_disabled", "no_truncate", "limit", "validate"),
    )
)
"""Parameters that are no filters."""
SEARCHED = ("username", "first_name", "last_name", "email", "name", "description", "playbook")
"""The fields of related objects that ``__search`` looks at."""


@dataclass(frozen=True)
class Condition:
    """One parameter, taken apart."""

    path: Path
    lookup: str
    text: str
    negated: bool = False


@dataclass
class Parsed:
    """All filters of a request. ``searches`` maps a term to the paths it is looked for in."""

    together: list[Condition]
    either: list[Condition]
    chained: list[Condition]
    roles: list[str]
    searches: dict[str, list[Path]]
    every_term: bool = False


def apply(call: Call, resource: Resource, query: Select[Any]) -> Select[Any]:
    """The query narrowed and ordered as the request asks. Raises Invalid or Forbidden in AWX's words."""
    query = _of_types(call, resource, query)
    parsed = parse(call.controller.registry, resource.model, call.query)
    make = _Maker(call, resource.model)
    for condition in make.all(parsed):
        query = query.where(condition)
    for role in parsed.roles:
        query = query.where(_role_level(call, resource, role))
    for term in call.get("search").replace("\x00", "").replace(",", " ").split():
        query = query.where(make.search(resource, term))
    return order(call, resource, query)


def parse(registry: Registry, model: type[Any], pairs: Iterable[tuple[str, str]]) -> Parsed:
    """The filters among the parameters of a request."""
    parsed = Parsed([], [], [], [], {})
    for key, text in pairs:
        if key in RESERVED:
            continue
        if not key.isascii():
            raise Invalid(f"{key!r} is not an allowed field name. Must be ascii encodable.")
        if key == "role_level":
            parsed.roles.append(text)
        elif key.endswith("__search"):
            _search(registry, model, key.removesuffix("__search"), text, parsed)
        else:
            _condition(registry, model, key, text, parsed)
    return parsed


def _condition(registry: Registry, model: type[Any], key: str, text: str, parsed: Parsed) -> None:
    if key.endswith("__int"):
        key = key.removesuffix("__int")
        if not text.lstrip("-").isdigit():
            raise Invalid(f"invalid literal for int() with base 10: {text!r}")
    into = parsed.together
    if key.startswith("chain__"):
        key, into = key.removeprefix("chain__"), parsed.chained
    elif key.startswith("or__"):
        key, into = key.removeprefix("or__"), parsed.either
    negated = key.startswith("not__")
    key = key.removeprefix("not__")
    name, _unused, last = key.rpartition("__")
    path, lookup = (name, last) if "__" in key and last in comparisons.LOOKUPS else (key, "exact")
    if not path:
        raise Invalid("Query string field name not provided.")
    into.append(Condition(resolve(registry, model, path), lookup, text, negated))


def one_condition(call: Call, resource: Resource, key: str, text: str) -> ColumnElement[bool]:
    """The condition that one filter means, where nothing joins it to others: no ``or__``, no ``not__``."""
    registry = call.controller.registry
    parsed = Parsed([], [], [], [], {})
    make = _Maker(call, resource.model)
    if key == "search":
        return make.search(resource, text)
    if key.endswith("__search"):
        _search(registry, resource.model, key.removesuffix("__search"), text, parsed)
    else:
        name, _unused, last = key.rpartition("__")
        path, lookup = (name, last) if name and last in comparisons.LOOKUPS else (key, "exact")
        parsed.together.append(Condition(resolve(registry, resource.model, path), lookup, text))
    return and_(true(), *make.all(parsed))


def _search(registry: Registry, model: type[Any], name: str, text: str, parsed: Parsed) -> None:
    if not name:
        raise Invalid("Query string field name not provided.")
    path = resolve(registry, model, name)
    if not path.is_relation:
        raise Invalid(f"{name} is not searchable")
    paths = [Path(path.hops, path.model, field, field) for field in _searched(registry, path.model)]
    if "," in text:
        parsed.every_term = True
    for term in text.split(","):
        parsed.searches.setdefault(term, []).extend(paths)


def _searched(registry: Registry, model: type[Any] | None) -> list[str]:
    """The fields of a related model that a search looks at."""
    if model is None:
        return []
    resource = registry.of_model(model)
    columns = class_mapper(model).columns
    return [name for name in SEARCHED if name in columns and (resource is None or resource.field_named(name))]


class _Maker:
    """Makes conditions on the rows of one model."""

    def __init__(self, call: Call, model: type[Any]) -> None:
        self._call = call
        self._model = model
        self._sqlite = call.controller.database.engine.dialect.name == "sqlite"

    def all(self, parsed: Parsed) -> Iterable[ColumnElement[bool]]:
        """The conditions of everything that was asked, each about one row of every relation."""
        together: list[Callable[[Joined | None], ColumnElement[bool]]] = []
        paths: list[Path] = []
        for one in parsed.together:
            together.append(self._one(one))
            paths.append(one.path)
        if parsed.either:
            either = [self._one(one) for one in parsed.either]
            together.append(lambda joined: or_(*(make(joined) for make in either)))
            paths.extend(one.path for one in parsed.either)
        terms = [self._term(paths_of, term) for term, paths_of in parsed.searches.items()]
        searched = [path for paths_of in parsed.searches.values() for path in paths_of]
        if terms and not parsed.every_term:
            together.append(lambda joined: or_(*(make(joined) for make in terms)))
            paths.extend(searched)
        elif terms:
            for make in terms:
                yield self._seen(searched, [make])
        for one in parsed.chained:
            yield self._seen([one.path], [self._one(one)])
        if together:
            yield self._seen(paths, together)

    def search(self, resource: Resource, term: str) -> ColumnElement[bool]:
        """That a term stands in one of the fields that a list is searched in."""
        registry = self._call.controller.registry
        paths = []
        for name in resource.search_fields:
            try:
                paths.append(resolve(registry, resource.model, name))
            except Invalid:  # a field of AWX's that we do not keep
                continue
        return self._seen(paths, [self._term(paths, term)])

    def _seen(
        self, paths: Sequence[Path], makers: Sequence[Callable[[Joined | None], ColumnElement[bool]]]
    ) -> ColumnElement[bool]:
        """Conditions that see the same joins: on the rows themselves where there are none."""
        if not any(self._joins(path) for path in paths):
            return and_(*(make(None) for make in makers))
        joined = Joined(self._model)
        condition = and_(*[make(joined) for make in makers])
        return self._id.in_(joined.ids(condition))

    @property
    def _id(self) -> ColumnElement[Any]:
        found: ColumnElement[Any] = self._model.id
        return found

    def _joins(self, path: Path) -> bool:
        """Whether a path needs more than the rows themselves."""
        if self._abroad(path):
            return False
        hops = path.hops[:-1] if path.hops and path.hops[-1].column and path.leaf in ("", "id") else path.hops
        return bool(hops)

    def _abroad(self, path: Path) -> bool:
        """Whether a path leads from the database of events into the other one, where no join goes."""
        return in_events(self._model) and any(hop.model is not None for hop in path.hops) and self._far(path)

    @staticmethod
    def _far(path: Path) -> bool:
        return len(path.hops) > 1 or path.leaf not in ("", "id")

    def _one(self, one: Condition) -> Callable[[Joined | None], ColumnElement[bool]]:
        """A condition, made once it is known what it is joined to."""

        def make(joined: Joined | None) -> ColumnElement[bool]:
            if not one.negated:
                return self._plain(one, joined)
            if joined is None or not self._joins(one.path):
                column = self._local(one.path)
                condition = self._plain(one, None)
                return ~condition if column is None else comparisons.is_not(condition, column, one.lookup)
            own = Joined(self._model)
            return joined.id.not_in(own.ids(self._plain(one, own)))

        return make

    def _plain(self, one: Condition, joined: Joined | None) -> ColumnElement[bool]:
        path = one.path
        if any(hop.model is None for hop in path.hops):
            return comparisons.nowhere(one.lookup, one.text)
        if self._abroad(path):
            return self._fetched(one)
        column = joined.value(path) if joined is not None else self._local(path)
        if column is None:
            return false()
        text = one.text
        if path.leaf in ("type", CONTENT_TYPE) and path.name in ("type", "model"):
            # AWX tells types apart by names without underscores, and takes them with any.
            column, text = func.replace(column, "_", "", type_=String), text.replace("_", "")
        return comparisons.compare(
            column, one.lookup, text, sqlite=self._sqlite, name=path.name, is_relation=path.is_relation
        )

    def _local(self, path: Path) -> ColumnElement[Any] | None:
        """The column of the rows themselves that a path without joins ends in."""
        if self._abroad(path) or any(hop.model is None for hop in path.hops):
            return None
        name = path.hops[-1].column if path.hops else path.leaf
        column: ColumnElement[Any] = getattr(self._model, name)
        return column

    def _fetched(self, one: Condition) -> ColumnElement[bool]:
        """A condition on rows of the other database: the ids that meet it are asked for there first."""
        first: Hop = one.path.hops[0]
        if first.model is None:
            return false()
        there = _Maker(self._call, first.model)
        rest = Condition(Path(one.path.hops[1:], one.path.model, one.path.leaf, one.path.name), one.lookup, one.text)
        query = select(first.model.id).where(there._seen([rest.path], [there._one(rest)]))
        ids = list(self._call.session.scalars(query.limit(comparisons.MOST_VALUES)))
        column: ColumnElement[Any] = getattr(self._model, first.column)
        return column.in_(ids)

    def _term(self, paths: Sequence[Path], term: str) -> Callable[[Joined | None], ColumnElement[bool]]:
        """That a term stands in one of the fields that these paths lead to."""
        conditions = [Condition(path, "icontains", term) for path in paths]

        def make(joined: Joined | None) -> ColumnElement[bool]:
            return or_(false(), *(self._plain(one, joined) for one in conditions))

        return make


def _of_types(call: Call, resource: Resource, query: Select[Any]) -> Select[Any]:
    """Rows of the types that ``type`` names."""
    wanted = call.get("type").split(",") if call.get("type") else []
    if not wanted:
        return query
    model: Any = resource.model
    if class_mapper(model).polymorphic_on is not None:
        return query.where(model.type.in_(wanted))
    return query if resource.type in wanted else query.where(false())


def _role_level(call: Call, resource: Resource, role: str) -> ColumnElement[bool]:
    """Rows on which the user holds a role."""
    known = OBJECT_ROLES.get(resource.type, ())
    if not known:
        raise Invalid(
            "Cannot apply role_level filter to this list because its model does not use roles for access control."
        )
    if not any(one.field == role for one in known):
        raise Invalid(f"{resource.model_name} has no role named '{role}'")
    model: Any = resource.model
    held = roles.visible(call, resource.type, role, model.id)
    return true() if held is None else held


def order(call: Call, resource: Resource, query: Select[Any]) -> Select[Any]:
    """The query in the order that was asked for, then in the resource's own."""
    text = call.get("order_by") or call.get("order")
    asked = [name for name in text.split(",") if name]
    registry = call.controller.registry
    if any("\x00" in name or not name.isascii() for name in asked):
        raise Invalid(f"{text!r} is not an allowed field name. Must be ascii encodable.")
    if asked:
        query = query.order_by(None)
    for name in (*asked, *resource.order_by):
        plain = name.removeprefix("-")
        own = name in resource.order_by and plain in class_mapper(resource.model).columns
        path = Path((), resource.model, plain, plain) if own else resolve(registry, resource.model, plain)
        query = _by(call, resource.model, query, path, name.startswith("-"))
    model: Any = resource.model
    last = resource.order_by[-1] if resource.order_by else ""
    return query if last.removeprefix("-") == "id" else query.order_by(model.id)


def _by(call: Call, model: type[Any], query: Select[Any], path: Path, down: bool) -> Select[Any]:
    """The query ordered by one path more. Related objects are ordered as in their own list."""
    if path.is_relation and path.model is not None and not in_events(model):
        resource = call.controller.registry.of_model(path.model)
        own = resource.order_by[0] if resource is not None and resource.order_by else "id"
        further = resolve(call.controller.registry, path.model, own.removeprefix("-"))
        if not further.hops:
            path = Path(path.hops, path.model, further.leaf, path.name)
    if path.model is None:
        return query
    column, query = _ordered_by(model, query, path)
    if column is None:
        return query
    nulls = getattr(column, "nullable", True) or bool(path.hops)
    way = column.desc() if down else column.asc()
    if nulls:  # as PostgreSQL has them: as if larger than anything
        way = way.nulls_first() if down else way.nulls_last()
    return query.order_by(way)


def _ordered_by(model: type[Any], query: Select[Any], path: Path) -> tuple[ColumnElement[Any] | None, Select[Any]]:
    if not path.hops:
        return getattr(model, path.leaf), query
    if in_events(model):
        return getattr(model, path.hops[0].column), query
    joined = Joined(model)
    value = joined.value(path)
    if not any(hop.many for hop in path.hops):
        one = select(value).select_from(joined.tables).where(joined.id == model.id)
        return one.scalar_subquery(), query
    pairs = select(joined.id.label("id"), value.label("value")).select_from(joined.tables).subquery()
    return pairs.c.value, query.join(pairs, pairs.c.id == model.id)


def count_of(query: Select[Any]) -> Select[Any]:
    """The select of how many rows a select has."""
    return select(func.count()).select_from(query.order_by(None).subquery())
