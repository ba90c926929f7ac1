# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter compares: values as their columns keep them, and the conditions of each look-up."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, Float, Integer, String, cast, false, func, true
from sqlalchemy.types import TypeEngine

from holdfast.api.errors import Invalid
from holdfast.db import patterns
from holdfast.db.base import UtcDateTime

LOOKUPS = frozenset(
    (
        *("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
        *("regex", "iregex", "gt", "gte", "lt", "lte", "in", "isnull", "search"),
    )
)
_RELATED_LOOKUPS = frozenset(("exact", "in", "gt", "gte", "lt", "lte", "isnull"))
_LARGEST = 2**63 - 1
MOST_VALUES = 20000
"""More would not fit into one statement, nor into the address of a request."""


def boolean(text: str) -> bool:
    """Yes or no, or Invalid."""
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise Invalid(f'Unable to convert "{text}" to boolean')


def related(name: str, text: str) -> int | None:
    """The id of another object, None for ``null``."""
    if text.lower() in ("none", "null"):
        return None
    try:
        return _within(int(text))
    except ValueError:
        raise Invalid(f"Invalid {name} id: {text}") from None


def _within(number: int) -> int:
    """A number that the database can hold: what is larger than any is as good as the largest."""
    return max(-_LARGEST, min(_LARGEST, number))


def _said(message: str) -> Invalid:
    """An error as AWX says it of a value: a list of messages, written as JSON."""
    return Invalid(json.dumps([message], ensure_ascii=False))


def _integer(text: str) -> int:
    try:
        if len(text) > 400:
            raise ValueError
        return _within(int(text))
    except ValueError:
        raise _said(f"\u201c{text}\u201d value must be an integer.") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _said(f"\u201c{text}\u201d value must be a float.") from None


def _moment(text: str) -> dt.datetime:
    form = "YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ]"
    try:
        found = dt.datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=dt.timezone.utc)).astimezone(dt.timezone.utc)
    except (ValueError, OverflowError):
        if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}.*)?", text.strip()):
            said = f"\u201c{text}\u201d value has the correct format ({form}) but it is an invalid date/time."
        else:
            said = f"\u201c{text}\u201d value has an invalid format. It must be in {form} format."
        raise _said(said) from None


def value(kind: TypeEngine[Any], text: str) -> Any:
    """A text as a column of this type would hold it; raises Invalid where it cannot."""
    if isinstance(kind, Boolean):
        return boolean(text)
    if isinstance(kind, UtcDateTime):
        return _moment(text)
    if isinstance(kind, Float):
        return _number(text)
    if isinstance(kind, Integer):
        return _integer(text)
    return text


def pattern(text: str) -> str:
    """A regular expression that may be tried on many rows; raises Invalid for one that is wrong or too slow."""
    try:
        patterns.check(text)
    except ValueError as error:
        raise Invalid(str(error)) from None
    return text


def _text(column: ColumnElement[Any]) -> ColumnElement[str]:
    return column if isinstance(column.type, String) else cast(column, String)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _like(shape: str, sqlite: bool, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """A comparison that does not tell cases apart. SQLite's LIKE does so for ASCII alone."""
    kept = _text(column)
    if sqlite and text.isascii():
        return kept.like(shape % _escaped(text), escape="\\")
    lower = func.unicode_lower if sqlite else func.lower
    return lower(kept).like(shape % _escaped(text.lower()), escape="\\")


def _exactly(where: str, sqlite: bool, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """A comparison of a part of a text that tells cases apart."""
    kept = _text(column)
    if not sqlite:
        return kept.like({"in": "%%%s%%", "at": "%s%%", "to": "%%%s"}[where] % _escaped(text), escape="\\")
    if text == "":
        return kept.is_not(None)
    if where == "in":
        return func.instr(kept, text) > 0
    part = func.substr(kept, 1, len(text)) if where == "at" else func.substr(kept, -len(text))
    return part == text


def _matches(sqlite: bool, column: ColumnElement[Any], text: str, ignore_case: bool) -> ColumnElement[bool]:
    if not sqlite:
        return _text(column).regexp_match(text, flags="i" if ignore_case else None)
    return _text(column).regexp_match(f"(?i){text}" if ignore_case else text)


_TEXT_LOOKUPS: Mapping[str, Callable[[bool, ColumnElement[Any], str], ColumnElement[bool]]] = {
    "iexact": lambda sqlite, column, text: _like("%s", sqlite, column, text),
    "icontains": lambda sqlite, column, text: _like("%%%s%%", sqlite, column, text),
    "istartswith": lambda sqlite, column, text: _like("%s%%", sqlite, column, text),
    "iendswith": lambda sqlite, column, text: _like("%%%s", sqlite, column, text),
    "contains": lambda sqlite, column, text: _exactly("in", sqlite, column, text),
    "startswith": lambda sqlite, column, text: _exactly("at", sqlite, column, text),
    "endswith": lambda sqlite, column, text: _exactly("to", sqlite, column, text),
    "regex": lambda sqlite, column, text: _matches(sqlite, column, pattern(text), False),
    "iregex": lambda sqlite, column, text: _matches(sqlite, column, pattern(text), True),
}
_ORDERS: Mapping[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "gt": lambda column, given: column > given,
    "gte": lambda column, given: column >= given,
    "lt": lambda column, given: column < given,
    "lte": lambda column, given: column <= given,
}


def compare(
    column: ColumnElement[Any], lookup: str, text: str, *, sqlite: bool, name: str, is_relation: bool
) -> ColumnElement[bool]:
    """The condition that a look-up means. Raises Invalid in AWX's words."""
    if "\x00" in text:
        raise Invalid("A string literal cannot contain NUL (0x00) characters.")
    if lookup == "isnull":
        return column.is_(None) if boolean(text) else column.is_not(None)
    if is_relation and lookup not in _RELATED_LOOKUPS:
        raise Invalid(f"Related Field got invalid lookup: {lookup}")
    if lookup in _TEXT_LOOKUPS:
        if lookup == "iexact" and not isinstance(column.type, String):
            raise Invalid(f"{name} is not a text field and cannot be filtered by case-insensitive search")
        return _TEXT_LOOKUPS[lookup](sqlite, column, text)

    def read(one: str) -> Any:
        return related(name, one) if is_relation else value(column.type, one)

    if isinstance(column.type, JSON):
        column = cast(column, String)
    if lookup == "in":
        if not text:
            raise Invalid("cannot provide empty value for __in")
        return column.in_(list(dict.fromkeys(read(one) for one in text.split(",")))[:MOST_VALUES])
    given = read(text)
    if lookup in _ORDERS and isinstance(given, bool):  # no is less than yes
        return _ORDERS[lookup](cast(column, Integer), int(given))
    if lookup in _ORDERS:
        return _ORDERS[lookup](column, given) if given is not None else false()
    return column.is_(None) if given is None else column == given


def nowhere(lookup: str, text: str) -> ColumnElement[bool]:
    """The condition on a relation of which nothing is kept: it is always null."""
    if lookup == "isnull":
        return true() if boolean(text) else false()
    if lookup == "exact" and text.lower() in ("none", "null"):
        return true()
    return false()


def is_not(condition: ColumnElement[bool], column: ColumnElement[Any], lookup: str) -> ColumnElement[bool]:
    """The opposite of a condition: what has no value does not meet it either."""
    if lookup == "isnull":
        return ~condition
    return column.is_(None) | ~condition
