# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guarded changes of a RHEL host, a router, a proxy and a switch at the same time, without Ansible.

All meet the same fault, and each is what it was afterwards.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.frr import Frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.haproxy import Haproxy
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.openvswitch import Openvswitch
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel import Rhel
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

from tests.lab import appliances, keys
from tests.lab.device import SshDevice
from tests.lab.guarding import ALONE, UNREACHABLE, Guarded, never_ends, small_disk
from tests.lab.lab import Lab
from tests.lab.matrix import BREAK, CREDENTIALS, CUT, FULL, KILL, REBOOT, UNARMED, cell
from tests.lab.snapshots import Stage

pytestmark = pytest.mark.slow

LINUX = ("rhel", "frr", "haproxy", "openvswitch")
SECONDS = 25
FILE, APP = "/etc/site.conf", "/etc/haproxy/conf.d/app.cfg"
VTYSH = "vtysh -c 'configure terminal'"
SWITCHED = (
    "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 i1 tag=10 "
    "-- set interface i1 type=internal"
)


class Target(Stage):
    """A machine and a change of it, which ``seen`` finds there.

    ``cuts`` cuts management off, where it is something that this platform brings back; elsewhere it is the cable.
    """

    sections: tuple[str, ...] = ()
    change = seen = cuts = ""

    def guarded(self, store: Path, change: Callable[[], object], **given: Any) -> Guarded:
        """Its change under guard, over connections that are lost with it."""
        given = {"device": self.alone, "sections": self.sections, **given}
        return Guarded(self.host, self.platform.name, self.provider, store=store, change=change, **given)

    def do(self, *scripts: str) -> None:
        """Run scripts, as a change does. Raises HoldfastError."""
        script = "; ".join(("set -e", *scripts))
        self.alone.run("ansible.builtin.command", {"argv": ["/bin/sh", "-c", script]})

    def cut(self) -> None:
        """Change it and cut management off; a cable is mended when the machine must have gone back."""
        if self.cuts:
            self.do(self.change, f"(sleep 1; {self.cuts}) >/dev/null 2>&1 </dev/null &")
            time.sleep(2)
            return
        self.do(self.change)
        self.lab.fault("management-cut", self.host)
        mend = threading.Timer(SECONDS + ALONE / 2, self.lab.heal, ("management-cut", self.host))
        mend.daemon = True
        mend.start()

    def ended(self, token: str) -> float:
        """When its own revert had ended, by its clock, which is this machine's."""
        return float(self.say(f"stat -c %Y /var/lib/holdfast/guard/{token}/outcome"))


def targets(lab: Lab) -> dict[str, Target]:
    """One for each platform."""
    rhel = Target(lab, "app1", "rhel", Rhel(files=[FILE]))
    rhel.sections = ("files", "firewall", "units")
    rhel.change, rhel.seen = f"echo new > {FILE}; systemctl disable --now shopfront", f"grep new {FILE}"
    dropped = "type filter hook input priority -300; iifname management0 drop;"
    rhel.cuts = f"nft 'table inet cut {{ chain in {{ {dropped} }}; }}'"
    frr = Target(lab, "edge1", "frr", Frr())
    frr.change = f"{VTYSH} -c 'router bgp 65010' -c 'timers bgp 5 15' -c end -c write"
    frr.seen = "vtysh -c 'show running-config' | grep 'timers bgp 5 15'"
    address = next(row["management"] for row in lab.status()["members"] if row["name"] == frr.host)
    frr.cuts = f"{VTYSH} -c 'ip route {address.rpartition('.')[0]}.1/32 blackhole'"
    haproxy = Target(
        lab, appliances.PROXY, "haproxy", Haproxy(config=["/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d"])
    )
    haproxy.change, haproxy.seen = f"sed -i /app3/d {APP}; systemctl reload haproxy", f"! grep app3 {APP}"
    switch = Target(lab, appliances.SWITCH, "openvswitch", Openvswitch())
    switch.change, switch.seen = "ovs-vsctl del-port i1", "! ovs-vsctl list-ports br0 | grep i1"
    return {each.platform.name: each for each in (rhel, frr, haproxy, switch)}


@pytest.fixture(scope="module")
def all_targets(lab: Lab) -> Iterator[list[Target]]:
    """All of them, new."""
    lab.renew("app1", "edge1", appliances.PROXY, appliances.SWITCH)
    made = targets(lab)
    made["rhel"].say(f"echo old > {FILE}")
    made["openvswitch"].say(SWITCHED)
    made["haproxy"].say("sleep 1; systemctl reload haproxy; sleep 1")
    for each in made.values():
        each.wanted = each.take(*each.sections)
    yield list(made.values())
    for each in made.values():
        each.device.close()
    lab.power(appliances.PROXY, on=False)
    lab.power(appliances.SWITCH, on=False)
    lab.renew("app1", "edge1")


def linux(fault: str) -> Callable[[Any], Any]:
    """Says of a test that it answers the cells of a fault of every Linux platform."""
    return lambda test: functools.reduce(lambda made, name: cell(name, fault)(made), LINUX, test)


def assert_old(target: Target, guarded: Guarded) -> None:
    """It is what it was, nothing is armed on it, and nothing was promoted."""
    target.assert_as(target.wanted)
    assert list(target.provider.timer.armed(target.device)) == []
    assert guarded.promoted() == ""


@linux(CUT)
def test_management_is_cut_off_and_each_goes_back_alone(all_targets: list[Target], tmp_path: Path) -> None:
    begun = [(each, each.guarded(tmp_path / "store", each.cut, seconds=SECONDS).start()) for each in all_targets]
    for target, guarded in begun:
        found = guarded.end()
        assert found["state"] == "reverted" and found["step"] in ("the change", "proving that it can be reached"), found
        target.device.close()
        # the change began when the timer was armed already
        assert target.ended(guarded.token) < found["changed"] + SECONDS + ALONE
        assert_old(target, guarded)


