# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrated maintenance on the lab, while customers ask: a good update, a bad one, and what the drain is good for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.by_hand import Operator
from tests.lab.lab import HOSTS, Lab
from tests.lab.places import REPOSITORY
from tests.lab.stage import BUNDLE, Stage, assert_nothing_lost

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(lab_as_new: Lab, tmp_path: Path) -> Iterator[Stage]:
    """Every host at version 1, in traffic; version 2 offered."""
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    yield Stage(lab_as_new, tmp_path)


def test_both_families_are_patched_and_rebooted_and_no_request_is_lost(stage: Stage) -> None:
    boots = stage.boots()
    outcome = stage.run(pool="app", batch=2, windows="windows")
    assert (outcome.status, outcome.record.state) == (0, "successful"), outcome.words
    assert_nothing_lost(outcome.report)
    assert outcome.report.versions["2"] > 0
    assert stage.in_traffic() == list(HOSTS)
    for host in HOSTS:
        evidence = outcome.outputs("evidence", "patches")[host]
        assert evidence["state"] == "patched"
        assert evidence["advisories_closed"] == ["LABSA-2026:0002", "LABSA-2026:0003"]
        assert evidence["packages_added"] == ["kernel-5.14.0-427.20.1.el9_4.noarch", "shopfront-2-1.el9.noarch"]
        assert evidence["packages_removed"] == ["shopfront-1-1.el9.noarch"]
        assert (evidence["boot_id_before"], evidence["reboot_required"]) == (boots[host], False)
        assert evidence["boot_id_after"] == stage.lab.boot_id(host) != boots[host]
        assert outcome.outputs("rhel.reboot", "reboots")[host]["boot_id_after"] == evidence["boot_id_after"]
        kept = outcome.outputs("promote", "lkg")[host]
        assert (kept["before"], kept["promoted"]) == (outcome.outputs("remember", "lkg")[host]["before"], True)
        assert any(item.startswith("packages/") for item in kept["changes"]), kept
    windows = stage.lab.windows.state()
    assert windows["boots"] == 2
    assert outcome.outputs("windows.patch", "installed_kbs")["win1"]
    assert outcome.outputs("windows.reboot", "reboots")["win1"]["rebooted"] is True
    assert "by hand: what was done takes a person about" in outcome.words


def test_a_version_that_turns_unhealthy_is_taken_back_exactly(stage: Stage) -> None:
    stage.lab.publish("3")
    packages, boots = stage.packages(), stage.boots()
    outcome = stage.run(pool="app")
    assert (outcome.status != 0, outcome.record.state) == (True, "rolled_back"), outcome.words
    assert_nothing_lost(outcome.report)
    assert set(outcome.report.versions) == {"1"}, "a customer met version 3"
    assert outcome.done("undo") == [("rhel.patch", ("app1",)), ("rhel.drain", ("app1",))]
    assert stage.packages() == packages
    assert stage.in_traffic() == list(HOSTS)
    now = stage.boots()
    assert now["app1"] != boots["app1"], "it was to be rebooted, for its kernel"
    assert {host: now[host] for host in HOSTS[1:]} == {host: boots[host] for host in HOSTS[1:]}
    evidence = outcome.outputs("evidence_of_failure", "patches")
    assert {host: one["state"] for host, one in evidence.items()} == {
        "app1": "rolled_back",
        "app2": "untouched",
        "app3": "untouched",
    }
    assert (evidence["app1"]["packages_added"], evidence["app1"]["packages_removed"]) == ([], [])
    left = outcome.outputs("compare", "lkg")["app1"]
    assert left["diff"] and not [item for item in left["changes"] if item.startswith("packages/")], left
    assert "status 500" in outcome.words and "app1" in outcome.words
    print(f"seconds from the first failed health check to restored service: {outcome.time_to_restore:.1f}")


def test_the_documented_procedure_by_hand_restores_service_too(stage: Stage, tmp_path: Path) -> None:
    stage.lab.publish("3")
    before = stage.packages("app1")
    operator = Operator(stage.lab, "app1", tmp_path)
    operator.patch()
    assert stage.versions("app1") == {"app1": "3"}
    for step, seconds in operator.carry_out():
        print(f"{seconds:6.1f} s  {step.title}")
    assert stage.packages("app1") == before
    assert stage.in_traffic() == list(HOSTS)


def test_without_a_drain_requests_are_lost(stage: Stage) -> None:
    shipped = REPOSITORY / "workflows" / "bundles" / f"{BUNDLE}.yml"
    bundle: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    bundle["metadata"]["name"] = "careless-maintenance"
    bundle["components"] = {"rhel": bundle["components"]["rhel"]}
    rhel = bundle["components"]["rhel"]
    inner = rhel["rollout"]["components"]
    del rhel["needs"], inner["drain"], inner["restore"], inner["patch"]["needs"]
    (stage.catalog / "careless-maintenance.yml").write_text(yaml.safe_dump(bundle, sort_keys=False), encoding="utf-8")
    begun = time.monotonic()
    outcome = stage.run("careless-maintenance", pool="app1")
    assert outcome.record.state == "successful", outcome.words
    assert outcome.report.lost, f"nothing was lost in {time.monotonic() - begun:.0f} s"
