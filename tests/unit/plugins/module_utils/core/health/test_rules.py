# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health: tables of answers and of attempts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.model import Observation, Probe, probe_from
from ansible_collections.holdfast.ops.plugins.module_utils.core.health.rules import (
    ProbeProgress,
    check_probe,
    failure_text,
    judge,
    shorten,
)

URL = "http://127.0.0.1:8001/health"
GOOD = Observation(True, 200, '{"version": 2, "checks": {"db": "up"}, "nodes": [{"up": true}], "a.b": 1}', 0.01)
BAD = Observation(True, 500, "boom", 0.01)
REFUSED = Observation(False, error="connection refused")


def http(**more: Any) -> Probe:
    return Probe("web", url=URL, **more)


@pytest.mark.parametrize(
    ("probe", "seen", "reasons"),
    [
        (http(), GOOD, []),
        (http(), BAD, ["status 500, expected 200"]),
        (http(status=(204, 500)), BAD, []),
        (http(status=(204, 301)), GOOD, ["status 200, expected 204 or 301"]),
        (http(), REFUSED, ["connection refused"]),
        (http(), Observation(False), ["no answer"]),
        (http(body_contains="version"), GOOD, []),
        (http(body_contains="[ok]"), GOOD, ["body does not contain '[ok]'"]),
        (http(body_regex=r'version": \d'), GOOD, []),
        (http(body_regex="^x$"), GOOD, ["body does not match '^x$'"]),
        (http(json={"version": 2, "checks.db": "up", "nodes.0.up": True, "a.b": 1}), GOOD, []),
        (http(json={"version": 2.0}), GOOD, []),
        (http(json={"version": "2"}), GOOD, ["json 'version' is 2, expected \"2\""]),
        (http(json={"version": True}), GOOD, ["json 'version' is 2, expected true"]),
        (http(json={"nodes.0.up": 1}), GOOD, ["json 'nodes.0.up' is true, expected 1"]),
        (http(json={"nodes": [{"up": 1}]}), GOOD, ['json \'nodes\' is [{"up": true}], expected [{"up": 1}]']),
        (http(json={"nodes": [{"up": True}]}), GOOD, []),
        (http(json={"nodes.1.up": True}), GOOD, ["json has no 'nodes.1.up', expected true"]),
        (http(json={"nodes.-1.up": True}), GOOD, ["json has no 'nodes.-1.up', expected true"]),
        (http(json={"version.x": 1}), GOOD, ["json has no 'version.x', expected 1"]),
        (http(json={"a": 1}), BAD, ["status 500, expected 200", "body is not JSON"]),
        (http(json={"a": 1}), Observation(True, 200, "[" * 100_000), ["body is not JSON"]),
        (http(max_latency=0.5), GOOD, []),
        (http(max_latency=0.005), GOOD, ["took 0.010 s, expected at most 0.005 s"]),
        (http(max_latency=1.0), Observation(True, 200), ["latency was not measured"]),
        (Probe("t", "tcp", host="h", port=1), Observation(True), []),
        (Probe("c", "command", argv=("true",)), Observation(True, 0, "fine"), []),
        (Probe("c", "command", argv=("x",)), Observation(True, 3), ["exit code 3, expected 0"]),
    ],
)
def test_judge(probe: Probe, seen: Observation, reasons: list[str]) -> None:
    assert judge(probe, seen) == reasons


@pytest.mark.parametrize(
    ("settings", "answers", "verdicts"),
    [
        ({}, "g", ["healthy"]),
        ({}, "bbbbb", ["continue"] * 4 + ["unhealthy"]),
        ({}, "bbbbg", ["continue"] * 4 + ["healthy"]),
        ({"retries": 1}, "b", ["unhealthy"]),
        ({"failure_threshold": 2}, "bb", ["continue", "unhealthy"]),
        ({"failure_threshold": 9}, "bbbbb", ["continue"] * 4 + ["unhealthy"]),
        ({"success_threshold": 3}, "ggg", ["continue", "continue", "healthy"]),
        ({"success_threshold": 2}, "gbgg", ["continue"] * 3 + ["healthy"]),
        ({"success_threshold": 2}, "gbgbg", ["continue"] * 4 + ["unhealthy"]),
        ({"success_threshold": 2, "failure_threshold": 2}, "bgbb", ["continue"] * 3 + ["unhealthy"]),
    ],
)
def test_attempts(settings: dict[str, Any], answers: str, verdicts: list[str]) -> None:
    progress = ProbeProgress(http(**settings))
    assert [progress.step(GOOD if answer == "g" else BAD) for answer in answers] == verdicts
    assert progress.attempts == len(answers)


