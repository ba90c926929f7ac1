# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of every key, as Markdown, made of the same tables by which documents are judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import (
    ByKey,
    ByValue,
    Either,
    Key,
    ListOf,
    MapOf,
    Object,
    Shape,
    Text,
)


def key_table(kind: str) -> str:
    """A Markdown table with every key of a kind of document; ``[]`` stands for a list, ``NAME`` for a free name."""
    rows = dict.fromkeys(_rows(KINDS[kind], ""))
    return "\n".join(["| Key | Value | Left out | Meaning |", "|---|---|---|---|", *rows, ""])


def _rows(shape: Shape, path: str) -> Iterator[str]:
    for case in _objects(shape):
        for key in case.keys:
            place = f"{path}.{key.name}" if path else key.name
            yield _row(key, place, case, shape)
            if path.endswith(".rollout") and key.name == "components":
                continue  # the same keys once more, as the manual says
            yield from _inside(key.shape, place)


def _row(key: Key, place: str, case: Object, within: Shape) -> str:
    says, left_out, doc = _says(key.shape), "must be there" if key.required else _default(key.default), key.doc
    if isinstance(within, ByKey) and key.name in within.cases:
        left_out = f"one of {', '.join(f'`{name}`' for name in within.cases)}"
    if isinstance(within, ByValue) and key.name == within.tag:
        says = ", ".join(f"`{name}`" for name in within.cases)
        left_out = f"`{within.default}`"
    if key.name in ("choices", "min", "max"):
        doc = f"{key.doc} ({case.says})"
    return f"| `{place}` | {says} | {left_out} | {doc} |"


def _default(value: Any) -> str:
    if value is None or value in ("", (), {}) or isinstance(value, dict):
        return ""
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _says(shape: Shape) -> str:
    if isinstance(shape, Text) and shape.choices:
        return ", ".join(f"`{choice}`" for choice in shape.choices)
    example = f", such as {shape.example}" if isinstance(shape, Text) and shape.example else ""
    return f"{shape.says}{example}".replace("|", "\\|")


def _inside(shape: Shape, place: str) -> Iterator[str]:
    if isinstance(shape, ListOf):
        yield from _inside(shape.of, f"{place}[]")
    elif isinstance(shape, MapOf):
        yield from _inside(shape.of, f"{place}.NAME")
    elif isinstance(shape, Either):
        for case in shape.cases:
            yield from _inside(case, place)
    else:
        yield from _rows(shape, place)


def _objects(shape: Shape) -> list[Object]:
    if isinstance(shape, Object):
        return [shape]
    return list(shape.cases.values()) if isinstance(shape, (ByKey, ByValue)) else []
