# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrated maintenance on the lab, while customers ask: a good update, a bad one, and what the drain is good for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import RunsStore

from tests.lab.lab import HOSTS, Lab
from tests.lab.places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "demo"))

from load import Load, Report

pytestmark = pytest.mark.slow

BUNDLE = "integrated-maintenance"
CLIENTS = 16
SETTINGS = {
    # Six seconds of good answers in a row: version 3 turns bad four seconds after its start.
    "health_check_retries": 40,
    "health_check_delay": 0.5,
    "health_check_success_threshold": 12,
    "health_check_failure_threshold": 3,
    "verified_reboot_services": ["shopfront.service"],
}


class Outcome(NamedTuple):
    """How a run ended, what it said, its record, and what the customers saw."""

    status: int
    words: str
    record: Record
    report: Report

    def outputs(self, node: str, name: str) -> dict[str, Any]:
        """An output by host, over all batches of a node."""
        found: dict[str, Any] = {}
        for batch in self.record.outputs.get(node, {}).values():
            found.update(batch.get(name, {}))
        return found

    def done(self, action: str) -> list[tuple[str, tuple[str, ...]]]:
        """What was done or undone with success: (node, hosts), in the order of the starts."""
        return [
            (one["node"], tuple(one["hosts"]))
            for one in self.record.executions.values()
            if one["action"] == action and one["state"] == "successful"
        ]


class Stage:
    """The lab as it came up, the command line, and a catalog for bundles of one's own."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.home, self.catalog = lab, folder / "home", folder / "catalog"
        self.catalog.mkdir()
        self._more = folder / "more.yml"
        pool = {"app": {"vars": SETTINGS}}
        self._more.write_text(yaml.safe_dump({"all": {"children": pool}}), encoding="utf-8")

    def run(self, bundle: str = BUNDLE, **fields: Any) -> Outcome:
        """Run a bundle to its end while customers ask."""
        inventories = [word for path in (self.lab.inventory, self._more) for word in ("-i", str(path))]
        command = [sys.executable, "-m", "holdfast.cli", "run", bundle, "--plain", *inventories]
        # The collections' folder too: another checkout may be the one that is installed.
        collections = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0]
        paths = [collections, str(REPOSITORY / "extensions" / "controller"), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HOLDFAST_HOME": str(self.home),
            "HOLDFAST_CATALOG": str(self.catalog),
            "COLUMNS": "500",
        }
        with Load(self.lab.url, CLIENTS) as load:
            done = subprocess.run(
                [*command, "--fields", json.dumps(fields)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        store = RunsStore(self.home)
        ids = store.ids()
        assert ids, done.stdout
        return Outcome(done.returncode, done.stdout, store.get(ids[0]).record(), load.report)

    def packages(self) -> dict[str, list[str]]:
        """The packages of every host."""
        return {host: sorted(self.lab.ssh(host, "rpm", "-qa").stdout.split()) for host in HOSTS}

    def boots(self) -> dict[str, str]:
        """The boot id of every host."""
        return {host: self.lab.boot_id(host) for host in HOSTS}

    def in_traffic(self) -> list[str]:
        """The servers that HAProxy sends requests to."""
        return [name for name, row in self.lab.servers().items() if row["status"] == "UP"]


@pytest.fixture
def stage(lab_as_new: Lab, tmp_path: Path) -> Iterator[Stage]:
    """Every host at version 1, in traffic; version 2 offered."""
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    yield Stage(lab_as_new, tmp_path)


def assert_nothing_lost(report: Report) -> None:
    """Every request was answered, and there were many, of both kinds."""
    assert report.lost == []
    assert report.slow_answered > 50
    assert report.answered > 1000


def test_both_families_are_patched_and_rebooted_and_no_request_is_lost(stage: Stage) -> None:
    boots = stage.boots()
    outcome = stage.run(pool="app", windows="windows")
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
    assert "status 500" in outcome.words and "app1" in outcome.words
    print(f"seconds from the first failed health check to restored service: {time_to_restore(outcome.record):.1f}")


def time_to_restore(record: Record) -> float:
    """Seconds between the end of the health check that failed and the end of the undone drain."""
    mine = [one for one in record.executions.values() if one["hosts"] == ["app1"]]
    ends = {(one["node"], one["action"]): one["finished"] for one in mine}
    return float(ends["rhel.drain", "undo"] - ends["rhel.health", "do"])


def test_without_a_drain_requests_are_lost(stage: Stage) -> None:
    shipped = REPOSITORY / "workflows" / "bundles" / f"{BUNDLE}.yml"
    bundle: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    bundle["metadata"]["name"] = "careless-maintenance"
    inner = bundle["components"]["rhel"]["rollout"]["components"]
    del inner["drain"], inner["restore"], inner["patch"]["needs"]
    (stage.catalog / "careless-maintenance.yml").write_text(yaml.safe_dump(bundle, sort_keys=False), encoding="utf-8")
    begun = time.monotonic()
    outcome = stage.run("careless-maintenance", pool="app1")
    assert outcome.record.state == "successful", outcome.words
    assert outcome.report.lost, f"nothing was lost in {time.monotonic() - begun:.0f} s"
