# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main promise, end to end: a good version goes out and a bad one comes back, and nobody notices."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record

from tests.served import controller

from .conftest import Stage, Watch, assert_nothing_lost, executions, undone
from .controlled import Controlled, bring_inventory, roll_out

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
    assert stage.notices.heard[:2] == ["App is at 2; it was at 1", "App is rolled back from 3 to 2"]


# --- by the controller --------------------------------------------------------------------------------------------


class ByController(NamedTuple):
    """The second rollout, launched on a controller. (How ``awx`` launches a good one is tested with it.)"""

    bad: Controlled
    watch_bad: Watch
    notices: list[str]


@pytest.fixture(scope="module")
def by_controller(
    stage: Stage, performed: Performed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ByController]:
    """After the terminal's rollouts: the lab anew, and a controller of its own."""
    assert performed.good.status == 0
    stage.begin_at("2")
    heard = len(stage.notices.heard)
    path = os.pathsep.join(filter(None, [stage.environment().get("ANSIBLE_COLLECTIONS_PATH")]))
    with controller(tmp_path_factory.mktemp("controller"), ANSIBLE_COLLECTIONS_PATH=path) as served:
        inventory = bring_inventory(served, stage.lab.inventory)
        bad = roll_out(stage, served, inventory, "3")
        yield ByController(*bad, stage.notices.heard[heard:])


def verdict(record: Record) -> dict[str, Any]:
    """Everything that a record says of how a run went, but for when, how long, and under which id."""
    ended = executions(record)
    return {
        "state": record.state,
        "explanation": re.sub(r"\d+(\.\d+)?", "N", str(record.run.get("explanation"))),
        "steps": sorted((done.node, done.action, done.hosts, done.state) for done in ended),
        "undone": undone(record),
        "nodes": {name: {**node.batches, **node.hosts} for name, node in record.nodes.items()},
        "outputs": {name: list(outputs) for name, outputs in record.outputs.items()},
    }


def test_the_controller_comes_to_the_same_verdict(
    stage: Stage, performed: Performed, by_controller: ByController
) -> None:
    assert verdict(by_controller.bad.record) == verdict(stage.record(performed.bad))
    assert set(by_controller.bad.versions.values()) == {"2"}


def test_nobody_notices_by_the_controller_either(by_controller: ByController) -> None:
    assert_nothing_lost(by_controller.bad)  # type: ignore[arg-type]
    by_controller.watch_bad.assert_drained("app1")
    assert by_controller.notices == ["App is rolled back from 3 to 2"]


def test_clients_of_the_controller_see_a_workflow(by_controller: ByController) -> None:
    job = by_controller.bad.job
    assert (job["status"], job["failed"]) == ("failed", True)
    assert job["job_explanation"].startswith("rolled_back: in_place.health failed on app1")
    nodes = {one["identifier"]: one for one in by_controller.bad.nodes}
    jobs = {name: one["summary_fields"]["job"]["status"] for name, one in nodes.items() if one["job"]}
    assert jobs["in_place.deploy"] == jobs["undo-in_place.deploy"] == "successful"
    assert jobs["in_place.health"] == "failed"
    assert nodes["in_place.drain/2"]["do_not_run"] and nodes["recreate.drain"]["do_not_run"]
