# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, restores and timers of a Windows host on the double's model: every section, every kind of change.

Here the machine is asked in this process; ``test_guard_windows.py`` does the same over WinRM.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import WINDOWS
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import windows_scripts
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows import Windows
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole

from . import scheduling
from .control import perform
from .here import Here
from .machine import Machine
from .registry import APP

CONFIG, ABSENT, NOTES = "C:\\app\\web.config", "C:\\app\\extra.ini", "C:\\app\\notes.txt"
CUT = {"rules": {"bad": "Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=5985|Name=bad|"}}
TOKEN = "holdfast-test-1"


@pytest.fixture
def machine() -> Machine:
    pytest.importorskip("ansible_collections.ansible.windows", reason="the collection ansible.windows is not here")
    machine = Machine()
    machine.files[CONFIG] = b'<add key="DbPassword" value="F1lePassw0rd"/>\r\n'
    machine.files[NOTES] = b"\xff\xfea\0\r\0\n\0"
    return machine


@pytest.fixture
def watched(machine: Machine) -> Iterator[Machine]:
    """Its tasks run."""
    alive = [True]

    def watch() -> None:
        while alive:
            scheduling.tick(machine)
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    yield machine
    alive.clear()
    thread.join()


def provider() -> Windows:
    return Windows(files=[CONFIG, ABSENT, NOTES], registry=[APP])


def taken(machine: Machine) -> Snapshot:
    return take(provider(), Here(machine), host="win1", platform="windows", now=1.0)


def differences(first: Snapshot, second: Snapshot) -> Difference:
    key = b"k" * 32
    return compare(part(first, WINDOWS, key).view, part(second, WINDOWS, key).view, WINDOWS)


def places(difference: Difference) -> list[str]:
    return [str(change.place) for change in difference.changes]


def change(machine: Machine, wish: dict[str, Any]) -> None:
    perform(machine, {"do": "change", **wish})


