# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: what AWX 24.6.1 answered to the same launches, and our own helpers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import (
    check_answers,
    check_default,
    check_spec,
    coerce_answers,
    coerce_text,
    fill_defaults,
    launch_problems,
    to_spec,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey.answers import AnswerError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe


def question(kind: str, variable: str = "v", required: bool = False, **more: Any) -> dict[str, Any]:
    return {"question_name": variable, "variable": variable, "type": kind, "required": required, **more}


def survey(*questions: dict[str, Any]) -> dict[str, Any]:
    return {"name": "", "description": "", "spec": list(questions)}


ALL = survey(
    question("text", "who", True, min=2, max=5, default="bob"),
    question("textarea", "area", min=0, max=10, default=""),
    question("password", "pw", True, min=3, max=8, default="sekrit"),
    question("integer", "num", True, min=1, max=10),
    question("float", "flt", min=0, max=2),
    question("multiplechoice", "one", True, choices=["a", "b", "c"], default="a"),
    question("multiselect", "many", choices="x\ny\nz", default="x\ny"),
)
GOOD = {"who": "zed", "num": 3, "pw": "abcdef", "one": "a"}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name not in names}


@pytest.mark.parametrize(
    ("answers", "messages"),
    [
        (GOOD, []),
        ({}, ["'who' value missing", "'pw' value missing", "'num' value missing", "'one' value missing"]),
        (without("pw"), ["'pw' value missing"]),
        ({**GOOD, "who": "a"}, ["'who' value a is too small (length is 1 must be at least 2)."]),
        ({**GOOD, "who": "abcdef"}, ["'who' value abcdef is too large (must be no more than 5)."]),
        ({**GOOD, "who": 5}, ["Value 5 for 'who' expected to be a string."]),
        ({**GOOD, "who": None}, ["Value None for 'who' expected to be a string."]),
        ({**GOOD, "who": ""}, ["'who' value  is too small (length is 0 must be at least 2)."]),
        ({**GOOD, "who": ["a"]}, ["Value ['a'] for 'who' expected to be a string."]),
        ({**GOOD, "num": "3"}, ["Value 3 for 'num' expected to be an integer."]),
        ({**GOOD, "num": 3.0}, ["Value 3.0 for 'num' expected to be an integer."]),
        ({**GOOD, "num": 0}, ["'num' value 0 is too small (must be at least 1)."]),
        ({**GOOD, "num": 11}, ["'num' value 11 is too large (must be no more than 10)."]),
        ({**GOOD, "num": True}, ["Value True for 'num' expected to be an integer."]),
        ({**GOOD, "num": None}, ["Value None for 'num' expected to be an integer."]),
        ({**GOOD, "flt": "1.5"}, ["Value 1.5 for 'flt' expected to be a numeric type."]),
        ({**GOOD, "flt": True}, ["Value True for 'flt' expected to be a numeric type."]),
        ({**GOOD, "flt": 2}, []),
        ({**GOOD, "flt": 5}, ["'flt' value 5 is too large (must be no more than 2)."]),
        ({**GOOD, "flt": -1}, ["'flt' value -1 is too small (must be at least 0)."]),
        ({**GOOD, "one": 1}, ["Value 1 for 'one' expected to be one of ['a', 'b', 'c']."]),
        ({**GOOD, "one": None}, ["Value None for 'one' expected to be one of ['a', 'b', 'c']."]),
        ({**GOOD, "many": ["x", "q", 7]}, [
            "Value q for 'many' expected to be one of ['x', 'y', 'z'].",
            "Value 7 for 'many' expected to be one of ['x', 'y', 'z'].",
        ]),
        ({**GOOD, "many": "x"}, ["'many' value is expected to be a list."]),
        ({**GOOD, "many": None}, ["'many' value is expected to be a list."]),
        ({**GOOD, "many": []}, []),
        ({**GOOD, "pw": "a"}, ["'pw' value a is too small (length is 1 must be at least 3)."]),
        ({**GOOD, "pw": 12345}, ["Value 12345 for 'pw' expected to be a string."]),
        ({**GOOD, "pw": "$encrypted$"}, []),
        ({**GOOD, "other": object()}, []),
        ({"who": "a", "num": 99, "one": "q", "many": ["q"], "flt": "z"}, [
            "'who' value a is too small (length is 1 must be at least 2).",
            "'pw' value missing",
            "'num' value 99 is too large (must be no more than 10).",
            "Value z for 'flt' expected to be a numeric type.",
            "Value q for 'one' expected to be one of ['a', 'b', 'c'].",
            "Value q for 'many' expected to be one of ['x', 'y', 'z'].",
        ]),
        ({**GOOD, "who": "{value} {0}"}, ["'who' value {value} {0} is too large (must be no more than 5)."]),
        ({**GOOD, "who": Unsafe("zed"), "one": Unsafe("b")}, []),
    ],
)  # fmt: skip
def test_awx_says_the_same(answers: dict[str, Any], messages: list[str]) -> None:
    assert check_spec(ALL) == []
    assert check_answers(ALL, answers) == messages


