# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role patch_rhel on hosts of the lab: what it installs, what it says, and that it takes it back exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.lab import Lab
from tests.lab.played import SETTINGS, Played, play

pytestmark = pytest.mark.slow

HOST = "app1"
NEW_KERNEL, NEW_SHOP = "kernel-5.14.0-427.20.1.el9_4.noarch", "shopfront-2-1.el9.noarch"
MARK = "/var/lib/holdfast/patch_rhel.json"


class Stage:
    """One host of the lab, and the role on it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder

    def play(self, action: str, run: str = "", check: bool = False, **more: Any) -> Played:
        """One action of the role; ``run`` is the id of the Holdfast run that asks, if one does."""
        variables: dict[str, Any] = {"patch_rhel_action": action, **more}
        if run:
            variables["holdfast"] = {"request": {"run": run, "origin": run}}
        return play(self.lab.inventory, HOST, ("patch_rhel",), self.folder, check, **variables)

    def report(self, action: str, run: str = "", **more: Any) -> dict[str, Any]:
        """What an action that must succeed reports."""
        played = self.play(action, run, **more)
        assert played.status == 0, played.last
        return dict(played.outputs["patches"][HOST])

    def said(self, command: str) -> str:
        """What a command on the host prints; it must succeed."""
        done = self.lab.ssh(HOST, command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    @property
    def packages(self) -> list[str]:
        """The packages of the host."""
        return sorted(self.said("rpm -qa").splitlines())


@pytest.fixture
def stage(lab: Lab, tmp_path: Path) -> Iterator[Stage]:
    """A host as it was in the beginning, and faults that do not stay."""
    lab.publish("2")
    lab.renew(HOST)
    yield Stage(lab, tmp_path)
    for fault in lab.status()["faults"]:
        lab.heal(fault["name"], fault["host"])


def test_security_updates_are_installed_once_and_taken_back_once(stage: Stage) -> None:
    before = stage.packages
    checked = stage.play("patch", check=True)
    assert (checked.status, checked.counts["changed"], stage.packages) == (0, 1, before)

    report = stage.report("patch", "r1")
    assert report["packages_added"] == [NEW_KERNEL, NEW_SHOP]
    assert report["packages_removed"] == ["shopfront-1-1.el9.noarch"]
    assert report["advisories_closed"] == ["LABSA-2026:0002", "LABSA-2026:0003"]
    assert report["advisories_open"] == ["LABBA-2026:0004"]
    assert (report["reboot_required"], report["reboot_reasons"]) == (True, ["kernel"])
    assert report["boot_id_before"] == report["boot_id_after"] == stage.lab.boot_id(HOST)
    patched = stage.packages

    assert stage.play("patch", "r2").counts["changed"] == 0
    assert stage.report("rollback", "r2")["state"] == "untouched", "it undoes what another run has done"
    checked = stage.play("rollback", "r1", check=True)
    assert (checked.counts["changed"], stage.packages) == (1, patched)

    report = stage.report("rollback", "r1")
    assert (report["state"], report["packages_added"], report["packages_removed"]) == ("rolled_back", [], [])
    assert stage.packages == before
    assert stage.play("rollback", "r1").counts["changed"] == 0


def test_several_transactions_are_taken_back_by_a_rollback_that_goes_on(stage: Stage) -> None:
    """The first patch chooses an advisory, the second holds a package; a first rollback was killed between the two."""
    before = stage.packages
    report = stage.report("patch", "r1", patch_rhel_advisories="LABSA-2026:0003, LABSA-2020:1")
    assert (report["packages_added"], report["advisories_closed"]) == ([NEW_KERNEL], ["LABSA-2026:0003"])
    report = stage.report("patch", "r1", patch_rhel_updates="all", patch_rhel_held=["shop*"])
    assert report["packages_added"] == ["greeting-1.1-1.el9.noarch", NEW_KERNEL]
    assert len(report["transactions"]) == 2

    mark = json.loads(stage.said(f"cat {MARK}"))
    last = mark["history_after"]
    mark.update(state="rolling_back", undone=False, undo_last=last, undo_from=last)
    stage.said(f"echo '{json.dumps(mark)}' > {MARK}; dnf -y -q history undo {last}")
    assert stage.report("rollback", "r1")["state"] == "rolled_back"
    assert stage.packages == before


def test_a_rollback_that_cannot_says_what_is_left_and_what_is_somebody_elses(stage: Stage) -> None:
    stage.report("patch", "r1")
    stage.said("dnf -y -q upgrade greeting")
    stage.lab.fault("repository-down")
    played = stage.play("rollback", "r1")
    words = " ".join(played.last["msg"].split())
    assert played.status != 0
    assert f"{NEW_KERNEL} is there, {NEW_SHOP} is there" in words and "shopfront-1-1.el9.noarch is missing" in words
    assert "Next: " in words

    stage.lab.heal("repository-down")
    played = stage.play("rollback", "r1")
    assert played.status != 0
    assert "app1" in played.last["msg"] and "greeting-1.1-1.el9.noarch is there" in played.last["msg"]
    assert "greeting-1.0-1.el9.noarch is missing" in played.last["msg"]
    assert "shopfront" not in played.last["msg"]
    assert "shopfront-1-1.el9.noarch" in stage.packages

    stage.said("dnf -y -q downgrade greeting-1.0")
    assert stage.report("rollback", "r1")["state"] == "rolled_back", "by hand it was made as before, so all is well"


def test_a_controller_that_is_killed_leaves_what_can_be_taken_back(stage: Stage) -> None:
    """Killed when dnf has installed, and before that was written down."""
    before = stage.packages
    playbook = stage.folder / "killed.yml"
    role = {"include_role": {"name": "holdfast.ops.patch_rhel"}}
    playbook.write_text(yaml.safe_dump([{"hosts": HOST, "gather_facts": False, "tasks": [role]}]), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(stage.lab.inventory)]
    command += ["-e", json.dumps({"holdfast": {"request": {"run": "r1", "origin": "r1"}}})]
    child = subprocess.Popen(
        command,
        env={**os.environ, **SETTINGS},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    installed = f"rpm -q {NEW_SHOP.removesuffix('.noarch')}"
    deadline = time.monotonic() + 120
    while stage.lab.ssh(HOST, installed).returncode != 0:
        assert time.monotonic() < deadline and child.poll() is None, "it ended, or took too long, before it was seen"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert json.loads(stage.said(f"cat {MARK}"))["state"] in ("started", "patched")
    assert stage.report("rollback", "r1")["state"] == "rolled_back"
    assert stage.packages == before
