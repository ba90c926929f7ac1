# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, restores and guarded changes of a Windows host over WinRM, by plays, on the double."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.played import Played

from .conftest import Stage
from .registry import APP

CONFIG = "C:\\app\\web.config"
OPTIONS = {"files": [CONFIG], "registry": [APP], "restart": ["Spooler"]}
GUARDS = "C:\\ProgramData\\Holdfast\\guard"
STOP = {
    "name": "stop",
    "ansible.windows.win_service": {"name": "Spooler", "state": "stopped", "start_mode": "disabled"},
}
OUT = {"name": "out", "ansible.windows.win_firewall": {"state": "enabled", "outbound_action": "block"}}
LONG = {"name": "long", "ansible.builtin.pause": {"seconds": 5}}
CUT = {"name": "cut", "ansible.windows.win_service": {"name": "WinRM", "state": "stopped", "start_mode": "disabled"}}


@pytest.fixture
def stored(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A double with a file, and an archive of its own."""
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "store"))
    stage.control.wish("change", files={CONFIG: '<add key="DbPassword" value="F1lePassw0rd"/>\r\n'})
    return stage


def snapshot(name: str = "snapshot") -> dict[str, Any]:
    return {"name": name, "holdfast.ops.lkg_snapshot": {"options": OPTIONS, "require_complete": True}}


def guard(folder: Path, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    (folder / "change.yml").write_text(yaml.safe_dump(list(tasks)), encoding="utf-8")
    given = {"tasks": str(folder / "change.yml"), "gather_facts": False, "timer": 60, "options": OPTIONS, **more}
    return {"name": "guard", "holdfast.ops.lkg_guard": given, "ignore_errors": True}


def machine(stage: Stage) -> dict[str, Any]:
    """What of the machine counts as its state."""
    state = stage.control.state()
    kept = {name: state[name] for name in ("services", "start_modes", "features", "firewall", "rules", "registry")}
    return {**kept, "config": state["contents"].get(CONFIG)}


def guards(stage: Stage) -> list[str]:
    """What there is of timers."""
    state = stage.control.state()
    return [*state["tasks"], *(path for path in state["files"] if path.startswith(GUARDS))]


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.05)


def tree(pid: int) -> list[int]:
    """A process and all that came from it; workers of Ansible are in sessions of their own, so no group names them."""
    children = [child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]
    return [pid, *(each for child in children for each in tree(int(child)))]


def send(processes: list[int], number: signal.Signals) -> None:
    """A signal for each; some end by themselves as soon as another one does."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def told(played: Played) -> dict[str, Any]:
    result = played.result("guard")
    assert "state" in result, result
    return result


def test_an_unchanged_host_is_the_same_and_what_changes_is_restored_and_verified(stored: Stage) -> None:
    played = stored.play(snapshot("first"), snapshot("second"))
    first, second = played.result("first"), played.result("second")
    assert (first["complete"], first["gaps"]) == (True, {}), first
    assert first["digest"] == second["digest"]
    assert second["changed"] is False
    before = machine(stored)
    stored.control.wish(
        "change",
        services={"W3SVC": {"state": "stopped", "start_mode": "disabled"}},
        features={"FS-SMB1": False},
        profiles={"Public": {"Enabled": "False"}},
        registry={APP: {"Port": ["String", ["80"]], "Debug": ["DWord", ["1"]]}},
        files={CONFIG: '<add key="DbPassword" value="Other"/>\r\n'},
    )
    state = first["snapshot"]["id"]
    restore = {"name": "restore", "holdfast.ops.lkg_restore": {"state": state}}
    played = stored.play(snapshot("changed"), restore, {**restore, "name": "again"}, snapshot("after"))
    assert played.result("changed")["changed"] is True
    assert played.result("restore")["changed"] is True, played.result("restore")
    assert played.result("again")["changed"] is False
    assert played.result("after")["digest"] == first["digest"]
    assert machine(stored) == before
    assert stored.control.state()["log"].count("service Spooler restarts") == 1
    for secret in ("F1lePassw0rd", "Registry-Secret-1"):
        assert secret not in str(played.document)


@pytest.mark.slow
def test_a_restore_that_cannot_match_fails_and_says_why(stored: Stage) -> None:
    state = stored.play(snapshot()).last["snapshot"]["id"]
    stored.control.faults(locked_files=[CONFIG])
    stored.control.wish("change", files={CONFIG: "x"}, services={"Spooler": {"state": "stopped"}})
    played = stored.play({"name": "restore", "holdfast.ops.lkg_restore": {"state": state, "settle": 1}})
    assert played.counts["failures"] == 1
    assert "being used by another process" in played.last["msg"]
    assert stored.control.state()["services"]["Spooler"] == "running"


@pytest.mark.slow
def test_a_good_change_is_promoted_and_its_timer_gone(stored: Stage, tmp_path: Path) -> None:
    answers = {"name": "answers", "host": "127.0.0.1", "port": stored.double.port}
    result = told(stored.play(guard(tmp_path, STOP, probes=[answers], probes_from="controller")))
    assert result["state"] == "promoted", result
    assert [one["healthy"] for one in result["checks"]] == [True]
    assert result["timer"]["how"] == "a scheduled task"
    assert stored.control.state()["start_modes"]["Spooler"] == "disabled"
    assert guards(stored) == []
    log = stored.control.state()["log"]
    assert log.index("script arm") < log.index("win_service") < log.index("script disarm")


@pytest.mark.slow
def test_a_change_that_fails_is_taken_back_at_once(stored: Stage, tmp_path: Path) -> None:
    before = machine(stored)
    bad = {"name": "bad", "ansible.windows.win_service": {"name": "Nope", "state": "started"}}
    started = time.monotonic()
    result = told(stored.play(guard(tmp_path, STOP, bad)))
    assert time.monotonic() - started < 50
    assert result["state"] == "restored", result
    assert machine(stored) == before
    assert guards(stored) == []


@pytest.mark.slow
def test_a_change_that_breaks_the_application_is_taken_back_at_once(stored: Stage, tmp_path: Path) -> None:
    before = machine(stored)
    silent = {"name": "shop", "host": "127.0.0.1", "port": 9}
    result = told(stored.play(guard(tmp_path, STOP, probes=[silent], probes_from="controller", retries=1)))
    assert (result["state"], result["step"]) == ("restored", "health checks"), result
    assert machine(stored) == before
    assert guards(stored) == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["the service", "the firewall"])
