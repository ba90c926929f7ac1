# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded scenario, played against a served controller with real plays: what AWX meant, ours means too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.exceptions import EXCEPTIONS, PARTS
from tests.contract.meaning import differences, exactly, shape
from tests.contract.replay import Result, load, play

PASSING = 0.95
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "awx-compatibility.md"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Result], list[str]]:
    return play(tmp_path_factory.mktemp("replay"))


def test_answers_mean_what_those_of_awx_meant(played: tuple[list[Result], list[str]]) -> None:
    results, notes = played
    bad = [one for one in results if one.differences and not one.reason]
    said = "\n".join(f"{one.number} {one.name} {one.request}: {one.differences[:3]}" for one in bad)
    passed = len([one for one in results if not one.differences])
    assert passed >= PASSING * len(results), said
    assert (bad, notes) == ([], []), said


def test_exceptions_are_about_recordings_and_are_told_to_people() -> None:
    numbers = {one["number"] for one in load()}
    assert {*EXCEPTIONS, *PARTS} <= numbers
    text = DOCUMENT.read_text(encoding="utf-8")
    reasons = {*EXCEPTIONS.values(), *(why for why, _parts in PARTS.values())}
    assert [reason for reason in reasons if reason not in text] == []


@pytest.mark.parametrize(
    ("recorded", "answer", "found"),
    [
        ({"a": 1, "b": None}, {"a": 2, "b": None}, []),
        ({"a": 1}, {"a": "1"}, ['.a: is str ("1"), was int']),
        ({"a": 1}, {}, [".a: is missing"]),
        ({}, {"a": 1}, [".a: is new (int)"]),
        ({"status": "failed"}, {"status": "successful"}, ['.status: is "successful", was "failed"']),
        ({"ask": True}, {"ask": False}, [".ask: is false, was true"]),
        ({"rows": [{"a": 1}, {"a": 1, "b": 1}]}, {"rows": [{"a": 1}]}, []),
        ({"rows": [{"a": 1}]}, {"rows": [{"a": None}]}, [".rows[0].a: is null (null), was int"]),
        ({"finished": None}, {"finished": "2024"}, []),
    ],
)
def test_shapes_are_compared(recorded: object, answer: object, found: list[str]) -> None:
    assert list(differences(shape(recorded), answer)) == found


@pytest.mark.parametrize(
    ("recorded", "answer", "found"),
    [
        ({"detail": "a"}, {"detail": "b"}, ['.detail: is "b", was "a"']),
        ({"search_fields": ["a", "b"]}, {"search_fields": ["b", "a"]}, []),
        ({"a": {"help_text": "x", "b": 1}}, {"a": {"help_text": "y", "b": 1}}, []),
        ({"a": True}, {"a": 1}, [".a: is 1, was true"]),
        ({"path": "PATH"}, {"path": "/tmp"}, []),
    ],
)
def test_errors_are_compared_word_by_word(recorded: object, answer: object, found: list[str]) -> None:
    assert list(exactly(recorded, answer)) == found