@pytest.mark.parametrize(
    ("asked", "answers", "messages"),
    [
        (question("password", required=True), {"v": "$encrypted$"}, ["'v' value missing"]),
        (question("password", required=True, default=""), {"v": "$encrypted$"}, []),
        (question("password", min=30), {"v": "$encrypted$"}, []),
        (question("text", min=30), {"v": "$encrypted$"},
         ["'v' value $encrypted$ is too small (length is 11 must be at least 30)."]),
        (question("text", min=None, max=""), {"v": "x" * 5000}, []),
        (question("text", max=0), {"v": "x"}, ["'v' value x is too large (must be no more than 0)."]),
        (question("text", min="2"), {"v": "x"}, ["'v' value x is too small (length is 1 must be at least 2)."]),
        (question("integer", min="x"), {"v": 1}, []),
        (question("multiplechoice", choices="a\n\n b \n"), {"v": "b"},
         ["Value b for 'v' expected to be one of ['a', ' b ']."]),
        (question("multiplechoice", choices=5), {"v": "b"}, ["Value b for 'v' expected to be one of []."]),
        (question("multiselect"), {"v": ["b"]}, ["Value b for 'v' expected to be one of []."]),
        (question("multiselect", required=True, choices=["a"]), {"v": []}, []),
    ],
)  # fmt: skip
def test_corners(asked: dict[str, Any], answers: dict[str, Any], messages: list[str]) -> None:
    assert check_answers(survey(asked), answers) == messages


def test_no_survey_asks_nothing() -> None:
    assert check_answers({}, {"a": 1}) == []
    assert fill_defaults({}, {"a": 1}) == {"a": 1}


def test_required_ones_can_be_let_go() -> None:
    assert check_answers(ALL, {"num": 0}, require=False) == ["'num' value 0 is too small (must be at least 1)."]
    assert check_answers(survey(question("password", required=True)), {"v": "$encrypted$"}, require=False) == []


DEFAULTS = survey(
    question("text", "a1", default="dflt"),
    question("integer", "b1", default=4),
    question("text", "c1", default=""),
    question("multiselect", "d1", choices=["x", "y"], default="x\ny"),
    question("password", "e1", default="topsecret"),
)


