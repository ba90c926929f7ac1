# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider for Windows: its scripts as texts, what it makes of answers, and what it makes for the host.

What the scripts do is played by the Windows double, in tests/lab/windows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import provider as port
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, as_text
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import WINDOWS
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import (
    windows_firewall,
    windows_reads,
    windows_restore,
    windows_scripts,
    windows_tasks,
    windows_wanted,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows import Windows
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole

from tests.unit.plugins.module_utils.core.lkg.providers.powershell_text import cmdlets, wrong_in

SCRIPTS = {
    name: getattr(module, name)
    for module, names in (
        (windows_reads, ("FEATURES", "UPDATES", "DOMAIN", "FIREWALL", "REGISTRY", "FILES")),
        (windows_scripts, ("ARM", "ARMED", "DISARM", "OUTCOME", "RUN")),
        (windows_restore, ("RESTORE",)),
    )
    for name in names
}
CMDLETS = """ConvertFrom-Json ConvertTo-Json ForEach-Object Get-Acl Get-ChildItem Get-CimInstance Get-Item
    Get-NetFirewallProfile Get-ScheduledTask Get-ScheduledTaskInfo Get-Service Get-WindowsFeature
    Install-WindowsFeature Invoke-CimMethod Join-Path New-NetFirewallRule New-Object New-ScheduledTaskAction
    New-ScheduledTaskPrincipal New-ScheduledTaskSettingsSet New-ScheduledTaskTrigger New-TimeSpan Restart-Service
    Register-ScheduledTask Remove-Item Remove-NetFirewallRule Set-Acl Set-NetFirewallProfile Set-NetFirewallRule
    Sort-Object Split-Path Start-ScheduledTask Start-Sleep Stop-Service Suspend-Service Test-Path
    Uninstall-WindowsFeature Unregister-ScheduledTask Where-Object"""
"""Cmdlets of Windows Server 2016 and newer, without any module that one would have to install."""


class Answering:
    """A device that gives one answer, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[str, Mapping[str, Any], bool]]()

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        self.asked.append((module, arguments, secret))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if module != windows_tasks.MODULE else {"output": [json.dumps(self.answer)]}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError("nothing is put: all goes by the scripts")


def snapshot(**sections: Mapping[str, Any]) -> Snapshot:
    return Snapshot("win1", "windows", 1.0, sections)


def test_it_is_a_provider_as_the_port_has_it() -> None:
    assert port.check(Windows.declaration) == []
    assert Windows().timer is not None
    with pytest.raises(HoldfastError, match="no section 'packages'"):
        Windows().read(Answering({}), "packages")


# --- scripts as texts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_close_what_they_open_and_use_what_there_is(name: str) -> None:
    assert wrong_in(SCRIPTS[name]) == []
    assert cmdlets(SCRIPTS[name]) <= set(CMDLETS.split())


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ("if ($true) { 'x'", "line 1: { is never closed"),
        ("'x\n}", "line 1: a text without an end"),
        ("$a = @(1)\n$a]", "line 2: ] closes nothing"),
        ('"a $(1', "line 1: ( is never closed"),
        ("$path = 1\nTest-Path $paht", "$paht is used and never set"),
        ('function Say($What) { "$Waht" }', "$Waht is used and never set"),
    ],
)
def test_slips_in_scripts_are_found(script: str, wrong: str) -> None:
    assert wrong in wrong_in(script)


def test_what_reads_changes_nothing_and_runs_in_check_mode() -> None:
    changing = ("Set-", "Remove-", "New-", "Register-", "Unregister-", "Install-", "Uninstall-", "Write-", "Start-")
    for name in ("FEATURES", "UPDATES", "DOMAIN", "FIREWALL", "REGISTRY", "FILES", "ARMED", "OUTCOME"):
        assert SCRIPTS[name].startswith("[CmdletBinding(SupportsShouldProcess)]\nparam(")
        assert not [each for each in cmdlets(SCRIPTS[name]) if each.startswith(changing)], name
    for name in ("ARM", "DISARM", "RUN"):
        assert SCRIPTS[name].startswith("[CmdletBinding()]\nparam(")


def test_the_task_waits_for_nothing_but_its_time() -> None:
    assert "-StartWhenAvailable -AllowStartIfOnBatteries" in windows_scripts.ARM
    assert "-DontStopIfGoingOnBatteries -DontStopOnIdleEnd -MultipleInstances Queue" in windows_scripts.ARM
    assert not {"RunOnlyIfNetworkAvailable", "RunOnlyIfIdle", "DisallowDemandStart"} & set(windows_scripts.ARM.split())


# --- what a person chooses ------------------------------------------------------------------------------------------


def test_files_and_keys_are_chosen_once_and_in_one_form() -> None:
    assert windows_wanted.chosen_files(["C:/app/x.ini", "c:\\APP\\X.ini"]) == ("C:\\app\\x.ini",)
    keys = ["HKLM:\\SOFTWARE\\App\\Deep", "hkey_local_machine\\SOFTWARE\\App", "HKU:\\.DEFAULT\\Console\\"]
    assert windows_wanted.chosen_keys(keys) == (("LocalMachine", "SOFTWARE\\App"), ("Users", ".DEFAULT\\Console"))


@pytest.mark.parametrize("path", ["app.ini", "C:\\", "C:\\app\\", "C:\\app\\*.ini", "\\\\server\\share\\x", "C:\\a\nb"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(HoldfastError, match="is no file of a Windows host; a whole path like"):
        Windows(files=[path])


@pytest.mark.parametrize("key", ["HKCU:\\SOFTWARE\\App", "SOFTWARE\\App", "HKLM:\\", "HKLM"])
def test_what_is_no_key_that_can_be_kept_is_refused(key: str) -> None:
    with pytest.raises(HoldfastError, match="is no key of the registry that can be kept; one like"):
        Windows(registry=[key])


def test_services_to_restart_are_noted_and_what_is_none_is_refused() -> None:
    assert Windows(restart=["W3SVC", "My App"]).notes(Answering({})) == {"restart": "W3SVC\nMy App"}
    assert Windows().notes(Answering({})) == {}
    for name in ("", "W3*", "a\nb", "a/b", " x"):
        with pytest.raises(HoldfastError, match="is no name of a service; one like W3SVC is"):
            Windows(restart=[name])


# --- answers ----------------------------------------------------------------------------------------------------------


def test_services_that_come_and_go_by_themselves_have_no_state() -> None:
    def service(name: str, mode: str, state: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "start_mode": mode, "state": state, "username": "LocalSystem",
                "service_type": "win32_own_process", "triggers": [], **more}  # fmt: skip

    services = [
        service("a", "auto", "start_pending"),
        service("b", "delayed", "stopped", triggers=[{"action": "start_service"}]),
        service("c", "manual", "started"),
        service("d_cafe", "disabled", "stopped", username=None),
        service("e_4f2d1", "auto", "started", service_type="user_share_process"),
    ]
    read = Windows().read(Answering({"services": services}), "services")
    assert read == {
        "a": {"start_mode": "auto", "account": "LocalSystem", "state": "started"},
        "b": {"start_mode": "delayed", "account": "LocalSystem"},
        "c": {"start_mode": "manual", "account": "LocalSystem"},
        "d_cafe": {"start_mode": "disabled", "account": "", "state": "stopped"},
    }


VALUES = [
    ("String", ["hello  world "], "string hello  world "),
    ("ExpandString", ["%x%"], "expand %x%"),
    ("MultiString", ["a b", 'c"', ""], 'multi ["a b", "c\\"", ""]'),
    ("MultiString", [], "multi []"),
    ("DWord", ["-1"], "dword 4294967295"),
    ("DWord", ["8080"], "dword 8080"),
    ("QWord", ["-9223372036854775808"], "qword 9223372036854775808"),
    ("Binary", ["AAEC"], "binary 000102"),
    ("Binary", [""], "binary "),
    ("None", [""], "none "),
    ("Other", ["AA=="], "other 00"),
]


@pytest.mark.parametrize(("kind", "data", "text"), VALUES)
def test_values_of_the_registry_become_texts_and_back(kind: str, data: list[str], text: str) -> None:
    assert windows_wanted.value_text(kind, data) == text
    assert windows_wanted.value_data(text) == (kind, data)


def test_values_of_an_unknown_form_are_refused() -> None:
    for text in ("wide x", "dword x", "multi x", "binary 0"):
        with pytest.raises(HoldfastError, match="in a form that is not known"):
            windows_wanted.value_data(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\r\nb",
        b"\xff\xfea\0\r\0\n\0",
        b"\xff\xfe\0",
        b"\xff\xfe\0\xd8",
        b"\x80\xff",
        "\u00e4".encode(),
        b"\xff\xfe",
    ],
)
def test_files_are_kept_to_the_byte_and_utf_16_is_read(data: bytes) -> None:
    answer = {"files": [{"path": "C:\\x.ini", "exists": True, "content": base64.b64encode(data).decode(),
                         "attributes": "Normal", "sddl": "O:BA"}]}  # fmt: skip
    device = Answering(answer)
    read = Windows(files=["C:\\x.ini"]).read(device, "files")
    assert device.asked[0][2], "contents are secret to logs"
    assert windows_wanted.wanted(snapshot(files=read), ["files"]).contents == (data,)
    if data == b"\xff\xfea\0\r\0\n\0":
        assert read["C:\\x.ini"] == "a\r\n"


def test_a_file_that_is_not_there_is_an_item_too() -> None:
    read = Windows(files=["C:\\x"]).read(Answering({"files": [{"path": "C:\\x", "exists": False}]}), "files")
    assert read == {"attributes:C:\\x": {"exists": False}}
    document = json.loads(windows_wanted.wanted(snapshot(files=read), ["files"]).document)
    assert document == {"files": [{"path": "C:\\x", "exists": False}], "restart": []}


def test_nothing_chosen_costs_no_round_trip() -> None:
    device = Answering({})
    assert (Windows().read(device, "files"), Windows().read(device, "registry"), device.asked) == ({}, {}, [])


def test_what_the_host_says_is_wrong_is_a_gap_and_silence_is_not() -> None:
    for answer in ({"wrong": "no such class"}, HoldfastError("win_powershell: Access denied"), {"strange": 1}):
        with pytest.raises(port.Unreadable):
            Windows().read(Answering(answer), "updates")
    with pytest.raises(port.Unanswered):
        Windows().read(Answering(port.Unanswered("gone")), "updates")


def test_secrets_in_values_are_marked_and_put_back() -> None:
    values = {"Database Password": "string Registry-Secret-1", "Port": "dword 8080",
              "ApiKey": 'multi ["Other-Secret-2"]'}  # fmt: skip
    taken = snapshot(registry={"HKLM:\\SOFTWARE\\App": values}, files={"C:\\a": "x Registry-Secret-1 y"})
    parted = part(taken, WINDOWS, b"k" * 32)
    shown = "".join(item.text for item in parted.view.items.values())
    assert "Secret" not in shown
    assert "dword 8080" in shown
    assert whole(parted.view, parted.secrets).sections == taken.sections


# --- what the host goes back to --------------------------------------------------------------------------------------


def test_values_that_windows_writes_itself_are_left_alone() -> None:
    path = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces\\{0a}"
    taken = snapshot(registry={path: {"T1": "dword 1", "IPAddress": 'multi ["10.0.0.1"]'}, "HKLM:\\SOFTWARE\\No": None})
    registry = json.loads(windows_wanted.wanted(taken, ["registry"]).document)["registry"]
    assert [value["name"] for key in registry["keys"] for value in key["values"]] == ["IPAddress"]
    assert [key["exists"] for key in registry["keys"]] == [False, True]
    assert len(registry["passing"]) == sum(keys.section == "registry" for keys in WINDOWS.volatile_keys)


def test_outer_keys_come_before_those_in_them() -> None:
    paths = ["HKLM:\\SOFTWARE\\App\\A", "HKLM:\\SOFTWARE\\App", "HKLM:\\SOFTWARE\\App\\A\\B", "HKLM:\\SOFTWARE\\App 2"]
    keys = json.loads(windows_wanted.wanted(snapshot(registry={path: {} for path in paths}), ["registry"]).document)
    found = [key["path"] for key in keys["registry"]["keys"]]
    assert all(found.index(outer) < found.index(inner) for outer in found for inner in found if f"{outer}\\" in inner)


def test_a_snapshot_too_big_or_of_another_platform_is_refused() -> None:
    with pytest.raises(HoldfastError, match="a snapshot of rhel cannot be what a Windows host goes back to"):
        windows_wanted.wanted(Snapshot("h", "rhel", 1.0, {}), ["files"])
    huge = snapshot(registry={"HKLM:\\SOFTWARE\\App": {"x": "string " + "y" * windows_wanted.MOST_JSON}})
    with pytest.raises(HoldfastError, match="choose fewer keys of the registry"):
        windows_wanted.wanted(huge, ["registry"])


def test_rules_of_the_firewall_become_parameters() -> None:
    definition = (
        "Action=Block|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Public|LPort=5985|LPort2_10=8000-8010|"
        "RA4=LocalSubnet|RA4=10.0.0.0/255.0.0.0|App=System|Name=A rule|Desc=why|EmbedCtxt=Group|"
    )
    text = windows_firewall.item(definition)
    assert text.splitlines()[:2] == ["Action=Block", "Active=TRUE"]
    assert windows_firewall.definition(text) == definition
    found = windows_firewall.rule(text)
    assert found.made == {
        "Action": "Block", "Enabled": "True", "Direction": "Inbound", "Protocol": "6",
        "Profile": ["Domain", "Public"], "LocalPort": ["5985", "8000-8010"],
        "RemoteAddress": ["LocalSubnet", "10.0.0.0/255.0.0.0"], "Program": "System", "DisplayName": "A rule",
        "Description": "why", "Group": "Group",
    }  # fmt: skip
    assert found.changed["RemotePort"] == "Any"
    assert found.changed["NewDisplayName"] == "A rule"
    assert not {"Group", "DisplayName"} & set(found.changed)
    assert found.unknown == ()


def test_fields_of_rules_that_nothing_is_known_of_are_named() -> None:
    text = windows_firewall.item("Action=Allow|Active=TRUE|Dir=In|Platform=2:6:2|RA4=Moon|Name=x|")
    assert windows_firewall.rule(text).unknown == ("Platform", "RA4")


# --- timers -----------------------------------------------------------------------------------------------------------


def guards(*said: dict[str, Any]) -> list[tuple[str, float]]:
    usual = {"token": "holdfast-a", "task": "Ready", "next": None, "due": None, "claim": "", "claimed": False,
             "outcome": ""}  # fmt: skip
    timer = windows_tasks.TaskTimer(["files"])
    return [tuple(each) for each in timer.armed(Answering({"guards": [{**usual, **each} for each in said]}))]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"next": 42.5, "due": 42.5}, 42.5),
        ({"due": -3.0}, 0.0),
        ({"due": 30.0}, float("inf")),
        ({"task": "Disabled", "next": 42.0}, float("inf")),
        ({"claimed": True, "claim": "reverting", "task": "Running"}, 0.0),
        ({"claimed": True, "claim": "", "task": ""}, 0.0),
        ({"claimed": True, "claim": "disarmed", "next": 5.0}, float("inf")),
        ({"claimed": True, "claim": "disarmed", "task": ""}, None),
        ({"task": "", "due": 12.0}, float("inf")),
        ({"task": ""}, None),
        ({"task": "", "outcome": '{"complete": true, "said": []}'}, None),
        ({"task": "", "outcome": '{"complete": false, "said": ["failed: x"]}'}, 0.0),
    ],
)
def test_what_the_host_holds_is_told(said: dict[str, Any], left: float | None) -> None:
    assert guards(said) == ([] if left is None else [("holdfast-a", left)])


def test_a_revert_that_has_begun_cannot_be_disarmed() -> None:
    timer = windows_tasks.TaskTimer(["files"])
    timer.disarm(Answering({"begun": False, "outcome": ""}), "holdfast-a")
    with pytest.raises(HoldfastError, match="has already begun to revert; it is at it now"):
        timer.disarm(Answering({"begun": True, "outcome": ""}), "holdfast-a")
    outcome = json.dumps({"complete": False, "said": ["file x: written", "failed: file y: locked"]})
    with pytest.raises(HoldfastError, match="it has ended: failed: file y: locked"):
        timer.disarm(Answering({"begun": True, "outcome": outcome}), "holdfast-a")


def test_tokens_and_times_are_checked_before_anything_is_asked() -> None:
    device, timer = Answering({}), windows_tasks.TaskTimer(["files"])
    for token in ("other", "holdfast-A", "holdfast-..\\x", "holdfast-a\n"):
        with pytest.raises(HoldfastError, match="is no name of a guard"):
            timer.arm(device, token, 60, snapshot(files={}))
    with pytest.raises(HoldfastError, match="it must be 1 or more"):
        timer.arm(device, "holdfast-a", 0, snapshot(files={}))
    assert device.asked == []


def test_an_answer_that_does_not_say_that_it_is_armed_is_none() -> None:
    for answer in ({}, {"left": None}, {"left": 0}, {"wrong": "Access is denied."}):
        with pytest.raises(HoldfastError):
            windows_tasks.TaskTimer(["files"]).arm(Answering(answer), "holdfast-a", 60, snapshot(files={}))


def test_secrets_are_no_part_of_scripts_and_arguments_are_secret() -> None:
    device = Answering({"left": 60.0})
    taken = snapshot(files={"attributes:C:\\a": {"exists": True, "encoding": "utf-8", "attributes": "Normal",
                                                 "sddl": "O:BA"}, "C:\\a": "File-Secret"})  # fmt: skip
    windows_tasks.TaskTimer(["files", "registry"]).arm(device, "holdfast-a", 60, taken)
    (module, arguments, secret) = device.asked[0]
    assert (module, secret, arguments["script"]) == (windows_tasks.MODULE, True, windows_scripts.ARM)
    assert arguments["parameters"]["Contents"] == [base64.b64encode(b"File-Secret").decode()]
    assert json.loads(base64.b64decode(arguments["parameters"]["Wanted"])).keys() == {"files", "restart"}
    assert as_text(arguments["parameters"])[1]
