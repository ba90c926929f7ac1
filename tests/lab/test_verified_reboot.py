# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verified_reboot on the lab's hosts: real systemd, real ssh, real boot ids."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab import members
from tests.lab.lab import Lab
from tests.lab.played import Played, Step, play

pytestmark = pytest.mark.slow


class Stage:
    """The lab, and plays on its first host, over a connection that is shared and does not notice a cut by itself."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self._folder = lab, folder
        found = str(members.group_variables(lab.folder)["rhel"]["ansible_ssh_args"])
        assert "ControlMaster=auto" in found and members.ALIVE in found
        self._ssh = found.replace(members.ALIVE, "")

    def play(self, *steps: Step, check: bool = False, **more: Any) -> Played:
        """Run tasks and roles; a first task makes the shared connection."""
        first = {"name": "first", "ansible.builtin.raw": "true", "changed_when": False}
        variables = {"ansible_ssh_args": self._ssh, **more}
        return play(self.lab.inventory, "app1", (first, *steps), self._folder, check, **variables)


@pytest.fixture
def stage(lab: Lab, tmp_path: Path) -> Stage:
    """The first host as new."""
    lab.publish("2")
    lab.renew("app1")
    return Stage(lab, tmp_path)


def reboot(**options: Any) -> dict[str, Any]:
    """The task, with times for tests."""
    quick = {"reboot_timeout": 40, "connect_timeout": 2, "checks_timeout": 20}
    return {"name": "reboot", "holdfast.ops.verified_reboot": {**quick, **options}}


def failed(played: Played) -> dict[str, Any]:
    """The result of the task, which must have failed and not be unreachable."""
    assert played.counts["unreachable"] == 0
    result = played.result("reboot")
    assert result["failed"] is True
    assert (
        result["msg"]
        == f"app1: {result['step']} failed after {result['elapsed']} s: {result['reason']}. Next: "
        + (result["next_action"])
    )
    return result


def test_a_reboot_is_proven_by_another_boot_id(stage: Stage) -> None:
    before = stage.lab.boot_id("app1")
    played = stage.play(reboot(services=["shopfront"], post_checks=["systemctl is-system-running --wait"]))
    result = played.result("reboot")
    assert played.status == 0, result
    assert (result["boot_id_before"], result["boot_id_after"]) == (before, stage.lab.boot_id("app1"))
    assert result["boot_id_before"] != result["boot_id_after"]
    assert result["boot_time_after"] > result["boot_time_before"]
    assert [check["ok"] for check in result["post_checks"]] == [True, True, True]


def test_an_update_asks_for_a_reboot_and_a_second_run_leaves_the_host_alone(stage: Stage) -> None:
    update = {"name": "update", "ansible.builtin.dnf": {"name": "*", "state": "latest"}}
    played = stage.play(reboot(when_pending=True), update, "verified_reboot", "verified_reboot")
    assert played.status == 0, played.last
    assert played.result("reboot")["changed"] is False
    first, second = (result for name, result in played.results if name.endswith("Reboot the host"))
    assert (first["rebooted"], second["rebooted"]) == (True, False)
    assert "kernel" in " ".join(first["pending_before"]["reasons"])
    assert first["pending_after"] == {"known": True, "pending": False, "reasons": [], "note": ""}


def test_a_host_that_never_returns_fails_and_a_rescue_sees_it(stage: Stage) -> None:
    stage.lab.fault("no-return", "app1")
    rescue = {"name": "seen", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}
    played = stage.play({"block": [reboot(reboot_timeout=8)], "rescue": [rescue]})
    assert (played.status, played.counts["rescued"]) == (0, 1)
    result = failed(played)
    assert result["step"] == "waiting for the host to return"
    assert result["reason"].startswith("no answer within 8 s")
    assert 8 <= result["elapsed"] < 40
    assert played.result("seen")["msg"] == result["msg"]


def test_a_slow_boot_within_the_time_is_good(stage: Stage) -> None:
    stage.lab.fault("slow-boot", "app1", 12)
    played = stage.play(reboot())
    assert played.status == 0, played.last
    assert played.last["elapsed"] > 12


def test_a_management_link_that_is_cut_meanwhile_fails_in_time(stage: Stage) -> None:
    """The host stays up, nothing is refused and nothing answers: over the shared connection a try would never end."""
    ignore = "printf '#!/bin/sh\ntouch /run/ordered\n' > /sbin/shutdown"

    def cut() -> None:
        while stage.lab.ssh("app1", "test", "-e", "/run/ordered").returncode != 0:
            time.sleep(0.1)
        stage.lab.fault("management-cut", "app1")

    cutter = threading.Thread(target=cut)
    cutter.start()
    result = failed(stage.play({"name": "ignore", "ansible.builtin.raw": ignore}, reboot(reboot_timeout=10)))
    cutter.join()
    assert result["step"] == "waiting for the host to return"
    assert result["elapsed"] < 60


def test_a_host_that_refuses_or_ignores_the_order_is_told_from_one_that_is_gone(stage: Stage) -> None:
    hide = "mv /sbin/shutdown /sbin/shutdown.kept"
    ignore = "printf '#!/bin/sh\\nexit 0\\n' > /sbin/shutdown; chmod 755 /sbin/shutdown"
    refusing = stage.play({"name": "hide", "ansible.builtin.raw": hide}, reboot())
    assert failed_order(refusing)["changed"] is False
    ignoring = stage.play({"name": "ignore", "ansible.builtin.raw": ignore}, reboot(reboot_timeout=4))
    result = failed(ignoring)
    assert result["step"] == "proving the reboot"
    assert result["reason"] == f"it still runs from the boot {stage.lab.boot_id('app1')}"


def failed_order(played: Played) -> dict[str, Any]:
    """The result of a task whose order was refused."""
    result = played.result("reboot")
    assert (result["failed"], result["step"]) == (True, "ordering the reboot")
    assert "shutdown ended with 127" in result["reason"]
    return result


def test_a_service_that_does_not_start_is_named(stage: Stage) -> None:
    played = stage.play(
        {"name": "disable", "ansible.builtin.systemd_service": {"name": "shopfront", "enabled": False}},
        reboot(services=["shopfront", "nothing"], checks_timeout=4),
    )
    result = failed(played)
    assert result["step"] == "checks after the reboot"
    assert result["reason"] == "service 'shopfront': inactive; service 'nothing': inactive"


def test_check_mode_says_what_it_would_do(stage: Stage) -> None:
    before = stage.lab.boot_id("app1")
    played = stage.play(reboot(), reboot(when_pending=True, pre_checks=["touch /tmp/ran"]), check=True)
    assert [(result["changed"], result["msg"]) for name, result in played.results if name == "reboot"] == [
        (True, "app1: to be rebooted"),
        (False, "app1: no reboot is pending; it would be left alone"),
    ]
    assert stage.lab.boot_id("app1") == before
    assert stage.lab.ssh("app1", "test", "-e", "/tmp/ran").returncode != 0
