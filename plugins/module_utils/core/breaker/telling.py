# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a breaker says to people: since when, why, and when it will try again. Moments are told in UTC."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import (
    FORCED_OPEN,
    HALF_OPEN,
    OPEN,
    Breaker,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.window import Tally

LONGEST = 200
LATEST = 253402300799.0
"""The last second of the year 9999."""


def moment(at: float) -> str:
    """A moment for people: ``2026-01-05 13:45:02 UTC``; what no calendar has any more is told as its last one."""
    return datetime.fromtimestamp(min(at, LATEST), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def folded(text: str) -> str:
    """What somebody said, on one line of bounded length."""
    line = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def retry_at(breaker: Breaker) -> Optional[float]:
    """When a breaker that refuses may answer otherwise; None when only people can change it."""
    if breaker.state == HALF_OPEN and breaker.trials:
        return min(trial.at for trial in breaker.trials) + breaker.policy.trial_call_timeout
    return breaker.retry_at if breaker.state == OPEN else None


def refusal(breaker: Breaker, now: float) -> str:
    """Why a call is refused."""
    since = moment(breaker.since)
    if breaker.state == HALF_OPEN:
        return (
            f"breaker {breaker.target} is half-open since {since} and its trial calls are under way "
            f"({_trials(breaker)}); ask again when they have ended"
        )
    who = f" by {breaker.by}" if breaker.by else ""
    if breaker.state == FORCED_OPEN:
        return (
            f"breaker {breaker.target} is held open{who} since {since}: {breaker.why}; it stays open until it is reset"
        )
    again = breaker.retry_at or now
    return f"breaker {breaker.target} is open since {since}{who}: {breaker.why}; it will try again at {moment(again)}"


def _trials(breaker: Breaker) -> str:
    shown = [f"since {moment(trial.at)}{f' by {trial.by}' if trial.by else ''}" for trial in breaker.trials[:3]]
    more = len(breaker.trials) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def exceeded(breaker: Breaker, seen: Tally, what: str) -> str:
    """Which rate has reached its threshold and by what, or ""."""
    policy = breaker.policy
    if seen.failure_rate >= policy.failure_rate_threshold:
        said = (
            f"; the last failure: {breaker.last_failure[1]}" if breaker.last_failure and breaker.last_failure[1] else ""
        )
        return f"{seen.failed} of {seen.calls} {what} failed, the limit is {policy.failure_rate_threshold:g} %{said}"
    if seen.slow_rate >= policy.slow_call_rate_threshold:
        return (
            f"{seen.slow} of {seen.calls} {what} took longer than {policy.slow_call_duration_threshold:g} s, "
            f"the limit is {policy.slow_call_rate_threshold:g} %"
        )
    return ""
