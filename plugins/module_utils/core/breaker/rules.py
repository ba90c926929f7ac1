# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of a breaker. Everything here is pure: the moment is an argument, the breaker after it is returned.

``ask`` before a call and ``report`` after it; ``release`` when a permitted call was not made. ``trip``, ``disable``,
``close`` and ``reset`` are people's. A report counts only for the state in which its call began: what began before the
breaker opened, closed or was reset tells of another time and goes into the totals alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import telling, window
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import (
    CLOSED,
    DISABLED,
    FORCED_OPEN,
    HALF_OPEN,
    MOST_HISTORY,
    OPEN,
    Breaker,
    Policy,
    Totals,
    Trial,
    Turn,
    Window,
)


class Answer(NamedTuple):
    """What a breaker says to a call: may it be made; as which trial (0: none); and if not, why and until when.

    ``retry_at`` is None for one that people hold open.
    """

    allowed: bool
    state: str
    trial: int = 0
    message: str = ""
    retry_at: Optional[float] = None


class Call(NamedTuple):
    """How a call ended: badly or not, after how many seconds, what was said, and which trial it was (0: none)."""

    failed: bool
    duration: float = 0.0
    said: str = ""
    trial: int = 0


def ask(breaker: Breaker, now: float, by: str = "") -> tuple[Breaker, Answer]:
    """May a call be made now? An open breaker that has waited long enough becomes half-open by this question."""
    if breaker.state in (CLOSED, DISABLED):
        return breaker, Answer(True, breaker.state)
    breaker = at(breaker, now)
    if breaker.state == HALF_OPEN:
        permitted = breaker.policy.permitted_number_of_calls_in_half_open_state
        if len(breaker.trials) + len(breaker.tried) < permitted:
            trial = Trial(breaker.next_trial, now, by)
            trials = (*breaker.trials, trial)
            breaker = replace(breaker, trials=trials, next_trial=trial.number + 1, updated=now)
            return breaker, Answer(True, HALF_OPEN, trial.number)
    answer = Answer(False, breaker.state, 0, telling.refusal(breaker, now), telling.retry_at(breaker))
    totals = breaker.totals._replace(refused=breaker.totals.refused + 1)
    return replace(breaker, totals=totals, updated=now), answer


def at(breaker: Breaker, now: float) -> Breaker:
    """The breaker as time alone makes it: half-open after its wait, without trials whose reporters died.

    It is half-open from the moment at which its wait was over, whenever somebody notices: a call that began since then,
    such as a health check's, counts.
    """
    if breaker.state == OPEN and breaker.retry_at is not None and now >= breaker.retry_at:
        return replace(_turn(breaker, HALF_OPEN, breaker.retry_at, "it has waited and tries again"), updated=now)
    if breaker.state == HALF_OPEN and breaker.trials:
        alive = tuple(trial for trial in breaker.trials if now < trial.at + breaker.policy.trial_call_timeout)
        if len(alive) != len(breaker.trials):
            return replace(breaker, trials=alive)
    return breaker


def report(breaker: Breaker, now: float, call: Call) -> Breaker:
    """Take in how a call ended."""
    slow = call.duration > breaker.policy.slow_call_duration_threshold
    breaker = _counted(at(breaker, now), now, call, slow)
    mine = any(trial.number == call.trial for trial in breaker.trials)
    if mine:
        left = tuple(trial for trial in breaker.trials if trial.number != call.trial)
        breaker = replace(breaker, trials=left)
    elif now - max(0.0, call.duration) < breaker.since:
        return breaker
    if breaker.state == CLOSED:
        calls = window.add(breaker.policy, breaker.window, now, call.failed, slow)
        return _judged(replace(breaker, window=calls), now)
    if breaker.state == HALF_OPEN:
        return _tried(replace(breaker, tried=breaker.tried + window.mark(call.failed, slow)), now)
    return breaker


