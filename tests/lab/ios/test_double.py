# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double itself: what it refuses, what a replacement does, how changes go back, and who gets through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("asyncssh", reason="the IOS double speaks ssh by asyncssh")

from .commands import Commands
from .conftest import Stage
from .grammar import NotModelled, Refused
from .machine import Machine
from .tcl import Tcl
from .tree import Configuration, replace

MINE = "192.0.2.5"
PEER = "192.0.2.1"


class Typed:
    """A terminal whose answers are known beforehand."""

    user = "ops"

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.questions: list[str] = []

    async def ask(self, question: str) -> str:
        self.questions.append(question)
        return self._answers.pop(0)

    def configure_mode(self) -> None: ...

    def leave(self) -> None: ...


def device(minute: float = 60.0) -> Commands:
    return Commands(Machine("sw1", "ansible", "x", f"{MINE}/24", minute))


def run(commands: Commands, line: str, *answers: str) -> str:
    return asyncio.run(commands.run(Typed(*answers), line))


def configure(commands: Commands, *lines: str) -> None:
    context = ""
    for line in lines:
        context = commands.configured(context, line, "ops")


@pytest.mark.parametrize(
    "line", ["show ip route", "debug all", "copy running-config tftp://x/y", "configure terminal lock", "dir nvram:"]
)
def test_a_command_that_is_not_modelled_is_refused(line: str) -> None:
    with pytest.raises(NotModelled):
        run(device(), line)


def test_a_line_of_a_configuration_that_is_not_modelled_is_refused() -> None:
    for line in ("mpls ip", "no mpls ip", "interface Tunnel1"):
        with pytest.raises(NotModelled):
            device().configured("", line, "ops")


def test_what_is_written_is_read_again_as_it_was() -> None:
    configuration = device().machine.running
    assert Configuration(configuration.text()) == configuration


