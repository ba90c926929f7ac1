# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that take the state of a RHEL host of the lab, restore it and prove it, over ssh with modules of Ansible."""

from __future__ import annotations

import json
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

    def act(self, module: str, check: bool = False, fails: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of one action on the host."""
        task = {"name": module, f"holdfast.ops.{module}": arguments, "diff": True}
        played = play(self.lab.inventory, HOST, (task,), self._folder, check)
        assert (played.status != 0) is fails, played.last
        assert not any(word in json.dumps(played.document) for word in (SECRET, "An0therT0ken99"))
        return played.last


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
    first, second = (stage.act("lkg_snapshot", require_complete=True, run="r1", **OPTIONS) for _number in range(2))
    assert first["digest"] == second["digest"] and (second["same"], second["changed"]) == (True, False)
    assert (first["platform"], first["gaps"]) == ("rhel", {})
    stage.act("lkg_promote", checks=CHECKS)
    before = stage.say("cat /etc/site.conf; stat -c '%a %U %G' /etc/site.conf; rpm -q greeting")

    stage.say(CHANGED)
    drifted = stage.act("lkg_snapshot", **OPTIONS)
    places = {f"{each['section']}/{each['item']}" for each in drifted["changes"]}
    assert places >= {"files//etc/site.conf", "files/attributes:/etc/site.conf", "files//etc/sysctl.d/x.conf",
                      "packages/greeting.noarch", "units/shopfront.service", "users//etc/passwd"}  # fmt: skip
    judged = stage.act("lkg_baseline", max_age="1h")
    assert judged["drifted"] == len(judged["hosts"][0]["items"]) >= 6 and 0 < judged["consistency"] < 100
    assert "below 100 %" in stage.act("lkg_baseline", fails=True, minimum=100.0)["msg"]

    would = stage.act("lkg_restore", check=True)
    assert (would["changed"], would["verified"], would["done"]) == (True, False, [])
    assert "+level=1" in would["diff"]["prepared"] and "-level=2" in would["diff"]["prepared"]
    assert "level=2" in stage.say("cat /etc/site.conf")

    done = stage.act("lkg_restore")
    assert (done["changed"], done["verified"], done["remaining"]) == (True, True, []) and done["done"]
    assert stage.say("cat /etc/site.conf; stat -c '%a %U %G' /etc/site.conf; rpm -q greeting") == before
    assert stage.say("systemctl is-active shopfront.service; id intruder 2>&1 || true").startswith("active\nid: ")
    archive = Archive(stage.store)
    assert archive.find(HOST, done["after"]["id"]).digest == first["digest"]
    assert archive.find(HOST, done["before"]["id"]).digest == drifted["digest"]
    assert SECRET not in stage.say("journalctl --no-pager")

    again = stage.act("lkg_restore")
    assert (again["changed"], again["same"], again["done"]) == (False, True, [])


def test_a_restore_that_does_not_match_fails_and_says_where(stage: Stage) -> None:
    stage.act("lkg_snapshot", sections=["files"], **OPTIONS)
    stage.say("printf 'level=2\\n' > /etc/site.conf; chattr +i /etc/site.conf")
    try:
        failed = stage.act("lkg_restore", fails=True, state="last", settle=0)
    finally:
        stage.say("chattr -i /etc/site.conf")
    assert failed["verified"] is False and "b/files//etc/site.conf" in failed["msg"]
    assert {each["item"] for each in failed["remaining"]} >= {"/etc/site.conf"}


def test_a_host_that_does_not_answer_is_unreachable(stage: Stage) -> None:
    stage.lab.fault("management-cut", HOST)
    try:
        task = {"name": "take", "holdfast.ops.lkg_snapshot": OPTIONS}
        played = play(stage.lab.inventory, HOST, (task,), stage.store.parent, ansible_timeout=3)
    finally:
        stage.lab.heal("management-cut", HOST)
    assert played.counts["unreachable"] == 1 and not Archive(stage.store).snapshots(HOST)
    judged = stage.act("lkg_baseline", unreachable=[HOST])
    assert (list(judged["unreachable_hosts"]), judged["consistency"], judged["checked"]) == ([HOST], None, 0)
