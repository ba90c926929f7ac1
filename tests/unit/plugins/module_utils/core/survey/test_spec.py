# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey_spec: AWX's refusals, ours on top, what is kept and shown, and fields as questions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import (
    check_answers,
    check_default,
    check_spec,
    check_spec_strict,
    displayed_spec,
    fill_defaults,
    from_spec,
    stored_spec,
    to_spec,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

QUESTION: dict[str, Any] = {"question_name": "q", "variable": "v", "type": "text", "required": True}


def survey(*questions: Any) -> dict[str, Any]:
    return {
        "name": "",
        "description": "",
        "spec": [({**QUESTION, **q} if isinstance(q, dict) else q) for q in questions],
    }


def lacking(key: str) -> dict[str, Any]:
    return {"name": "", "description": "", "spec": [{name: value for name, value in QUESTION.items() if name != key}]}


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ({}, "Field 'spec' is missing from survey spec."),
        ({"description": "", "spec": []}, "'spec' doesn't contain any items."),
        ({"name": 1, "description": "", "spec": []}, "'spec' doesn't contain any items."),
        ({"name": 1, "description": "", "spec": [QUESTION]}, "Expected string for field 'name', received int type."),
        ({"name": 1, "description": None, "spec": [QUESTION]},
         "Expected string for field 'description', received NoneType type."),
        ({"name": "", "description": "", "spec": "x"}, "Expected list of items for field 'spec', received str type."),
        (survey("x"), "Survey question 0 is not a json object."),
        (lacking("type"), "'type' missing from survey question 0"),
        (lacking("question_name"), "'question_name' missing from survey question 0"),
        (lacking("variable"), "'variable' missing from survey question 0"),
        (lacking("required"), "'required' missing from survey question 0"),
        (survey({}, {"question_name": 42}), "'question_name' in survey question 1 expected to be string."),
        (survey({"required": "yes"}), "'required' in survey question 0 expected to be boolean."),
        (survey({"variable": None}), "'variable' in survey question 0 expected to be string."),
        (survey({}, {}), "'variable' 'v' duplicated in survey question 1."),
        (survey({"type": "bogus"}),
         "'bogus' in survey question 0 is not one of 'text, textarea, password, multiplechoice, multiselect, integer, "
         "float' allowed question types."),
        (survey({"default": 5}), "Default value 5 in survey question 0 expected to be string."),
        (survey({"default": None}), "Default value None in survey question 0 expected to be string."),
        (survey({"type": "password", "default": False}),
         "Default value False in survey question 0 expected to be string."),
        (survey({"type": "integer", "default": "abc"}),
         "Default value abc in survey question 0 expected to be integer."),
        (survey({"type": "float", "default": "1.5"}), "Default value 1.5 in survey question 0 expected to be float."),
        (survey({"type": "multiselect", "choices": ["a"], "default": ["a"]}),
         "Default value ['a'] in survey question 0 expected to be string."),
        (survey({"type": "integer", "min": "a"}), "The min limit in survey question 0 expected to be integer."),
        (survey({"type": "float", "max": 1.5}), "The max limit in survey question 0 expected to be integer."),
        (survey({"max": ""}), "The max limit in survey question 0 expected to be integer."),
        (survey({"type": "multiplechoice"}), "Survey question 0 of type multiplechoice must specify choices."),
        (survey({"type": "multiselect", "default": "a"}),
         "Survey question 0 of type multiselect must specify choices."),
        (survey({"type": "multiplechoice", "choices": ["a", "b"], "default": "a\nb"}),
         "Multiple Choice (Single Select) can only have one default value."),
        (survey({"type": "multiplechoice", "choices": ["a", "b"], "default": "c"}),
         "Default choice must be answered from the choices listed."),
        (survey({"type": "multiselect", "choices": "a\nb", "default": "a\nc"}),
         "Default choice must be answered from the choices listed."),
        (survey({"type": "multiplechoice", "choices": 5, "default": "c"}),
         "Default choice must be answered from the choices listed."),
        (survey({"default": "$encrypted$"}),
         "$encrypted$ is a reserved keyword for password question defaults, survey question 0 is type text."),
        (survey({"type": "password", "default": "$encrypted$"}),
         "$encrypted$ is a reserved keyword, may not be used for new default in position 0."),
    ],
)  # fmt: skip
def test_awx_refuses(spec: dict[str, Any], answer: str) -> None:
    assert check_spec(spec)[0] == answer


@pytest.mark.parametrize("spec", [None, [], "x", 5])
def test_a_spec_is_a_mapping(spec: Any) -> None:
    assert len(check_spec(spec)) == 1


TAKEN = [
    survey({}),
    {"spec": [QUESTION]},
    survey({"type": "integer", "default": ""}),
    survey({"type": "integer", "default": 5, "min": None, "max": None, "choices": "", "new_question": True}),
    survey({"type": "float", "default": 1}),
    survey({"type": "multiplechoice", "choices": "a\n\nb\n", "default": "b\n"}),
    survey({"type": "multiplechoice", "choices": ["a"], "default": ""}),
    survey({"type": "multiselect", "choices": "x\ny\nz", "default": "x\ny"}),
]


