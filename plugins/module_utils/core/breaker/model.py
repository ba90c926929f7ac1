# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a breaker is: its target, its policy, its state with reasons and moments, and all of it as plain data.

The names are those that resilience4j made common, so that whoever knows one breaker knows this one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

VERSION = 1
CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
FORCED_OPEN, DISABLED = "forced_open", "disabled"
STATES = (CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED)

KINDS = ("host", "group", "service", "item")
LONGEST_TARGET = 255
COUNT, TIME = "count", "time"
LARGEST_COUNT = 10_000
MOST_HISTORY = 20
LARGEST_NUMBER = 10**15


class BreakerProblem(HoldfastError):
    """A target, a policy or a word to a breaker that cannot be meant."""


@dataclass(frozen=True)
class Policy:
    """When a breaker opens, and how it finds its way back. Durations are seconds, thresholds are percent.

    ``failure_rate_threshold`` and ``slow_call_rate_threshold``: the share of failed, or slow, calls of the sliding
    window at which it opens. A call is slow when it takes longer than ``slow_call_duration_threshold``. The window
    holds the last ``sliding_window_size`` calls (type ``count``) or the calls of the last so many seconds (type
    ``time``), and is not judged before ``minimum_number_of_calls`` are in it. An open breaker refuses for
    ``wait_duration_in_open_state``; then it is half-open and lets ``permitted_number_of_calls_in_half_open_state``
    trial calls through, whose rates decide whether it closes or opens again. A trial that nobody reports within
    ``trial_call_timeout`` is given to somebody else: whoever made it is believed dead.
    """

    failure_rate_threshold: float = 50.0
    slow_call_rate_threshold: float = 100.0
    slow_call_duration_threshold: float = 3600.0
    sliding_window_type: str = COUNT
    sliding_window_size: int = 10
    minimum_number_of_calls: int = 3
    wait_duration_in_open_state: float = 60.0
    permitted_number_of_calls_in_half_open_state: int = 1
    trial_call_timeout: float = 3600.0

    @property
    def least(self) -> int:
        """How many calls the window must hold to be judged; a window by count never holds more than its size."""
        if self.sliding_window_type == COUNT:
            return min(self.minimum_number_of_calls, self.sliding_window_size)
        return self.minimum_number_of_calls


POLICY_TYPES: Mapping[str, str] = {
    "failure_rate_threshold": "float",
    "slow_call_rate_threshold": "float",
    "slow_call_duration_threshold": "float",
    "sliding_window_type": "str",
    "sliding_window_size": "int",
    "minimum_number_of_calls": "int",
    "wait_duration_in_open_state": "float",
    "permitted_number_of_calls_in_half_open_state": "int",
    "trial_call_timeout": "float",
}
"""The names of a policy with the type of each, as argument specs call them."""


class Window(NamedTuple):
    """The calls that are judged: a mark for each, or counted in buckets of time: (number, calls, failed, slow)."""

    marks: str = ""
    buckets: tuple[tuple[int, int, int, int], ...] = ()


class Trial(NamedTuple):
    """A trial call under way: its number, when it was permitted, and to whom."""

    number: int
    at: float
    by: str = ""


class Turn(NamedTuple):
    """One change of state, for people."""

    at: float
    state: str
    why: str
    by: str = ""


