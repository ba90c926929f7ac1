# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said to a breaker, as data: a word goes to wherever breakers are kept, and what came of it comes back.

A keeper may be a file or a controller's API; what a word does stands here alone. ``word_from`` and ``heard_from`` read
what others sent, and believe none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import rules
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import (
    STATES,
    Breaker,
    BreakerProblem,
    Policy,
    is_number,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.telling import folded
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

ASK, REPORT, RELEASE = "ask", "report", "release"
TRIP, DISABLE, CLOSE, RESET = "trip", "disable", "close", "reset"
MOST_CALLS = 20_000
"""How many calls one report may tell of."""


class Word(NamedTuple):
    """One word to a breaker.

    ``by`` is who says it and ``why`` the reason that people give; ``wait``: a tripped one tries again after so many
    seconds. ``trial`` is the trial that is released. ``calls`` are those of a report; where ``asked`` is given, they
    took the time since that moment of the keeper's clock (see ``Heard.at``), and not their own durations.
    """

    kind: str
    by: str = ""
    why: str = ""
    wait: Optional[float] = None
    trial: int = 0
    calls: tuple[Call, ...] = ()
    asked: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """What this kind of word is made of, as plain data for JSON."""
        data = {name: getattr(self, name) for name in FIELDS[self.kind]}
        if self.kind == REPORT:
            data["calls"] = [call._replace(said=folded(call.said))._asdict() for call in self.calls]
        return data


FIELDS: Mapping[str, tuple[str, ...]] = {
    ASK: ("by",),
    REPORT: ("calls", "asked"),
    RELEASE: ("trial",),
    TRIP: ("why", "by", "wait"),
    DISABLE: ("why", "by"),
    CLOSE: ("why", "by"),
    RESET: ("why", "by"),
}
"""The kinds of words, and what each is made of."""

OF_PEOPLE = (TRIP, DISABLE, CLOSE, RESET)
"""Words by which people decide, whatever the calls say."""


class Heard(NamedTuple):
    """What came of a word: the breaker after it, the moment by the keeper's clock, and the answer to a question.

    ``changed``: its state or its policy is another one by this word; what time alone does to an open one is no change,
    nor are calls that are counted.
    """

    breaker: Breaker
    at: float
    changed: bool = False
    answer: Optional[Answer] = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``heard_from`` brings it back."""
        answer = None if self.answer is None else self.answer._asdict()
        return {"at": self.at, "changed": self.changed, "answer": answer, "breaker": self.breaker.to_dict()}


def hear(breaker: Breaker, now: float, word: Word, policy: Optional[Policy] = None) -> Heard:
    """Say a word to a breaker. ``policy``, where it is given, holds from now on."""
    before = breaker if policy is None else rules.with_policy(breaker, policy, now)
    after, answer = _SAID[word.kind](before, now, word)
    changed = (after.state, after.policy) != (rules.at(breaker, now).state, breaker.policy)
    return Heard(after, now, changed, answer)


_Said = tuple[Breaker, Optional[Answer]]


def _ask(breaker: Breaker, now: float, word: Word) -> _Said:
    return rules.ask(breaker, now, word.by)


def _report(breaker: Breaker, now: float, word: Word) -> _Said:
    for call in word.calls:
        took = max(0.0, now - word.asked) if word.asked else call.duration
        breaker = rules.report(breaker, now, call._replace(duration=took))
    return breaker, None


def _release(breaker: Breaker, now: float, word: Word) -> _Said:
    return rules.release(breaker, now, word.trial), None


def _trip(breaker: Breaker, now: float, word: Word) -> _Said:
    return rules.trip(breaker, now, word.why, word.by, word.wait), None


def _by_hand(rule: Callable[..., Breaker]) -> Callable[[Breaker, float, Word], _Said]:
    def said(breaker: Breaker, now: float, word: Word) -> _Said:
        return rule(breaker, now, word.why, word.by), None

    return said


_SAID: Mapping[str, Callable[[Breaker, float, Word], _Said]] = {
    ASK: _ask,
    REPORT: _report,
    RELEASE: _release,
    TRIP: _trip,
    DISABLE: _by_hand(rules.disable),
    CLOSE: _by_hand(rules.close),
    RESET: _by_hand(rules.reset),
}


# --- what others sent -------------------------------------------------------------------------------------------------


def word_from(kind: str, data: Mapping[str, Any]) -> Word:
    """The word of a kind that somebody sent, without what is unknown; raises BreakerProblem with what is wrong."""
    given = {name: data[name] for name in FIELDS[kind] if data.get(name) is not None}
    for name in ("by", "why"):
        if name in given:
            given[name] = folded(_text(name, given[name]))
    for name in ("wait", "asked"):
        if name in given:
            given[name] = _number(name, given[name])
    if given.get("wait") == 0:
        raise BreakerProblem("wait must be more than 0")
    if kind == RELEASE:
        given["trial"] = _trial("trial", given.get("trial", 0))
        if not given["trial"]:
            raise BreakerProblem("trial must be the number of the trial that is given back")
    if kind == REPORT:
        given["calls"] = _calls(given.get("calls"))
    return Word(kind, **given)


def _calls(given: Any) -> tuple[Call, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_CALLS:
        raise BreakerProblem(f"calls must be a list of 1 to {MOST_CALLS} calls, each with failed: true or false")
    return tuple(_call(f"calls[{number}]", one) for number, one in enumerate(given))


def _call(where: str, given: Any) -> Call:
    if not isinstance(given, Mapping) or not isinstance(given.get("failed"), bool):
        raise BreakerProblem(f"{where} must be an object with failed: true or false")
    unknown = sorted(set(given) - set(Call._fields))
    if unknown:
        raise BreakerProblem(f"{where} has no '{unknown[0]}'; it has {', '.join(Call._fields)}")
    return Call(
        given["failed"],
        _number(f"{where}.duration", given.get("duration", 0.0)),
        _text(f"{where}.said", given.get("said", "")),
        _trial(f"{where}.trial", given.get("trial", 0)),
    )


def answer_from(data: Any) -> Answer:
    """An answer that a keeper sent; raises HoldfastError for what is none."""
    try:
        allowed, state, retry_at = data["allowed"], data["state"], data["retry_at"]
        if not isinstance(allowed, bool) or state not in STATES:
            raise ValueError("allowed must be true or false, and state one of a breaker")
        retry_at = None if retry_at is None else _number("retry_at", retry_at)
        return Answer(allowed, state, _trial("trial", data["trial"]), _text("message", data["message"]), retry_at)
    except (KeyError, TypeError, ValueError, BreakerProblem) as error:
        raise HoldfastError(f"this is no answer of a breaker: {type(error).__name__}: {error}") from error


def heard_from(data: Any, word: Word) -> Heard:
    """What a keeper sent of a word; raises HoldfastError for what is none, so also for a question without an answer."""
    if not isinstance(data, Mapping) or not is_number(data.get("at")) or not isinstance(data.get("breaker"), Mapping):
        raise HoldfastError("this does not tell what came of a word to a breaker")
    answer = answer_from(data.get("answer")) if word.kind == ASK else None
    return Heard(Breaker.from_dict(data["breaker"]), float(data["at"]), data.get("changed") is True, answer)


def _text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise BreakerProblem(f"{name} must be text, not {type(given).__name__}")
    return given


def _number(name: str, given: Any) -> float:
    if not is_number(given) or given < 0:
        raise BreakerProblem(f"{name} must be a number of seconds from 0 on")
    return float(given)


def _trial(name: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BreakerProblem(f"{name} must be the number of a trial, or 0 for none")
    return given
