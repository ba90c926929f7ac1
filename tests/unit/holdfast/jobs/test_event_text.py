# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX says about events, and the sums of a play's statistics."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.jobs import event_text

STATS: dict[str, Any] = {
    "changed": {"a": 1, "c": 2},
    "dark": {"d": 1},
    "failures": {"c": 1},
    "ignored": {},
    "ok": {"a": 3, "b": 1, "c": 4},
    "processed": {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1},
    "rescued": {},
    "skipped": {"b": 2, "e": 1},
}


@pytest.mark.parametrize(
    ("event", "data", "names", "display"),
    [
        ("verbose", {}, {}, "Verbose"),
        ("playbook_on_start", {}, {"task": "x"}, "Playbook Started"),
        ("playbook_on_play_start", {}, {"play": "web"}, "Play Started (web)"),
        ("playbook_on_play_start", {}, {}, "Play Started"),
        ("playbook_on_task_start", {}, {"task": "hello"}, "Task Started (hello)"),
        ("playbook_on_task_start", {}, {"task": "hello", "role": "r"}, "Task Started (r | hello)"),
        ("playbook_on_task_start", {"is_conditional": True}, {"task": "restart"}, "Handler Notified (restart)"),
        ("playbook_on_task_start", {"is_conditional": True}, {}, "Task Started"),
        ("runner_on_ok", {"res": {"changed": True}}, {"task": "x"}, "Host OK"),
        ("runner_on_ok", {"res": "text"}, {}, "Host OK"),
        (
            "runner_on_ok",
            {"res": {"ansible_job_id": "1", "invocation": {"module_name": "command"}}},
            {},
            "Host Async Started",
        ),
        (
            "runner_on_ok",
            {"res": {"ansible_job_id": "1", "invocation": {"module_name": "async_status"}}},
            {},
            "Host Async Checking",
        ),
        ("runner_on_async_ok", {"res": {"rc": 3}}, {}, "Host Async Failed"),
        ("runner_on_failed", {"res": {"msg": "timed out"}}, {}, "Host Async Timeout"),
        ("something_new", {}, {}, "something_new"),
    ],
)
def test_display(event: str, data: dict[str, Any], names: dict[str, str], display: str) -> None:
    assert event_text.event_display(event, data, **names) == display


def test_levels() -> None:
    events = (
        "playbook_on_start",
        "playbook_on_play_start",
        "playbook_on_stats",
        "playbook_on_task_start",
        "runner_retry",
    )
    assert [event_text.event_level(event) for event in events] == [0, 1, 1, 2, 3]
    assert event_text.event_level("something_new") == 0


@pytest.mark.parametrize(
    ("event", "data", "failed", "changed"),
    [
        ("runner_on_failed", {"res": {"changed": True}}, True, True),
        ("runner_on_failed", {"ignore_errors": True, "res": {}}, False, False),
        ("runner_on_unreachable", {}, True, False),
        ("runner_on_ok", {"res": {"changed": True}}, False, True),
        ("runner_on_ok", {"res": ["changed"]}, False, False),
        ("error", {}, True, False),
        ("playbook_on_stats", STATS, True, True),
        ("playbook_on_stats", {**STATS, "failures": {}, "changed": {}}, True, False),
        ("playbook_on_stats", {"failures": 0, "dark": {}, "changed": {"a": 0}}, False, False),
    ],
)
def test_verdicts(event: str, data: dict[str, Any], failed: bool, changed: bool) -> None:
    assert event_text.verdict(event, data) == (failed, changed)


def test_host_summaries_have_a_row_for_every_host() -> None:
    found = event_text.host_summaries(STATS)
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert found["c"] == {
        "changed": 2, "dark": 0, "failures": 1, "ignored": 0, "ok": 4,
        "processed": 1, "rescued": 0, "skipped": 0, "failed": True,
    }  # fmt: skip
    assert [host for host, row in found.items() if row["failed"]] == ["c", "d"]


def test_each_host_counts_once_as_the_worst_it_had() -> None:
    assert event_text.host_status_counts(STATS) == {"skipped": 1, "ok": 1, "changed": 1, "failures": 1, "dark": 1}
    assert event_text.host_status_counts({}) == {}


def test_long_output_is_cut_with_its_colours_closed() -> None:
    green = "\x1b[0;32m" + "x" * 2000 + "\x1b[0m"
    cut = event_text.shown_stdout("runner_on_ok", green)
    assert cut == "\x1b[0;32m" + "x" * (1023 - 7) + "…\x1b[0m"
    assert event_text.shown_stdout("playbook_on_stats", green) == green
    assert event_text.truncate_stdout("x" * 1024) == "x" * 1024
    assert event_text.truncate_stdout("x" * 1025) == "x" * 1023 + "…"
    assert event_text.truncate_stdout(green, 0) == green