class Totals(NamedTuple):
    """Every call that was ever reported, and every one that was refused, since the breaker was made or reset."""

    calls: int = 0
    failed: int = 0
    slow: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Breaker:
    """What is known of one target.

    ``since`` is when its state began (0: it was never another), ``why`` and ``by`` tell how it came. ``retry_at``: when
    an open one tries again. ``window`` is what a closed one judges; ``trials`` are the trial calls under way of a
    half-open one, ``tried`` the marks of those that ended, ``next_trial`` the number of the next. ``last_failure`` is
    the last bad call (moment, what was said). ``history`` holds the last changes of state, the newest last.
    """

    target: str
    policy: Policy = field(default_factory=Policy)
    state: str = CLOSED
    since: float = 0.0
    why: str = ""
    by: str = ""
    retry_at: Optional[float] = None
    window: Window = field(default_factory=Window)
    trials: tuple[Trial, ...] = ()
    tried: str = ""
    next_trial: int = 1
    totals: Totals = field(default_factory=Totals)
    last_failure: Optional[tuple[float, str]] = None
    updated: float = 0.0
    history: tuple[Turn, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``from_dict`` brings it back. The version tells readers what to expect."""
        data = {name: getattr(self, name) for name in _PLAIN}
        return {
            "version": VERSION,
            **data,
            "policy": asdict(self.policy),
            "window": {"marks": self.window.marks, "buckets": [list(bucket) for bucket in self.window.buckets]},
            "trials": [trial._asdict() for trial in self.trials],
            "totals": self.totals._asdict(),
            "last_failure": list(self.last_failure) if self.last_failure else None,
            "history": [turn._asdict() for turn in self.history],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Breaker:
        """The breaker that ``to_dict`` wrote; raises HoldfastError for another format, or for what is none."""
        if data.get("version") != VERSION:
            raise HoldfastError(
                f"this breaker has format {data.get('version')!r}; this Holdfast reads format {VERSION}"
            )
        try:
            window, last = data["window"], data["last_failure"]
            return cls(
                **{name: data[name] for name in _PLAIN},
                policy=Policy(**data["policy"]),
                window=Window(window["marks"], tuple((a, b, c, d) for a, b, c, d in window["buckets"])),
                trials=tuple(Trial(**trial) for trial in data["trials"]),
                totals=Totals(**data["totals"]),
                last_failure=(last[0], last[1]) if last else None,
                history=tuple(Turn(**turn) for turn in data["history"]),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise HoldfastError(f"this is no breaker of format {VERSION}: {type(error).__name__}: {error}") from error


_PLAIN = ("target", "state", "since", "why", "by", "retry_at", "tried", "next_trial", "updated")


def check_target(target: str) -> str:
    """What is wrong with a target, or ""."""
    kind, colon, name = target.partition(":")
    if not colon or kind not in KINDS or not name:
        return f"'{target}' is no target of a breaker: write {', '.join(f'{kind}:NAME' for kind in KINDS)}"
    if len(target) > LONGEST_TARGET or not target.isprintable() or name != name.strip():
        return f"the target {target[:40]!r} must be printable and at most {LONGEST_TARGET} characters long"
    return ""


def new(target: str, policy: Optional[Policy] = None) -> Breaker:
    """A closed breaker that has not heard of any call; raises BreakerProblem for what is no target."""
    wrong = check_target(target)
    if wrong:
        raise BreakerProblem(wrong)
    return Breaker(target, policy or Policy())


def policy_from(given: Mapping[str, Any], base: Optional[Policy] = None) -> Policy:
    """A policy with what is given (None: not given) over ``base``; raises BreakerProblem with all that is wrong."""
    known = {each.name for each in fields(Policy)}
    said = {name: value for name, value in given.items() if value is not None}
    unknown = sorted(set(said) - known)
    if unknown:
        raise BreakerProblem(f"a breaker's policy has no '{unknown[0]}'; it has {', '.join(sorted(known))}")
    policy = replace(base or Policy(), **said)
    wrong = check_policy(policy)
    if wrong:
        raise BreakerProblem("; ".join(wrong))
    return policy


def is_number(value: Any) -> bool:
    """Whether this is a number that can be reckoned with: neither a truth, nor infinite, nor beyond all measure."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < LARGEST_NUMBER


def check_policy(policy: Policy) -> list[str]:
    """Everything that is wrong with a policy; empty when it can be used."""
    wrong = []
    for name, type_ in POLICY_TYPES.items():
        value = getattr(policy, name)
        if type_ == "str":
            continue
        if not is_number(value) or (type_ == "int" and int(value) != value):
            wrong.append(f"{name} must be {'a whole' if type_ == 'int' else 'a'} number, not {value!r}")
        elif value <= 0:
            wrong.append(f"{name} must be more than 0")
        elif name.endswith("_rate_threshold") and value > 100:
            wrong.append(f"{name} is a percentage: at most 100")
    if policy.sliding_window_type not in (COUNT, TIME):
        wrong.append(f"sliding_window_type must be {COUNT} or {TIME}")
    elif policy.sliding_window_type == COUNT and not wrong and policy.sliding_window_size > LARGEST_COUNT:
        wrong.append(f"sliding_window_size must be at most {LARGEST_COUNT} calls")
    return wrong
