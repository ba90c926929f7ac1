# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: from the command line, from files, and from a person who is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from holdfast.cli import answers

FIELDS = (
    Field("version", required=True, min=1),
    Field("count", type="integer", min=1, max=9),
    Field("sizes", type="multiselect", choices=("s", "m,l", "xl")),
    Field("color", type="choice", choices=("red", "green"), required=True, default="red"),
    Field("token", type="password", min=3),
)


def wrong(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(ProblemsFound) as caught:
        call(*arguments)
    return str(caught.value)


def test_texts_become_the_type_of_their_question() -> None:
    given = answers.given(FIELDS, ["version=2", "count=3", "sizes=s,xl", "token=a=b"], "")
    assert given == {"version": "2", "count": 3, "sizes": ["s", "xl"], "token": "a=b"}


def test_a_mapping_keeps_its_types_and_single_answers_win(tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("version: '1'\ncount: 4\n")
    assert answers.given(FIELDS, ["version=2"], f"@{file}") == {"version": "2", "count": 4}
    assert answers.given(FIELDS, [], '{"count": 5}') == {"count": 5}


def test_everything_wrong_is_said_at_once() -> None:
    text = wrong(answers.given, FIELDS, ["versoin=2", "count=many"], "")
    assert "versoin" in text
    assert "did you mean 'version'?" in text
    assert "'count' must be a whole number" in text


@pytest.mark.parametrize("text", ["version", "=2"])
def test_a_pair_needs_a_name_and_a_value(text: str) -> None:
    with pytest.raises(HoldfastError, match="NAME=VALUE"):
        answers.given(FIELDS, [text], "")


def test_a_file_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    file = tmp_path / "answers.yml"
    file.write_text("[1, 2]")
    with pytest.raises(HoldfastError, match="one mapping"):
        answers.mapping(f"@{file}", "--fields")
    file.write_text("a: b: c")
    assert f"{file}:1" in wrong(answers.mapping, f"@{file}", "--fields")
    with pytest.raises(HoldfastError, match="nowhere"):
        answers.mapping("@nowhere.yml", "--fields")


def test_without_a_person_what_is_missing_is_said() -> None:
    text = wrong(answers.complete, FIELDS, {"count": 10}, False)
    assert "'version' value missing" in text
    assert "'color' value missing" in text
    assert "'count' value 10 is too large" in text


@pytest.fixture()
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person will type, in order; ``person.prompts`` is not needed: questions come in the order of fields."""
    typed: list[str] = []

    def ask(prompt: str, hidden: bool = False) -> str:
        assert hidden == ("token" in prompt)
        return typed.pop(0)

    monkeypatch.setattr(answers, "ask_text", ask)
    return typed


def test_a_person_is_asked_for_what_is_required_and_missing(person: list[str]) -> None:
    person += ["7", "2"]
    assert answers.complete(FIELDS, {}, True) == {"version": "7", "color": "green"}
    assert person == []


def test_a_person_is_asked_again_until_the_answer_is_right(
    person: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    person += ["many", "12", "3"]
    assert answers.question(FIELDS[1]) == 3
    told = capsys.readouterr().err
    assert "whole number" in told
    assert "too large" in told


@pytest.mark.parametrize(
    ("typed", "answer"), [("1,3", ["s", "xl"]), ("2", ["m,l"]), ("m,l", ["m,l"]), ("s", ["s"]), ("", "")]
)
def test_numbers_stand_for_choices(person: list[str], typed: str, answer: Any) -> None:
    person.append(typed)
    assert answers.question(FIELDS[2]) == answer


def test_no_text_means_the_default(person: list[str]) -> None:
    person.append("")
    assert answers.question(FIELDS[3]) == "red"


def test_a_password_is_neither_shown_nor_repeated(person: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    person += ["pw", "long enough"]
    assert answers.question(FIELDS[4]) == "long enough"
    told = capsys.readouterr()
    assert "too small" in told.err
    assert "pw" not in told.err + told.out
    assert "long enough" not in told.err + told.out


def test_nobody_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_arguments: Any, **_options: Any) -> Iterator[str]:
        raise EOFError

    monkeypatch.setattr("rich.console.Console.input", gone)
    with pytest.raises(HoldfastError, match="nobody answered"):
        answers.question(FIELDS[0])
