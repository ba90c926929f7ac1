# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generic checker: any value against any shape, every problem at once, and what can be used of the value.

``clean`` gives the value back with the defaults filled in and without what was wrong, so that whoever reads on can
do so without asking again. Nothing here knows a single key of a document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Callable

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    Anything,
    ByKey,
    ByValue,
    Either,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    Object,
    Shape,
    Text,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import (
    DocumentPath,
    Problem,
    did_you_mean,
    nearest,
)

MISSING: Any = object()
"""Stands for a value that was so wrong that nothing of it can be used."""

MAX_DEPTH = 60
"""How deep a document may be nested; what is deeper could not be followed by those who read on."""

Problems = list[Problem]
_ARTICLES = {str: "text", bool: "true or false", list: "a list", dict: "a mapping", type(None): "nothing"}


def describe(value: Any) -> str:
    """What a value is, for people: ``the text 'abc'``, ``the number 5``, ``a list``, ``nothing``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {value[:60]!r}"
    if isinstance(value, (int, float)):
        return f"the number {value}" if not abs(value) >= 10**20 else "a number of that size"
    return _ARTICLES.get(type(value), f"a value of type {type(value).__name__}")


def clean(shape: Shape, value: Any, path: DocumentPath, problems: Problems) -> Any:
    """Judge ``value``, which stands at ``path``: append what is wrong, return what is usable or MISSING."""
    return _CHECKERS[type(shape)](shape, value, path, problems)


def _wrong(shape: Shape, value: Any, path: DocumentPath, problems: Problems, hint: str = "") -> Any:
    problems.append(Problem(path, f"must be {shape.says}, not {describe(value)}", hint or _quote_hint(shape, value)))
    return MISSING


def _quote_hint(shape: Shape, value: Any) -> str:
    cases = shape.cases if isinstance(shape, Either) else (shape,)
    texts = [case for case in cases if isinstance(case, Text)]
    if value is None:
        return "give a value or leave the key out"
    if texts and isinstance(value, bool):
        return "YAML reads yes, no, on and off as true or false: put it in quotes"
    if texts and isinstance(value, (int, float)) and not texts[0].choices and not texts[0].example:
        return "put it in quotes"
    return f"such as {texts[0].example}" if texts and texts[0].example else ""


# --- plain values ------------------------------------------------------------------------------------------------


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def matches(shape: Text, value: str) -> bool:
    """Whether text fits the choices or the pattern, and is not blank unless that is allowed."""
    if shape.choices:
        return value in shape.choices
    if shape.pattern:
        return _compiled(shape.pattern).search(value) is not None
    return shape.blank or bool(value.strip())


def _text(shape: Text, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if not isinstance(value, str):
        return _wrong(shape, value, path, problems, _choices_hint(shape))
    if matches(shape, value):
        return value
    if shape.choices:
        problems.append(Problem(path, f"'{value}' is not {shape.says}", did_you_mean(value, shape.choices)))
    elif shape.pattern:
        problems.append(
            Problem(path, f"'{value}' is not {shape.says}", f"such as {shape.example}" if shape.example else "")
        )
    else:
        problems.append(Problem(path, "must not be blank"))
    return MISSING


def _choices_hint(shape: Text) -> str:
    return f"one of {', '.join(shape.choices)}" if shape.choices else ""


def _number(shape: Number, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _wrong(shape, value, path, problems)
    if isinstance(value, float) and not math.isfinite(value):
        return _wrong(shape, value, path, problems)
    if shape.whole and value != int(value):
        return _wrong(shape, value, path, problems)
    if (shape.minimum is not None and value < shape.minimum) or (shape.maximum is not None and value > shape.maximum):
        return _wrong(shape, value, path, problems)
    return int(value) if shape.whole else value


def _flag(shape: Flag, value: Any, path: DocumentPath, problems: Problems) -> Any:
    return value if isinstance(value, bool) else _wrong(shape, value, path, problems)


def _anything(shape: Anything, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if len(path) > MAX_DEPTH:
        problems.append(Problem(path[:8], f"is nested more than {MAX_DEPTH} levels deep"))
        return MISSING
    if isinstance(value, dict):
        for key in value:
            _text_key(key, path, problems)
        inside = {str(key): _anything(shape, inner, (*path, str(key)), problems) for key, inner in value.items()}
        return {key: inner for key, inner in inside.items() if inner is not MISSING}
    if isinstance(value, list):
        elements = [_anything(shape, element, (*path, index), problems) for index, element in enumerate(value)]
        return [element for element in elements if element is not MISSING]
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _wrong(shape, value, path, problems)


# --- lists and mappings ------------------------------------------------------------------------------------------


def _list_of(shape: ListOf, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if not isinstance(value, list):
        return _wrong(shape, value, path, problems, "write it as a list: [a, b]" if isinstance(value, str) else "")
    if len(value) < shape.least:
        problems.append(Problem(path, f"must not be empty: it needs at least {shape.least}"))
    return [clean(shape.of, element, (*path, index), problems) for index, element in enumerate(value)]


def _map_of(shape: MapOf, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if not isinstance(value, dict):
        return _wrong(shape, value, path, problems)
    if len(value) < shape.least:
        problems.append(Problem(path, f"must not be empty: it needs at least {shape.least}"))
    result = {}
    for key, element in value.items():
        if _text_key(key, path, problems):
            clean(shape.keys, key, (*path, key), problems)
        result[str(key)] = clean(shape.of, element, (*path, str(key)), problems)
    return result


def _text_key(key: Any, path: DocumentPath, problems: Problems, hint: str = "put it in quotes") -> bool:
    if isinstance(key, str):
        return True
    if isinstance(key, bool):
        why = f"YAML reads on and yes as true, off and no as false, so this key is no text but {str(key).lower()}"
        problems.append(Problem((*path, str(key).lower()), why, hint))
    else:
        problems.append(Problem((*path, str(key)), f"a key must be text, not {describe(key)}", hint))
    return False


def _object(shape: Object, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if not isinstance(value, dict):
        return _wrong(shape, value, path, problems, f"with the keys {_names(shape.keys)}")
    for key in value:
        _known_key(shape, key, path, problems)
    _combinations(shape, value, path, problems)
    result = {}
    for known in shape.keys:
        if known.name in value:
            usable = clean(known.shape, value[known.name], (*path, known.name), problems)
            if usable is not MISSING:
                result[known.name] = usable
        elif known.required:
            problems.append(Problem(path, f"the key '{known.name}' is missing", known.doc.rstrip(".")))
    return _with_defaults(shape, result)


def _with_defaults(shape: Object, result: dict[str, Any]) -> dict[str, Any]:
    for known in shape.keys:
        if known.name not in result:
            result[known.name] = default_of(known)
    return result


def default_of(key: Key) -> Any:
    """What a document means that leaves the key out, the defaults inside it included."""
    if isinstance(key.default, Mapping) and isinstance(key.shape, Object):
        return clean(key.shape, dict(key.default), (), [])
    return key.default


def _names(keys: tuple[Key, ...]) -> str:
    return ", ".join(key.name for key in keys)


def _known_key(shape: Object, key: Any, path: DocumentPath, problems: Problems) -> None:
    if not isinstance(key, str):
        edge = "the key of an edge is 'edge'" if shape.key("edge") else f"known: {_names(shape.keys)}"
        _text_key(key, path, problems, edge)
    elif shape.key(key) is None:
        if key in shape.forbidden:
            problems.append(Problem((*path, key), f"does not belong here: '{key}' {shape.forbidden[key]}"))
        else:
            hint = did_you_mean(key, [known.name for known in shape.keys])
            problems.append(Problem((*path, key), f"unknown key '{key}' in {shape.says}", hint))


def _combinations(shape: Object, value: Mapping[Any, Any], path: DocumentPath, problems: Problems) -> None:
    for one, other in shape.exclusive:
        if one in value and other in value:
            problems.append(Problem((*path, other), f"'{one}' and '{other}' exclude each other", "keep one of them"))
    for key, beside in shape.together.items():
        if key in value and beside not in value:
            problems.append(Problem((*path, key), f"'{key}' means nothing without '{beside}'"))


# --- one of several ----------------------------------------------------------------------------------------------


def _by_key(shape: ByKey, value: Any, path: DocumentPath, problems: Problems) -> Any:
    choices = f"one of {', '.join(shape.cases)}"
    if not isinstance(value, dict):
        return _wrong(shape, value, path, problems, f"a mapping with {choices}")
    present = [key for key in shape.cases if key in value]
    if len(present) == 1:
        return _object(shape.cases[present[0]], value, path, problems)
    if present:
        problems.append(Problem((*path, present[1]), f"'{present[0]}' and '{present[1]}' exclude each other", choices))
        return MISSING
    meant = _meant(shape, value)
    if not meant:
        problems.append(Problem(path, f"{shape.says} needs {choices}"))
        return MISSING
    inside: Problems = []
    result = _object(shape.cases[meant], value, path, inside)
    problems.extend(problem for problem in inside if problem.path != path)
    return result


def _meant(shape: ByKey, value: Mapping[Any, Any]) -> str:
    """The selecting key that an unknown key looks like, or ""."""
    known = {key.name for case in shape.cases.values() for key in case.keys}
    guesses = (nearest(key, shape.cases) for key in value if isinstance(key, str) and key not in known)
    return next((guess for guess in guesses if guess), "")


def _by_value(shape: ByValue, value: Any, path: DocumentPath, problems: Problems) -> Any:
    if not isinstance(value, dict):
        return _wrong(shape, value, path, problems)
    tag = value.get(shape.tag, shape.default)
    case = shape.cases.get(tag) if isinstance(tag, str) else None
    if case is None:
        known = Text(f"a {shape.tag}", choices=tuple(shape.cases))
        _text(known, tag, (*path, shape.tag), problems)
        return MISSING
    return _object(case, value, path, problems)


def _either(shape: Either, value: Any, path: DocumentPath, problems: Problems) -> Any:
    for case in shape.cases:
        if _same_type(case, value):
            return clean(case, value, path, problems)
    return _wrong(shape, value, path, problems)


def _same_type(shape: Shape, value: Any) -> bool:
    if isinstance(shape, Text):
        return isinstance(value, str)
    if isinstance(shape, Number):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(shape, ListOf):
        return isinstance(value, list)
    return isinstance(value, dict)


_Checker = Callable[[Any, Any, DocumentPath, Problems], Any]
_CHECKERS: Mapping[type, _Checker] = {
    Text: _text,
    Number: _number,
    Flag: _flag,
    Anything: _anything,
    ListOf: _list_of,
    MapOf: _map_of,
    Object: _object,
    ByKey: _by_key,
    ByValue: _by_value,
    Either: _either,
}


def problems_of(shape: Shape, value: Any) -> Problems:
    """Everything that is wrong with ``value``."""
    found: Problems = []
    clean(shape, value, (), found)
    return found
