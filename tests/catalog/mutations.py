# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents spoiled in every way that people and editors spoil them, one place at a time."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

Path = tuple[Any, ...]

OTHERS: tuple[Any, ...] = (
    None,
    True,
    0,
    1,
    -1,
    7,
    1.5,
    10**6,
    "",
    "  ",
    "nonsense",
    [],
    {},
    ["text"],
    {"key": "value"},
)
"""A value of every JSON type, and the edges of their ranges."""
TEXTS = (
    "Ünïcödé",
    "UPPER",
    "with space",
    "10 s",
    "5",
    "0s",
    "101%",
    "0%",
    "$fields.nowhere",
    "$nowhere.x",
    "$fields",
    "a.b.c",
)


class Mutation(NamedTuple):
    """A spoiled document, and what was done to it."""

    what: str
    data: Any


def places(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a document with its path."""
    yield path, data
    if isinstance(data, dict):
        for key, value in data.items():
            yield from places(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from places(value, (*path, index))


def mutations(data: Any) -> Iterator[Mutation]:
    """Every mutation of a document, in a fixed order."""
    for path, value in places(data):
        for other in (*OTHERS, *(TEXTS if isinstance(value, str) else ())):
            if type(other) is not type(value) or other != value:
                yield _changed(data, path, other, f"becomes {other!r}")
        yield _changed(data, path, [value], "becomes a list of itself")
        if isinstance(value, dict):
            yield from _of_mapping(data, path, value)
        if isinstance(value, list):
            yield from _of_list(data, path, value)


def _of_mapping(data: Any, path: Path, value: dict[str, Any]) -> Iterator[Mutation]:
    yield _changed(data, path, {**value, "surprise": 1}, "gets the key surprise")
    yield _changed(data, path, {**value, "on": "failure"}, "gets the key on")
    for key in value:
        rest = {other: inner for other, inner in value.items() if other != key}
        yield _changed(data, path, rest, f"loses the key {key}")
        for typo in (key[:-1] + key[-1] * 2, key.upper(), key[1:]):
            renamed = {typo if other == key else other: inner for other, inner in value.items()}
            yield _changed(data, path, renamed, f"has {key} written {typo}")


def _of_list(data: Any, path: Path, value: list[Any]) -> Iterator[Mutation]:
    for index in range(len(value)):
        yield _changed(data, path, value[:index] + value[index + 1 :], f"loses element {index}")
    if value:
        yield _changed(data, path, [*value, copy.deepcopy(value[0])], "has its first element twice")


def _changed(data: Any, path: Path, value: Any, what: str) -> Mutation:
    if not path:
        return Mutation(f"the document {what}", copy.deepcopy(value))
    changed = copy.deepcopy(data)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = copy.deepcopy(value)
    return Mutation(f"{'.'.join(map(str, path))} {what}", changed)


def chosen(data: Any, seed: int, most: int) -> list[Mutation]:
    """At most ``most`` mutations, the same ones for the same seed, and a tenth as many documents spoiled twice."""
    dice = random.Random(seed)
    once = list(mutations(data))
    if len(once) > most:
        once = dice.sample(once, most)
    twice = []
    for first in dice.sample(once, min(len(once), most // 10)):
        if isinstance(first.data, dict) and first.data:
            path, value = dice.choice(list(places(first.data))[1:])
            second = _changed(first.data, path, dice.choice(OTHERS), f"becomes another {type(value).__name__}")
            twice.append(Mutation(f"{first.what}, then {second.what}", second.data))
    return [*once, *twice]
