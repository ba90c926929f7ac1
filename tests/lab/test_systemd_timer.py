# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd itself does with the timers of Linux targets: on time, over reboots, interrupted, on a full disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Reverted
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

from tests.lab.at_once import AtOnce, chosen
from tests.lab.device import SshDevice
from tests.lab.lab import HOSTS, Lab

pytestmark = pytest.mark.slow

TOKEN = "holdfast-lab-1"
WANTED = Snapshot("app", "rhel", 1.0, {"files": {"/etc/site.conf": "old\n"}})


class Site:
    """The provider of one file, which its bundle writes back; a file ``slow`` makes that take so many seconds."""

    @staticmethod
    def bundle(wanted: Snapshot) -> Bundle:
        script = """
date +%s >> /var/tmp/runs
echo "going back"
[ ! -e /var/tmp/slow ] || sleep "$(cat /var/tmp/slow)"
cp site.conf /etc/site.conf || exit 1
sync /etc/site.conf
echo "wrote /etc/site.conf"
"""
        return Bundle(script, {"site.conf": str(wanted.sections["files"]["/etc/site.conf"]).encode()})


class Target:
    """A host of the lab with a timer on it."""

    def __init__(self, lab: Lab, host: str) -> None:
        self.lab, self.host = lab, host
        self.timer = SystemdTimer(Site(), "rhel")
        self.device = SshDevice(lab, host)

    def say(self, script: str) -> str:
        return self.device.say(script).strip()

    def arm(self, seconds: int) -> float:
        """Arm it and change the file; when it is due, by this machine's clock."""
        self.say("echo old > /etc/site.conf")
        begun = time.time()
        self.timer.arm(self.device, TOKEN, seconds, WANTED)
        left = {each.token: each.left for each in self.timer.armed(self.device)}[TOKEN]
        passed = time.time() - begun
        assert seconds - passed - 2 <= left <= seconds + 1
        self.say("echo new > /etc/site.conf; sync /etc/site.conf")
        return begun + passed + left

    @property
    def file(self) -> str:
        return self.say("cat /etc/site.conf")

    @property
    def runs(self) -> list[int]:
        """When reverts began."""
        return [int(line) for line in self.say("cat /var/tmp/runs 2>/dev/null || true").split()]

    def outcome(self, patience: float) -> Reverted:
        """What came of its revert, once that has ended; a host that boots may be silent for a moment."""
        until = time.time() + patience
        while time.time() < until:
            try:
                found = self.timer.reverted(self.device, TOKEN)
            except HoldfastError:
                found = None
            if found is not None:
                return found
            time.sleep(0.3)
        raise AssertionError(f"no outcome; {self.say('systemctl list-timers --all; journalctl -b -n 50 --no-pager')}")

    def assert_nothing_is_left(self) -> None:
        assert list(self.timer.armed(self.device)) == []
        assert self.say("ls /etc/systemd/system /etc/systemd/system/timers.target.wants | grep holdfast || true") == ""
        assert self.say("systemctl list-units --all --no-legend 'holdfast-*' | cat") == ""
        assert self.say("ls /var/lib/systemd/timers | grep holdfast || true") == ""


