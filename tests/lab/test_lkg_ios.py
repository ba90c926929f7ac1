# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IOS doubles under snapshots, restores and guarded changes, through Ansible and in real minutes; several at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.at_once import AtOnce, chosen
from tests.lab.guarding import small_disk
from tests.lab.ios.running import Double
from tests.lab.matrix import BREAK, CREDENTIALS, CUT, FULL, KILL, REBOOT, UNARMED, cell
from tests.lab.playing import SNAPSHOT, Playing, restore
from tests.lab.windows.control import Control

pytestmark = pytest.mark.slow

SHORTEST, ALONE, PATIENT = 60, 10, 240


class Switch(Playing):
    """A switch as it is in the beginning, and plays on it."""

    def __init__(self, double: Double, folder: Path) -> None:
        inventory = folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {double.name: double.variables()}}}), encoding="utf-8")
        super().__init__(inventory, double.name, folder)
        self.ios: Control = double.control

    @property
    def state(self) -> dict[str, Any]:
        """What the double tells of itself."""
        return dict(self.ios.state())


Scenario = Callable[[Switch], None]
SCENARIOS: dict[str, Callable[[Path], None]] = {}
MARKS: dict[str, list[pytest.MarkDecorator]] = {}


def scenario(*faults: str) -> Callable[[Scenario], Scenario]:
    """A scenario on a double of its own; ``faults``: whose cells it answers."""

    def noted(test: Scenario) -> Scenario:
        def run(place: Path) -> None:
            folder = place / str(len(list(place.iterdir())))
            folder.mkdir()
            with Double(folder) as double:
                test(Switch(double, folder))

        name = test.__name__.replace("_", " ")
        SCENARIOS[name], MARKS[name] = run, [cell("cisco_ios", *faults, whole=True)] if faults else []
        return test

    return noted


def configure(*lines: str, parents: str = "") -> dict[str, Any]:
    given: dict[str, Any] = {"lines": list(lines), **({"parents": parents} if parents else {})}
    return {"name": "configure", "cisco.ios.ios_config": given}


NAME = configure("hostname worse")
SHUT = configure("shutdown", parents="interface GigabitEthernet0/0")


@scenario()
def unchanged_is_identical_a_change_is_found_and_a_restore_is_verified(playing: Switch) -> None:
    first, second, *_changes, found = playing.runs(
        SNAPSHOT,
        SNAPSHOT,
        configure("description other", "shutdown", parents="interface GigabitEthernet0/1"),
        configure("no banner motd", "username more privilege 1 secret 9 $9$double$more"),
        SNAPSHOT,
    )
    assert (second["changed"], second["same"]) == (False, True)
    assert [(each["section"], each["item"]) for each in found["changes"]] == [("config", "running")]
    assert "s3cretC0mm" not in str(found)
    state = restore(first["snapshot"]["id"])
    restored, again, after = playing.runs(state, state, SNAPSHOT)
    assert (restored["changed"], restored["verified"]) == (True, True), restored
    assert again["changed"] is False and after["digest"] == first["digest"]


@scenario()
def a_restore_that_cannot_match_fails_and_shows_why(playing: Switch) -> None:
    first = playing.snapshot()
    playing.ios.wish("configure", lines=["ntp server 192.0.2.7"])
    playing.ios.faults(stuck=["^ntp server"])
    found = playing.restore(first["snapshot"]["id"])
    assert found["failed"]
    assert "ntp server 192.0.2.7" in str(found)


@scenario()
def a_good_change_is_promoted_saved_and_outlives_a_reload(playing: Switch) -> None:
    found = playing.guard(configure("hostname better"), timer=PATIENT)
    assert (found["state"], found["changed"]) == ("promoted", True), found
    state = playing.state
    assert state["timer"] is None
    assert not [name for name in state["flash"] if name.startswith("holdfast")]
    reload(playing)
    assert playing.snapshot()["digest"] == found["after"]["digest"]


