# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IOS double of the lab under snapshots, restores and guarded changes, through Ansible and in real minutes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.devices import IOS
from tests.lab.lab import Lab
from tests.lab.playing import Playing

pytestmark = pytest.mark.slow

SHORTEST, ALONE = 60, 10


@pytest.fixture
def playing(lab: Lab, tmp_path: Path) -> Iterator[Playing]:
    """The switch as it is in the beginning, and plays on it."""
    pytest.importorskip("asyncssh", reason="the IOS double speaks ssh by asyncssh")
    pytest.importorskip("pylibsshext", reason="network_cli speaks ssh by ansible-pylibssh")
    lab.renew(IOS)
    yield Playing(lab, IOS, tmp_path)
    lab.power(IOS, on=False)


def configure(*lines: str, parents: str = "") -> dict[str, Any]:
    given: dict[str, Any] = {"lines": list(lines), **({"parents": parents} if parents else {})}
    return {"name": "configure", "cisco.ios.ios_config": given}


NAME = configure("hostname worse")
CUT = configure("shutdown", parents="interface GigabitEthernet0/0")


def test_unchanged_is_identical_a_change_is_found_and_a_restore_is_verified(playing: Playing) -> None:
    first, second = playing.snapshot(), playing.snapshot()
    assert (second["changed"], second["same"]) == (False, True)
    playing.run(configure("description other", "shutdown", parents="interface GigabitEthernet0/1"))
    playing.run(configure("no banner motd", "username more privilege 1 secret 9 $9$double$more"))
    found = playing.snapshot()
    assert [(each["section"], each["item"]) for each in found["changes"]] == [("config", "running")]
    assert "s3cretC0mm" not in str(found)
    restored = playing.restore(first["snapshot"]["id"])
    assert (restored["changed"], restored["verified"]) == (True, True), restored
    assert playing.restore(first["snapshot"]["id"])["changed"] is False
    assert playing.snapshot()["digest"] == first["digest"]


def test_a_restore_that_cannot_match_fails_and_shows_why(playing: Playing) -> None:
    first = playing.snapshot()
    playing.lab.ios.wish("configure", lines=["ntp server 192.0.2.7"])
    playing.lab.ios.faults(stuck=["^ntp server"])
    found = playing.restore(first["snapshot"]["id"])
    assert found["failed"]
    assert "ntp server 192.0.2.7" in str(found)


def test_a_good_change_is_promoted_saved_and_outlives_a_reload(playing: Playing) -> None:
    found = playing.guard(configure("hostname better"))
    assert (found["state"], found["changed"]) == ("promoted", True), found
    state = playing.lab.ios.state()
    assert state["timer"] is None
    assert not [name for name in state["flash"] if name.startswith("holdfast")]
    reload(playing)
    assert playing.snapshot()["digest"] == found["after"]["digest"]


def test_a_change_that_breaks_the_application_is_taken_back_at_once(playing: Playing) -> None:
    before = playing.snapshot()
    found = playing.guard(NAME, probes=[{"name": "shop", "argv": ["false"], "retries": 1}])
    assert (found["state"], found["step"]) == ("restored", "health checks"), found
    assert found["elapsed"] < SHORTEST - 5
    assert playing.snapshot()["digest"] == before["digest"]
    assert playing.lab.ios.state()["timer"] is None


def test_a_change_that_cuts_management_is_taken_back_by_the_device_alone(playing: Playing) -> None:
    before = playing.snapshot()
    found = playing.guard(CUT)
    assert (found["state"], found["failed"]) == ("reverted", True), found
    assert "by itself, verified" in found["msg"]
    assert playing.snapshot()["digest"] == before["digest"]


def test_the_controlling_process_killed_ends_in_the_old_state_in_time(playing: Playing) -> None:
    before = playing.snapshot()
    playing.guard_killed(NAME, changed=lambda: "hostname worse" in playing.lab.ios.state()["running"], seconds=SHORTEST)
    killed = time.monotonic()
    playing.until(lambda: "hostname sw1" in playing.lab.ios.state()["running"], SHORTEST + ALONE)
    assert time.monotonic() - killed < SHORTEST + ALONE
    assert playing.snapshot()["digest"] == before["digest"]


def test_a_reload_in_the_middle_ends_in_the_old_state(playing: Playing) -> None:
    before = playing.snapshot()
    playing.guard_killed(NAME, changed=lambda: "hostname worse" in playing.lab.ios.state()["running"], seconds=600)
    reload(playing)
    assert playing.snapshot()["digest"] == before["digest"]


def test_what_stands_in_the_way_stops_it_before_anything_is_changed(playing: Playing) -> None:
    playing.lab.ios.wish("timer", minutes=5)
    found = playing.guard(NAME)
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host"), found
    playing.lab.renew(IOS)
    playing.lab.ios.faults(flash_full=True)
    found = playing.guard(NAME)
    assert (found["state"], found["step"]) == ("unchanged", "arming its timer"), found
    assert "No space left" in found["msg"]
    assert "hostname sw1" in playing.lab.ios.state()["running"]


def reload(playing: Playing) -> None:
    """Reload, and wait until it is up."""
    playing.lab.ios.wish("reload")
    playing.until(lambda: playing.lab.ios.state()["up"], 10)