def release(breaker: Breaker, now: float, trial: int) -> Breaker:
    """A trial that was permitted was not made: somebody else may make it."""
    left = tuple(one for one in breaker.trials if one.number != trial)
    return breaker if len(left) == len(breaker.trials) else replace(breaker, trials=left, updated=now)


def trip(breaker: Breaker, now: float, why: str, by: str = "", wait: Optional[float] = None) -> Breaker:
    """Open it by hand: until it is closed by hand, or, with ``wait``, for so many seconds before it tries again."""
    why = telling.folded(why) or "opened by hand"
    if wait is None:
        return breaker if breaker.state == FORCED_OPEN else _turn(breaker, FORCED_OPEN, now, why, by)
    return _turn(breaker, OPEN, now, why, by, wait)


def disable(breaker: Breaker, now: float, why: str, by: str = "") -> Breaker:
    """Let every call through, whatever becomes of it."""
    why = telling.folded(why) or "disabled by hand"
    return breaker if breaker.state == DISABLED else _turn(breaker, DISABLED, now, why, by)


def close(breaker: Breaker, now: float, why: str, by: str = "") -> Breaker:
    """Close it by hand; it begins to judge anew."""
    why = telling.folded(why) or "closed by hand"
    return breaker if breaker.state == CLOSED else _turn(breaker, CLOSED, now, why, by)


def reset(breaker: Breaker, now: float, why: str, by: str = "") -> Breaker:
    """Close it and forget every call, also the totals; policy and history stay."""
    fresh = _turn(breaker, CLOSED, now, telling.folded(why) or "reset by hand", by)
    return replace(fresh, totals=Totals(), last_failure=None)


def with_policy(breaker: Breaker, policy: Policy, now: float) -> Breaker:
    """The breaker under a new policy; what its window holds is kept where it can be."""
    if policy == breaker.policy:
        return breaker
    calls = window.fitted(policy, breaker.window, breaker.policy)
    return replace(breaker, policy=policy, window=calls, updated=now)


def _counted(breaker: Breaker, now: float, call: Call, slow: bool) -> Breaker:
    """The call in the totals; the last bad one is remembered."""
    before = breaker.totals
    totals = Totals(before.calls + 1, before.failed + call.failed, before.slow + slow, before.refused)
    last = (now, telling.folded(call.said)) if call.failed else breaker.last_failure
    return replace(breaker, totals=totals, last_failure=last, updated=now)


def _judged(breaker: Breaker, now: float) -> Breaker:
    """Open a closed breaker whose window says so."""
    seen = window.tally(breaker.policy, breaker.window, now)
    if seen.calls < breaker.policy.least:
        return breaker
    why = telling.exceeded(breaker, seen, "calls")
    return _opened(breaker, now, why) if why else breaker


def _tried(breaker: Breaker, now: float) -> Breaker:
    """End half-open as soon as its trials leave no doubt; calls that are still missing are taken for good ones."""
    seen = window.of_marks(breaker.tried)
    permitted = int(breaker.policy.permitted_number_of_calls_in_half_open_state)
    why = telling.exceeded(breaker, seen._replace(calls=max(seen.calls, permitted)), "trial calls")
    if why:
        return _opened(breaker, now, why)
    if seen.calls < permitted:
        return breaker
    return _turn(breaker, CLOSED, now, f"{seen.calls - seen.failed} of {seen.calls} trial calls succeeded")


def _opened(breaker: Breaker, now: float, why: str) -> Breaker:
    return _turn(breaker, OPEN, now, why, "", breaker.policy.wait_duration_in_open_state)


def _turn(breaker: Breaker, state: str, now: float, why: str, by: str = "", wait: Optional[float] = None) -> Breaker:
    """Begin a state: nothing of the one before is judged any more."""
    history = (*breaker.history, Turn(now, state, why, by))[-MOST_HISTORY:]
    return replace(
        breaker,
        state=state,
        since=now,
        why=why,
        by=by,
        retry_at=None if wait is None else now + wait,
        window=Window(),
        trials=(),
        tried="",
        updated=now,
        history=history,
    )
