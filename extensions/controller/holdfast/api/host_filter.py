# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of hosts: ``name=web1 or (groups__name="db" and ansible_facts__os__family=Debian)``.

A key is a filter of the list of hosts, or a path into the facts, whose parts that end in ``[]`` are lists. ``and``
binds closer than ``or``. What is kept of facts is searched for what a path ends in, of the type that the value has:
a text where it stands in quotes or is no number, no ``true``, ``false`` or ``null``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, false, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from holdfast.api import filters
from holdfast.api.call import Call
from holdfast.api.comparisons import LOOKUPS
from holdfast.api.errors import Invalid
from holdfast.api.registry import Resource
from holdfast.db.models import Host

FACTS = "ansible_facts"
MOST_OPERANDS = 200
"""More of them would make a statement that no database takes."""
DEEPEST = 50
MOST_LISTS = 20
_TOKEN = re.compile(r'\s*(?:"([^"]*)"|([()=])|([^\s()="]+))')
_FACTS_LOOKUP = re.compile(rf"{FACTS}[^=]*__({'|'.join(sorted(LOOKUPS - {'exact', 'search'}))})=")
_Token = tuple[str, str]


def condition(call: Call, resource: Resource, text: str) -> ColumnElement[bool]:
    """The condition that a filter means on the rows of hosts. Raises Invalid for one that is none."""
    return _Reader(call, resource, text).whole()


def checked(call: Call, resource: Resource, text: str) -> None:
    """Raises Invalid, with a text in AWX's words, for a filter that could not be used."""
    found = _FACTS_LOOKUP.match(text)
    if found is not None:
        raise Invalid(f"{FACTS} does not support searching with __{found[1]}")
    condition(call, resource, text)


def _tokens(text: str) -> Iterator[_Token]:
    """The words of a filter, each with its kind: ``word``, ``quoted`` or the sign itself."""
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise Invalid(f"Invalid query {text}")
        quoted, sign, word = found.groups()
        yield (sign, sign) if sign else ("quoted", quoted) if quoted is not None else ("word", word)
        at = found.end()


class _Reader:
    """Reads one filter, from left to right."""

    def __init__(self, call: Call, resource: Resource, text: str) -> None:
        self._call = call
        self._resource = resource
        self._wrong = Invalid(f"Invalid query {text}")
        self._left = list(_tokens(text))[::-1]
        self._operands = 0

    def whole(self) -> ColumnElement[bool]:
        """The condition of all of it."""
        found = self._either(0)
        if self._left:
            raise self._wrong
        return found

    def _next(self) -> _Token:
        return self._left[-1] if self._left else ("", "")

    def _take(self) -> _Token:
        if not self._left:
            raise self._wrong
        return self._left.pop()

    def _either(self, depth: int) -> ColumnElement[bool]:
        found = [self._together(depth)]
        while self._next() == ("word", "or"):
            self._take()
            found.append(self._together(depth))
        return or_(*found)

    def _together(self, depth: int) -> ColumnElement[bool]:
        found = [self._operand(depth)]
        while self._next() == ("word", "and"):
            self._take()
            found.append(self._operand(depth))
        return and_(*found)

    def _operand(self, depth: int) -> ColumnElement[bool]:
        kind, key = self._take()
        if kind == "(" and depth < DEEPEST:
            found = self._either(depth + 1)
            if self._take()[0] != ")":
                raise self._wrong
            return found
        self._operands += 1
        if kind not in ("word", "quoted") or self._take()[0] != "=" or self._operands > MOST_OPERANDS:
            raise self._wrong
        return self._pair(key, *self._value())

    def _value(self) -> _Token:
        """The value after ``=``, which may be missing."""
        kind = self._next()[0]
        return self._take() if kind in ("word", "quoted") else ("quoted", "")

    def _pair(self, key: str, kind: str, text: str) -> ColumnElement[bool]:
        if key == FACTS or key.startswith(f"{FACTS}__"):
            path = key.removeprefix(FACTS).removeprefix("__").removesuffix("__exact")
            return self._facts(path.split("__"), text if kind == "quoted" and text != "null" else _typed(text))
        if kind == "word" and text == "null":
            key, text = f"{key.removesuffix('__exact')}__isnull", "true"
        return filters.one_condition(self._call, self._resource, key, text)

    def _facts(self, path: Sequence[str], value: Any) -> ColumnElement[bool]:
        lists = sum(name.endswith("[]") for name in path)
        if len(path) > DEEPEST or lists > MOST_LISTS or any("\x00" in name for name in path):
            raise self._wrong
        if self._call.controller.database.engine.dialect.name != "sqlite":
            return cast(Host.ansible_facts, JSONB).contains(_nested(path, value))
        return _within(Host.ansible_facts, path, value)


def _typed(text: str) -> Any:
    """What a value means that stands without quotes."""
    words = {"null": None, "true": True, "false": False}
    if text in words:
        return words[text]
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text)
    if re.fullmatch(r"[-+]?[0-9]{1,300}\.[0-9]{1,300}", text):
        return float(text)
    return text


def _nested(path: Sequence[str], value: Any) -> Any:
    """What facts must hold, as PostgreSQL compares it: ``{"a": [{"b": value}]}``."""
    for name in reversed(path):
        value = {name.removesuffix("[]"): [value] if name.endswith("[]") else value}
    return value


def _within(document: Any, path: Sequence[str], value: Any) -> ColumnElement[bool]:
    """What facts must hold, as SQLite finds it."""
    place = "$"
    for number, name in enumerate(path, 1):
        plain = name.removesuffix("[]")
        place += f'."{plain}"'
        if name.endswith("[]"):
            each = func.json_each(document, place).table_valued("value", "type").alias(f"facts{len(path) - number}")
            rest = path[number:]
            found = _within(each.c.value, rest, value) if rest else _is(each.c.value, each.c.type, value)
            if rest:  # whatever is no object is no JSON to look into either
                found = case((each.c.type == "object", found), else_=false())
            held = select(1).select_from(each).where(found).exists()
            return and_(func.json_type(document, place) == "array", held)
    return _is(func.json_extract(document, place), func.json_type(document, place), value)


def _is(found: Any, kind: Any, value: Any) -> ColumnElement[bool]:
    """Whether a value of the facts is this one, of its type."""
    if value is None or isinstance(value, bool):
        same: ColumnElement[bool] = kind == {None: "null", True: "true", False: "false"}[value]
        return same
    return and_(kind.in_(("text",) if isinstance(value, str) else ("integer", "real")), found == value)