Scenario = Callable[[Target], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(test: Scenario) -> Scenario:
    """A scenario on a host that is as new, in this file's order; the host is left as new."""

    def clean(target: Target) -> None:
        target.say("rm -rf /etc/site.conf /var/tmp/runs /var/tmp/slow /var/lib/holdfast/guard/*")
        try:
            test(target)
        except BaseException:
            target.lab.renew(target.host)
            raise

    SCENARIOS[test.__name__.replace("_", " ")] = clean
    return test


@scenario
def it_reverts_on_time_and_leaves_its_outcome_only(target: Target) -> None:
    due = target.arm(5)
    assert target.timer.reverted(target.device, TOKEN) is None
    assert target.outcome(20) == Reverted(TOKEN, True, "going back; wrote /etc/site.conf")
    assert target.file == "old"
    assert len(target.runs) == 1 and -1 <= target.runs[0] - due <= 3
    target.assert_nothing_is_left()
    assert target.say(f"ls /var/lib/holdfast/guard/{TOKEN}").split() == ["begun", "outcome", "revert"]
    with pytest.raises(HoldfastError, match="has already begun"):
        target.timer.disarm(target.device, TOKEN)


@scenario
def disarmed_it_does_not_revert_not_even_after_a_reboot(target: Target) -> None:
    target.arm(8)
    target.timer.disarm(target.device, TOKEN)
    target.assert_nothing_is_left()
    assert target.say("ls -A /var/lib/holdfast/guard") == ""
    boot = target.lab.boot_id(target.host)
    target.lab.ssh(target.host, "systemctl reboot")
    booted(target, boot)
    time.sleep(8)
    assert (target.file, target.runs) == ("new", [])


def booted(target: Target, before: str) -> None:
    until = time.time() + 60
    while target.lab.boot_id(target.host, patience=5) in ("", before):
        assert time.time() < until, "it does not come back"


@scenario
def a_reboot_in_between_changes_nothing_of_it(target: Target) -> None:
    due = target.arm(20)
    boot = target.lab.boot_id(target.host)
    target.lab.ssh(target.host, "systemctl reboot")
    booted(target, boot)
    assert time.time() < due and target.file == "new"
    assert [each.token for each in target.timer.armed(target.device)] == [TOKEN]
    assert target.outcome(40).complete and target.file == "old"
    assert len(target.runs) == 1 and -1 <= target.runs[0] - due <= 3


@scenario
def a_moment_that_passed_while_the_host_was_down_counts_at_the_boot(target: Target) -> None:
    due = target.arm(5)
    target.lab.power(target.host, False)
    time.sleep(max(0.0, due + 2 - time.time()))
    on = time.time()
    target.lab.power(target.host, True)
    assert target.outcome(30).complete and target.file == "old"
    assert len(target.runs) == 1 and target.runs[0] - on < 10
    target.assert_nothing_is_left()


@scenario
def a_plug_pulled_while_it_reverts_makes_it_begin_again(target: Target) -> None:
    target.say("echo 30 > /var/tmp/slow; sync /var/tmp/slow")
    target.arm(3)
    time.sleep(6)
    assert len(target.runs) == 1 and target.file == "new"
    assert [(each.token, each.left) for each in target.timer.armed(target.device)] == [(TOKEN, 0.0)]
    with pytest.raises(HoldfastError, match="it is at it now"):
        target.timer.disarm(target.device, TOKEN)
    target.say("echo 0 > /var/tmp/slow; sync /var/tmp/slow /var/tmp/runs")
    target.lab.power(target.host, False)
    target.lab.power(target.host, True)
    assert target.outcome(30).complete and target.file == "old"
    assert len(target.runs) == 2
    target.assert_nothing_is_left()


@scenario
def killed_while_it_reverts_it_begins_again(target: Target) -> None:
    target.say("echo 60 > /var/tmp/slow")
    target.arm(2)
    time.sleep(5)
    target.say(f"echo 0 > /var/tmp/slow; systemctl kill -s KILL {TOKEN}.service")
    assert target.outcome(30).complete and target.file == "old"
    assert len(target.runs) == 2


@scenario
def a_full_disk_stops_it_before_and_not_after(target: Target) -> None:
    target.lab.fault("disk-full", target.host)
    try:
        with pytest.raises(HoldfastError, match="arm the timer"):
            target.arm(60)
        assert target.say("ls /etc/systemd/system | grep holdfast || true") == ""
    finally:
        target.lab.heal("disk-full", target.host)
    target.arm(4)
    target.lab.fault("disk-full", target.host)
    try:
        assert target.outcome(20).complete and target.file == "old"
    finally:
        target.lab.heal("disk-full", target.host)


@scenario
def units_that_somebody_broke_are_found(target: Target) -> None:
    target.arm(60)
    target.say(f"systemctl stop {TOKEN}.timer; rm /etc/systemd/system/{TOKEN}.service; systemctl daemon-reload")
    found = list(target.timer.armed(target.device))
    assert [(each.token, each.left) for each in found] == [(TOKEN, float("inf"))]
    target.timer.disarm(target.device, TOKEN)
    target.assert_nothing_is_left()


@scenario
def a_bundle_is_run_to_its_end_when_its_connection_breaks(target: Target) -> None:
    device = SshDevice(target.lab, target.host, timeout=60)
    # the session through which it was ordered, found by its process, and not the daemon that answers the next one
    script = 'pkill -9 -f "^sshd: root@notty"; sleep 2; echo done > /etc/site.conf'
    with pytest.raises(HoldfastError):
        run_bundle(device, Bundle(f"{script}\n"))
    time.sleep(4)
    assert target.file == "done"
    assert target.say("ls -A /var/lib/holdfast/guard") == ""


@pytest.fixture(scope="module")
def at_once(lab: Lab, request: pytest.FixtureRequest) -> Iterator[AtOnce[Target]]:
    """All that were chosen, one at a time on each host of the lab."""
    lab.reset()
    made = AtOnce(SCENARIOS, [Target(lab, host) for host in HOSTS])
    made.start(chosen([item.name for item in request.session.items], SCENARIOS))
    yield made
    made.finish()
    lab.renew(*HOSTS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_timer_of_systemd(at_once: AtOnce[Target], name: str) -> None:
    at_once.end(name)
