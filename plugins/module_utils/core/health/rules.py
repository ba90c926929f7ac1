# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of health: is a probe sound, is an answer good, and do attempts go on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Callable, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.health.model import (
    COMMAND,
    HTTP,
    KINDS,
    TCP,
    Observation,
    Probe,
)

CONTINUE, HEALTHY, UNHEALTHY = "continue", "healthy", "unhealthy"
SHOWN_BODY = 200
_MISSING = object()


def check_probe(probe: Probe) -> list[str]:
    """What is wrong with the probe itself; empty when it can be used."""
    wrong = [message for is_wrong, message in _PROBE_RULES if is_wrong(probe)]
    if probe.body_regex:
        try:
            re.compile(probe.body_regex)
        except re.error as error:
            wrong.append(f"body_regex is no regular expression: {error}")
    return [f"probe '{probe.name}': {message}" for message in wrong]


def _not_above_zero(value: Optional[float]) -> bool:
    return value is not None and not (value > 0 and math.isfinite(value))


_PROBE_RULES: tuple[tuple[Callable[[Probe], bool], str], ...] = (
    (lambda p: p.kind not in KINDS, f"kind must be one of {', '.join(KINDS)}"),
    (lambda p: p.kind == HTTP and not re.match(r"https?://[^/]", p.url), "url must begin with http:// or https://"),
    (lambda p: p.kind == TCP and not p.host, "host is missing"),
    (lambda p: p.kind == TCP and not 1 <= p.port <= 65535, "port must be from 1 to 65535"),
    (lambda p: p.kind == COMMAND and not (p.argv and p.argv[0]), "argv must name the program to run"),
    (lambda p: p.kind == TCP and bool(p.status or p.body_contains or p.body_regex or p.json),
     "a tcp probe only connects: status, body and json cannot be expected of it"),
    (lambda p: p.retries < 1, "retries must be at least 1: it counts every attempt, the first one included"),
    (lambda p: not (p.delay >= 0 and math.isfinite(p.delay)), "delay must be 0 or more seconds"),
    (lambda p: _not_above_zero(p.timeout), "timeout must be more than 0 seconds"),
    (lambda p: _not_above_zero(p.max_latency), "max_latency must be more than 0 seconds"),
    (lambda p: p.success_threshold < 1, "success_threshold must be at least 1"),
    (lambda p: p.failures_to_end < 1 <= p.retries, "failure_threshold must be at least 1"),
    (lambda p: p.success_threshold > p.retries >= 1,
     "success_threshold is larger than retries, so it could never become healthy"),
)  # fmt: skip


def judge(probe: Probe, observation: Observation) -> list[str]:
    """Every reason why the answer is bad, in a fixed order; empty when it is good."""
    if not observation.ok:
        return [observation.error or "no answer"]
    return [
        *_judge_status(probe, observation),
        *_judge_body(probe, observation),
        *_judge_json(probe, observation),
        *_judge_latency(probe, observation),
    ]


def _judge_status(probe: Probe, seen: Observation) -> list[str]:
    expected = probe.expected_status
    if not expected or seen.status in expected:
        return []
    word = "exit code" if probe.kind == COMMAND else "status"
    return [f"{word} {seen.status}, expected {' or '.join(str(status) for status in expected)}"]


def _judge_body(probe: Probe, seen: Observation) -> list[str]:
    reasons = []
    if probe.body_contains and probe.body_contains not in seen.body:
        reasons.append(f"body does not contain {probe.body_contains!r}")
    if probe.body_regex and not re.search(probe.body_regex, seen.body):
        reasons.append(f"body does not match {probe.body_regex!r}")
    return reasons


def _judge_json(probe: Probe, seen: Observation) -> list[str]:
    if not probe.json:
        return []
    try:
        document = json.loads(seen.body)
    except (ValueError, RecursionError):
        return ["body is not JSON"]
    reasons = []
    for path, expected in probe.json.items():
        value = _at(document, str(path))
        if value is _MISSING:
            reasons.append(f"json has no '{path}', expected {_json(expected)}")
        elif not _same(value, expected):
            reasons.append(f"json '{path}' is {shorten(_json(value))}, expected {_json(expected)}")
    return reasons


