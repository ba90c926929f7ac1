# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What conditions can compute: comparisons, arithmetic within bounds, and a few functions, each as data.

Nothing here coerces: text is never a number, and true is not 1. What does not fit is Refused with the kinds of the
values, never the values themselves, since they may be secret.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.scopes import kind_of

MAX_INTEGER = 2**63 - 1
MAX_TEXT = 10_000  # characters of a text that an expression builds


class Refused(Exception):
    """An operation that the values do not allow; the text is the reason."""


def wrong_constant(value: Any) -> list[str]:
    """What is wrong with a literal in an expression."""
    if value is None or isinstance(value, (bool, str)):
        return []
    if isinstance(value, (int, float)):
        return [] if _in_bounds(value) else ["a number is too large"]
    return [f"a literal of type {type(value).__name__} is not allowed"]


def _in_bounds(value: Any) -> bool:
    return abs(value) <= MAX_INTEGER if isinstance(value, int) else math.isfinite(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same_kind(left: Any, right: Any) -> bool:
    return kind_of(left) == kind_of(right)


def _bounded(value: Any) -> Any:
    if not _in_bounds(value):
        raise Refused("a number is too large")
    return value


# --- comparisons -------------------------------------------------------------------------------------------------


def _equal(left: Any, right: Any) -> bool:
    """Two values of one kind; null may be compared with everything."""
    if left is None or right is None:
        return left is right
    if not _same_kind(left, right):
        raise Refused(f"compares {kind_of(left)} with {kind_of(right)}, which are never equal")
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    """Deep equality in which true is not 1."""
    if not _same_kind(left, right):
        return False
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(_same(*pair) for pair in zip(left, right))
    return bool(left == right)


def _contains(item: Any, holder: Any) -> bool:
    if isinstance(holder, str):
        if not isinstance(item, str):
            raise Refused(f"looks for {kind_of(item)} in text")
        return item in holder
    if isinstance(holder, Mapping):
        if not isinstance(item, str):
            raise Refused(f"looks for {kind_of(item)} among the keys of a mapping")
        return item in holder
    if isinstance(holder, (list, tuple)):
        if holder and item is not None and not any(_same_kind(item, element) for element in holder):
            raise Refused(f"looks for {kind_of(item)} in a list that has none")
        return any(_same(item, element) for element in holder)
    raise Refused(f"looks into {kind_of(holder)} with 'in'")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
            return bool(compare(left, right))
        raise Refused(f"cannot order {kind_of(left)} and {kind_of(right)}")

    return ordered


COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda left, right: not _equal(left, right),
    ast.In: _contains,
    ast.NotIn: lambda left, right: not _contains(left, right),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
}

# --- arithmetic --------------------------------------------------------------------------------------------------

ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def arithmetic(kind: type, left: Any, right: Any) -> Any:
    """``left`` and ``right`` under an operator; numbers only, but ``+`` also joins two texts."""
    if kind is ast.Add and isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > MAX_TEXT:
            raise Refused(f"a text is longer than {MAX_TEXT} characters")
        return str(left) + str(right)
    if not (_is_number(left) and _is_number(right)):
        raise Refused(f"cannot compute with {kind_of(left)} and {kind_of(right)}")
    try:
        return _bounded(ARITHMETIC[kind](_bounded(left), _bounded(right)))
    except ZeroDivisionError:
        raise Refused("divides by zero") from None


def unary(kind: type, value: Any) -> Any:
    """not, - and +."""
    if kind is ast.Not:
        if not isinstance(value, bool):
            raise Refused(f"'not' needs true or false, but got {kind_of(value)}")
        return not value
    if not _is_number(value):
        raise Refused(f"cannot give {kind_of(value)} a sign")
    return -_bounded(value) if kind is ast.USub else value


# --- functions ---------------------------------------------------------------------------------------------------


class Function(NamedTuple):
    """A function: what it does with its arguments, and how many it takes (least, most)."""

    apply: Callable[[list[Any]], Any]
    takes: tuple[int, int] = (1, 1)


def _length(args: list[Any]) -> int:
    if isinstance(args[0], (str, list, tuple, Mapping)):
        return len(args[0])
    raise Refused(f"{kind_of(args[0])} has no length")


def _extreme(pick: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    def extreme(args: list[Any]) -> Any:
        values = args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args
        if not values:
            raise Refused("the least or greatest of nothing")
        if all(map(_is_number, values)) or all(isinstance(value, str) for value in values):
            return pick(values)
        raise Refused("the least or greatest of values that are not all numbers, or all text")

    return extreme


def _number(convert: Callable[[Any], Any], what: str) -> Callable[[list[Any]], Any]:
    def number(args: list[Any]) -> Any:
        value = args[0]
        if _is_number(value) or (isinstance(value, str) and len(value) <= 40):
            try:
                return _bounded(convert(value))
            except (ValueError, OverflowError):
                pass
        raise Refused(f"this {'text' if isinstance(value, str) else 'value'} cannot be turned into {what}")

    return number


def _text(args: list[Any]) -> str:
    if isinstance(args[0], str):
        return str(args[0])
    if _is_number(args[0]):
        return str(_bounded(args[0]))
    raise Refused(f"cannot write {kind_of(args[0])} as text")


def _case(change: Callable[[str], str]) -> Callable[[list[Any]], str]:
    def case(args: list[Any]) -> str:
        if not isinstance(args[0], str):
            raise Refused(f"{kind_of(args[0])} has no upper or lower case")
        return change(args[0])

    return case


FUNCTIONS: Mapping[str, Function] = {
    "len": Function(_length),
    "min": Function(_extreme(min), (1, 100)),
    "max": Function(_extreme(max), (1, 100)),
    "int": Function(_number(int, "a whole number")),
    "float": Function(_number(float, "a number")),
    "str": Function(_text),
    "lower": Function(_case(str.lower)),
    "upper": Function(_case(str.upper)),
}


def call(name: str, args: list[Any]) -> Any:
    """The result of a function of this name."""
    return FUNCTIONS[name].apply(args)
