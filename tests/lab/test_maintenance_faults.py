# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrated maintenance when something else goes wrong, while customers ask: what is left on each host, what is said.

In each of these no request is lost: whatever fails, fails on a host that was taken out of traffic before. Only the
first keeps the states of its servers; it makes no difference to what the others show.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import HOSTS, Lab
from tests.lab.stage import Outcome, Stage, assert_nothing_lost

pytestmark = pytest.mark.slow

OLD, NEW = "shopfront-1-1.el9.noarch", "shopfront-2-1.el9.noarch"
MARK = "/var/lib/holdfast/patch_rhel.json"


@pytest.fixture
def stage(lab_as_new: Lab, tmp_path: Path) -> Iterator[Stage]:
    """Every host at version 1, in traffic; version 2 offered; faults do not stay."""
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    yield Stage(lab_as_new, tmp_path, clients=8)
    for fault in lab_as_new.status()["faults"]:
        lab_as_new.heal(fault["name"], fault["host"])


def states(outcome: Outcome) -> dict[str, str]:
    """What the run itself says in the end of what it left on each RHEL server."""
    return {host: one["state"] for host, one in outcome.outputs("evidence_of_failure", "patches").items()}


def ended(outcome: Outcome, state: str) -> None:
    """It ended so, not well, and nobody noticed."""
    assert (outcome.record.state, outcome.status) == (state, 1), outcome.words
    assert_nothing_lost(outcome.report, least=100)


def test_a_host_that_never_returns_stays_out_of_traffic_and_the_next_one_is_untouched(stage: Stage) -> None:
    stage.lab.fault("no-return", "app1")
    boots = stage.boots()
    outcome = stage.run(pool="app1:app2", timeout=10)
    ended(outcome, "rollback_failed")
    assert outcome.done("undo") == []
    assert stage.in_traffic() == ["app2", "app3"]
    assert stage.versions("app2", "app3") == {"app2": "1", "app3": "1"}
    assert {host: stage.boots()[host] for host in HOSTS} == {**boots, "app1": ""}
    message = outcome.message("rhel.reboot", "app1")
    assert "app1: waiting for the host to return failed after" in message
    assert "no answer within 10 s" in message and "Next: " in message
    assert f"rhel.reboot failed on app1: {message}" in outcome.words
    assert "NOT undone: rhel.patch on app1: " in outcome.words
    assert "not touched: rhel never began on app2" in outcome.words
    assert "next: repair the hosts named above, then resume run" in outcome.words


def test_a_repository_that_goes_down_stops_at_the_batch_that_needs_it(stage: Stage) -> None:
    with stage.start(pool="app", guard="no") as running:
        running.until("rhel.restore", "app1", "running", "successful")
        stage.lab.fault("repository-down")
        outcome = running.end()
    ended(outcome, "rolled_back")
    assert outcome.done("undo") == [("rhel.patch", ("app2",)), ("rhel.drain", ("app2",))]
    assert stage.in_traffic() == list(HOSTS)
    assert stage.versions() == {"app1": "2", "app2": "1", "app3": "1"}
    assert states(outcome) == {"app1": "patched", "app2": "untouched", "app3": "untouched"}
    message = outcome.message("rhel.patch", "app2")
    assert "app2: installing updates failed: " in message and "No package was changed" in message
    assert "Next: look why the repository gives nothing" in message
    assert f"rhel.patch failed on app2: {message}" in outcome.words
    assert "not touched: rhel never began on app3" in outcome.words


def test_a_management_link_that_is_cut_while_updates_install_is_undone_once_it_is_back(stage: Stage) -> None:
    """The host is left as it is, out of traffic; customers could reach it all the time."""
    before = stage.packages()
    with stage.start(pool="app1:app2", guard="no") as running:
        running.wait_for("the patch begins", lambda: stage.lab.ssh("app1", "test", "-e", MARK).returncode == 0)
        stage.lab.fault("management-cut", "app1")
        outcome = running.end()
    ended(outcome, "rollback_failed")
    assert stage.in_traffic() == ["app2", "app3"]
    message = outcome.message("rhel.patch", "app1")
    assert f"rhel.patch unreachable on app1: {message}" in outcome.words
    assert "NOT undone: rhel.patch on app1: " in outcome.words
    assert "not touched: rhel never began on app2" in outcome.words
    assert "next: repair the hosts named above, then resume run" in outcome.words

    stage.lab.heal("management-cut", "app1")
    again = stage.resume()
    ended(again, "rolled_back")
    assert again.done("undo") == [("rhel.patch", ("app1",)), ("rhel.drain", ("app1",))]
    assert stage.in_traffic() == list(HOSTS)
    assert stage.packages() == before


