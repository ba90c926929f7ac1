# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of a breaker whatever is asked, reported and decided, in any order and at any time."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules, window
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from hypothesis import given, settings
from hypothesis import strategies as st

#: what may follow a state: by reports and time, and (the last two) by people
NEXT = {
    model.CLOSED: {model.OPEN},
    model.OPEN: {model.HALF_OPEN},
    model.HALF_OPEN: {model.CLOSED, model.OPEN},
    model.FORCED_OPEN: set(),
    model.DISABLED: set(),
}
policies = st.builds(
    Policy,
    failure_rate_threshold=st.sampled_from([1.0, 34.0, 50.0, 100.0]),
    slow_call_rate_threshold=st.sampled_from([50.0, 100.0]),
    slow_call_duration_threshold=st.just(5.0),
    sliding_window_type=st.sampled_from([model.COUNT, model.TIME]),
    sliding_window_size=st.integers(1, 120),
    minimum_number_of_calls=st.integers(1, 6),
    wait_duration_in_open_state=st.sampled_from([1.0, 10.0]),
    permitted_number_of_calls_in_half_open_state=st.integers(1, 4),
    trial_call_timeout=st.sampled_from([3.0, 30.0]),
)
waits = st.sampled_from([0.0, 0.0, 0.1, 1.0, 4.0, 11.0, 40.0])
words = st.one_of(
    st.tuples(st.just("ask")),
    st.tuples(st.just("ask")),
    st.tuples(st.just("report"), st.booleans(), st.sampled_from([0.0, 1.0, 6.0, 50.0]), st.integers(0, 3)),
    st.tuples(st.just("report"), st.booleans(), st.sampled_from([0.0, 1.0, 6.0]), st.integers(0, 3)),
    st.tuples(st.just("release"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["trip", "trip_for", "disable", "close", "reset"])),
)


class Life:
    """One breaker through its days, with the trials that somebody believes to be under way."""

    def __init__(self, policy: Policy) -> None:
        self.breaker = model.new("service:any", policy)
        self.now = 1_000_000.0
        self.trials: list[int] = []
        self.reports = 0
        self.refusals = 0

    def step(self, word: tuple[Any, ...]) -> None:
        """Carry out one word and look whether everything still holds."""
        before = self.breaker
        by_people = word[0] in ("trip", "trip_for", "disable", "close", "reset")
        getattr(self, word[0], self.people)(*word if by_people else word[1:])
        self.holds(before, by_people)

    def ask(self) -> None:
        """Ask, and check the answer against the state."""
        before = rules.at(self.breaker, self.now)
        self.breaker, answer = rules.ask(self.breaker, self.now)
        permitted = before.policy.permitted_number_of_calls_in_half_open_state
        if before.state in (model.CLOSED, model.DISABLED):
            assert answer.allowed and not answer.trial
        elif before.state == model.HALF_OPEN:
            assert answer.allowed == (len(before.trials) + len(before.tried) < permitted)
            assert bool(answer.trial) == answer.allowed
        else:
            assert not answer.allowed
        if answer.trial:
            assert answer.trial not in self.trials, "no two calls are the same trial"
            self.trials.append(answer.trial)
        if not answer.allowed:
            self.refusals += 1
            assert before.why in answer.message or before.state == model.HALF_OPEN
            assert answer.retry_at is None or answer.retry_at > self.now

    def report(self, failed: bool, duration: float, which: int) -> None:
        """Report a call: one of the latest trials, or a call that never asked."""
        trial = self.trials[-which] if 0 < which <= len(self.trials) else 0
        self.breaker = rules.report(self.breaker, self.now, rules.Call(failed, duration, "said", trial))
        self.reports += 1

    def release(self, which: int) -> None:
        """Give a trial back."""
        trial = self.trials[-which] if 0 < which <= len(self.trials) else 0
        self.breaker = rules.release(self.breaker, self.now, trial)

    def people(self, word: str) -> None:
        """Somebody decides."""
        if word == "trip_for":
            self.breaker = rules.trip(self.breaker, self.now, "a", "b", 5.0)
        else:
            self.breaker = getattr(rules, word)(self.breaker, self.now, "a", "b")
        if word == "reset":
            self.reports = self.refusals = 0

    def holds(self, before: Breaker, by_people: bool) -> None:
        """Everything that must hold after any word."""
        now = self.breaker
        turns = now.history[len(before.history) :] if len(now.history) > len(before.history) else ()
        if not by_people:
            state = before.state
            for turn in turns:
                assert turn.state in NEXT[state]
                state = turn.state
        assert now.totals.calls == self.reports and now.totals.refused == self.refusals, "nothing is lost"
        permitted = now.policy.permitted_number_of_calls_in_half_open_state
        assert len(now.trials) <= permitted and len(now.tried) < permitted
        assert (now.state == model.HALF_OPEN) or not (now.trials or now.tried)
        assert (now.state == model.OPEN) == (now.retry_at is not None)
        assert now.state == model.CLOSED or now.window == model.Window()
        if now.state == model.CLOSED and now.updated == self.now and not by_people:
            seen = window.tally(now.policy, now.window, self.now)
            assert seen.failed <= seen.calls and seen.slow <= seen.calls
        assert Breaker.from_dict(json.loads(json.dumps(now.to_dict()))) == now


