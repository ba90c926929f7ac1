# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main promise, end to end: a good version goes out and a bad one comes back, and nobody notices."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from .conftest import Stage, Watch, assert_nothing_lost, executions, undone

from run import Outcome, broken_promises  # isort: skip


class Performed(NamedTuple):
    """Version 2, then version 3, each with who watched it."""

    good: Outcome
    watch_good: Watch
    bad: Outcome
    watch_bad: Watch


@pytest.fixture(scope="module")
def performed(stage: Stage) -> Performed:
    return Performed(*stage.go("2"), *stage.go("3"))


def test_everything_goes_as_promised(stage: Stage, performed: Performed) -> None:
    assert broken_promises(performed.good, performed.bad, stage.notices.heard, stage.lab.names) == []


def test_no_request_is_lost_though_some_are_in_flight_at_every_drain(performed: Performed) -> None:
    assert_nothing_lost(performed.good)
    assert_nothing_lost(performed.bad)
    performed.watch_good.assert_drained("app1", "app2", "app3")
    performed.watch_bad.assert_drained("app1")
    assert performed.watch_good.least_up == 2
    assert performed.watch_bad.least_up == 2


def test_every_server_is_back_in_traffic(stage: Stage, performed: Performed) -> None:
    assert [stage.lab.servers()[name]["status"] for name in stage.lab.names] == ["UP"] * 3


def test_servers_that_the_bad_version_did_not_reach_are_not_even_restarted(performed: Performed) -> None:
    assert performed.good.untouched == []
    assert performed.bad.untouched == ["app2", "app3"]


def test_the_record_says_why_what_was_undone_and_what_was_not_touched(stage: Stage, performed: Performed) -> None:
    record = stage.record(performed.bad)
    assert undone(record) == [("in_place.deploy", ("app1",)), ("in_place.drain", ("app1",))]
    assert {host for done in executions(record) if done.node.startswith("in_place") for host in done.hosts} == {"app1"}
    assert "in_place.health failed on app1" in record.run["explanation"]
    said = stage.shown(performed.bad)
    assert "why: in_place.health failed on app1" in said
    assert "status 500, expected 200" in said
    assert "undone: in_place.deploy on app1" in said
    assert "undone: in_place.drain on app1" in said
    assert "not touched: in_place never began on app2, app3" in said


def test_the_notices_name_both_versions(stage: Stage, performed: Performed) -> None:
    assert stage.notices.heard == ["App is at 2; it was at 1", "App is rolled back from 3 to 2"]
