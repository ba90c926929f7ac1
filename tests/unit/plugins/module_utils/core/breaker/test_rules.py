# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of a breaker, case by case."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

GOOD, BAD = Call(False), Call(True, said="HTTP 503")


def fed(breaker: Breaker, now: float, *calls: Call) -> Breaker:
    """The breaker after these calls, one a second."""
    for number, call in enumerate(calls):
        breaker = rules.report(breaker, now + number, call)
    return breaker


def opened(**policy: object) -> Breaker:
    """A breaker that opened at 102."""
    breaker = fed(model.new("service:jira", model.policy_from(policy)), 100.0, BAD, BAD, BAD)
    assert breaker.state == model.OPEN
    return breaker


def test_it_opens_when_the_failure_rate_is_reached_and_says_why() -> None:
    breaker = fed(model.new("service:jira"), 100.0, GOOD, BAD)
    assert breaker.state == model.CLOSED, "two calls are fewer than the minimum"
    breaker = fed(breaker, 102.0, BAD)
    assert (breaker.state, breaker.since, breaker.retry_at) == (model.OPEN, 102.0, 162.0)
    assert breaker.why == "2 of 3 calls failed, the limit is 50 %; the last failure: HTTP 503"
    asked, answer = rules.ask(breaker, 110.0)
    assert not answer.allowed and answer.retry_at == 162.0
    assert answer.message == (
        "breaker service:jira is open since 1970-01-01 00:01:42 UTC: 2 of 3 calls failed, the limit is 50 %; "
        "the last failure: HTTP 503; it will try again at 1970-01-01 00:02:42 UTC"
    )
    assert asked.totals.refused == 1


def test_only_the_last_calls_are_judged() -> None:
    policy = Policy(sliding_window_size=4, minimum_number_of_calls=4, failure_rate_threshold=75)
    breaker = fed(model.new("host:web1", policy), 0.0, BAD, BAD, GOOD, GOOD, BAD, GOOD, BAD, BAD)
    assert breaker.state == model.OPEN  # GOOD? BAD GOOD BAD BAD
    assert fed(model.new("host:web1", policy), 0.0, BAD, BAD, GOOD, GOOD, BAD, GOOD, BAD).state == model.CLOSED


def test_a_window_of_time_forgets_what_is_old() -> None:
    policy = Policy(sliding_window_type="time", sliding_window_size=60, minimum_number_of_calls=3)
    breaker = fed(model.new("service:aws", policy), 0.0, BAD, BAD)
    later = rules.report(breaker, 100.0, BAD)
    assert later.state == model.CLOSED
    assert rules.report(breaker, 59.0, BAD).state == model.OPEN
    assert fed(later, 101.0, BAD, BAD).state == model.OPEN


def test_slow_calls_open_it_too() -> None:
    policy = Policy(slow_call_duration_threshold=2.0, slow_call_rate_threshold=60)
    slow = Call(False, 2.5)
    breaker = fed(model.new("service:git", policy), 100.0, slow, GOOD, slow)
    assert breaker.state == model.OPEN
    assert breaker.why == "2 of 3 calls took longer than 2 s, the limit is 60 %"


def test_half_open_lets_only_trials_through_and_closes_when_they_are_good() -> None:
    breaker = opened(permitted_number_of_calls_in_half_open_state=2)
    breaker, first = rules.ask(breaker, 162.0, "alice")
    breaker, second = rules.ask(breaker, 163.0)
    breaker, third = rules.ask(breaker, 164.0)
    assert first.allowed and second.allowed and first.trial != second.trial
    assert not third.allowed and "its trial calls are under way (since" in third.message and "alice" in third.message
    breaker = rules.report(breaker, 170.0, Call(False, 8.0, trial=first.trial))
    assert breaker.state == model.HALF_OPEN
    breaker = rules.report(breaker, 171.0, Call(False, 8.0, trial=second.trial))
    assert (breaker.state, breaker.why) == (model.CLOSED, "2 of 2 trial calls succeeded")
    assert breaker.window == model.Window()


def test_a_bad_trial_opens_it_again_as_soon_as_there_is_no_doubt() -> None:
    breaker = opened(permitted_number_of_calls_in_half_open_state=2)
    breaker, first = rules.ask(breaker, 162.0)
    breaker, second = rules.ask(breaker, 162.0)
    breaker = rules.report(breaker, 163.0, Call(True, 1.0, "still down", first.trial))
    assert (breaker.state, breaker.retry_at) == (model.OPEN, 223.0)
    late = rules.report(breaker, 164.0, Call(False, 2.0, trial=second.trial))
    assert late.state == model.OPEN and late.totals.calls == breaker.totals.calls + 1


def test_a_trial_whose_reporter_died_is_given_to_somebody_else() -> None:
    breaker = opened(trial_call_timeout=30)
    breaker, lost = rules.ask(breaker, 162.0)
    breaker, refused = rules.ask(breaker, 191.0)
    assert not refused.allowed and refused.retry_at == 192.0
    breaker, again = rules.ask(breaker, 192.0)
    assert again.allowed and again.trial != lost.trial