@settings(max_examples=150)
@given(policies, st.lists(st.tuples(waits, words), max_size=40))
def test_invariants(policy: Policy, words_: list[tuple[float, tuple[Any, ...]]]) -> None:
    life = Life(policy)
    for wait, word in words_:
        life.now += wait
        life.step(word)


@settings(max_examples=100)
@given(policies, st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_window_by_count_opens_exactly_when_its_rate_is_reached(policy: Policy, failed: list[bool]) -> None:
    policy = model.policy_from({"sliding_window_type": model.COUNT}, policy)
    breaker = model.new("service:any", policy)
    seen: list[bool] = []
    for number, one in enumerate(failed):
        breaker = rules.report(breaker, float(number), rules.Call(one))
        seen = [*seen, one][-policy.sliding_window_size :]
        enough = len(seen) >= min(policy.minimum_number_of_calls, policy.sliding_window_size)
        reached = enough and 100 * sum(seen) / len(seen) >= policy.failure_rate_threshold
        assert (breaker.state == model.OPEN) == reached
        if reached:
            return


@settings(max_examples=100)
@given(policies, st.lists(st.tuples(st.sampled_from([0.0, 1.0, 20.0]), st.booleans()), max_size=30))
def test_whoever_goes_on_asking_and_reporting_well_is_let_in_again(
    policy: Policy, past: list[tuple[float, bool]]
) -> None:
    breaker, now = model.new("service:any", policy), 0.0
    for wait, failed in past:
        now += wait
        breaker, answer = rules.ask(breaker, now)
        if answer.allowed:  # some reporters die
            breaker = rules.report(breaker, now, rules.Call(failed, trial=answer.trial)) if failed else breaker
    # What the window still holds may open it once more, when a good call makes enough of them to judge.
    for _turn in range(policy.least + 2 + policy.permitted_number_of_calls_in_half_open_state * 2):
        now += max(policy.wait_duration_in_open_state, policy.trial_call_timeout)
        breaker, answer = rules.ask(breaker, now)
        assert answer.allowed
        breaker = rules.report(breaker, now, rules.Call(False, trial=answer.trial))
    assert breaker.state == model.CLOSED


def test_a_window_of_time_stays_small_and_forgets() -> None:
    policy = Policy(sliding_window_type=model.TIME, sliding_window_size=86_400)
    calls = model.Window()
    for number in range(5000):
        calls = window.add(policy, calls, number * 60.0, failed=number % 2 == 0, slow=False)
    assert len(calls.buckets) <= window.BUCKETS + 1
    seen = window.tally(policy, calls, 4999 * 60.0)
    assert 1440 <= seen.calls <= 1440 * (1 + 1 / window.BUCKETS) + 1
    assert window.tally(policy, calls, 1e9) == (0, 0, 0)