def until(what: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def rest(machine: Machine) -> dict[str, Any]:
    """All of the machine that is no log, boot or guard."""
    state = machine.state()
    left_out = ("log", "boots", "booted_at", "up", "tasks")
    kept = {name: value for name, value in state.items() if name not in left_out}
    for name in ("files", "contents", "folders"):
        kept[name] = {path: each for path, each in kept[name].items() if windows_scripts.FOLDER not in path}
    return kept


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_complete_and_an_unchanged_host_gives_it_again(machine: Machine) -> None:
    first = taken(machine)
    assert not first.gaps
    machine.power_off()
    machine.power_on()
    assert differences(first, taken(machine)).same
    assert first.sections["features"] == {"Web-Server": "installed", "FS-SMB1": "installed"}
    assert first.sections["updates"] == {"KB5030999": "Security Update"}
    assert first.sections["domain"] == {"membership": {"name": "WIN1", "domain": "", "workgroup": "WORKGROUP"}}
    assert first.sections["services"]["WinRM"] == {
        "start_mode": "auto", "account": "NT AUTHORITY\\NETWORK SERVICE", "state": "started",
    }  # fmt: skip
    assert "CDPUserSvc_4f2d1" not in first.sections["services"]
    assert first.sections["registry"][APP]["Mask"] == "dword 4294967295"
    assert first.sections["files"][NOTES] == "a\r\n"
    assert first.sections["files"][f"attributes:{ABSENT}"] == {"exists": False}
    assert not any("LUOwn" in str(value) for value in first.sections["firewall"].values())


def test_secrets_are_shown_nowhere(machine: Machine) -> None:
    parted = part(taken(machine), WINDOWS, b"k" * 32)
    shown = "".join(item.text for item in parted.view.items.values())
    for secret in ("Registry-Secret-1", "F1lePassw0rd"):
        assert secret not in shown
        assert any(secret in each for each in parted.secrets.values())


CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a service is stopped": ({"services": {"W3SVC": {"state": "stopped"}}}, ["services/W3SVC"]),
    "a service is disabled": ({"services": {"Spooler": {"start_mode": "disabled"}}}, ["services/Spooler"]),
    "another start mode": ({"services": {"wuauserv": {"start_mode": "delayed"}}}, ["services/wuauserv"]),
    "another account": ({"services": {"Spooler": {"account": "NT AUTHORITY\\LOCAL SERVICE"}}}, ["services/Spooler"]),
    "a feature is removed": ({"features": {"Web-Server": False}}, ["features/Web-Server"]),
    "a profile is off": ({"profiles": {"Domain": {"Enabled": "False"}}}, ["firewall/profile/Domain"]),
    "outbound is blocked": ({"profiles": {"Public": {"DefaultOutboundAction": "Block"}}}, ["firewall/profile/Public"]),
    "a rule is added": (
        {"rules": {"new": "Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=99|Name=new|"}},
        ["firewall/rule/new"],
    ),
    "a rule is gone": (
        {"rules": {"{6A2D1C1E-0000-4000-8000-000000000001}": None}},
        ["firewall/rule/{6A2D1C1E-0000-4000-8000-000000000001}"],
    ),
    "a rule is narrowed": (
        {"rules": {"IIS-WebServerRole-HTTP-In-TCP": "Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|RA4=10.0.0.1|"
                   "App=System|Name=World Wide Web Services (HTTP)|Desc=HTTP traffic|"}},
        ["firewall/rule/IIS-WebServerRole-HTTP-In-TCP"],
    ),
    "a value": ({"registry": {APP: {"Port": ["DWord", ["80"]]}}}, [f"registry/{APP}"]),
    "a type of a value": ({"registry": {APP: {"Port": ["String", ["8080"]]}}}, [f"registry/{APP}"]),
    "a value is added": ({"registry": {APP: {"Debug": ["DWord", ["1"]]}}}, [f"registry/{APP}"]),
    "a value is removed": ({"registry": {APP: {"Hosts": None}}}, [f"registry/{APP}"]),
    "a secret value": ({"registry": {APP: {"Database Password": ["String", ["changed"]]}}}, [f"registry/{APP}"]),
    "a key is added": ({"registry": {f"{APP}\\More\\Deep": {"x": ["QWord", ["1"]]}}},
                       [f"registry/{APP}\\More", f"registry/{APP}\\More\\Deep"]),
    "a key is gone": ({"registry": {f"{APP}\\Limits": None}}, [f"registry/{APP}\\Limits"]),
    "all keys are gone": ({"registry": {APP: None}}, [f"registry/{APP}", f"registry/{APP}\\Limits"]),
    "a file": ({"files": {CONFIG: "other"}}, [f"files/{CONFIG}"]),
    "a file is removed": ({"files": {NOTES: None}}, [f"files/{NOTES}", f"files/attributes:{NOTES}"]),
    "a file is added": ({"files": {ABSENT: "x"}}, [f"files/{ABSENT}", f"files/attributes:{ABSENT}"]),
    "permissions": ({"facts": {CONFIG: {"sddl": "O:BAG:SYD:(A;;FA;;;WD)"}}}, [f"files/attributes:{CONFIG}"]),
    "attributes": ({"facts": {CONFIG: {"attributes": "ReadOnly"}}}, [f"files/attributes:{CONFIG}"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_found_and_taken_back_exactly(watched: Machine, name: str) -> None:
    wish, changed = CHANGES[name]
    before, state = taken(watched), rest(watched)
    change(watched, wish)
    after = taken(watched)
    found = differences(after, before)
    assert sorted(places(found)) == sorted(changed)
    parted = part(before, WINDOWS, b"k" * 32)
    said = provider().restore(Here(watched), whole(parted.view, parted.secrets), found)
    assert said
    assert differences(before, taken(watched)).same
    assert rest(watched) == state
    assert not watched.tasks
    assert not [path for path in watched.files if path.startswith(windows_scripts.FOLDER)]


def test_all_changes_at_once_are_taken_back_and_nothing_is_done_twice(watched: Machine) -> None:
    before, state = taken(watched), rest(watched)
    for wish, _changed in CHANGES.values():
        change(watched, wish)
    found = differences(taken(watched), before)
    assert provider().restore(Here(watched), before, found)
    assert rest(watched) == state
    assert provider().restore(Here(watched), before, found) == []


def test_services_that_read_what_was_put_back_are_restarted_once(watched: Machine) -> None:
    restarting = Windows(files=[CONFIG], restart=["W3SVC", "Spooler"])
    before = replace(taken(watched), notes=restarting.notes(Here(watched)))
    for wish in ({"services": {"Spooler": {"state": "stopped"}}}, {"files": {CONFIG: "other"}}):
        change(watched, wish)
    said = restarting.restore(Here(watched), before, differences(taken(watched), before))
    assert said == [f"file {CONFIG}: written", "service Spooler: started", "service W3SVC: restarted"]
    change(watched, {"features": {"Web-Server": False}})
    said = restarting.restore(Here(watched), before, differences(taken(watched), before))
    assert said == ["features installed: Web-Server"]


def test_a_restore_without_a_difference_asks_nothing(machine: Machine) -> None:
    snapshot = taken(machine)
    machine.log.clear()
    assert provider().restore(Here(machine), snapshot, differences(snapshot, snapshot)) == ()
    assert machine.log == []


def test_a_reading_that_fails_is_a_gap(machine: Machine) -> None:
    machine.files["C:\\app\\sub\\x"] = b""
    snapshot = take(Windows(files=["C:\\app\\sub"]), Here(machine), host="w", platform="windows", now=1.0)
    assert snapshot.gaps == {"files": "the host said: C:\\app\\sub is a folder; choose the files in it"}


@pytest.mark.parametrize(
    ("fault", "wish", "why"),
    [
        ({"services_down": ["W3SVC"]}, {"services": {"W3SVC": {"state": "stopped"}}}, "service W3SVC: Time out has"),
        ({"locked_files": [CONFIG]}, {"files": {CONFIG: "x"}}, "failed: file C:.app.web.config: The process cannot"),
        ({}, {"rules": {"CoreNet-Teredo-In": None}}, "it has fields that cannot be written: Platform, Platform2"),
        ({}, {"services": {"Spooler": None}}, "failed: service Spooler: it is not installed"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_back_is_said_and_the_rest_is(
    watched: Machine, fault: dict[str, Any], wish: dict[str, Any], why: str
) -> None:
    before = taken(watched)
    perform(watched, {"do": "faults", "faults": fault})
    change(watched, wish)
    change(watched, {"registry": {APP: {"Port": ["DWord", ["80"]]}}})
    with pytest.raises(HoldfastError, match=why):
        provider().restore(Here(watched), before, differences(taken(watched), before))
    assert [place for place in places(differences(taken(watched), before)) if "registry" in place] == []


def test_an_account_that_needs_a_password_is_said(watched: Machine) -> None:
    change(watched, {"services": {"W3SVC": {"account": ".\\web"}}})
    before = taken(watched)
    change(watched, {"services": {"W3SVC": {"account": "NT AUTHORITY\\SYSTEM"}}})
    with pytest.raises(HoldfastError, match=r"set it to \.\\web by hand, for that needs a password"):
        provider().restore(Here(watched), before, differences(taken(watched), before))


# --- timers -----------------------------------------------------------------------------------------------------------


def arm(machine: Machine, seconds: int = 1) -> Snapshot:
    snapshot = taken(machine)
    timer = provider().timer
    assert timer is not None
    timer.arm(Here(machine), TOKEN, seconds, snapshot)
    return snapshot


def timer() -> Any:
    return provider().timer


@pytest.mark.parametrize(
    "cut",
    [
        CUT,
        {"services": {"WinRM": {"state": "stopped", "start_mode": "disabled"}}},
        {"rules": {"WINRM-HTTP-In-TCP": None}},
    ],
    ids=["blocked", "no WinRM", "nothing allowed"],
)
def test_a_host_that_is_cut_off_reverts_by_itself(watched: Machine, cut: dict[str, Any]) -> None:
    before, state = arm(watched), rest(watched)
    for wish, _changed in CHANGES.values():
        change(watched, wish)
    change(watched, cut)
    with pytest.raises(Unanswered):
        taken(watched)
    until(lambda: rest(watched) == state, 6)
    until(lambda: not watched.tasks)
    assert differences(before, taken(watched)).same
    ended = timer().reverted(Here(watched), TOKEN)
    assert ended.complete
    assert timer().armed(Here(watched)) == ()
    left = [path for path in watched.files if path.startswith(windows_scripts.FOLDER)]
    assert not [path for path in left if "content-" in path or "wanted" in path], "no secret stays"


def test_a_timer_is_told_and_a_disarmed_one_is_gone(watched: Machine) -> None:
    arm(watched, 3600)
    ((token, left),) = timer().armed(Here(watched))
    assert token == TOKEN
    assert 3598 < left <= 3601
    assert watched.folders[f"{windows_scripts.FOLDER}\\{TOKEN}"] == "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    with pytest.raises(HoldfastError, match=f"there is a guard named {TOKEN} already"):
        arm(watched, 3600)
    assert len(timer().armed(Here(watched))) == 1
    timer().disarm(Here(watched), TOKEN)
    timer().disarm(Here(watched), TOKEN)
    assert timer().armed(Here(watched)) == ()
    assert timer().reverted(Here(watched), TOKEN) is None
    assert not watched.tasks
    assert not [path for path in watched.files if path.startswith(windows_scripts.FOLDER)]


def test_what_was_disarmed_is_kept(watched: Machine) -> None:
    arm(watched, 1)
    change(watched, {"files": {CONFIG: "new"}})
    timer().disarm(Here(watched), TOKEN)
    time.sleep(2.5)
    assert watched.files[CONFIG] == b"new"


def test_a_deadline_that_passes_during_a_reboot_fires_afterwards(watched: Machine) -> None:
    watched.faults.boot_task_seconds = 0.5
    _before, state = arm(watched, 1), rest(watched)
    change(watched, {"files": {CONFIG: "new"}})
    watched.power_off()
    time.sleep(2.5)
    assert watched.files[CONFIG] == b"new"
    watched.power_on()
    until(lambda: rest(watched) == state, 5)


def test_a_reboot_before_the_deadline_neither_reverts_nor_disarms(watched: Machine) -> None:
    watched.faults.boot_task_seconds = 0.1
    _before, state = arm(watched, 3), rest(watched)
    change(watched, {"files": {CONFIG: "new"}})
    watched.power_off()
    watched.power_on()
    time.sleep(1)
    assert watched.files[CONFIG] == b"new"
    assert len(timer().armed(Here(watched))) == 1
    until(lambda: rest(watched) == state, 5)


def test_a_reboot_in_the_middle_of_the_revert_is_made_good(watched: Machine) -> None:
    watched.faults.boot_task_seconds = 0.1
    watched.faults.restore_seconds = 2
    _before, state = arm(watched, 1), rest(watched)
    change(watched, {"files": {CONFIG: "new"}})
    until(lambda: f"task {TOKEN} reverts" in watched.log, 5)
    ((_token, left),) = timer().armed(Here(watched))
    assert left == 0
    with pytest.raises(HoldfastError, match="has already begun to revert; it is at it now"):
        timer().disarm(Here(watched), TOKEN)
    watched.power_off()
    watched.faults.restore_seconds = 0
    watched.power_on()
    until(lambda: rest(watched) == state, 5)
    assert timer().reverted(Here(watched), TOKEN).complete


def test_a_clock_that_is_set_moves_the_moment_with_it(watched: Machine) -> None:
    _before, state = arm(watched, 600), rest(watched)
    change(watched, {"files": {CONFIG: "new"}})
    watched.faults.clock_jump = 590
    ((_token, left),) = timer().armed(Here(watched))
    assert 8 < left < 12
    watched.faults.clock_jump = 700
    until(lambda: rest(watched) == state, 5)


@pytest.mark.parametrize("fault", ["the scheduler is off", "tasks are refused"])
def test_a_timer_that_cannot_be_armed_leaves_nothing(watched: Machine, fault: str) -> None:
    if fault == "tasks are refused":
        watched.faults.no_tasks = True
    else:
        change(watched, {"services": {"Schedule": {"state": "stopped"}}})
    with pytest.raises(HoldfastError, match=r"Task Scheduler does not run there|Access is denied\."):
        arm(watched)
    assert not watched.tasks
    assert not [path for path in watched.files if path.startswith(windows_scripts.FOLDER)]


def test_a_revert_that_cannot_match_says_why(watched: Machine) -> None:
    watched.faults.locked_files = [CONFIG]
    arm(watched, 1)
    change(watched, {"files": {CONFIG: "new"}, "features": {"Web-Server": False}})
    until(lambda: timer().reverted(Here(watched), TOKEN) is not None, 5)
    ended = timer().reverted(Here(watched), TOKEN)
    assert not ended.complete
    assert ended.said.startswith(f"failed: file {CONFIG}: The process cannot access the file")
    assert watched.features["Web-Server"] is True
    assert timer().armed(Here(watched)) == ((TOKEN, 0.0),)


def test_a_task_with_another_script_is_not_modelled(watched: Machine) -> None:
    arm(watched, 1)
    watched.files[f"{windows_scripts.FOLDER}\\{TOKEN}\\restore.ps1"] += b"# changed"
    until(lambda: f"not modelled: the script of the task {TOKEN}" in watched.log, 5)


def test_a_script_or_parameters_that_differ_are_not_modelled(machine: Machine) -> None:
    device = Here(machine)
    given = {"script": windows_scripts.OUTCOME, "error_action": "stop", "parameters": {"Token": "holdfast-x"}}
    assert device.run("ansible.windows.win_powershell", given)["output"] == ['{"outcome": ""}']
    differing: list[dict[str, Any]] = [
        {"script": windows_scripts.OUTCOME + " "}, {"parameters": {}}, {"error_action": "continue"},
    ]  # fmt: skip
    for wrong in differing:
        with pytest.raises(HoldfastError, match="not modelled"):
            device.run("ansible.windows.win_powershell", {**given, **wrong})
