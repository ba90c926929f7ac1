# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A breaker as data and as lines: what tasks register, what ``--json`` prints, and what people read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import window
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import (
    CLOSED,
    COUNT,
    HALF_OPEN,
    Breaker,
    Policy,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.telling import moment


def judged(breaker: Breaker, now: float) -> window.Tally:
    """The calls that the state of now is judged by: those of the window, or the trials of a half-open one."""
    if breaker.state == HALF_OPEN:
        return window.of_marks(breaker.tried)
    return window.tally(breaker.policy, breaker.window, now)


def facts(breaker: Breaker, now: float) -> dict[str, Any]:
    """Everything of a breaker that others may build on; moments are told in UTC, and None where there is none."""
    seen, last = judged(breaker, now), breaker.last_failure
    return {
        "target": breaker.target,
        "state": breaker.state,
        "since": _moment(breaker.since or None),
        "why": breaker.why,
        "by": breaker.by,
        "retry_at": _moment(breaker.retry_at),
        "calls": seen.calls,
        "failed_calls": seen.failed,
        "slow_calls": seen.slow,
        "failure_rate": round(seen.failure_rate, 1),
        "slow_call_rate": round(seen.slow_rate, 1),
        "trials_under_way": len(breaker.trials),
        "totals": breaker.totals._asdict(),
        "last_failure": {"at": moment(last[0]), "reason": last[1]} if last else None,
        "policy": asdict(breaker.policy),
        "history": [{**turn._asdict(), "at": moment(turn.at)} for turn in breaker.history],
    }


def _moment(at: Optional[float]) -> Optional[str]:
    return None if at is None else moment(at)


def lines(breaker: Breaker, now: float) -> Iterator[str]:
    """A breaker for people, whole."""
    by = f" by {breaker.by}" if breaker.by else ""
    since = f" since {moment(breaker.since)}{by}: {breaker.why}" if breaker.since else ""
    yield f"{breaker.target} is {breaker.state.replace('_', '-')}{since}"
    if breaker.retry_at is not None:
        yield f"  will try again at {moment(breaker.retry_at)}"
    for trial in breaker.trials:
        yield f"  trial {trial.number} under way since {moment(trial.at)}{f' by {trial.by}' if trial.by else ''}"
    seen = judged(breaker, now)
    if breaker.state in (CLOSED, HALF_OPEN):
        what = "trial calls" if breaker.state == HALF_OPEN else "calls"
        yield f"  {what} judged: {seen.calls}, {seen.failed} failed, {seen.slow} slow"
    totals = breaker.totals
    yield f"  calls in all: {totals.calls}, {totals.failed} failed, {totals.slow} slow, {totals.refused} refused"
    if breaker.last_failure:
        yield f"  last failure: {moment(breaker.last_failure[0])}: {breaker.last_failure[1] or 'nothing was said'}"
    yield f"  policy: {policy(breaker.policy)}"
    for turn in breaker.history:
        yield f"  {moment(turn.at)}  {turn.state:<11}  {turn.why}{f' ({turn.by})' if turn.by else ''}"


def policy(rule: Policy) -> str:
    """A policy in one sentence."""
    size = int(rule.sliding_window_size)
    last = f"the last {size} calls" if rule.sliding_window_type == COUNT else f"the calls of {durations.render(size)}"
    failed, slow = f"{rule.failure_rate_threshold:g} %", f"{rule.slow_call_rate_threshold:g} %"
    return (
        f"opens when {failed} of {last} failed or {slow} took longer "
        f"than {durations.render(rule.slow_call_duration_threshold)}, from {rule.least} calls on; tries again after "
        f"{durations.render(rule.wait_duration_in_open_state)} with "
        f"{rule.permitted_number_of_calls_in_half_open_state} trial calls"
    )