def _judge_latency(probe: Probe, seen: Observation) -> list[str]:
    if probe.max_latency is None:
        return []
    if seen.latency is None:
        return ["latency was not measured"]
    if seen.latency <= probe.max_latency:
        return []
    return [f"took {seen.latency:.3f} s, expected at most {probe.max_latency:g} s"]


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path; a whole number steps into a list; a key that holds dots is found as a whole."""
    if isinstance(document, dict) and path in document:
        return document[path]
    head, dot, rest = path.partition(".")
    value: Any = _MISSING
    if isinstance(document, dict):
        value = document.get(head, _MISSING)
    elif isinstance(document, list) and re.fullmatch(r"[0-9]{1,9}", head) and int(head) < len(document):
        value = document[int(head)]
    return _at(value, rest) if dot and value is not _MISSING else value


def _same(value: Any, expected: Any) -> bool:
    """Equality as JSON means it: true is not 1, text is never a number; 1 and 1.0 are the same number."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_same(value[key], expected[key]) for key in value)
    if isinstance(value, list) and isinstance(expected, (list, tuple)):
        return len(value) == len(expected) and all(_same(*pair) for pair in zip(value, expected))
    return bool(value == expected)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def shorten(text: str, limit: int = SHOWN_BODY) -> str:
    """Text for one line of a message: white space folded, control characters escaped, at most ``limit`` long."""
    folded = " ".join(text.split())
    cut = folded if len(folded) <= limit else folded[: limit - 3] + "..."
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cut)


class ProbeProgress:
    """The attempts of one probe so far. Ask ``step`` after each attempt; it says whether to go on.

    ``attempts`` counts all attempts; ``successes`` and ``failures`` those in a row at the end; ``verdict`` is
    ``continue``, ``healthy`` or ``unhealthy``; ``reasons`` why the last answer was bad; ``last`` is that answer.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.attempts = 0
        self.successes = 0
        self.failures = 0
        self.verdict = CONTINUE
        self.reasons: Sequence[str] = ()
        self.last: Optional[Observation] = None

    def step(self, observation: Observation) -> str:
        """Count one attempt: ``continue`` (wait ``probe.delay``, try again), ``healthy`` or ``unhealthy``.

        Raises ValueError when the verdict already stands.
        """
        if self.verdict != CONTINUE:
            raise ValueError(f"probe '{self.probe.name}' is already {self.verdict}")
        self.attempts += 1
        self.last = observation
        self.reasons = tuple(judge(self.probe, observation))
        self.successes, self.failures = (0, self.failures + 1) if self.reasons else (self.successes + 1, 0)
        if self.successes >= self.probe.success_threshold:
            self.verdict = HEALTHY
        elif self.failures >= self.probe.failures_to_end or self.attempts >= self.probe.retries:
            self.verdict = UNHEALTHY
        return self.verdict

    def describe(self) -> str:
        """One line for people: the probe, what it asked, the attempts, and for a bad end why and the last answer."""
        count = f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}"
        line = f"probe '{self.probe.name}' ({self.probe.target}) "
        if self.verdict == HEALTHY:
            return line + f"is healthy after {count}"
        state = "is unhealthy" if self.verdict == UNHEALTHY else "is not healthy yet,"
        return line + f"{state} after {count}: {self._why()}; last answer: {self._last_answer()}"

    def _why(self) -> str:
        if self.reasons:
            return "; ".join(self.reasons)
        if self.last is None:
            return "nothing was tried"
        wanted = self.probe.success_threshold
        return f"only {self.successes} of {wanted} good answers in a row"

    def _last_answer(self) -> str:
        seen = self.last
        if seen is None or not seen.ok:
            return "none"
        parts = []
        if seen.status is not None:
            parts.append(f"{'exit code' if self.probe.kind == COMMAND else 'status'} {seen.status}")
        if seen.latency is not None:
            parts.append(f"in {seen.latency:.3f} s")
        if seen.body:
            parts.append(f"body: {shorten(seen.body)}")
        return ", ".join(parts) or "connected"


def failure_text(progress: Sequence[ProbeProgress]) -> str:
    """Every probe that is not healthy, one line each; "" when all are."""
    return "\n".join(each.describe() for each in progress if each.verdict != HEALTHY)
