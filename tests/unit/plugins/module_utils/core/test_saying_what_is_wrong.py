# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems and durations: how the house says things."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import (
    Problem,
    ProblemsFound,
    did_you_mean,
    render_path,
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "(document)"),
        (("components", "web", "needs", 0), "components.web.needs[0]"),
        ((2, "x"), "[2].x"),
    ],
)
def test_a_path_is_written_as_people_point_at_yaml(path, text):
    assert render_path(path) == text


def test_a_problem_says_where_what_and_what_would_be_right():
    problem = Problem(("needs", 0), "unknown node 'drian'", "did you mean 'drain'?")
    assert problem.render() == "needs[0]: unknown node 'drian' (did you mean 'drain'?)"
    assert problem.at("b.yml", lambda path: 7).render().startswith("b.yml:7: needs[0]: ")


def test_all_problems_are_said_at_once():
    error = ProblemsFound([Problem(("a",), "one"), Problem(("b",), "two")])
    assert str(error) == "a: one\nb: two"


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("drian", ["drain", "patch"], "did you mean 'drain'?"),
        ("zzz", ["drain", "patch"], "known: drain, patch"),
        ("zzz", [], ""),
    ],
)
def test_the_nearest_known_word_is_offered(word, known, hint):
    assert did_you_mean(word, known) == hint


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("10s", 10), ("5m", 300), ("2h", 7200), ("3d", 259200)])
def test_durations_are_seconds(text, seconds):
    assert durations.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "1.5h", "-1s", "10 s", "01s", "1w", 10, None, True])
def test_what_is_no_duration_says_what_would_be_right(text):
    with pytest.raises(ValueError, match="such as 10s, 5m, 2h or 3d"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (0.44, "0.4s"), (9.96, "10.0s"), (59.6, "1m"), (125, "2m 5s"), (3600, "1h"), (93784, "1d 2h")],
)
def test_seconds_for_people(seconds, text):
    assert durations.render(seconds) == text
