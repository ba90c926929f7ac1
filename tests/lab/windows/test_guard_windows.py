# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, restores and guarded changes of Windows over WinRM, by plays, on doubles; several at the same time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.at_once import AtOnce
from tests.lab.guarding import small_disk
from tests.lab.matrix import BREAK, CREDENTIALS, CUT, FULL, KILL, REBOOT, UNARMED, cell
from tests.lab.played import Played

from .conftest import Scenario, Stage, four_at_once, on_its_own
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
LOCK = {"name": "lock", "ansible.windows.win_service": {"name": "WinRM", "state": "stopped", "start_mode": "disabled"}}


SCENARIOS: dict[str, Callable[[Path], None]] = {}
MARKS: dict[str, list[pytest.MarkDecorator]] = {}


def _configured(stage: Stage) -> None:
    stage.control.wish("change", files={CONFIG: '<add key="DbPassword" value="F1lePassw0rd"/>\r\n'})


def scenario(*faults: str) -> Callable[[Scenario], Scenario]:
    """A scenario on a double of its own, with a file and a store; ``faults``: whose cells it answers."""

    def noted(test: Scenario) -> Scenario:
        name = test.__name__.replace("_", " ")
        SCENARIOS[name] = on_its_own(test, _configured)
        MARKS[name] = [cell("windows", *faults, whole=True)] if faults else []
        return test

    return noted


def snapshot(name: str = "snapshot") -> dict[str, Any]:
    return {"name": name, "holdfast.ops.lkg_snapshot": {"options": OPTIONS, "require_complete": True}}