@scenario(BREAK)
def a_change_that_breaks_the_application_is_taken_back_at_once(playing: Switch) -> None:
    found = playing.guard(NAME, timer=PATIENT, probes=[{"name": "shop", "argv": ["false"], "retries": 1}])
    assert (found["state"], found["step"]) == ("restored", "health checks"), found
    assert playing.snapshot()["digest"] == found["before"]["digest"]
    assert playing.state["timer"] is None


@scenario(CUT)
def a_change_that_cuts_management_is_taken_back_by_the_device_alone(playing: Switch) -> None:
    found = playing.guard(SHUT)
    assert (found["state"], found["failed"]) == ("reverted", True), found
    assert "by itself, verified" in found["msg"]
    assert playing.snapshot()["digest"] == found["before"]["digest"]


@scenario(KILL)
def the_controlling_process_killed_ends_in_the_old_state_in_time(playing: Switch) -> None:
    before = playing.state["running"]
    playing.guard_killed(NAME, changed=lambda: "hostname worse" in playing.state["running"], seconds=SHORTEST)
    killed = time.monotonic()
    playing.until(lambda: "hostname sw1" in playing.state["running"], SHORTEST + ALONE)
    assert time.monotonic() - killed < SHORTEST + ALONE
    assert playing.state["running"] == before


@scenario(REBOOT)
def a_reload_in_the_middle_ends_in_the_old_state(playing: Switch) -> None:
    before = playing.state["running"]
    playing.guard_killed(NAME, changed=lambda: "hostname worse" in playing.state["running"], seconds=600)
    reload(playing)
    assert playing.state["running"] == before


@scenario()
def a_timer_of_somebody_else_stops_it_before_anything_is_changed(playing: Switch) -> None:
    playing.ios.wish("timer", minutes=5)
    found = playing.guard(NAME)
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host"), found
    assert "hostname sw1" in playing.state["running"]


@scenario(UNARMED)
def a_flash_without_room_stops_it_before_anything_is_changed(playing: Switch) -> None:
    playing.ios.faults(flash_full=True)
    found = playing.guard(NAME)
    assert (found["state"], found["step"]) == ("unchanged", "arming its timer"), found
    assert "No space left" in found["msg"]
    assert_untouched(playing)


@scenario(FULL)
def an_archive_without_room_stops_it_before_anything_is_changed(playing: Switch) -> None:
    if os.geteuid() != 0:
        pytest.skip("a disk of its own needs root")
    with small_disk(playing.folder / "full") as playing.store:
        found = playing.guard(NAME)
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host"), found
    assert "cannot be kept" in found["msg"]
    assert_untouched(playing)


@scenario(CREDENTIALS)
def wrong_credentials_leave_everything_as_it_was(playing: Switch) -> None:
    playing.variables["ansible_password"] = "wrong"
    found = playing.guard(NAME)
    assert found.get("unreachable"), found
    assert_untouched(playing)


def assert_untouched(playing: Switch) -> None:
    """Nothing of a guard was ever there."""
    state = playing.state
    assert "hostname sw1" in state["running"] and state["timer"] is None
    assert not [name for name in state["flash"] if name.startswith("holdfast")]


def reload(playing: Switch) -> None:
    """Reload, and wait until it is up."""
    playing.ios.wish("reload")
    playing.until(lambda: playing.state["up"], 10)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[AtOnce[Path]]:
    """All that were chosen, four at a time."""
    pytest.importorskip("asyncssh", reason="the IOS double speaks ssh by asyncssh")
    pytest.importorskip("pylibsshext", reason="network_cli speaks ssh by ansible-pylibssh")
    pytest.importorskip("ansible_collections.cisco.ios", reason="the collection cisco.ios is not here")
    made = AtOnce(SCENARIOS, [tmp_path_factory.mktemp("place") for _number in range(4)])
    made.start(chosen([item.name for item in request.session.items], SCENARIOS))
    yield made
    made.finish()


@pytest.mark.parametrize("name", [pytest.param(name, id=name, marks=marks) for name, marks in MARKS.items()])
def test_ios_under_guard(at_once: AtOnce[Path], name: str) -> None:
    at_once.end(name)
