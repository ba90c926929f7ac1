# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of Cisco IOS and its timer, on the double: what is the same, what is found, put back, and goes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("asyncssh", reason="the IOS double speaks ssh by asyncssh")

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, check, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cisco_ios import CiscoIos
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cisco_ios_timer import SOMEBODY
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part

from .in_process import InProcess
from .test_double import CHANGES

PLATFORM = platform_named("cisco_ios")
IOS = CiscoIos()
TOKEN = "holdfast-run-1"


@pytest.fixture
def device() -> Iterator[InProcess]:
    with InProcess() as made:
        yield made


@pytest.fixture
def fast() -> Iterator[InProcess]:
    """A device whose minutes have half a second."""
    with InProcess(minute=0.5) as made:
        yield made


def snapshot(device: InProcess, *sections: str) -> Snapshot:
    return take(IOS, device, host="sw1", platform="cisco_ios", now=0.0, sections=sections)


def difference(before: Snapshot, after: Snapshot) -> Difference:
    return compare(part(before, PLATFORM, b"key").view, part(after, PLATFORM, b"key").view, PLATFORM)


def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_its_declaration_is_sound() -> None:
    assert check(IOS.declaration) == []
    with pytest.raises(HoldfastError, match="right would be flash:"):
        CiscoIos(filesystem="/flash")


def test_unchanged_is_identical_though_its_header_tells_another_time(device: InProcess) -> None:
    before = snapshot(device)
    assert not before.gaps
    device.configure("hostname sw1")
    assert (
        "! Last configuration change" in device.run("ansible.netcommon.cli_command", {"command": "show run"})["stdout"]
    )
    after = snapshot(device)
    assert difference(before, after).same
    assert before.sections["config"]["running"].startswith("version 15.2\n")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_put_back_exactly_and_verified(device: InProcess, change: str) -> None:
    device.configure("ip access-list extended A", "permit tcp any any", "deny ip any any")
    before = snapshot(device)
    device.configure(*CHANGES[change])
    found = difference(before, snapshot(device))
    assert [str(each.place) for each in found.changes] == ["config/running"]
    done = IOS.restore(device, before, found)
    assert done == ["configure replace flash:holdfast-restore.cfg force (1 passes)"]
    assert difference(before, snapshot(device)).same
    assert device.machine.flash == {}


def test_a_banner_and_every_character_get_there(device: InProcess) -> None:
    odd = 'description "a" [b] $c {d} 50% ?e \\ f;g|h!i ^j <k> not found: Error x'
    device.configure("interface gi0/1", odd)
    before = snapshot(device)
    device.configure("interface gi0/1", "no description", "no banner motd", "banner exec \x03two\nlines\x03")
    IOS.restore(device, before, difference(before, snapshot(device)))
    assert difference(before, snapshot(device)).same
    assert f" {odd}\n" in device.machine.running.text()


def test_a_file_that_did_not_get_there_is_not_used(device: InProcess) -> None:
    before = snapshot(device)
    device.configure("hostname other")
    found = difference(before, snapshot(device))
    device.machine.give({"flash_full": True})
    with pytest.raises(HoldfastError, match="No space left"):
        IOS.restore(device, before, found)
    assert device.machine.running.hostname == "other"


def test_a_restore_that_cannot_match_fails_and_names_the_line(device: InProcess) -> None:
    before = snapshot(device)
    device.configure("ntp server 192.0.2.7")
    device.machine.give({"stuck": ["^ntp server"]})
    with pytest.raises(HoldfastError, match=r"did not succeed.*no ntp server 192\.0\.2\.7"):
        IOS.restore(device, before, difference(before, snapshot(device)))
    assert not difference(before, snapshot(device)).same


def test_the_startup_configuration_is_put_back_saved_or_as_it_was(device: InProcess) -> None:
    before = snapshot(device)
    device.configure("hostname other")
    IOS.keep(device)
    changed = snapshot(device)
    assert [str(each.place) for each in difference(before, changed).changes] == ["config/running", "startup/startup"]
    done = IOS.restore(device, before, difference(before, changed))
    assert done[-1] == "copy running-config startup-config"
    assert difference(before, snapshot(device)).same
    device.configure("hostname unsaved")
    unsaved = snapshot(device)
    IOS.keep(device)
    done = IOS.restore(device, unsaved, difference(unsaved, snapshot(device)))
    assert done == ["copy flash:holdfast-restore.cfg startup-config"]
    assert difference(unsaved, snapshot(device)).same


def test_what_is_not_whole_is_a_gap_and_silence_is_none(device: InProcess) -> None:
    device.machine.startup = ""
    assert "no startup configuration" in snapshot(device).gaps["startup"]
    device.machine.startup = "hostname x\n"
    assert "is not whole" in snapshot(device).gaps["startup"]
    device.machine.give({"silent": True})
    with pytest.raises(Unanswered):
        snapshot(device)


# --- the timer -------------------------------------------------------------------------------------------------------


