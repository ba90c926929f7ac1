# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking: what must not be seen is not there, and everything else is untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import MASKED, Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("secrets", "value", "masked"),
    [
        (["hunter2"], "hunter2", MASKED),
        (["hunter2"], "user:hunter2@host hunter2", f"user:{MASKED}@host {MASKED}"),
        (["hunter2"], {"a": ["x", {"hunter2": ("hunter2", 1)}]}, {"a": ["x", {MASKED: [MASKED, 1]}]}),
        (["hunter2"], Unsafe("hunter2"), MASKED),
        (["hunter"], "hunter2", f"{MASKED}2"),
        (["abc", "abcdef"], "abcdef abc", f"{MASKED} {MASKED}"),
        (["abcd", "cdef"], "abcdef", f"{MASKED}ef"),
        (["a.c"], "abc a.c", f"abc {MASKED}"),
        (["pw"], ["pw", "pwd", "a pw"], [MASKED, "pwd", "a pw"]),
        (["1"], {"a": "1", "b": 1, "c": 11}, {"a": MASKED, "b": MASKED, "c": 11}),
        (["5432"], {"port": 5432, "other": 54321}, {"port": MASKED, "other": 54321}),
        (["True"], [True, "True"], [True, MASKED]),
        (['say "hi"\n'], json.dumps({"k": 'say "hi"\n'}), f'{{"k": "{MASKED}"}}'),
        (["пароль"], json.dumps("пароль"), f'"{MASKED}"'),
        (["C:\\dir"], "path C:\\\\dir", f"path {MASKED}"),
        (["-----BEGIN KEY-----\n  AAAAAA\nBBBBBB\nend\n"], "| AAAAAA\n| BBBBBB\nend", f"| {MASKED}\n| {MASKED}\nend"),
        (["", "abc"], "", ""),
        ([], {"a": (1,)}, {"a": (1,)}),
        ([MASKED, "crypt"], f"{MASKED} encrypt", f"{MASKED} en{MASKED}"),
        (["abc", "xyz"], {"abc": 1, "xyz": 2, MASKED: 3}, {MASKED: 1, f"{MASKED} (2)": 2, f"{MASKED} (3)": 3}),
        (["abc"], None, None),
    ],
)
def test_apply(secrets: list[str], value: Any, masked: Any) -> None:
    assert Mask(secrets).apply(value) == masked


def test_plus_knows_more_and_leaves_the_first_alone() -> None:
    first = Mask(["abc"])
    second = first.plus(["xyz"])
    assert second.apply("abc xyz") == f"{MASKED} {MASKED}"
    assert first.apply("abc xyz") == f"{MASKED} xyz"


def test_the_value_given_is_not_changed() -> None:
    value = {"a": ["abc"]}
    Mask(["abc"]).apply(value)
    assert value == {"a": ["abc"]}


secrets = st.text(min_size=3, max_size=12).filter(lambda text: text.strip() == text and text not in MASKED)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.lists(secrets, min_size=1, max_size=4), st.data(), st.text(max_size=5), st.text(max_size=5))
def test_no_secret_is_left_in_text(known: list[str], data: st.DataObject, before: str, after: str) -> None:
    secret = data.draw(st.sampled_from(known))
    left = Mask(known).apply(before + secret + after).split(MASKED)
    assert len(left) > 1
    assert not any(one in part for part in left for one in known)


@given(st.lists(secrets, max_size=4), values)
def test_masking_twice_is_masking_once(known: list[str], value: Any) -> None:
    mask = Mask(known)
    once = mask.apply(value)
    assert mask.apply(once) == once


@given(st.lists(secrets, max_size=4), values)
def test_what_holds_no_secret_is_untouched(known: list[str], value: Any) -> None:
    written = json.dumps(value, ensure_ascii=False) + json.dumps(value)
    clean = [one for one in known if not any(part in written for part in (one, *one.split(), json.dumps(one)[1:-1]))]
    assert Mask(clean).apply(value) == value
