# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verified_reboot on the double: the proof, every way to fail, and that a failure is one that a rescue sees."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.at_once import AtOnce
from tests.lab.played import Played

from .conftest import Scenario, Stage, four_at_once, on_its_own

SCENARIOS: dict[str, Callable[[Path], None]] = {}
QUICK = ("a reboot is proven by a later boot time", "a host that never returns fails and a rescue sees it")


def scenario(test: Scenario) -> Scenario:
    """One of those that are played at the same time, in their order: the long ones stand first."""
    SCENARIOS[test.__name__.replace("_", " ")] = on_its_own(test)
    return test


def reboot(**options: Any) -> dict[str, Any]:
    """The task, with times for tests."""
    quick = {"reboot_timeout": 20, "connect_timeout": 2, "checks_timeout": 4}
    return {"name": "reboot", "holdfast.ops.verified_reboot": {**quick, **options}}


def failed(played: Played) -> dict[str, Any]:
    """The result of the task, which must have failed and not be unreachable."""
    assert played.counts["unreachable"] == 0
    result = played.result("reboot")
    assert result["failed"] is True
    assert result["msg"].startswith(f"win1: {result['step']} failed")
    assert result["msg"].endswith(f"Next: {result['next_action']}")
    return result


@scenario
def a_slow_boot_within_the_time_is_good_and_the_second_boot_counts(stage: Stage) -> None:
    stage.control.faults(boot_seconds=5, reboots_again=1)
    played = stage.play(reboot(reboot_timeout=40, checks_timeout=30))
    assert played.status == 0, played.last
    state = stage.control.state()
    assert state["boots"] == 3
    assert abs(played.last["boot_time_after"] - state["booted_at"]) < 1


@scenario
def a_host_that_keeps_silent_is_given_up_in_time(stage: Stage) -> None:
    """Nothing refuses the connection and nothing answers: every try must end by itself."""
    stage.control.faults(never_returns=True)

    def silence() -> None:
        while stage.control.state()["up"]:
            time.sleep(0.05)
        stage.control.faults(silent=True)

    silencer = threading.Thread(target=silence)
    silencer.start()
    result = failed(stage.play(reboot(reboot_timeout=6, connect_timeout=1)))
    silencer.join()
    assert result["step"] == "waiting for the host to return"
    assert result["elapsed"] < 60


@scenario
def a_reboot_is_proven_by_a_later_boot_time(stage: Stage) -> None:
    stage.control.wish("pending", reasons=["servicing"])
    stage.control.faults(ready_seconds=2)
    played = stage.play(reboot(services=["W3SVC"], when_pending=True))
    result = played.result("reboot")
    assert played.status == 0, result
    assert result["changed"] and result["rebooted"]
    assert result["boot_id_after"] != result["boot_id_before"]
    assert result["boot_time_after"] > result["boot_time_before"]
    assert result["pending_before"]["reasons"] == ["servicing"]
    assert result["pending_after"]["pending"] is False
    assert result["elapsed"] > 2
    assert stage.control.state()["boots"] == 2


@scenario
def a_host_that_never_returns_fails_and_a_rescue_sees_it(stage: Stage) -> None:
    stage.control.faults(never_returns=True)
    rescue = {"name": "seen", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}
    played = stage.play({"block": [reboot(reboot_timeout=6)], "rescue": [rescue]})
    assert played.status == 0
    assert played.counts["rescued"] == 1
    result = failed(played)
    assert result["step"] == "waiting for the host to return"
    assert result["reason"].startswith("no answer within 6 s")
    assert 6 <= result["elapsed"] < 40
    assert result["changed"] is True
    assert played.result("seen")["msg"] == result["msg"]


@scenario
def a_host_without_a_pending_reboot_is_left_alone_and_checked(stage: Stage) -> None:
    stage.control.wish("pending", reasons=["file renames"])
    first = stage.play(reboot(when_pending=True), reboot(when_pending=True))
    assert [result["changed"] for _name, result in first.results] == [True, False]
    assert first.last["msg"] == "win1: no reboot is pending, it was left alone"
    stage.play({"name": "stop", "ansible.windows.win_service": {"name": "W3SVC", "state": "stopped"}})
    result = failed(stage.play(reboot(when_pending=True, services=["W3SVC"])))
    assert result["reason"] == "service 'W3SVC': Stopped"
    assert stage.control.state()["boots"] == 2


@scenario
def check_mode_says_what_it_would_do(stage: Stage) -> None:
    played = stage.play(reboot(), reboot(when_pending=True), check=True)
    assert [(result["changed"], result["msg"]) for _name, result in played.results] == [
        (True, "win1: to be rebooted"),
        (False, "win1: no reboot is pending; it would be left alone"),
    ]
    assert "reboot ordered" not in stage.control.state()["log"]


@scenario
def a_host_that_ignores_the_order_is_not_proven(stage: Stage) -> None:
    stage.control.faults(ignores_reboot=True)
    result = failed(stage.play(reboot(reboot_timeout=4)))
    assert result["step"] == "proving the reboot"
    assert result["reason"].startswith("it still runs from the boot ")


@scenario
def a_clock_that_was_set_is_no_reboot(stage: Stage) -> None:
    """Windows counts its boot time back from its clock, so that the time alone has changed."""
    stage.control.faults(ignores_reboot=True)

    def jump() -> None:
        while "reboot ordered" not in stage.control.state()["log"]:
            time.sleep(0.05)
        stage.control.faults(clock_jump=-30)

    jumper = threading.Thread(target=jump)
    jumper.start()
    result = failed(stage.play(reboot(reboot_timeout=5)))
    jumper.join()
    assert result["step"] == "proving the reboot"
    assert "its clock was set" in result["reason"]


@scenario
def a_refused_order_changes_nothing(stage: Stage) -> None:
    stage.control.faults(refuses_reboot="Access is denied.(5)")
    result = failed(stage.play(reboot()))
    assert (result["step"], result["changed"]) == ("ordering the reboot", False)
    assert "Access is denied.(5)" in result["reason"]


@scenario
def checks_before_keep_a_host_from_being_rebooted(stage: Stage) -> None:
    stage.control.wish("answer", script="exit 3", status=3, output="backup is running")
    result = failed(stage.play(reboot(pre_checks=["exit 3"])))
    assert result["step"] == "checks before the reboot"
    assert result["reason"] == "command 'exit 3': exit code 3: backup is running"
    assert stage.control.state()["boots"] == 1


@scenario
def what_is_wrong_afterwards_is_named(stage: Stage) -> None:
    stage.control.faults(services_down=["W3SVC"], stays_pending=True)
    stage.control.wish("pending", reasons=["servicing"])
    result = failed(stage.play(reboot(services=["W3SVC", "Nope"])))
    assert result["step"] == "checks after the reboot"
    assert result["reason"] == "service 'W3SVC': Stopped; service 'Nope': not found; no pending reboot: servicing"
    assert result["rebooted"] is True


@scenario
def a_host_that_does_not_answer_at_the_beginning_is_unreachable(stage: Stage) -> None:
    stage.control.wish("power", on=False)
    played = stage.play(reboot())
    assert played.counts["unreachable"] == 1
    assert "looking at the host failed" in played.last["msg"]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[AtOnce[Path]]:
    """All that were chosen, four at a time: they mostly wait."""
    yield from four_at_once(SCENARIOS, tmp_path_factory, request)


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in SCENARIOS]
)
def test_verified_reboot_of_windows(at_once: AtOnce[Path], name: str) -> None:
    at_once.end(name)