@pytest.mark.parametrize(
    ("spec", "answers", "filled"),
    [
        (ALL, GOOD, {"who": "zed", "area": "", "pw": "abcdef", "one": "a", "num": 3}),
        (ALL, {**GOOD, "pw": "$encrypted$"}, {"who": "zed", "area": "", "pw": "sekrit", "one": "a", "num": 3}),
        (ALL, {}, {"area": ""}),
        (DEFAULTS, {}, {"a1": "dflt", "b1": 4, "c1": "", "e1": "topsecret"}),
        (DEFAULTS, {"b1": None, "zzz": 1}, {"a1": "dflt", "b1": None, "c1": "", "e1": "topsecret", "zzz": 1}),
        (DEFAULTS, {"d1": ["y"]}, {"a1": "dflt", "b1": 4, "c1": "", "e1": "topsecret", "d1": ["y"]}),
    ],
)
def test_defaults(spec: dict[str, Any], answers: dict[str, Any], filled: dict[str, Any]) -> None:
    before = dict(answers)
    result = fill_defaults(spec, answers)
    assert result == filled
    assert list(result) == list(filled)  # AWX's order: defaults first
    assert answers == before


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        (question("integer", default=""), {}),
        (question("float", default=""), {}),
        (question("float", default=1), {"v": 1}),
        (question("multiplechoice", choices=["a"], default=""), {}),
        (question("textarea", default=""), {"v": ""}),
        (question("password", default=""), {"v": ""}),
        (question("text", default="", min=1), {}),
        (question("integer", default=11, max=10), {}),
        (question("text", default=None), {}),
        (question("text"), {}),
        (question("multiselect", choices=["a"], default="a"), {}),
        (question("password", default="$encrypted$"), {}),
        (question("password", default="$encrypted$AES$xyz", min=1), {}),
        (question("text", required=True, default="x"), {}),
    ],
)
def test_a_default_that_its_question_refuses_is_dropped(asked: dict[str, Any], filled: dict[str, Any]) -> None:
    assert fill_defaults(survey(asked), {}) == filled


def test_a_required_question_is_missing_before_and_after_defaults() -> None:
    for answers in ({}, fill_defaults(ALL, {})):
        assert check_answers(ALL, answers)[0] == "'who' value missing"
    assert fill_defaults(ALL, {}, include_required=True) == {"who": "bob", "area": "", "pw": "sekrit", "one": "a"}


@pytest.mark.parametrize(
    ("field", "answers", "filled"),
    [
        ({"default": "x" * 9, "max": 3}, {"v": "$encrypted$"}, {}),
        ({"default": "x"}, {"v": "$encrypted$"}, {"v": "x"}),
        ({}, {"v": "$encrypted$"}, {}),
        ({"default": "x"}, {"v": "y"}, {"v": "y"}),
    ],
)
def test_a_masked_answer_stands_for_the_default(
    field: dict[str, Any], answers: dict[str, Any], filled: dict[str, Any]
) -> None:
    for required in (True, False):
        assert fill_defaults(survey(question("password", required=required, **field)), answers) == filled


@pytest.mark.parametrize(
    ("field", "part"),
    [
        (Field("v"), None),
        (Field("v", default="x", min=2), "too small (length is 1 must be at least 2)"),
        (Field("v", type="integer", default=4, min=1.0, max=3.0), "'v' value 4 is too large (must be no more than 3)."),
        (Field("v", type="integer", default="4"), "expected to be an integer"),
        (Field("v", type="float", default=0.2, min=0.5), "must be at least 0.5"),
        (Field("v", type="choice", default="c", choices=("a", "b")), "expected to be one of ['a', 'b']"),
        (Field("v", type="choice", default="", choices=("a", "b")), "expected to be one of"),
        (Field("v", type="choice", default="b", choices=("a", "b")), None),
        (Field("v", type="multiselect", default=["a"], choices=("a", "b")), None),
        (Field("v", type="multiselect", default=("a",), choices=("a", "b")), None),
        (Field("v", type="multiselect", default=["a", "c"], choices=("a", "b")), "Value c for 'v'"),
        (Field("v", type="multiselect", default="a", choices=("a", "b")), "expected to be a list"),
        (Field("v", type="text", default="$encrypted$"), "stands for passwords"),
        (Field("v", type="password", default="$encrypted$", required=True), None),
        (Field("v", default=None, required=True), None),
    ],
)
def test_check_default(field: Field, part: str | None) -> None:
    found = check_default(field)
    assert (found is None) if part is None else (found is not None and part in found)


