# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of events: their fields, what is masked in them, and what is summed up."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from holdfast.jobs.events import EventRows

OK: dict[str, Any] = {
    "event": "runner_on_ok",
    "uuid": "u-3",
    "parent_uuid": "t-1",
    "counter": 5,
    "start_line": 4,
    "end_line": 7,
    "created": "2026-11-21T01:16:49.240199+00:00",
    "pid": 7,
    "runner_ident": "artifacts",
    "stdout": "ok: [web] => {\n  secret: hunter2\n}",
    "event_data": {
        "playbook": "site.yml",
        "play": "all",
        "task": "  say hunter2 ",
        "role": "",
        "host": "web",
        "task_action": "debug",
        "res": {"msg": ["a hunter2"], "changed": True},
        "uuid": "u-3",
    },
}


def rows(*secrets: str) -> EventRows:
    return EventRows(Mask(secrets))


def test_a_row_has_the_fields_of_a_job_event() -> None:
    made = rows().row(OK)
    guid = made["event_data"].pop("guid")
    assert len(guid) == 32
    assert made == {
        "event": "runner_on_ok",
        "counter": 5,
        "event_data": OK["event_data"],
        "stdout": "ok: [web] => {\r\n  secret: hunter2\r\n}",
        "start_line": 4,
        "end_line": 7,
        "verbosity": 0,
        "uuid": "u-3",
        "parent_uuid": "t-1",
        "host_name": "web",
        "playbook": "site.yml",
        "play": "all",
        "role": "",
        "task": "say hunter2",
        "failed": False,
        "changed": True,
        "created": datetime(2026, 11, 21, 1, 16, 49, 240199, timezone.utc),
    }


def test_lines_without_an_event_have_no_data() -> None:
    line = {"event": "verbose", "uuid": "v", "counter": 1, "stdout": "x", "start_line": 0, "end_line": 1}
    made = rows().row(line)
    assert (made["event_data"], made["host_name"], made["parent_uuid"], made["task"]) == ({}, "", "", "")
    assert made["created"].tzinfo is timezone.utc


def test_secrets_are_masked_but_what_clients_join_by() -> None:
    made = rows("hunter2", "web", "all", "u-3").row(OK)
    assert "hunter2" not in repr(made)
    assert made["stdout"] == "ok: [$encrypted$] => {\r\n  secret: $encrypted$\r\n}"
    assert made["event_data"]["res"] == {"msg": ["a $encrypted$"], "changed": True}
    assert made["event_data"]["play"] == made["play"] == "$encrypted$"
    assert made["task"] == "say $encrypted$"
    assert (made["host_name"], made["event_data"]["host"], made["event_data"]["uuid"]) == ("web", "web", "u-3")


def test_statistics_keep_their_hosts_and_lose_their_secrets() -> None:
    stats = {
        **OK,
        "event": "playbook_on_stats",
        "event_data": {"ok": {"web": 1}, "processed": {"web": 1}, "artifact_data": {"password": "hunter2", "n": 1}},
    }
    collected = rows("hunter2", "web")
    made = collected.row(stats)
    assert made["event_data"]["ok"] == {"web": 1}
    assert collected.artifacts == {"password": "$encrypted$", "n": 1}
    assert collected.stats["processed"] == {"web": 1}


def test_long_names_are_cut() -> None:
    made = rows().row({**OK, "event_data": {"task": "t" * 2000, "host": "h" * 2000}})
    assert made["task"] == made["event_data"]["task"] == "t" * 1023 + "…"
    assert made["host_name"] == "h" * 2000


def test_nothing_that_a_database_cannot_take_leaves_here() -> None:
    made = rows().row({**OK, "stdout": "a\0b", "event_data": {"task": "half \ud83d"}})
    assert made["stdout"] == "ab"
    assert made["task"] == "half ?"


def test_parents_are_marked_when_the_play_came_to_its_end() -> None:
    collected = rows()
    collected.row(OK)
    collected.row({**OK, "event": "runner_on_failed", "parent_uuid": "t-2", "event_data": {"host": "web"}})
    collected.row({**OK, "event": "playbook_on_task_start"})
    collected.row({**OK, "event": "playbook_on_play_start"})
    assert (collected.failed_parents, collected.changed_parents) == (frozenset(), frozenset())
    collected.row({**OK, "event": "playbook_on_stats", "event_data": {"failures": {"web": 1}}})
    assert collected.failed_parents == {"t-2"}
    assert collected.changed_parents == {"t-1"}
    assert (collected.emitted, collected.play_count, collected.task_count) == (5, 1, 1)