@pytest.mark.parametrize(
    ("end", "then"),
    [pytest.param(Guarded.kill, "true", marks=[cell(name, KILL) for name in LINUX], id="killed"),
     pytest.param(Guarded.stop, "true", marks=[cell(name, KILL) for name in LINUX], id="stopped"),
     pytest.param(Guarded.kill, "sync; systemctl reboot", marks=[cell(name, REBOOT) for name in LINUX], id="rebooted")],
)  # fmt: skip
def test_nobody_is_left_and_each_goes_back_alone_over_a_reboot_too(
    all_targets: list[Target], tmp_path: Path, end: Callable[[Guarded], None], then: str
) -> None:
    begun = []
    for each in all_targets:
        asked = tmp_path / f"{each.host}.asked"
        change, healthy = functools.partial(each.do, each.change), functools.partial(never_ends, asked)
        guarded = each.guarded(tmp_path / "store", change, healthy=healthy, seconds=SECONDS)
        begun.append((each, guarded.start(), asked))
    due = {}
    try:
        for target, guarded, asked in begun:
            wait_for(asked)
            end(guarded)
            ((token, left),) = target.provider.timer.armed(target.alone)
            due[token] = time.time() + left
            target.say(target.seen)
            target.device.close()
            target.lab.ssh(target.host, then)
        for target, guarded, _asked in begun:
            said = target.went_back(guarded.token)
            assert said.complete, said
            assert target.ended(guarded.token) < due[guarded.token] + ALONE
            assert_old(target, guarded)
    finally:
        for _target, guarded, _asked in begun:
            guarded.kill()


@pytest.mark.parametrize("killed", [pytest.param(False, id="ends"), pytest.param(True, id="killed then")])
def test_a_good_change_is_promoted_and_stays(all_targets: list[Target], tmp_path: Path, killed: bool) -> None:
    begun = []
    for each in all_targets:
        reached = tmp_path / f"{each.host}.promoted"
        then = functools.partial(never_ends, reached) if killed else reached.touch
        change = functools.partial(each.do, each.change)
        begun.append((each, each.guarded(tmp_path / "store", change, then=then).start(), reached))
    try:
        for target, guarded, reached in begun:
            wait_for(reached)
            if killed:
                guarded.kill()
            else:
                assert guarded.end()["state"] == "promoted"
            target.say(target.seen)
            now = Archive(tmp_path / "store").part(target.take(*target.sections))
            assert guarded.promoted() == now.view.digest != target.view(target.wanted).digest
            assert list(target.provider.timer.armed(target.device)) == []
    finally:
        for target, _guarded, _reached in begun:
            target.restore(target.wanted)


def wait_for(file: Path, seconds: float = 60) -> None:
    """Wait until somebody has made a file."""
    deadline = time.monotonic() + seconds
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} in vain"
        time.sleep(0.1)


@linux(BREAK)
def test_the_application_breaks_and_each_is_brought_back_at_once(all_targets: list[Target], tmp_path: Path) -> None:
    begun = []
    for each in all_targets:
        guarded = each.guarded(tmp_path / "store", functools.partial(each.do, each.change), healthy=lambda: False)
        begun.append((each, guarded.start()))
    for target, guarded in begun:
        found = guarded.end()
        assert (found["state"], found["step"]) == ("restored", "health checks"), found
        assert_old(target, guarded)


@linux(FULL)
def test_the_archive_has_no_room_and_nothing_is_begun(all_targets: list[Target], tmp_path: Path) -> None:
    with small_disk(tmp_path / "full") as store:
        found = refused(all_targets, store)
    for said in found:
        assert (said["state"], said["step"]) == ("unchanged", "looking at the host"), said
        assert "the state before cannot be kept" in said["reason"], said


@linux(UNARMED)
def test_no_timer_can_be_armed_and_nothing_is_begun(all_targets: list[Target], tmp_path: Path) -> None:
    units = "/etc/systemd/system"
    for each in all_targets:
        each.say(f"mount --bind {units} {units}; mount -o remount,bind,ro {units}")
    try:
        found = refused(all_targets, tmp_path / "store")
    finally:
        for each in all_targets:
            each.say(f"umount {units}")
    for said in found:
        assert (said["state"], said["step"]) == ("unchanged", "arming its timer"), said


@linux(CREDENTIALS)
def test_wrong_credentials_leave_everything_as_it_was(all_targets: list[Target], tmp_path: Path) -> None:
    other = tmp_path / "keys"
    other.mkdir()
    keys.make(other, [])
    devices = {each.host: SshDevice(each.lab, each.host, key=other / "id_ed25519") for each in all_targets}
    with pytest.raises(Unanswered, match="Permission denied"):
        devices["edge1"].run("ansible.builtin.command", {"argv": ["true"]})
    found = refused(all_targets, tmp_path / "store", devices)
    assert [said["state"] for said in found] == [UNREACHABLE] * len(all_targets), found


def refused(
    all_targets: list[Target], store: Path, devices: dict[str, SshDevice] | None = None
) -> list[dict[str, Any]]:
    """What each guard says that must not begin; none has changed anything."""
    begun = []
    for each in all_targets:
        given = {} if devices is None else {"device": devices[each.host]}
        begun.append((each, each.guarded(store, functools.partial(each.do, each.change), **given).start()))
    found = []
    for target, guarded in begun:
        found.append(guarded.end())
        assert_old(target, guarded)
    return found