def test_a_windows_update_that_fails_leaves_the_rhel_branch_alone(stage: Stage) -> None:
    stage.lab.windows.faults(failing_updates={"KB5034682": 0x80240034})
    outcome = stage.run(pool="app1", guard="no", windows="windows")
    ended(outcome, "failed")
    assert outcome.done("undo") == []
    assert stage.in_traffic() == list(HOSTS)
    assert stage.versions() == {"app1": "2", "app2": "1", "app3": "1"}
    assert states(outcome) == {"app1": "patched"}
    message = outcome.message("windows.patch", "win1")
    assert "win1: installing updates failed: KB5034682 Update failed to download" in message
    assert "they stay. No reboot was made. Next: look at what is named" in message
    assert f"windows.patch failed on win1: {message}" in outcome.words
    windows = stage.lab.windows.state()
    assert (windows["boots"], windows["updates"]["KB5034682"]) == (1, "downloaded")
    assert outcome.outputs("windows.patch", "installed_kbs")["win1"]


def test_an_operator_cancels_in_the_middle_and_is_told_what_is_left(stage: Stage) -> None:
    with stage.start(pool="app1:app2", guard="no") as running:
        running.until("rhel.reboot", "app1", "running")
        stage.holdfast("runs", "cancel", "last")
        outcome = running.end()
    ended(outcome, "canceled")
    assert outcome.done("undo") == []
    assert stage.in_traffic() == ["app2", "app3"]
    assert stage.lab.boot_id("app1", patience=60)
    assert stage.versions() == {"app1": "2", "app2": "1", "app3": "1"}
    assert "canceled by " in outcome.words
    assert "left half-way: app1, where rhel.drain, rhel.patch stands" in outcome.words
    assert "not touched: rhel never began on app2" in outcome.words
    assert "to go on where it was stopped; what succeeded is not repeated" in outcome.words


def test_a_supervisor_that_is_killed_after_the_patch_is_followed_by_one_that_reboots(stage: Stage) -> None:
    boots = stage.boots()
    with stage.start(pool="app1", guard="no") as running:
        running.until("rhel.patch", "app1", "successful")
        running.kill_supervisor()
        assert stage.in_traffic() == ["app2", "app3"]
        assert "to resume: holdfast run --resume" in running.words
        outcome = stage.resume(running.load)
    assert (outcome.record.state, outcome.status) == ("successful", 0), outcome.words
    assert_nothing_lost(outcome.report)
    assert stage.in_traffic() == list(HOSTS)
    assert stage.versions() == {"app1": "2", "app2": "1", "app3": "1"}
    evidence = outcome.outputs("evidence", "patches")["app1"]
    assert evidence["state"] == "patched"
    assert len(evidence["transactions"]) == 1, "it was patched twice"
    assert evidence["boot_id_before"] == boots["app1"] != evidence["boot_id_after"] == stage.lab.boot_id("app1")
    done = outcome.record.executions.values()
    assert [one["attempt"] for one in done if one["node"] == "rhel.patch"] == [1]


def test_a_full_disk_is_named_with_what_helps_and_the_host_returns_into_traffic(stage: Stage) -> None:
    before = stage.packages("app1")
    stage.lab.fault("disk-full", "app1")
    outcome = stage.run(pool="app1:app2", guard="no")
    ended(outcome, "rolled_back")
    assert stage.in_traffic() == list(HOSTS)
    assert stage.packages("app1") == before
    message = outcome.message("rhel.patch", "app1")
    assert "app1: looking at the packages failed: " in message and "No space left on device" in message
    assert "Next: free space on /var" in message
    assert f"rhel.patch failed on app1: {message}" in outcome.words
    assert "not touched: rhel never began on app2" in outcome.words