def test_a_change_that_cuts_management_off_is_reverted_by_the_host_alone(
    stored: Stage, tmp_path: Path, how: str
) -> None:
    before = machine(stored)
    moments: dict[str, float] = {}

    def watch() -> None:
        seen("armed", lambda state: "script arm" in state["log"])
        seen("changed", lambda state: state["services"]["Spooler"] == "stopped")
        if how == "the firewall":
            stored.control.wish("change", rules={"WINRM-HTTP-In-TCP": None})
        seen("lost", lambda state: not state["reachable"])
        seen("back", lambda state: state["reachable"])

    def seen(what: str, true: Callable[[dict[str, Any]], bool]) -> None:
        until(lambda: true(stored.control.state()))
        moments[what] = time.monotonic()

    thread = threading.Thread(target=watch)
    thread.start()
    result = told(stored.play(guard(tmp_path, STOP, *([CUT] if how == "the service" else [OUT, LONG]))))
    thread.join()
    assert result["state"] == "reverted", result
    assert machine(stored) == before
    assert 50 < moments["back"] - moments["armed"] < 70
    assert moments["lost"] < moments["back"] - 30
    assert stored.control.state()["tasks"] == {}


@pytest.mark.slow
def test_a_reboot_while_it_is_cut_off_ends_in_the_old_state(stored: Stage, tmp_path: Path) -> None:
    before = machine(stored)
    stored.control.faults(boot_task_seconds=2)

    def power_cycle() -> None:
        until(lambda: stored.control.state()["services"]["WinRM"] == "stopped")
        stored.control.wish("power", on=False)
        time.sleep(2)
        stored.control.wish("power", on=True)

    thread = threading.Thread(target=power_cycle)
    thread.start()
    result = told(stored.play(guard(tmp_path, STOP, CUT)))
    thread.join()
    assert result["state"] == "reverted", result
    assert stored.control.state()["boots"] == 2
    assert machine(stored) == before


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_nobody_on_the_controlling_side_is_needed(stored: Stage, tmp_path: Path, how: signal.Signals) -> None:
    """Killed, or stopped so that it can do nothing, in the middle of the change."""
    before = machine(stored)
    tasks = [guard(tmp_path, STOP, {"name": "long", "ansible.builtin.pause": {"seconds": 50}})]
    (tmp_path / "guard.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    stored.play()
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, str(tmp_path / "guard.yml"), "-i", str(tmp_path / "inventory.yml")]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: stored.control.state()["services"]["Spooler"] == "stopped")
        everybody = tree(process.pid)
        assert len(everybody) > 3, "its worker, and what plays the change, are processes of their own"
        send(everybody, how)
        stored.control.faults(clock_jump=70)
        until(lambda: machine(stored) == before, 10)
        until(lambda: stored.control.state()["tasks"] == {}, 10)
    finally:
        if process.poll() is None:
            send(tree(process.pid), signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_nothing_is_begun_when_no_timer_can_be_armed(stored: Stage, tmp_path: Path) -> None:
    before = machine(stored)
    stored.control.faults(no_tasks=True)
    result = told(stored.play(guard(tmp_path, STOP)))
    assert result["state"] == "unchanged", result
    assert "Access is denied." in result["msg"]
    assert machine(stored) == before
    assert guards(stored) == []


@pytest.mark.slow
def test_wrong_credentials_leave_everything_as_it_was(
    stored: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine(stored)
    monkeypatch.setenv("WINDOWS_DOUBLE_PASSWORD", "wrong")
    played = stored.play(snapshot(), guard(tmp_path, STOP))
    assert played.status != 0
    assert "credentials were rejected" in str(played.document)
    assert machine(stored) == before
    assert stored.control.state()["log"] == []


@pytest.mark.slow
def test_check_mode_says_what_would_be_armed_and_arms_nothing(stored: Stage, tmp_path: Path) -> None:
    before = machine(stored)
    played = stored.play(guard(tmp_path, STOP), check=True)
    assert played.status == 0, played.last
    assert machine(stored) == before
    assert guards(stored) == []
    assert "script arm" not in stored.control.state()["log"]
