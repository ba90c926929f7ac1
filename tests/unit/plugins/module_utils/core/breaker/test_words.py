# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to breakers as data: what each does, and that they come through JSON as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules, telling, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, BreakerProblem, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word, hear
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from hypothesis import given
from hypothesis import strategies as st

JIRA = model.new("service:jira")
ONE = Policy(minimum_number_of_calls=1)

TEXTS = st.text(max_size=60).map(telling.folded)
SECONDS = st.floats(0, 1e6)
CALLS = st.tuples(st.booleans(), SECONDS, TEXTS, st.integers(0, 9)).map(lambda parts: Call(*parts))
WAITS = st.none() | st.floats(0.1, 1e6)
BY_HAND = st.sampled_from([words.DISABLE, words.CLOSE, words.RESET])
WORDS = st.one_of(
    TEXTS.map(lambda by: Word(words.ASK, by)),
    st.tuples(st.lists(CALLS, min_size=1, max_size=4), SECONDS).map(
        lambda parts: Word(words.REPORT, calls=tuple(parts[0]), asked=parts[1])
    ),
    st.integers(1, 9).map(lambda trial: Word(words.RELEASE, trial=trial)),
    st.tuples(TEXTS, TEXTS, WAITS).map(lambda parts: Word(words.TRIP, *parts)),
    st.tuples(BY_HAND, TEXTS, TEXTS).map(lambda parts: Word(*parts)),
)


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@given(WORDS)
def test_a_word_comes_through_json_as_it_was(word: Word) -> None:
    assert words.word_from(word.kind, through_json(word.to_dict())) == word


@given(st.lists(st.tuples(WORDS, st.floats(0, 500)), max_size=12))
def test_what_came_of_it_comes_through_json_as_it_was(said: list[tuple[Word, float]]) -> None:
    breaker, now = JIRA, 1000.0
    for word, later in said:
        now += later
        heard = hear(breaker, now, word, ONE)
        assert words.heard_from(through_json(heard.to_dict()), word) == heard
        assert (heard.answer is not None) == (word.kind == words.ASK)
        breaker = heard.breaker


def test_every_kind_does_what_its_rule_does() -> None:
    opened = rules.trip(JIRA, 10.0, "down", "alice", 5.0)
    tried = rules.ask(opened, 20.0, "run 1")[0]
    call = Call(False, 1.0, "", 1)
    for before, word, after in (
        (opened, Word(words.ASK, "run 1"), tried),
        (tried, Word(words.REPORT, calls=(call,)), rules.report(tried, 20.0, call)),
        (tried, Word(words.RELEASE, trial=1), rules.release(tried, 20.0, 1)),
        (JIRA, Word(words.TRIP, "a", "w", 3.0), rules.trip(JIRA, 20.0, "w", "a", 3.0)),
        (JIRA, Word(words.DISABLE, "a", "w"), rules.disable(JIRA, 20.0, "w", "a")),
        (opened, Word(words.CLOSE, "a", "w"), rules.close(opened, 20.0, "w", "a")),
        (opened, Word(words.RESET, "a", "w"), rules.reset(opened, 20.0, "w", "a")),
    ):
        assert hear(before, 20.0, word).breaker == after != before


def test_it_tells_whether_state_or_policy_changed() -> None:
    failed = Word(words.REPORT, calls=(Call(True),))
    assert hear(JIRA, 1.0, failed).changed is False, "a call that is counted is no change"
    assert hear(JIRA, 1.0, failed, ONE).changed is True
    assert hear(JIRA, 1.0, Word(words.ASK), ONE).changed is True, "its policy is another one"
    assert hear(JIRA, 1.0, Word(words.ASK), Policy()).changed is False
    opened = rules.trip(JIRA, 1.0, "down", "alice", 5.0)
    assert hear(opened, 9.0, Word(words.ASK))[:3] == (rules.ask(opened, 9.0)[0], 9.0, False), "it was half-open already"


def test_calls_without_a_duration_took_the_time_since_they_were_permitted() -> None:
    slow = Policy(slow_call_duration_threshold=30.0)
    told = Word(words.REPORT, calls=(Call(False, 0.0), Call(False, 99.0)), asked=100.0)
    assert hear(JIRA, 131.0, told, slow).breaker.totals.slow == 2
    assert hear(JIRA, 129.0, told, slow).breaker.totals.slow == 0
    assert hear(JIRA, 131.0, told._replace(asked=0.0), slow).breaker.totals.slow == 1


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"at": 1.0},
        {"at": "now", "breaker": JIRA.to_dict()},
        {"at": 1.0, "breaker": {}},
        {"at": 1.0, "breaker": JIRA.to_dict()},
        {"at": 1.0, "breaker": JIRA.to_dict(), "answer": {}},
        {"at": 1.0, "breaker": JIRA.to_dict(), "answer": {**Answer(True, "closed")._asdict(), "allowed": "yes"}},
        {"at": 1.0, "breaker": JIRA.to_dict(), "answer": {**Answer(True, "closed")._asdict(), "state": "ajar"}},
        {"at": 1.0, "breaker": JIRA.to_dict(), "answer": {**Answer(True, "closed")._asdict(), "trial": None}},
    ],
)
def test_what_is_no_answer_is_never_taken_for_one(data: Any) -> None:
    with pytest.raises(HoldfastError):
        words.heard_from(data, Word(words.ASK))


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (words.ASK, {"by": 7}, "by must be text, not int"),
        (words.TRIP, {"wait": float("nan")}, "wait must be a number of seconds"),
        (words.TRIP, {"wait": True}, "wait must be a number of seconds"),
        (words.RELEASE, {"trial": True}, "trial must be the number of a trial"),
        (words.RELEASE, {}, "the number of the trial that is given back"),
        (words.REPORT, {"calls": []}, "calls must be a list of 1 to"),
        (words.REPORT, {"calls": [{}]}, r"calls\[0\] must be an object"),
        (words.REPORT, {"calls": [{"failed": True, "said": None}]}, r"calls\[0\].said must be text"),
    ],
)
def test_what_cannot_be_meant_is_told(kind: str, data: dict[str, Any], said: str) -> None:
    with pytest.raises(BreakerProblem, match=said):
        words.word_from(kind, data)


def test_what_people_write_is_put_on_one_line() -> None:
    word = words.word_from(words.TRIP, {"why": "down\n\x1b[2J" + "x" * 500, "by": "a\nb", "wait": None, "what": 1})
    assert word.by == "a b" and len(word.why) == telling.LONGEST and word.wait is None and "\x1b" not in word.why


def test_numbers_beyond_all_measure_are_none() -> None:
    assert not any(map(model.is_number, (10**400, float("inf"), float("nan"), True, "1", None)))
    assert all(map(model.is_number, (0, -1, 1.5, 10**14)))
    assert telling.moment(1e18) == "9999-12-31 23:59:59 UTC"


def test_a_heard_word_is_a_whole_breaker() -> None:
    heard = Heard(rules.trip(JIRA, 10.0, "down", "alice"), 10.0, True)
    assert isinstance(words.heard_from(through_json(heard.to_dict()), Word(words.TRIP)).breaker, Breaker)
