# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as people write them down: YAML or JSON text that stands for an object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from holdfast.api.call import Call

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_VALUES = 500_000
"""More values than this are refused: a few lines of YAML can stand for more than any memory holds."""
DEEPEST = 100
MOST_TOLD = 20_000
"""Of a longer text it is not told which line is wrong: that takes long."""


def parse(text: Any) -> dict[str, Any]:
    """The variables in a text; raises ValueError in AWX's words for what is no object."""
    if isinstance(text, Mapping):
        return dict(text)
    if text == '""':
        return {}
    try:
        return _object(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        json_error = error
    try:
        found = _object(_of_yaml(text))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        yaml_error = _told(text, error)
        raise ValueError(f"Cannot parse as JSON (error: {json_error}) or YAML (error: {yaml_error}).") from None
    try:
        _count(found)
        json.dumps(found)
    except (ValueError, TypeError) as error:
        raise ValueError(f"Variables not compatible with JSON standard (error: {error})") from None
    return found


def parsed(text: Any) -> dict[str, Any]:
    """The variables in a text, none for one that makes no sense: what is kept was judged when it was written."""
    try:
        return parse(text)
    except ValueError:
        return {}


def clean(_call: Call, text: Any) -> str:
    """A field's check: the text as it is, if it says what variables should."""
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ValueError("Not a valid string.")
    parse(str(text))
    return str(text)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"Input type `{type(value).__name__}` is not a dictionary")
    return value


def _of_yaml(text: Any) -> Any:
    found = yaml.load(text, Loader=_Loader)
    return {} if found is None else found


def _told(text: Any, error: Exception) -> Exception:
    """The error as AWX words it: its parser is the slower one, which shows the line that is wrong."""
    if isinstance(text, str) and not (isinstance(error, yaml.YAMLError) and len(text) <= MOST_TOLD):
        return error
    try:
        yaml.load(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as other:
        return other
    return error


def _count(value: Any, depth: int = 0, before: int = 0) -> int:
    """How many values there are, an alias counted wherever it stands; raises ValueError for too many."""
    if depth > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    count = before + 1
    if count > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        count = _count(child, depth + 1, count)
    return count