FIELDS = (
    Field("pool", type="choice", choices=("web", "api"), required=True, description="Which servers"),
    Field("count", type="integer", min=1, max=3),
    Field("token", type="password", min=9),
)


def test_launch_problems_tells_everything_at_once() -> None:
    problems = launch_problems(FIELDS, {"poool": "web", "count": 5, "token": "value"})
    assert [problem.render() for problem in problems] == [
        "fields.poool: there is no question 'poool' (did you mean 'pool'?)",
        "fields.pool: 'pool' value missing (Which servers)",
        "fields.count: 'count' value 5 is too large (must be no more than 3).",
        "fields.token: 'token' value $encrypted$ is too small (length is 5 must be at least 9).",
    ]
    assert launch_problems(FIELDS, {"pool": "web"}) == []
    assert launch_problems((), {"a": 1})[0].hint == "it asks nothing"


@pytest.mark.parametrize("password", ["is", "value", 12345, None, ["value"]])
def test_no_message_of_ours_shows_a_password(password: Any) -> None:
    clear = check_answers(to_spec(FIELDS), {"pool": "web", "token": password})
    shown = [problem.message for problem in launch_problems(FIELDS, {"pool": "web", "token": password})]
    refused = check_default(Field("token", type="password", min=9, default=password or "value"))
    assert len(clear) == len(shown) == 1
    assert "$encrypted$" in shown[0]
    assert shown[0] != clear[0]
    assert refused is not None
    assert "$encrypted$" in refused


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "3", 3),
        ("integer", " -12 ", -12),
        ("integer", "+7", 7),
        ("float", "3", 3),
        ("float", "0.5", 0.5),
        ("float", "-1e3", -1000.0),
        ("float", ".5", 0.5),
        ("multiselect", "a,b", ["a", "b"]),
        ("multiselect", " a , b ", ["a", "b"]),
        ("multiselect", '["a", "b,c"]', ["a", "b,c"]),
        ("multiselect", "x,y", ["x,y"]),
        ("multiselect", "", []),
        ("multiselect", "[]", []),
        ("text", "3", "3"),
        ("textarea", "[1]", "[1]"),
        ("password", "007", "007"),
        ("choice", "1", "1"),
    ],
)
def test_text_becomes_an_answer_by_its_type(kind: str, text: str, value: Any) -> None:
    result = coerce_text(Field("v", type=kind, choices=("a", "b", "x,y")), text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "part"),
    [
        ("integer", "3.0", "'v' must be a whole number, such as 3, not '3.0'"),
        ("integer", "", "whole number"),
        ("integer", "1_000", "whole number"),
        ("integer", "0x10", "whole number"),
        ("integer", "\N{ARABIC-INDIC DIGIT THREE}", "whole number"),
        ("integer", "true", "whole number"),
        ("float", "nan", "must be a number"),
        ("float", "inf", "must be a number"),
        ("float", "1e999", "must be a number"),
        ("float", "1,5", "must be a number"),
        ("float", "", "must be a number"),
        ("multiselect", '["a"', "begins like a JSON list"),
        ("multiselect", "[a]", "begins like a JSON list"),
        ("multiselect", "a,,b", "nothing empty"),
    ],
)
def test_text_that_means_no_answer_is_refused(kind: str, text: str, part: str) -> None:
    with pytest.raises(AnswerError) as caught:
        coerce_text(Field("v", type=kind), text)
    assert part in str(caught.value)


def test_coerce_answers_leaves_everything_else_alone() -> None:
    fields = (Field("n", type="integer"), Field("m", type="multiselect"), Field("t"))
    given = {"n": "4", "m": ["a"], "t": "5", "other": "6", "x": 7}
    assert coerce_answers(fields, given) == ({"n": 4, "m": ["a"], "t": "5", "other": "6", "x": 7}, [])
    coerced, problems = coerce_answers(fields, {"n": "four", "m": "a,,b"})
    assert coerced == {"n": "four", "m": "a,,b"}
    assert [problem.path for problem in problems] == [("fields", "n"), ("fields", "m")]