CHANGES: dict[str, list[str]] = {
    "a name": ["hostname other"],
    "a negation": ["ip http server"],
    "one line away": ["no snmp-server community s3cretC0mm"],
    "a block": ["router bgp 65001", "neighbor 192.0.2.9 remote-as 65002"],
    "lines within a block": [
        "interface gi0/1",
        "no description",
        "shutdown",
        "switchport trunk allowed vlan add 30-32",
    ],
    "an order": ["no ip access-list extended A", "ip access-list extended A", "deny ip any any", "permit tcp any any"],
    "a banner": ["no banner motd"],
    "a routed port": ["interface gi0/3", "no switchport", "ip address 198.51.100.1 255.255.255.0"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_replacement_is_exact(change: str) -> None:
    commands = device()
    configure(commands, "ip access-list extended A", "permit tcp any any", "deny ip any any")
    before = commands.machine.running.copy()
    configure(commands, *CHANGES[change])
    assert commands.machine.running != before
    assert replace(commands.machine.running, before)[1] == []
    assert commands.machine.running == before


def test_a_line_that_cannot_go_is_named_and_the_replacement_has_failed() -> None:
    commands = device()
    run(commands, "copy running-config flash:before.cfg", "")
    configure(commands, "ntp server 192.0.2.7")
    commands.machine.give({"stuck": ["^ntp server"]})
    said = run(commands, "configure replace flash:before.cfg force")
    assert "Rollback aborted after 5 passes" in said
    assert "no ntp server 192.0.2.7" in said
    said = run(commands, "configure replace flash:before.cfg force revert trigger error")
    assert "has been successfully restored" in said


def test_a_change_goes_back_by_itself_unless_it_is_confirmed() -> None:
    async def play(confirm: bool) -> bool:
        commands = device(minute=0.05)
        await commands.run(Typed(), "configure terminal revert timer 1")
        configure(commands, "hostname changed")
        if confirm:
            await commands.run(Typed(), "configure confirm")
        await asyncio.sleep(0.2)
        assert commands.rollback.pending is None
        return commands.machine.running.hostname == "changed"

    assert not asyncio.run(play(confirm=False))
    assert asyncio.run(play(confirm=True))


def test_a_timer_needs_an_archive_and_can_be_made_longer_and_be_hurried() -> None:
    async def play() -> None:
        commands = device()
        await commands.run(Typed(), "configure terminal revert timer 3")
        await commands.run(Typed(), "configure revert timer 7")
        assert "Timer value: 7 min\nUser: ops" in await commands.run(Typed(), "show archive config rollback timer")
        with pytest.raises(NotModelled):
            await commands.run(Typed(), "configure terminal revert timer 3")
        configure(commands, "hostname changed")
        await commands.run(Typed(), "configure revert now")
        assert commands.machine.running.hostname == "sw1"
        for line in ("configure confirm", "configure revert now", "configure revert timer 3"):
            with pytest.raises(Refused, match="No Rollback Confirmed Change pending"):
                await commands.run(Typed(), line)
        configure(commands, "no archive")
        with pytest.raises(Refused, match="Turn config archive on"):
            await commands.run(Typed(), "configure terminal revert timer 3")

    asyncio.run(play())


def test_a_reload_loses_what_was_not_saved_and_the_timer_and_keeps_files() -> None:
    async def play() -> Machine:
        commands = device()
        machine = commands.machine
        machine.give({"boot_seconds": 0.05})
        await commands.run(Typed(""), "copy running-config flash:kept.cfg")
        await commands.run(Typed(), "configure terminal revert timer 3")
        configure(commands, "hostname changed")
        typed = Typed("no", "")
        await commands.run(typed, "reload")
        assert "has been modified. Save?" in typed.questions[0]
        assert not machine.up
        assert commands.rollback.pending is None
        await asyncio.sleep(0.2)
        return machine

    machine = asyncio.run(play())
    assert (machine.up, machine.boots, machine.running.hostname) == (True, 2, "sw1")
    assert "kept.cfg" in machine.flash


CUTS: dict[str, list[str]] = {
    "the port is shut down": ["interface gi0/0", "shutdown"],
    "the port has no address": ["interface gi0/0", "no ip address"],
    "the port has another address": ["interface gi0/0", "ip address 192.0.2.6 255.255.255.0"],
    "the network is another": ["interface gi0/0", f"ip address {MINE} 255.255.255.252"],
    "a list denies": [
        "ip access-list extended A", "deny tcp any any eq 22", "permit ip any any",
        "interface gi0/0", "ip access-group A in",
    ],
}  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
def test_management_is_cut_by_what_cuts_it_on_a_real_one(cut: str) -> None:
    machine = device().machine
    peer = "192.0.2.100" if cut == "the network is another" else PEER
    assert machine.hears(peer)
    commands = Commands(machine)
    configure(commands, *CUTS[cut])
    assert not machine.hears(peer)


def test_a_list_that_permits_and_one_that_is_not_there_let_through() -> None:
    commands = device()
    configure(commands, "interface gi0/0", "ip access-group NOBODY in")
    assert commands.machine.hears(PEER)
    configure(commands, "ip access-list extended NOBODY", "deny udp any any", f"permit tcp host {PEER} any eq 22")
    assert commands.machine.hears(PEER)
    assert not commands.machine.hears("192.0.2.2")


def test_lines_take_no_sessions_where_they_may_not() -> None:
    commands = device()
    assert commands.machine.accepts(PEER)
    configure(commands, "line vty 0 4", "transport input none")
    assert not commands.machine.accepts(PEER)


def test_a_caret_and_a_letter_are_no_control_character() -> None:
    """What IOS shows as ^C is one character in its files; two of them make another banner."""
    text = device().machine.running.text("^C")
    assert Configuration(text) != device().machine.running
    assert Configuration(text.replace("^C", "\x03")) == device().machine.running


def test_a_wish_that_does_not_exist_is_refused(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="no wish 'explode'; there are configure"):
        stage.control.wish("explode")
    with pytest.raises(RuntimeError, match="no fault 'quiet'; there are silent"):
        stage.control.faults(quiet=True)


COMMAND = "ansible.netcommon.cli_command"


def test_ansible_reads_configures_and_is_refused(stage: Stage) -> None:
    description = {"name": "config", "cisco.ios.ios_config": {"parents": "interface GigabitEthernet0/1",
                   "lines": ["description by ansible"]}}  # fmt: skip
    wrong: dict[str, Any] = {"name": "wrong", COMMAND: {"command": "show ip route"}, "ignore_errors": True}
    facts = {"name": "facts", "cisco.ios.ios_facts": {"gather_subset": ["default", "config"]}}
    played = stage.play(facts, description, {**description, "name": "again"}, wrong)
    assert played.result("facts")["ansible_facts"]["ansible_net_hostname"] == "sw1"
    assert played.result("config")["changed"]
    assert not played.result("again")["changed"]
    assert "not modelled: 'show ip route'" in played.result("wrong")["msg"]
    assert " description by ansible\n" in stage.control.state()["running"]


def test_tcl_writes_a_file_and_substitutes_nothing_that_is_not_modelled() -> None:
    machine = device().machine
    tcl = Tcl(machine)
    for line in ('set f [open "flash:x.cfg" w]', r'puts -nonewline $f "a\040b\003"', 'puts -nonewline $f "c"'):
        tcl.run(line)
    for line in ('puts -nonewline $f "$a"', 'puts -nonewline $f "[a]"', r'puts -nonewline $f "\x20"', "source x"):
        with pytest.raises(NotModelled):
            tcl.run(line)
    tcl.run("close $f")
    assert machine.flash["x.cfg"] == b"a b\x03c"
    with pytest.raises(Refused):
        tcl.run("close $f")
    machine.give({"flash_full": True})
    with pytest.raises(Refused, match="No space left"):
        tcl.run('set f [open "flash:y.cfg" w]')


def test_a_wrong_password_is_refused_and_silence_is_no_answer(stage: Stage) -> None:
    clock = {"name": "clock", COMMAND: {"command": "show clock"}}
    assert "stdout" in stage.play(clock).last
    failed = stage.play(clock, ansible_password="wrong").last
    assert "ailed to authenticate" in failed["msg"]
    stage.control.faults(silent=True)
    assert stage.play(clock, ansible_connect_timeout=4, ansible_command_timeout=4).status != 0
    stage.control.faults(silent=False)
    assert "stdout" in stage.play(clock).last


@pytest.mark.slow
def test_vlans_by_their_resource_module_once_and_not_twice(stage: Stage) -> None:
    vlans = {"name": "vlans", "cisco.ios.ios_vlans": {"config": [{"vlan_id": 110, "name": "db"}], "state": "merged"}}
    played = stage.play(vlans, {**vlans, "name": "again"})
    assert played.result("vlans")["commands"] == ["vlan 110", "name db"]
    assert not played.result("again")["changed"]
