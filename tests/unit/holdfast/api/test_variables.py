# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that people write: what they stand for, and what would be too much."""

from __future__ import annotations

import time

import pytest
from holdfast.api import variables


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ('""', {}),
        ("---", {}),
        ("# nothing", {}),
        ("{}", {}),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("a: 1\nb: {c: yes}", {"a": 1, "b": {"c": True}}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_what_a_text_stands_for(text: str, found: dict[str, object]) -> None:
    assert variables.parse(text) == found


@pytest.mark.parametrize("text", ["[1]", "- 1", "text", "1", "a: b: c", "a: !!python/object:os.system {}", "\x00"])
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)^Cannot parse as JSON \(error: .+\) or YAML \(error: .+\)\.$"):
        variables.parse(text)
    assert variables.parsed(text) == {}


@pytest.mark.parametrize("text", ["day: 2020-01-01", "a: !!set {x}", "b: !!binary aGk="])
def test_what_json_cannot_hold(text: str) -> None:
    with pytest.raises(ValueError, match="not compatible with JSON standard"):
        variables.parse(text)


def _aliases(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        _aliases(12),
        "a: &a\n  b: *a",
        "a: " + "[" * 200 + "]" * 200,
        "a: " + "[" * 20000 + "]" * 20000,
        '{"a":' * 20000 + "1" + "}" * 20000,
    ],
    ids=["aliases", "circle", "deep", "deeper", "deepest"],
)
def test_little_text_never_stands_for_much(text: str) -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match=r"JSON"):
        variables.parse(text)
    assert time.monotonic() - begin < 5