def test_a_trial_that_was_not_made_is_given_back() -> None:
    breaker, trial = rules.ask(opened(), 162.0)
    assert not rules.ask(breaker, 163.0)[1].allowed
    breaker = rules.release(breaker, 163.0, trial.trial)
    assert rules.ask(breaker, 163.0)[1].allowed
    assert rules.release(breaker, 164.0, trial.trial) is breaker


def test_what_began_before_the_breaker_opened_tells_of_another_time() -> None:
    breaker, trial = rules.ask(opened(), 170.0)
    late = rules.report(breaker, 171.0, Call(True, 100.0, "an old one"))
    assert late.state == model.HALF_OPEN and late.trials == breaker.trials
    assert late.totals.failed == 4
    closed = rules.report(late, 172.0, Call(False, 2.0, trial=trial.trial))
    assert closed.state == model.CLOSED
    assert fed(closed, 173.0, *[Call(True, 100.0)] * 9).state == model.CLOSED


def test_reports_alone_heal_and_hurt() -> None:
    """A health check reports without asking: after the wait its word is a trial's."""
    assert rules.report(opened(), 161.0, GOOD).state == model.OPEN
    assert rules.report(opened(), 162.0, GOOD).state == model.CLOSED
    assert rules.report(opened(), 162.0, BAD).state == model.OPEN
    assert rules.report(opened(), 170.0, Call(False, 7.9)).state == model.CLOSED
    assert rules.report(opened(), 170.0, Call(False, 8.1)).state == model.HALF_OPEN, "it began before the wait was over"


def test_people_hold_it_open_disable_and_close_it() -> None:
    breaker = rules.trip(model.new("service:jira"), 10.0, "maintenance\nof Jira", "alice")
    assert (breaker.state, breaker.why) == (model.FORCED_OPEN, "maintenance of Jira")
    answer = rules.ask(breaker, 1e9)[1]
    assert not answer.allowed and answer.retry_at is None
    assert "is held open by alice since 1970-01-01 00:00:10 UTC: maintenance of Jira" in answer.message
    assert rules.trip(breaker, 11.0, "again") is breaker
    assert fed(breaker, 20.0, GOOD, GOOD).state == model.FORCED_OPEN
    breaker = rules.disable(breaker, 30.0, "", "bob")
    assert fed(breaker, 31.0, BAD, BAD, BAD, BAD).state == model.DISABLED
    assert rules.ask(breaker, 31.0)[1].allowed
    breaker = rules.close(breaker, 40.0, "", "bob")
    assert breaker.state == model.CLOSED and rules.close(breaker, 41.0, "") is breaker
    breaker = rules.reset(fed(breaker, 42.0, BAD, BAD), 50.0, "", "bob")
    assert breaker.totals == model.Totals() and breaker.last_failure is None and len(breaker.history) == 4


def test_one_that_was_opened_for_a_while_tries_again() -> None:
    breaker = rules.trip(model.new("host:db1"), 10.0, "", wait=5.0)
    assert not rules.ask(breaker, 14.9)[1].allowed
    assert rules.ask(breaker, 15.0)[1].trial == 1


def test_a_new_policy_keeps_what_it_can_of_the_window() -> None:
    breaker = fed(model.new("host:db1"), 0.0, GOOD, BAD, GOOD, GOOD)
    smaller = rules.with_policy(breaker, replace(breaker.policy, sliding_window_size=2), 9.0)
    assert smaller.window.marks == ".."
    by_time = replace(breaker.policy, sliding_window_type="time")
    assert rules.with_policy(breaker, by_time, 9.0).window == model.Window()
    assert rules.with_policy(breaker, breaker.policy, 9.0) is breaker


@pytest.mark.parametrize("target", ["", "jira", "service:", "db:x", "host:\n", "host: a", "host:" + "x" * 300])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(HoldfastError, match="target"):
        model.new(target)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"failure_rate_threshold": 0}, "failure_rate_threshold must be more than 0"),
        ({"slow_call_rate_threshold": 101}, "at most 100"),
        ({"sliding_window_type": "calls"}, "count or time"),
        ({"sliding_window_size": 10_001}, "at most 10000 calls"),
        ({"minimum_number_of_calls": 1.5}, "whole number"),
        ({"wait_duration_in_open_state": float("nan")}, "must be a number"),
        ({"wait": 3}, "has no 'wait'"),
    ],
)
def test_what_is_no_policy_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(HoldfastError, match=said):
        model.policy_from(given)


def test_it_goes_through_json_and_refuses_another_format() -> None:
    breaker, _answer = rules.ask(opened(), 162.0, "alice")
    data = json.loads(json.dumps(breaker.to_dict()))
    assert Breaker.from_dict(data) == breaker
    with pytest.raises(HoldfastError, match="format 2"):
        Breaker.from_dict({**data, "version": 2})
    with pytest.raises(HoldfastError, match="no breaker"):
        Breaker.from_dict({**data, "policy": {"x": 1}})
