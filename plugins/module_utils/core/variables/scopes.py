# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seven scopes: every value that a document can name hangs under one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean

SCOPES = ("fields", "metadata", "request", "system", "environment", "outputs", "secrets")


class UndefinedReference(HoldfastError):
    """A name that stands for nothing; its text has the reference, the part that is missing and what there is."""


def build_scopes(**values: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All seven scopes; those not given are empty. Raises ValueError for a scope that does not exist."""
    unknown = sorted(set(values) - set(SCOPES))
    if unknown:
        raise ValueError(f"unknown scope '{unknown[0]}' ({did_you_mean(unknown[0], SCOPES)})")
    return {scope: values.get(scope, {}) for scope in SCOPES}


def look_up(names: tuple[str, ...], scopes: Mapping[str, Any], shown: str) -> Any:
    """The value that dotted names lead to: keys of mappings, and whole numbers from 0 as places in lists.

    ``shown`` is how the author wrote it. Raises UndefinedReference; its text never holds a value.
    """
    value: Any = scopes
    for depth, name in enumerate(names):
        value = step(value, name, shown, ".".join(names[:depth]) or "the scopes")
    return value


def step(value: Any, name: str, shown: str, where: str) -> Any:
    """One step of a look-up into ``value``, which stands at ``where``. Raises UndefinedReference."""
    if isinstance(value, Mapping):
        if name in value:
            return value[name]
        known = [key for key in value if isinstance(key, str)]
        raise UndefinedReference(f"{shown} is undefined: {where} has no '{name}' ({_what_there_is(name, known)})")
    if isinstance(value, (list, tuple)) and name.isascii() and name.isdigit():
        if len(name) < 10 and int(name) < len(value):
            return value[int(name)]
        raise UndefinedReference(f"{shown} is undefined: {where} has {len(value)} elements, counted from 0")
    raise UndefinedReference(f"{shown} is undefined: {where} is {kind_of(value)} and has no '{name}'")


def _what_there_is(name: str, known: list[str]) -> str:
    if not known:
        return "it is empty"
    text = did_you_mean(name, known)
    return text if len(text) <= 200 else f"it has {len(known)} others"


def kind_of(value: Any) -> str:
    """What a value is, for people: ``text``, ``a number``, ``true or false``, ``a list``, ``a mapping``, ``null``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    for kind, word in ((str, "text"), (Mapping, "a mapping"), ((list, tuple), "a list")):
        if isinstance(value, kind):
            return word
    return f"a {type(value).__name__}"
