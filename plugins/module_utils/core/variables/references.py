# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References: a string that is, as a whole, ``$scope.name`` stands for that value.

Only a string that begins with ``$``, a known scope and ``.`` is one; references are never looked for inside text.
``$$fields.x`` stands for the text ``$fields.x``: one dollar is taken away exactly where what is left would be a
reference, or would be refused as a misspelt one. What a reference brings is marked ``Unsafe``: it may have come from a
person, a host or a secret store, and no edge may ever take it for a template. Text marked ``Unsafe`` is never read as a
reference either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import DocumentPath, nearest
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.scopes import (
    SCOPES,
    UndefinedReference,
    look_up,
)

__all__ = [
    "Found",
    "MalformedReference",
    "UndefinedReference",
    "Unsafe",
    "check_reference",
    "find_references",
    "is_reference",
    "parse_reference",
    "resolve",
    "secret_texts",
    "secrets_in",
    "texts_in",
    "unsafe",
]

MAX_DEPTH = 100
_REFERENCE = re.compile(rf"\$({'|'.join(SCOPES)})\.")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPED = re.compile(r"\$(\$+)([A-Za-z_][A-Za-z0-9_]*)(\.|$)")
_SCOPE_LIKE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)(\.|$)")


class MalformedReference(HoldfastError):
    """A string that begins like a reference and is none."""


class Unsafe(str):
    """Text from outside. It equals and behaves like the same ``str``; edges must hand it on as text, never render it.

    Methods of ``str`` give plain ``str``: mark again what was cut or joined.
    """

    __slots__ = ()


class Found(NamedTuple):
    """A reference inside a value: its path there, its text, and its names (the scope first)."""

    path: DocumentPath
    text: str
    names: tuple[str, ...]


def is_reference(value: Any) -> bool:
    """Whether the value is a string that must be a reference; it may still be a wrong one."""
    return isinstance(value, str) and not isinstance(value, Unsafe) and _REFERENCE.match(value) is not None


def parse_reference(text: str) -> tuple[str, ...]:
    """The names of a reference: ``$outputs.web.took`` -> (outputs, web, took). Raises MalformedReference."""
    if not is_reference(text):
        raise MalformedReference(f"{text!r} is no reference: it must begin with ${', $'.join(SCOPES)} and a dot")
    names = tuple(text[1:].split("."))
    if all(_NAME.fullmatch(name) for name in names):
        return names
    inside = "{{ holdfast." + names[0] + ".NAME }}"
    raise MalformedReference(
        f"{text!r} is a malformed reference: it stands for a whole value and has names joined by dots only "
        f"(inside text write {inside}; for this very text begin it with $$)"
    )


def check_reference(text: Any) -> Optional[str]:
    """What is wrong with a string as a reference, by its form alone; None when nothing is, or it is plain text."""
    if not isinstance(text, str) or isinstance(text, Unsafe):
        return None
    if is_reference(text):
        try:
            parse_reference(text)
        except MalformedReference as error:
            return str(error)
        return None
    looks = _SCOPE_LIKE.match(text)
    scope = _scope_meant(looks.group(1)) if looks else None
    if looks is None or scope is None:
        return None
    if scope == looks.group(1):
        return f"{text!r} names a whole scope: a reference needs a name behind it, such as ${scope}.NAME"
    return f"{text!r}: unknown scope '{looks.group(1)}' (did you mean '{scope}'? begin it with $$ if it is plain text)"


def _scope_meant(word: str) -> Optional[str]:
    return word if word in SCOPES else nearest(word, SCOPES)


def find_references(value: Any, path: DocumentPath = ()) -> Iterator[Found]:
    """Every well-formed reference inside nested mappings and lists (keys are never references), in order."""
    for place, text in texts_in(value, path):
        if is_reference(text) and check_reference(text) is None:
            yield Found(place, text, parse_reference(text))


def texts_in(value: Any, path: DocumentPath = ()) -> Iterator[tuple[DocumentPath, str]]:
    """Every string inside nested mappings and lists with its path, in order. Raises HoldfastError when too deep."""
    if isinstance(value, str):
        yield path, value
        return
    if isinstance(value, Mapping):
        children: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, (list, tuple)):
        children = iter(enumerate(value))
    else:
        return
    _check_depth(len(path))
    for step, child in children:
        yield from texts_in(child, (*path, step))


def resolve(template: Any, scopes: Mapping[str, Any]) -> Any:
    """The template with every reference replaced by a copy of what it stands for, marked ``Unsafe``.

    The author's own strings stay as they are (``{{ }}`` too: nothing is evaluated here), an escaping dollar is taken
    away. Tuples become lists. Raises UndefinedReference, or MalformedReference for a malformed one.
    """
    return _resolve(template, scopes, 0)


def _resolve(template: Any, scopes: Mapping[str, Any], depth: int) -> Any:
    _check_depth(depth)
    if isinstance(template, Unsafe):
        return template
    if isinstance(template, str):
        if is_reference(template):
            return unsafe(look_up(parse_reference(template), scopes, template))
        return template[1:] if _is_escaped(template) else template
    if isinstance(template, Mapping):
        return {key: _resolve(value, scopes, depth + 1) for key, value in template.items()}
    if isinstance(template, (list, tuple)):
        return [_resolve(value, scopes, depth + 1) for value in template]
    return template


def _is_escaped(text: str) -> bool:
    match = _ESCAPED.match(text)
    return match is not None and _scope_meant(match.group(2)) is not None


def unsafe(value: Any, _depth: int = 0) -> Any:
    """A copy with every string in it, keys too, marked ``Unsafe``. Tuples become lists; other values stay."""
    _check_depth(_depth)
    if isinstance(value, Unsafe):
        return value
    if isinstance(value, str):
        return Unsafe(value)
    if isinstance(value, Mapping):
        return {unsafe(key): unsafe(child, _depth + 1) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [unsafe(child, _depth + 1) for child in value]
    return value


def secrets_in(template: Any, scopes: Mapping[str, Any], also: Collection[str] = ()) -> set[str]:
    """Every secret text that ``resolve(template, scopes)`` brings in, for a ``Mask``.

    Secret is the scope ``secrets``, and every dotted name in ``also`` with all below it (password fields, outputs
    declared secret): ``{"fields.token", "outputs.issue.key"}``. Numbers are given as text. Raises as ``resolve`` does.
    """
    prefixes = [("secrets",), *(tuple(name.split(".")) for name in also)]
    found: set[str] = set()
    for reference in find_references(template):
        names = reference.names
        value = look_up(names, scopes, reference.text)
        for prefix in prefixes:
            if names[: len(prefix)] == prefix:
                found.update(secret_texts(value))
            elif prefix[: len(names)] == names:
                found.update(secret_texts(_below(value, prefix[len(names) :])))
    return found


def _below(value: Any, names: tuple[str, ...]) -> Any:
    """What lies below a value that a reference brought as a whole; None when there is nothing of that name."""
    try:
        return look_up(names, value, "") if names else value
    except UndefinedReference:
        return None


def secret_texts(value: Any) -> set[str]:
    """The texts by which a secret value is recognised: every string and number in it; not keys, not true and false."""
    if isinstance(value, Mapping):
        return {text for child in value.values() for text in secret_texts(child)}
    if isinstance(value, (list, tuple)):
        return {text for child in value for text in secret_texts(child)}
    if value is None or isinstance(value, bool) or value == "":
        return set()
    return {str(value)}


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise HoldfastError(f"a value is nested more than {MAX_DEPTH} deep")