def guard(stage: Stage, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    folder = stage.folder
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
    children: list[str] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ends meanwhile
        for each in Path(f"/proc/{pid}/task").glob("*/children"):
            children += each.read_text().split()
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


@scenario()
def an_unchanged_host_is_the_same_and_what_changes_is_restored_and_verified(stored: Stage) -> None:
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


@scenario()
def a_restore_that_cannot_match_fails_and_says_why(stored: Stage) -> None:
    state = stored.play(snapshot()).last["snapshot"]["id"]
    stored.control.faults(locked_files=[CONFIG])
    stored.control.wish("change", files={CONFIG: "x"}, services={"Spooler": {"state": "stopped"}})
    played = stored.play({"name": "restore", "holdfast.ops.lkg_restore": {"state": state, "settle": 1}})
    assert played.counts["failures"] == 1
    assert "being used by another process" in played.last["msg"]
    assert stored.control.state()["services"]["Spooler"] == "running"


@scenario()
def a_good_change_is_promoted_and_its_timer_gone(stored: Stage) -> None:
    answers = {"name": "answers", "host": "127.0.0.1", "port": stored.double.port}
    result = told(stored.play(guard(stored, STOP, timer=240, probes=[answers], probes_from="controller")))
    assert result["state"] == "promoted", result
    assert [one["healthy"] for one in result["checks"]] == [True]
    assert result["timer"]["how"] == "a scheduled task"
    assert stored.control.state()["start_modes"]["Spooler"] == "disabled"
    assert guards(stored) == []
    log = stored.control.state()["log"]
    assert log.index("script arm") < log.index("win_service") < log.index("script disarm")


@scenario()
def a_change_that_fails_is_taken_back_at_once(stored: Stage) -> None:
    before = machine(stored)
    bad = {"name": "bad", "ansible.windows.win_service": {"name": "Nope", "state": "started"}}
    result = told(stored.play(guard(stored, STOP, bad, timer=240)))
    assert result["state"] == "restored", result
    assert machine(stored) == before
    assert guards(stored) == []


@scenario(BREAK)
def a_change_that_breaks_the_application_is_taken_back_at_once(stored: Stage) -> None:
    before = machine(stored)
    silent = {"name": "shop", "host": "127.0.0.1", "port": 9}
    result = told(stored.play(guard(stored, STOP, timer=240, probes=[silent], probes_from="controller", retries=1)))
    assert (result["state"], result["step"]) == ("restored", "health checks"), result
    assert machine(stored) == before
    assert guards(stored) == []


@scenario(CUT)
def a_change_that_stops_the_service_of_management_is_reverted_by_the_host_alone(stored: Stage) -> None:
    goes_back_alone(stored, STOP, LOCK)


@scenario(CUT)
def a_change_that_closes_the_firewall_is_reverted_by_the_host_alone(stored: Stage) -> None:
    goes_back_alone(stored, STOP, OUT, LONG, closed="WINRM-HTTP-In-TCP")


def goes_back_alone(stored: Stage, *change: dict[str, Any], closed: str = "") -> None:
    """Change it under guard, and take a rule away in the middle; it must be back within the seconds of its timer."""
    before = machine(stored)
    moments: dict[str, float] = {}

    def watch() -> None:
        seen("armed", lambda state: "script arm" in state["log"])
        seen("changed", lambda state: state["services"]["Spooler"] == "stopped")
        if closed:
            stored.control.wish("change", rules={closed: None})
        seen("lost", lambda state: not state["reachable"])
        seen("back", lambda state: state["reachable"])

    def seen(what: str, true: Callable[[dict[str, Any]], bool]) -> None:
        until(lambda: true(stored.control.state()))
        moments[what] = time.monotonic()

    thread = threading.Thread(target=watch)
    thread.start()
    result = told(stored.play(guard(stored, *change)))
    thread.join()
    assert result["state"] == "reverted", result
    assert machine(stored) == before
    assert 50 < moments["back"] - moments["armed"] < 70
    assert moments["lost"] < moments["back"] - 30
    assert stored.control.state()["tasks"] == {}


@scenario(REBOOT)
def a_reboot_while_it_is_cut_off_ends_in_the_old_state(stored: Stage) -> None:
    before = machine(stored)
    stored.control.faults(boot_task_seconds=2)

    def power_cycle() -> None:
        until(lambda: stored.control.state()["services"]["WinRM"] == "stopped")
        stored.control.wish("power", on=False)
        time.sleep(2)
        stored.control.wish("power", on=True)

    thread = threading.Thread(target=power_cycle)
    thread.start()
    result = told(stored.play(guard(stored, STOP, LOCK)))
    thread.join()
    assert result["state"] == "reverted", result
    assert stored.control.state()["boots"] == 2
    assert machine(stored) == before


@scenario(KILL)
def the_controlling_process_is_killed(stored: Stage) -> None:
    needs_nobody(stored, signal.SIGKILL)


@scenario(KILL)
def the_controlling_process_is_stopped(stored: Stage) -> None:
    needs_nobody(stored, signal.SIGSTOP)


def needs_nobody(stored: Stage, how: signal.Signals) -> None:
    """Killed, or stopped so that it can do nothing, in the middle of the change."""
    before = machine(stored)
    tasks = [guard(stored, STOP, {"name": "long", "ansible.builtin.pause": {"seconds": 50}})]
    playbook = stored.folder / "guard.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, str(playbook), "-i", str(stored.write_inventory())]
    process = subprocess.Popen(
        command, env={**os.environ, **stored.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: stored.control.state()["services"]["Spooler"] == "stopped")
        # Its worker, what plays the change, and the worker of that, which is another one for each task.
        until(lambda: len(tree(process.pid)) > 3)
        send(tree(process.pid), how)
        stored.control.faults(clock_jump=70)
        until(lambda: machine(stored) == before, 20)
        until(lambda: stored.control.state()["tasks"] == {}, 20)
    finally:
        if process.poll() is None:
            send(tree(process.pid), signal.SIGKILL)
        process.wait()


@scenario(UNARMED)
def nothing_is_begun_when_no_timer_can_be_armed(stored: Stage) -> None:
    before = machine(stored)
    stored.control.faults(no_tasks=True)
    result = told(stored.play(guard(stored, STOP)))
    assert result["state"] == "unchanged", result
    assert "Access is denied." in result["msg"]
    assert machine(stored) == before
    assert guards(stored) == []


@scenario(FULL)
def an_archive_without_room_stops_it_before_anything_is_changed(stored: Stage) -> None:
    before = machine(stored)
    if os.geteuid() != 0:
        pytest.skip("a disk of its own needs root")
    with small_disk(stored.folder / "full") as full:
        stored.environment["HOLDFAST_STORE"] = str(full)
        result = told(stored.play(guard(stored, STOP)))
    assert (result["state"], result["step"]) == ("unchanged", "looking at the host"), result
    assert machine(stored) == before
    assert guards(stored) == []


@scenario(CREDENTIALS)
def wrong_credentials_leave_everything_as_it_was(stored: Stage) -> None:
    before = machine(stored)
    played = stored.play(snapshot(), guard(stored, STOP), ansible_password="wrong")
    assert played.status != 0
    assert "credentials were rejected" in str(played.document)
    assert machine(stored) == before
    assert stored.control.state()["log"] == []


@scenario()
def check_mode_says_what_would_be_armed_and_arms_nothing(stored: Stage) -> None:
    before = machine(stored)
    played = stored.play(guard(stored, STOP), check=True)
    assert played.status == 0, played.last
    result = told(played)
    assert (result["changed"], result["state"], result["timer"]["seconds"]) == (True, "unchanged", 60), result
    assert result["timer"]["how"] == "a scheduled task"
    assert machine(stored) == before
    assert guards(stored) == []
    assert "script arm" not in stored.control.state()["log"]


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[AtOnce[Path]]:
    yield from four_at_once(SCENARIOS, tmp_path_factory, request)


QUICK = "an unchanged host is the same and what changes is restored and verified"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, id=name, marks=[*marks, *([] if name == QUICK else [pytest.mark.slow])])
     for name, marks in MARKS.items()],
)  # fmt: skip
def test_windows_under_guard(at_once: AtOnce[Path], name: str) -> None:
    at_once.end(name)
