# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that take the state of a RHEL host of the lab, restore it and prove it, over ssh with modules of Ansible."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

from tests.lab.lab import Lab
from tests.lab.played import play

pytestmark = pytest.mark.slow

HOST = "app1"
SECRET = "L0ngAppT0ken77"
CHECKS = [{"name": "web", "healthy": True, "detail": "asked by the test"}]
OPTIONS: dict[str, Any] = {"options": {"files": ["/etc/site.conf"]}}
PREPARED = f"printf 'token={SECRET}\\nlevel=1\\n' > /etc/site.conf; chmod 0640 /etc/site.conf"
CHANGED = (
    "printf 'token=An0therT0ken99\\nlevel=2\\n' > /etc/site.conf; chmod 0666 /etc/site.conf; "
    "echo '# x' > /etc/sysctl.d/x.conf; dnf -y -q upgrade greeting; useradd intruder; "
    "systemctl disable --quiet --now shopfront.service"
)


class Stage:
    """A host of the lab, and an archive of its own."""

    def __init__(self, lab: Lab, folder: Path, store: Path) -> None:
        self.lab, self._folder, self.store = lab, folder, store

    def say(self, script: str) -> str:
        """What a script on the host prints; it must succeed."""
        done = self.lab.ssh(HOST, f"set -e; {script}", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def acts(self, *tasks: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
        """The results of actions on the host, in one play, by the names of their tasks; ``more`` are variables."""
        played = play(self.lab.inventory, HOST, tasks, self._folder, **more)
        assert played.status == 0, played.results
        assert not any(word in json.dumps(played.document) for word in (SECRET, "An0therT0ken99"))
        return dict(played.results)


def act(module: str, name: str = "", fails: bool = False, **arguments: Any) -> dict[str, Any]:
    """A task; one that ``fails`` may do so."""
    task = {"name": name or module, f"holdfast.ops.{module}": arguments, "diff": True}
    return {**task, "ignore_errors": True, "ignore_unreachable": True} if fails else task


@pytest.fixture
def stage(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))
    lab.publish("2")
    lab.renew(HOST)
    made = Stage(lab, tmp_path, tmp_path / "store")
    made.say(PREPARED)
    yield made
    lab.renew(HOST)


def test_a_host_is_brought_back_and_it_is_proved(stage: Stage) -> None:
    take = {"require_complete": True, **OPTIONS}
    did = stage.acts(
        act("lkg_snapshot", "first", run="r1", **take),
        act("lkg_snapshot", "second", run="r1", **take),
        act("lkg_promote", checks=CHECKS),
    )
    first, second = did["first"], did["second"]
    assert first["digest"] == second["digest"] and (second["same"], second["changed"]) == (True, False)
    assert (first["platform"], first["gaps"]) == ("rhel", {})
    before = stage.say("cat /etc/site.conf; stat -c '%a %U %G' /etc/site.conf; rpm -q greeting")

    stage.say(CHANGED)
    did = stage.acts(
        act("lkg_snapshot", "drifted", **OPTIONS),
        act("lkg_baseline", "judged", max_age="1h"),
        act("lkg_baseline", "too little", fails=True, minimum=100.0),
        {**act("lkg_restore", "would"), "check_mode": True},
    )
    drifted, judged, would = did["drifted"], did["judged"], did["would"]
    places = {f"{each['section']}/{each['item']}" for each in drifted["changes"]}
    assert places >= {"files//etc/site.conf", "files/attributes:/etc/site.conf", "files//etc/sysctl.d/x.conf",
                      "packages/greeting.noarch", "units/shopfront.service", "users//etc/passwd"}  # fmt: skip
    assert judged["drifted"] == len(judged["hosts"][0]["items"]) >= 6 and 0 < judged["consistency"] < 100
    assert did["too little"]["failed"] and "below 100 %" in did["too little"]["msg"]
    assert (would["changed"], would["verified"], would["done"]) == (True, False, [])
    assert "+level=1" in would["diff"]["prepared"] and "-level=2" in would["diff"]["prepared"]
    assert "level=2" in stage.say("cat /etc/site.conf")

    did = stage.acts(act("lkg_restore", "done"), act("lkg_restore", "again"))
    done, again = did["done"], did["again"]
    assert (done["changed"], done["verified"], done["remaining"]) == (True, True, []) and done["done"]
    assert stage.say("cat /etc/site.conf; stat -c '%a %U %G' /etc/site.conf; rpm -q greeting") == before
    assert stage.say("systemctl is-active shopfront.service; id intruder 2>&1 || true").startswith("active\nid: ")
    archive = Archive(stage.store)
    assert archive.find(HOST, done["after"]["id"]).digest == first["digest"]
    assert archive.find(HOST, done["before"]["id"]).digest == drifted["digest"]
    assert SECRET not in stage.say("journalctl --no-pager")
    assert (again["changed"], again["same"], again["done"]) == (False, True, [])


def test_a_restore_that_does_not_match_fails_and_the_command_does_it_once_it_can(stage: Stage) -> None:
    stage.acts(act("lkg_snapshot", sections=["files"], **OPTIONS))
    stage.say("printf 'level=2\n' > /etc/site.conf; chattr +i /etc/site.conf")
    try:
        failed = stage.acts(act("lkg_restore", fails=True, state="last", settle=0))["lkg_restore"]
    finally:
        stage.say("chattr -i /etc/site.conf")
    assert failed["failed"] and failed["verified"] is False and "b/files//etc/site.conf" in failed["msg"]
    assert {each["item"] for each in failed["remaining"]} >= {"/etc/site.conf"}

    state = Archive(stage.store).snapshots(HOST)[0].id
    command = [
        sys.executable,
        "-m",
        "holdfast.cli",
        "lkg",
        "restore",
        f"{HOST}@{state}",
        "-i",
        str(stage.lab.inventory),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert f"token={SECRET}\n" in stage.say("cat /etc/site.conf")


def test_a_host_that_does_not_answer_is_unreachable(stage: Stage) -> None:
    stage.lab.fault("management-cut", HOST)
    try:
        take = act("lkg_snapshot", fails=True, **OPTIONS)
        did = stage.acts(take, act("lkg_baseline", unreachable=[HOST]), ansible_timeout=3)
    finally:
        stage.lab.heal("management-cut", HOST)
    assert did["lkg_snapshot"]["unreachable"] and not Archive(stage.store).snapshots(HOST)
    judged = did["lkg_baseline"]
    assert (list(judged["unreachable_hosts"]), judged["consistency"], judged["checked"]) == ([HOST], None, 0)
