# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role patch_windows on the double."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from .conftest import Stage

SECURITY: dict[str, Any] = {"patch_windows_categories": ["SecurityUpdates"]}


def test_updates_are_installed_once_and_reported(stage: Stage) -> None:
    played = stage.play("patch_windows", patch_windows_reject="KB890830, nothing")
    assert played.status == 0, played.last
    report = played.outputs["windows_updates"]["win1"]
    assert report["installed"] == ["KB5001716", "KB5034682", "KB5034770"]
    assert (report["kbs_before"], report["kbs_after"]) == (["KB5030999"], ["KB5001716", "KB5030999", "KB5034682"])
    assert (report["pending_before"], report["pending_after"]) == ([], ["servicing", "windows update"])
    assert report["boot_before"] == report["boot_after"]
    assert played.outputs["reboot_required"] == {"win1": True}
    assert played.outputs["installed_kbs"] == {"win1": report["installed"]}
    state = stage.control.state()
    assert (state["boots"], state["updates"]["KB890830"], state["updates"]["KB4023057"]) == (1, "offered", "offered")

    again = stage.play("patch_windows", patch_windows_reject=["KB890830"])
    assert (again.status, again.counts["changed"]) == (0, 0)


@pytest.mark.slow
def test_check_mode_names_the_updates_and_installs_none(stage: Stage) -> None:
    played = stage.play("patch_windows", check=True, **SECURITY)
    assert (played.status, played.counts["changed"]) == (0, 1)
    report = played.outputs["windows_updates"]["win1"]
    assert (report["found"], report["installed"]) == (["KB5034770"], [])
    assert set(stage.control.state()["updates"].values()) == {"offered"}


@pytest.mark.slow
def test_accept_reject_and_optional_updates(stage: Stage) -> None:
    played = stage.play(
        "patch_windows",
        patch_windows_categories=["*"],
        patch_windows_accept=["KB4023057", "Malicious", "KB5001716"],
        patch_windows_reject=["Update Service components"],
        patch_windows_skip_optional=False,
    )
    assert played.outputs["installed_kbs"] == {"win1": ["KB4023057", "KB890830"]}
    assert played.outputs["reboot_required"] == {"win1": False}


def test_an_update_that_fails_is_named_and_the_others_stay(stage: Stage) -> None:
    stage.control.faults(failing_updates={"KB5034682": 0x80240034})
    played = stage.play("patch_windows")
    assert played.status == 2
    assert played.counts["unreachable"] == 0
    message = played.last["msg"]
    assert message.startswith(
        "win1: installing updates failed: KB5034682 Update failed to download (WU_E_DOWNLOAD_FAILED 0x80240034). "
        "Installed: KB5001716, KB5034770, KB890830; they stay. No reboot was made. Next: look at "
    )
    assert "\n" not in message
    assert played.outputs["windows_updates"]["win1"]["failed"].keys() == {"KB5034682"}
    state = stage.control.state()
    assert (state["boots"], state["updates"]["KB5034682"]) == (1, "downloaded")


@pytest.mark.slow
def test_nothing_is_installed_on_top_of_updates_that_wait_for_a_reboot(stage: Stage) -> None:
    stage.control.wish("pending", reasons=["windows update"])
    played = stage.play("patch_windows")
    assert played.status == 2
    assert "a reboot for earlier ones is pending (windows update)" in played.last["msg"]
    assert "Nothing was changed. Next: reboot it with holdfast.ops.verified_reboot" in played.last["msg"]
    assert set(stage.control.state()["updates"].values()) == {"offered"}


def cut_while_installing(stage: Stage, **cut: Any) -> threading.Thread:
    """Cut the connection as soon as the first update is installed."""
    stage.control.faults(install_seconds=1.0)

    def watch() -> None:
        while not any("install" in line for line in stage.control.state()["log"]):
            time.sleep(0.05)
        stage.control.faults(**cut)

    watching = threading.Thread(target=watch)
    watching.start()
    return watching


@pytest.mark.slow
def test_a_connection_that_is_cut_while_updates_install_is_a_failure_that_says_so(stage: Stage) -> None:
    """Windows goes on by itself: what became of the updates is found out by running again."""
    watching = cut_while_installing(stage, drop_next=1000)
    played = stage.play("patch_windows", patch_windows_reject=["KB5034770"])
    watching.join()
    assert (played.status, played.counts["failures"]) == (2, 1)
    message = played.last["msg"]
    assert message.startswith("win1: installing updates failed: ")
    assert "Installed: unknown, as the host does not answer. No reboot was made. Next: Windows may still be" in message
    stage.control.faults(drop_next=0)
    again = stage.play("patch_windows", patch_windows_reject=["KB5034770"])
    assert again.status == 0, again.last
    installed = {kb for kb, at in stage.control.state()["updates"].items() if at == "installed"}
    assert installed == {"KB5034682", "KB890830", "KB5001716"}


@pytest.mark.slow
def test_a_connection_that_broke_for_a_moment_says_what_is_known(stage: Stage) -> None:
    watching = cut_while_installing(stage, drop_next=2)
    played = stage.play("patch_windows", patch_windows_reject=["KB5034770"])
    watching.join()
    assert (played.status, played.counts["unreachable"]) == (2, 0)
    assert "Installed: at least KB" in played.last["msg"]


@pytest.mark.slow
def test_patching_and_a_verified_reboot_complete_each_other(stage: Stage) -> None:
    played = stage.play("patch_windows", "verified_reboot", "patch_windows", "verified_reboot", **SECURITY)
    assert played.status == 0, played.last
    assert played.counts["changed"] == 2
    state = stage.control.state()
    assert (state["boots"], state["pending"]) == (2, [])
    assert "KB5034770" in state["hotfixes"]
    assert played.outputs["reboots"]["win1"]["rebooted"] is False
