# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions of people: what is refused, how much of a text is looked at, and when it is too much."""

from __future__ import annotations

import time

import pytest
from holdfast.db import patterns


@pytest.mark.parametrize(
    "text",
    ["(a+)+", "(?>(a+)+c)", "(?:(a+)+c){1}+", "((a|b)*c)*", "(a)\\1+", "a*b*c*d*", "(?<=a+)b", "(?<=(a+)+)", "(", "*"],
)
def test_what_may_take_too_long_or_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        patterns.check(text)


@pytest.mark.parametrize(
    "text", ["^[AG]", ".*a.*b.*", "(?s)a", "(?i:a)b", "a++b", "(?>ab)c", "a{1,3}", "(web|db)[0-9]+"]
)
def test_what_people_write_is_taken(text: str) -> None:
    patterns.check(text)


@pytest.mark.parametrize("pattern", ["a*b", "a*a*b", "a*a*a*b", ".*a.*a.*ax", "^.*a.*a.*ax"])
def test_no_text_is_long_enough_to_hold_everybody_up(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setattr(patterns, "MOST_SECONDS", 0.2)
    patterns.begin()
    began = time.perf_counter()
    with pytest.raises(TimeoutError):
        while time.perf_counter() - began < 20:
            patterns.search(pattern, "a" * 200_000)
    assert time.perf_counter() - began < 10


def test_a_text_is_looked_at_in_full_where_that_is_cheap() -> None:
    patterns.begin()
    assert patterns.search("b$", "a" * 5000 + "b")
    assert patterns.search("^a*b$", "a" * 5000 + "b")
    assert not patterns.search("b", None)