def test_no_attempt_after_the_verdict() -> None:
    progress = ProbeProgress(http())
    progress.step(GOOD)
    with pytest.raises(ValueError, match="already healthy"):
        progress.step(BAD)


def test_the_text_names_probe_attempts_and_last_answer() -> None:
    progress = ProbeProgress(http(retries=2))
    progress.step(REFUSED)
    progress.step(Observation(True, 503, "x" * 500 + "\n", 0.25))
    text = progress.describe()
    assert text.startswith(
        f"probe 'web' (GET {URL}) is unhealthy after 2 attempts: status 503, expected 200; "
        "last answer: status 503, in 0.250 s, body: xxx"
    )
    assert text.endswith("x" * 197 + "...")


def test_the_text_of_thresholds_and_of_silence() -> None:
    flapping = ProbeProgress(http(retries=1 + 1, success_threshold=2))
    flapping.step(BAD)
    assert flapping.step(GOOD) == "unhealthy"
    assert "only 1 of 2 good answers in a row" in flapping.describe()
    silent = ProbeProgress(Probe("db", "tcp", host="h", port=5432, retries=1))
    silent.step(Observation(False, error="timed out after 5 s"))
    assert silent.describe() == (
        "probe 'db' (tcp h:5432) is unhealthy after 1 attempt: timed out after 5 s; last answer: none"
    )


def test_failure_text_has_every_bad_probe_and_no_good_one() -> None:
    bad, good = ProbeProgress(http(retries=1)), ProbeProgress(Probe("fine", url=URL))
    other = ProbeProgress(Probe("other", "command", argv=("check", "me"), retries=1))
    bad.step(BAD)
    good.step(GOOD)
    other.step(Observation(True, 1))
    lines = failure_text([bad, good, other]).splitlines()
    assert [line.split("'")[1] for line in lines] == ["web", "other"]
    assert failure_text([good]) == ""


def test_a_password_in_a_url_is_not_shown() -> None:
    progress = ProbeProgress(Probe("web", url="http://me:hush@host/x", retries=1))
    progress.step(REFUSED)
    assert "hush" not in progress.describe()
    assert "http://host/x" in progress.describe()


def test_shorten_hides_control_characters() -> None:
    assert shorten("a\n\tb\x1b[31m\x00") == "a b\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("probe", "part"),
    [
        (Probe("p"), "url must begin"),
        (Probe("p", url="ftp://x"), "url must begin"),
        (Probe("p", "icmp"), "kind must be one of http, tcp, command"),
        (Probe("p", "tcp", port=1), "host is missing"),
        (Probe("p", "tcp", host="h", port=70000), "port must be"),
        (Probe("p", "tcp", host="h", port=1, body_contains="x"), "a tcp probe only connects"),
        (Probe("p", "command"), "argv must name"),
        (http(retries=0), "retries must be at least 1"),
        (http(delay=-1.0), "delay must be"),
        (http(timeout=0.0), "timeout must be"),
        (http(max_latency=0.0), "max_latency must be"),
        (http(success_threshold=0), "success_threshold must be at least 1"),
        (http(failure_threshold=0), "failure_threshold must be at least 1"),
        (http(success_threshold=6), "could never become healthy"),
        (http(body_regex="("), "body_regex is no regular expression"),
    ],
)
def test_an_unsound_probe_is_refused(probe: Probe, part: str) -> None:
    problems = check_probe(probe)
    assert len(problems) == 1
    assert part in problems[0]
    assert probe.name in problems[0]


def test_probe_from_a_mapping() -> None:
    probe = probe_from({"name": "w", "url": URL, "status": [200, 204], "retries": None}, retries=3, delay=0.1)
    assert probe == Probe("w", url=URL, status=(200, 204), retries=3, delay=0.1)
    assert check_probe(probe) == []
    with pytest.raises(ValueError, match="no 'statsu'"):
        probe_from({"name": "w", "statsu": [1]})
    with pytest.raises(ValueError, match="name"):
        probe_from({"url": URL})