@pytest.mark.parametrize("spec", TAKEN)
def test_taken_by_both(spec: dict[str, Any]) -> None:
    before = copy.deepcopy(spec)
    assert check_spec(spec) == []
    assert check_spec_strict(spec) == []
    assert spec == before


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ({"variable": "my var"}, "must not begin with a digit"),
        ({"variable": ""}, "must not begin with a digit"),
        ({"variable": "1st"}, "must not begin with a digit"),
        ({"type": "multiplechoice", "choices": 5}, "not int"),
        ({"type": "multiplechoice", "choices": None}, "not NoneType"),
        ({"type": "multiplechoice", "choices": {"a": 1}}, "not dict"),
        ({"type": "multiplechoice", "choices": []}, "at least one choice"),
        ({"type": "multiselect", "choices": "\n \n"}, "at least one choice"),
        ({"type": "multiselect", "choices": ["a", ""]}, "'' must be one line"),
        ({"type": "multiselect", "choices": ["a\nb"]}, "must be one line"),
        ({"type": "multiselect", "choices": ["a", 5]}, "5 must be text"),
        ({"type": "multiselect", "choices": "a\nb\na"}, "more than once"),
        ({"type": "integer", "min": 5, "max": 3}, "min 5 is larger than max 3"),
        ({"type": "integer", "max": 3, "default": 4}, "must be no more than 3"),
        ({"type": "integer", "default": True}, "expected to be an integer"),
        ({"min": 2, "default": "x"}, "must be at least 2"),
        ({"type": "password", "min": 9, "default": "hunter2"}, "breaks the question's own limits"),
        ({"type": "multiplechoice", "choices": "abc", "default": "b"}, "expected to be one of ['abc']"),
    ],
)
def test_refused_only_by_holdfast(question: dict[str, Any], part: str) -> None:
    spec = survey(question)
    assert check_spec(spec) == []
    found = check_spec_strict(spec)
    assert len(found) == 1
    assert part in found[0]
    assert "hunter2" not in found[0]
    assert found[0].startswith("Survey question 0 (")


def test_every_question_is_looked_at() -> None:
    assert check_spec(survey({"type": "x"}, {"variable": "w", "min": "a"}, "y")) == [
        check_spec(survey({"type": "x"}))[0],
        "The min limit in survey question 1 expected to be integer.",
        "Survey question 2 is not a json object.",
    ]
    assert len(check_spec_strict(survey({"variable": "a b"}, {"variable": "c d"}))) == 2
    assert check_spec_strict({}) == []


OLD = survey({"type": "password", "default": "hunter2"})


@pytest.mark.parametrize(
    ("old", "kept"),
    [
        (OLD, "hunter2"),
        (survey({"type": "password", "default": ""}), ""),
        (survey({"type": "text", "default": ""}), ""),
        (survey({"type": "text", "default": "abc"}), None),
        (survey({"type": "password"}), None),
        (survey({"type": "password", "variable": "other", "default": "x"}), None),
        ({}, None),
        (None, None),
    ],
)
def test_an_unchanged_password_default(old: Any, kept: str | None) -> None:
    new = survey({"type": "password", "default": "$encrypted$"})
    assert (check_spec(new, old) == []) == (kept is not None)
    if kept is not None:
        assert stored_spec(new, old)["spec"][0]["default"] == kept


def test_kept_as_posted_but_for_blank_lines_of_choices() -> None:
    posted = survey(
        {"choices": "", "new_question": True, "default": "a\n\nb"},
        {"variable": "w", "type": "multiselect", "choices": "a\n\nb\n", "default": "b\n\n"},
        {"variable": "x", "type": "multiselect", "choices": ["a", " "]},
    )
    before = copy.deepcopy(posted)
    kept = stored_spec(posted)
    assert posted == before
    assert kept["spec"][0] == posted["spec"][0]
    assert kept["spec"][1] == {**posted["spec"][1], "choices": "a\nb", "default": "b"}
    assert kept["spec"][2] == posted["spec"][2]
    assert stored_spec({}) == {}


def test_shown_without_password_defaults() -> None:
    spec = survey(
        {"type": "password", "default": "x"}, {"variable": "w", "type": "password", "default": ""}, {"default": "y"}
    )
    shown = displayed_spec(spec)
    assert [question["default"] for question in shown["spec"]] == ["$encrypted$", "", "y"]
    assert spec["spec"][0]["default"] == "x"
    assert displayed_spec({}) == {}


# --- fields and questions ----------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
lines = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=8).filter(str.strip)
limits = st.none() | st.integers(-5, 20)
DEFAULTS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(max_size=8).filter(lambda text: not text.startswith("$encrypted$")),
    "password": st.text(max_size=8) | st.just("$encrypted$"),
    "integer": st.integers(-10, 30),
    "float": st.floats(-10, 30) | st.integers(-10, 30),
}