def test_a_timer_is_armed_read_back_and_disarmed_and_leaves_nothing(device: InProcess) -> None:
    before, timer = snapshot(device), IOS.timer
    assert not timer.armed(device)
    timer.arm(device, TOKEN, 90, before)
    ((token, left),) = timer.armed(device)
    assert token == TOKEN
    assert 110 < left <= 120, "IOS counts minutes, so 90 seconds are two of them"
    device.configure("hostname changed")
    timer.disarm(device, TOKEN)
    assert not timer.armed(device)
    assert timer.reverted(device, TOKEN) is None
    assert [name for name in device.machine.flash if name.startswith("holdfast")] == []
    timer.disarm(device, TOKEN)  # once more does nothing
    assert device.machine.running.hostname == "changed"


def test_a_timer_reverts_by_itself_when_nobody_confirms(fast: InProcess) -> None:
    before, timer = snapshot(fast), IOS.timer
    timer.arm(fast, TOKEN, 60, before)
    fast.configure("interface gi0/0", "shutdown")
    with pytest.raises(Unanswered):
        snapshot(fast)
    until(lambda: fast.machine.hears("192.0.2.1"))
    assert difference(before, snapshot(fast)).same
    said = timer.reverted(fast, TOKEN)
    assert said is not None
    assert said.complete
    assert "ROLLBACK_START" in said.said
    with pytest.raises(HoldfastError, match="does not hold the timer any more"):
        timer.disarm(fast, TOKEN)


def test_a_reload_reverts_and_what_is_kept_outlives_it(fast: InProcess) -> None:
    fast.machine.give({"boot_seconds": 0.01})
    before, timer = snapshot(fast), IOS.timer
    timer.arm(fast, TOKEN, 3600, before)
    fast.configure("hostname changed")
    fast.wait(_reload(fast))
    until(lambda: fast.machine.up)
    assert difference(before, snapshot(fast)).same
    said = timer.reverted(fast, TOKEN)
    assert said is not None
    assert "may have been reloaded" in said.said
    timer.arm(fast, "holdfast-run-2", 3600, before)  # clears what the last one left
    assert f"{TOKEN}.cfg" not in fast.machine.flash
    fast.configure("hostname kept")
    timer.disarm(fast, "holdfast-run-2")
    IOS.keep(fast)
    fast.wait(_reload(fast))
    until(lambda: fast.machine.up)
    assert fast.machine.running.hostname == "kept"


async def _reload(device: InProcess) -> None:
    device.machine.reload()


def test_while_a_timer_waits_a_restore_takes_the_file_of_its_guard(device: InProcess) -> None:
    before = snapshot(device)
    IOS.timer.arm(device, TOKEN, 60, before)
    device.configure("hostname changed")
    done = IOS.restore(device, before, difference(before, snapshot(device)))
    assert done == [f"configure replace flash:{TOKEN}.cfg force (1 passes)"]
    assert difference(before, snapshot(device)).same
    IOS.timer.disarm(device, TOKEN)


def test_no_timer_is_armed_where_it_would_not_lead_back(device: InProcess) -> None:
    before, timer = snapshot(device), IOS.timer
    with pytest.raises(HoldfastError, match="at most 120 minutes"):
        timer.arm(device, TOKEN, 7201, before)
    device.configure("hostname changed")
    with pytest.raises(HoldfastError, match="that is not what is wanted"):
        timer.arm(device, TOKEN, 60, before)
    with pytest.raises(HoldfastError, match="is not saved"):
        timer.arm(device, TOKEN, 60, snapshot(device))
    IOS.keep(device)
    device.machine.give({"refuses_timer": "%Rollback Confirmed Change: not now"})
    with pytest.raises(HoldfastError, match="not now"):
        timer.arm(device, TOKEN, 60, snapshot(device))
    device.machine.give({"refuses_timer": ""})
    device.configure("no archive")
    IOS.keep(device)
    with pytest.raises(HoldfastError, match="'path flash:archive'"):
        timer.arm(device, TOKEN, 60, snapshot(device))
    assert device.machine.flash == {}
    assert not timer.armed(device)


def test_a_timer_of_somebody_else_is_found_and_left_alone(device: InProcess) -> None:
    before = snapshot(device)

    async def begin() -> None:
        device.commands.rollback.begin(5, False, "operator")

    device.wait(begin())
    ((token, left),) = IOS.timer.armed(device)
    assert token == SOMEBODY
    assert 240 < left <= 300
    with pytest.raises(HoldfastError, match="holds a timer already"):
        IOS.timer.arm(device, TOKEN, 60, before)
    IOS.timer.disarm(device, TOKEN)
    assert IOS.timer.armed(device)


def test_secrets_are_said_to_be_secrets(device: InProcess) -> None:
    before = snapshot(device)
    device.configure("hostname changed")
    IOS.restore(device, before, difference(before, snapshot(device)))
    for command in ("show running-config", "show startup-config", "tclsh"):
        assert command in device.secrets
