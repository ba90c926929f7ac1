# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generic checker says of each kind of shape."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import check, shape_common
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
    Text,
)

CAT = Object("a cat", (Key("cat", Text(), "", required=True), Key("lives", Number(whole=True), "", default=9)))
DOG = Object("a dog", (Key("dog", Text(), "", required=True),), forbidden={"lives": "is for cats"})
PET = ByKey("a pet", {"cat": CAT, "dog": DOG})
SIZED = ByValue(
    "a thing",
    "size",
    "small",
    {
        "small": Object("a small thing", (Key("size", Text(choices=("small",)), "", default="small"),)),
        "big": Object(
            "a big thing", (Key("size", Text(choices=("big",)), ""), Key("crane", Flag(), "", required=True))
        ),
    },
)
PAIR = Object(
    "a pair",
    (Key("a", Flag(), ""), Key("b", Flag(), ""), Key("c", Flag(), "")),
    exclusive=(("a", "b"),),
    together={"c": "a"},
)
EDGE = Object("an edge", (Key("edge", Text(), ""),), forbidden={"on": "is the truth value true; the key is 'edge'"})

TRUTH = "YAML reads on and yes as true, off and no as false, so this key is no text but true"
QUOTES = "YAML reads yes, no, on and off as true or false: put it in quotes"
CASES: list[tuple[Any, Any, list[str]]] = [
    (Text(), "x", []),
    (Text(), " ", ["(document): must not be blank"]),
    (Text(blank=True), "", []),
    (Text(), None, ["(document): must be text, not nothing (give a value or leave the key out)"]),
    (
        Text(),
        True,
        [f"(document): must be text, not true ({QUOTES})"],
    ),
    (Text(), 1.5, ["(document): must be text, not the number 1.5 (put it in quotes)"]),
    (
        Text("an edge", choices=("success", "always")),
        "sucess",
        ["(document): 'sucess' is not an edge (did you mean 'success'?)"],
    ),
    (
        shape_common.NAME,
        "Drain",
        [f"(document): 'Drain' is not {shape_common.NAME.says} (such as drain)"],
    ),
    (shape_common.NAME, "drain\n", None),
    (shape_common.DURATION, 10, None),
    (shape_common.DURATION, "10 s", None),
    (shape_common.DURATION, "0s", []),
    (shape_common.TIMEOUT, "0s", None),
    (Number(), 1, []),
    (Number(), True, ["(document): must be a number, not true"]),
    (Number(), float("nan"), ["(document): must be a number, not the number nan"]),
    (Number(), "1", ["(document): must be a number, not the text '1'"]),
    (Number(whole=True, minimum=1), 0, ["(document): must be a whole number, at least 1, not the number 0"]),
    (Number(whole=True), 1.5, ["(document): must be a whole number, not the number 1.5"]),
    (Number(whole=True), 2.0, []),
    (Number(minimum=0, maximum=9), 10**400, ["(document): must be a number from 0 to 9, not a number of that size"]),
    (Flag(), "true", ["(document): must be true or false, not the text 'true'"]),
    (Anything(), {"a": [1, None, {"b": "c"}]}, []),
    (
        Anything(),
        {"a": {True: 1}},
        [f"a.true: {TRUTH} (put it in quotes)"],
    ),
    (Anything(), {"a": {1: 1}}, ["a.1: a key must be text, not the number 1 (put it in quotes)"]),
    (Anything(), {"a": {1, 2}}, ["a: must be any value, not a value of type set"]),
    (ListOf(Text()), "a", ["(document): must be a list, not the text 'a' (write it as a list: [a, b])"]),
    (ListOf(Text(), least=1), [], ["(document): must not be empty: it needs at least 1"]),
    (ListOf(Text()), ["a", 1, "b", None], None),
    (MapOf(Flag(), Text(pattern="^[a-z]$", says="a letter")), {"ab": True}, ["ab: 'ab' is not a letter"]),
    (MapOf(Flag(), Text(), least=1), {}, ["(document): must not be empty: it needs at least 1"]),
    (CAT, {"cat": "Tom", "lvies": 1}, ["lvies: unknown key 'lvies' in a cat (did you mean 'lives'?)"]),
    (CAT, [], ["(document): must be a cat, not a list (with the keys cat, lives)"]),
    (
        EDGE,
        {True: "failure"},
        [f"true: {TRUTH} (the key of an edge is 'edge')"],
    ),
    (EDGE, {"on": "failure"}, ["on: does not belong here: 'on' is the truth value true; the key is 'edge'"]),
    (PAIR, {"a": True, "b": True}, ["b: 'a' and 'b' exclude each other (keep one of them)"]),
    (PAIR, {"c": True}, ["c: 'c' means nothing without 'a'"]),
    (PET, {"dog": "Rex", "lives": 9}, ["lives: does not belong here: 'lives' is for cats"]),
    (PET, {}, ["(document): a pet needs one of cat, dog"]),
    (PET, {"cat": "Tom", "dog": "Rex"}, ["dog: 'cat' and 'dog' exclude each other (one of cat, dog)"]),
    (PET, {"catt": "Tom", "lives": "x"}, None),
    (SIZED, {}, []),
    (SIZED, {"size": "big"}, ["(document): the key 'crane' is missing"]),
    (SIZED, {"size": "bgi"}, ["size: 'bgi' is not a size (did you mean 'big'?)"]),
    (SIZED, {"crane": True}, ["crane: unknown key 'crane' in a small thing (known: size)"]),
    (
        Either("a size or text", (Number(minimum=1), Text())),
        0,
        ["(document): must be a number, at least 1, not the number 0"],
    ),
    (Either("a size or text", (Number(minimum=1), Text())), [], ["(document): must be a size or text, not a list"]),
]


@pytest.mark.parametrize(("shape", "value", "said"), CASES)
def test_what_is_said(shape: Any, value: Any, said: list[str] | None) -> None:
    rendered = [problem.render() for problem in check.problems_of(shape, value)]
    if said is None:
        assert rendered
    else:
        assert rendered == said


def test_a_misspelt_selecting_key_hides_nothing_else() -> None:
    said = [problem.render() for problem in check.problems_of(PET, {"catt": "Tom", "lives": "x"})]
    assert said == [
        "catt: unknown key 'catt' in a cat (did you mean 'cat'?)",
        "lives: must be a whole number, not the text 'x'",
    ]


def test_what_can_be_used_is_kept_with_its_defaults() -> None:
    problems: list[Any] = []
    shape = ListOf(CAT)
    assert check.clean(shape, [{"cat": "Tom"}, 5, {"cat": "Kit", "lives": "x"}], (), problems) == [
        {"cat": "Tom", "lives": 9},
        check.MISSING,
        {"cat": "Kit", "lives": 9},
    ]
    assert [problem.path for problem in problems] == [(1,), (2, "lives")]


@pytest.mark.parametrize("text", ["0s", "1s", "999999999d", "12m", "7h"])
def test_every_duration_of_the_shape_can_be_read(text: str) -> None:
    assert check.matches(shape_common.DURATION, text)
    assert durations.parse(text) >= 0