@st.composite
def fields(draw: st.DrawFn) -> Field:
    kind = draw(st.sampled_from(["text", "textarea", "password", "integer", "float", "choice", "multiselect"]))
    name, label = draw(names), draw(st.text(max_size=8))
    assume(label != name)
    choices = tuple(draw(st.lists(lines, min_size=1, max_size=4, unique=True)))
    common = {"name": name, "label": label, "type": kind, "required": draw(st.booleans()),
              "description": draw(st.text(max_size=8))}  # fmt: skip
    if kind == "choice":
        return Field(**common, choices=choices, default=draw(st.none() | st.sampled_from(choices)))
    if kind == "multiselect":
        some = st.lists(st.sampled_from(choices), unique=True)
        return Field(**common, choices=choices, default=draw(st.none() | some))
    default = draw(st.none() | DEFAULTS.get(kind, DEFAULTS["text"]))
    limit = limits | st.floats(-5, 20) if kind == "float" else limits
    return Field(**common, min=draw(limit), max=draw(limit), default=default)


surveys = st.lists(fields(), min_size=1, max_size=5, unique_by=lambda field: field.name)


@given(surveys)
def test_fields_come_back_from_a_spec(asked: list[Field]) -> None:
    assert from_spec(to_spec(asked, "n", "d")) == tuple(asked)


@given(surveys)
def test_what_the_catalog_takes_passes_awx(asked: list[Field]) -> None:
    whole = [
        field for field in asked if all(limit is None or float(limit).is_integer() for limit in (field.min, field.max))
    ]
    sound = [field for field in whole if check_default(field) is None and field.default != "$encrypted$"]
    assume(sound)
    assert check_spec(to_spec(sound)) == []


choices = st.lists(lines, min_size=1, max_size=3, unique=True)
answers = st.one_of(st.text(max_size=4), st.integers(-3, 12), st.floats(-3, 12), st.none(), st.booleans(), choices)


@st.composite
def awx_questions(draw: st.DrawFn) -> dict[str, Any]:
    """Questions as forms and modules send them: with limits, empty defaults and flags where they mean nothing."""
    kind = draw(st.sampled_from(["text", "textarea", "password", "multiplechoice", "multiselect", "integer", "float"]))
    listed = draw(choices)
    question: dict[str, Any] = {
        "question_name": draw(st.sampled_from(["q", "v", ""])),
        "question_description": "d",
        "variable": "v",
        "type": kind,
        "required": draw(st.booleans()),
        "min": draw(limits),
        "max": draw(limits),
        "choices": draw(st.sampled_from([listed, "\n".join(listed), "\n\n".join([*listed, ""])])),
        "new_question": True,
    }
    default = {"integer": st.integers(-3, 12), "float": st.floats(-3, 12), "multiselect": st.just("\n".join(listed)),
               "multiplechoice": st.sampled_from(listed)}.get(kind, st.text(max_size=4))  # fmt: skip
    question["default"] = draw(st.just("") | default)
    for key in draw(st.sets(st.sampled_from(["default", "min", "max", "new_question", "question_description"]))):
        del question[key]
    return question


@settings(max_examples=300)
@given(awx_questions(), answers, st.booleans())
def test_a_spec_means_the_same_after_the_way_through_fields(
    question: dict[str, Any], answer: Any, left_out: bool
) -> None:
    spec = {"name": "", "description": "", "spec": [question]}
    again = to_spec(from_spec(spec))
    given_answers = {} if left_out else {"v": answer}
    assert check_answers(again, given_answers) == check_answers(spec, given_answers)
    assert fill_defaults(again, given_answers) == fill_defaults(spec, given_answers)
    assert check_spec(again) == check_spec(spec) == []
    assert to_spec(from_spec(again)) == again
    assert again["spec"][0]["question_name"] == (question["question_name"] or "v")
    for key in ("variable", "type", "required"):
        assert again["spec"][0][key] == question[key]


def test_what_has_no_meaning_is_left_behind() -> None:
    (field,) = from_spec(survey({"type": "multiplechoice", "choices": "a\nb", "min": 0, "max": 1024, "default": ""}))
    assert field == Field("v", "q", "choice", True, choices=("a", "b"))
    assert from_spec(survey({"type": "integer", "default": "", "min": "", "max": "7"}))[0] == Field(
        "v", "q", "integer", True, max=7
    )


def test_whole_limits_are_written_whole() -> None:
    assert to_spec([Field("v", type="integer", min=1.0)])["spec"][0]["min"] is not True
    assert str(to_spec([Field("v", type="integer", min=1.0)])["spec"][0]["min"]) == "1"


def test_no_fields_are_no_survey() -> None:
    assert to_spec([]) == {}
    assert from_spec({}) == ()


def test_an_unknown_type_is_no_field() -> None:
    with pytest.raises(HoldfastError, match="unknown type 'bogus'"):
        from_spec(survey({"type": "bogus"}))
