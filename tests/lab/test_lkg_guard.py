# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guarded changes of RHEL hosts of the lab: what is left of each host, and what is promoted, whatever goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

from tests.lab import keys, requirements
from tests.lab.device import SshDevice
from tests.lab.guarding import small_disk
from tests.lab.lab import Lab
from tests.lab.matrix import BREAK, CREDENTIALS, CUT, FULL, KILL, REBOOT, UNARMED, cell

pytestmark = pytest.mark.slow

FILE = "/etc/site.conf"
SHORTEST = 60
PATIENT = 240
"""Seconds of a timer that nothing waits for: whatever ends otherwise ends before it is due, on a slow machine too."""
ALONE = 10
"""Seconds beyond its timer that a host may need to be back by itself."""

CHANGE: list[dict[str, Any]] = [
    {"name": "Change the file", "ansible.builtin.copy": {"dest": FILE, "content": "{{ said }}\n", "mode": "0640"}}
]
WAIT = {"name": "Take a while", "ansible.builtin.command": {"argv": ["sleep", "300"]}}


def cut(interface: str) -> dict[str, Any]:
    """Drops all that comes in over an interface, and says so over what is open already: the session hangs."""
    rules = f'table inet cut {{ chain in {{ type filter hook input priority -300; iifname "{interface}" drop; }}; }}'
    return {"name": "Lock everybody out", "ansible.builtin.command": {"argv": ["nft", rules]}}


class Guarded:
    """One guarded change of one host, by a real ansible-playbook."""

    def __init__(
        self, lab: Lab, folder: Path, host: str, tasks: list[dict[str, Any]], store: Path | None = None, key: str = "",
        **arguments: Any,
    ) -> None:  # fmt: skip
        self.lab, self.host, self.folder = lab, host, folder / f"{host}-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.store = store or folder / "store"
        (self.folder / "change.yml").write_text(yaml.safe_dump(tasks))
        given = {"tasks": str(self.folder / "change.yml"), "gather_facts": False, "timer": PATIENT, "promote": True,
                 "options": {"files": [FILE]}, "sections": ["files", "firewall"], "vars": {"said": "new"},
                 **arguments}  # fmt: skip
        task = {"name": "Change it", "holdfast.ops.lkg_guard": given, "register": "found", "ignore_errors": True,
                "ignore_unreachable": True, "vars": {"ansible_ssh_private_key_file": key} if key else {}}  # fmt: skip
        copy = {"content": "{{ found | to_json }}", "dest": str(self.folder / "found.json"), "mode": "0600"}
        keep = {"name": "Keep what it says", "ansible.builtin.copy": copy, "delegate_to": "localhost", "become": False,
                "check_mode": False}  # fmt: skip
        play = {"name": "Guard", "hosts": host, "gather_facts": False, "tasks": [task, keep]}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]))

    def start(self, *more: str) -> Guarded:
        folder = os.path.dirname(sys.executable)
        environment = {**os.environ, "PATH": os.pathsep.join([folder, requirements.PATH]), "ANSIBLE_NOCOLOR": "1",
                       "ANSIBLE_INVENTORY": str(self.lab.inventory), "ANSIBLE_LOCALHOST_WARNING": "false",
                       "HOLDFAST_STORE": str(self.store), "TMPDIR": str(self.folder)}  # fmt: skip
        command = [os.path.join(folder, "ansible-playbook"), str(self.folder / "play.yml"), *more]
        with open(self.folder / "output.txt", "wb") as output:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        return self

    def end(self) -> dict[str, Any]:
        """What the task reported."""
        status = self.process.wait(240)
        found = self.folder / "found.json"
        assert status == 0 and found.exists(), self.output
        return dict(json.loads(found.read_text()))

    def signal(self, number: int) -> None:
        """Signal ansible-playbook and its workers, who never get to say a word."""
        for pid in self.running(os.fsencode(self.folder / "play.yml")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    @property
    def file(self) -> str:
        return self.lab.ssh(self.host, "cat", FILE).stdout.strip()

    def until(self, what: str, true: Callable[[], bool], patience: float = 60) -> float:
        """Wait until something is true; when it was."""
        deadline = time.time() + patience
        while not true():
            assert time.time() < deadline, f"{self.host}: not {what}\n{self.output}"
            time.sleep(0.3)
        return time.time()

    def armed_until(self) -> float:
        """When its timer is due, by this machine's clock; there must be one."""
        found = timer().armed(SshDevice(self.lab, self.host))
        assert len(found) == 1
        return time.time() + found[0].left

    def promoted(self) -> str:
        """The file in the last known good state; nothing when there is none."""
        archive = Archive(self.store)
        try:
            stored = archive.find(self.host)
        except HoldfastError:
            return ""
        return str(archive.snapshot(stored).sections["files"][FILE]).strip()

    @staticmethod
    def running(word: bytes) -> list[int]:
        """The processes of this machine with a word in their commands."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and word in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    def children(self) -> list[int]:
        """What runs of its change on this machine."""
        return self.running(os.fsencode(self.folder / "holdfast-change-"))

    def assert_old(self, state: str, found: dict[str, Any], *steps: str) -> None:
        """It is what it was, nothing is armed, nothing promoted, and the task says all that there is to say."""
        assert (found["failed"], found["state"]) == (True, state) and found["step"] in steps, found
        assert found["msg"].startswith(f"{self.host}: {found['step']} failed after ") and ". Next: " in found["msg"]
        assert "differences" not in found
        assert (self.file, self.promoted()) == ("old", "")
        self.assert_nothing_armed()

    def assert_nothing_armed(self) -> None:
        assert list(timer().armed(SshDevice(self.lab, self.host))) == []
        assert self.lab.ssh(self.host, "ls /etc/systemd/system | grep holdfast").stdout == ""


def timer() -> SystemdTimer:
    class Nothing:
        @staticmethod
        def bundle(wanted: Snapshot) -> Bundle:
            return Bundle("echo nothing to do\n")

    return SystemdTimer(Nothing(), "rhel")


def answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=0.5) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture
def guarded(lab_as_new: Lab, tmp_path: Path) -> Iterator[Callable[..., Guarded]]:
    """Makes guarded changes; whatever is left of one is ended."""
    made: list[Guarded] = []

    def make(host: str, tasks: list[dict[str, Any]], **arguments: Any) -> Guarded:
        done = lab_as_new.ssh(host, f"echo old > {FILE}; chmod 0640 {FILE}")
        assert done.returncode == 0, done.stderr
        made.append(Guarded(lab_as_new, tmp_path, host, tasks, **arguments))
        return made[-1]

    yield make
    for each in made:
        with contextlib.suppress(ProcessLookupError, AttributeError):
            each.signal(signal.SIGKILL)
            each.process.wait()
    for fault in lab_as_new.status()["faults"]:
        lab_as_new.heal(fault["name"], fault["host"])


HEALTHY = [{"name": "shopfront", "url": "http://127.0.0.1:8080/health"}]


def management(lab: Lab, host: str) -> str:
    """The address at which a host is managed."""
    return str(next(row["management"] for row in lab.status()["members"] if row["name"] == host))


@cell("rhel", BREAK, whole=True)
def test_a_good_change_is_promoted_and_one_that_breaks_something_is_taken_back_at_once(
    guarded: Callable[..., Guarded], lab_as_new: Lab
) -> None:
    """On three hosts at once, twice."""
    good = guarded("app1", CHANGE, probes=HEALTHY, reason="it is better").start()
    broken = guarded("app2", CHANGE, probes=[{"name": "shop", "argv": ["false"], "retries": 1}]).start()
    stumbles = {"name": "Stumble", "ansible.builtin.fail": {"msg": "no such thing"}}
    failing = guarded("app3", [*CHANGE, stumbles]).start()

    assert_promoted(good, good.end())
    found = broken.end()
    broken.assert_old("restored", found, "health checks")
    assert "shop" in found["reason"]
    found = failing.end()
    failing.assert_old("restored", found, "the change")
    assert "Stumble: no such thing" in found["reason"]

    rules = "table inet shut { chain in { type filter hook input priority -300; iif != lo tcp dport 8080 reject; }; }"
    shut = {"name": "Shut the shop", "ansible.builtin.command": {"argv": ["nft", rules]}}
    asked = [
        [{"name": "shop", "url": f"http://{management(lab_as_new, host)}:8080/health", "retries": 2}]
        for host in ("app2", "app3")
    ]
    looked = guarded("app1", CHANGE, vars={"said": "old"}).start("--check", "--diff")
    noticed = guarded("app2", [*CHANGE, shut], probes=asked[0], probes_from="controller").start()
    well = guarded("app3", CHANGE, probes=asked[1], probes_from="controller").start()

    assert_would_be_armed(looked, looked.end())
    found = noticed.end()
    noticed.assert_old("restored", found, "health checks")
    assert "shop" in found["reason"] and "shut" not in lab_as_new.ssh("app2", "nft", "list", "ruleset").stdout
    found = well.end()
    assert (found["state"], found["checks"][0]["healthy"]) == ("promoted", True), found


def assert_promoted(one: Guarded, found: dict[str, Any]) -> None:
    """The change holds, and the archive knows why."""
    assert (found.get("failed", False), found["changed"], found["state"]) == (False, True, "promoted"), found
    assert (one.file, one.promoted()) == ("new", "new")
    one.assert_nothing_armed()
    archive = Archive(one.store)
    evidence = archive.history(one.host)[0].evidence
    assert [(check.name, check.healthy) for check in evidence.checks] == [("reachable", True), ("shopfront", True)]
    assert evidence.reason == "it is better"
    assert len(archive.snapshots(one.host)) == 2
    assert one.children() == []


def assert_would_be_armed(one: Guarded, found: dict[str, Any]) -> None:
    """Check mode says what would be done, and does nothing."""
    assert (found["state"], found["changed"], one.file) == ("unchanged", True, "old"), found
    assert found["timer"]["seconds"] == PATIENT and "systemd" in found["timer"]["how"]
    assert len(Archive(one.store).snapshots(one.host)) == 2
    one.assert_nothing_armed()


@cell("rhel", UNARMED, FULL, CREDENTIALS, whole=True)
def test_what_stands_in_the_way_stops_it_before_anything_is_changed(
    guarded: Callable[..., Guarded], lab_as_new: Lab, tmp_path: Path
) -> None:
    """On three hosts at once, twice."""
    lab_as_new.fault("disk-full", "app1")
    device = SshDevice(lab_as_new, "app2")
    timer().arm(device, "holdfast-earlier", 180, Snapshot("app2", "rhel", 1.0, {}))
    noted = guarded("app3", CHANGE, vars={"said": "old"})
    lab_as_new.ssh("app3", "echo nonsense > /etc/systemd/system/holdfast-broken.timer")
    full = guarded("app1", CHANGE).start()
    earlier = guarded("app2", CHANGE, left_over="report").start()
    noted.start()

    found = full.end()
    lab_as_new.heal("disk-full", "app1")
    full.assert_old("unchanged", found, "arming its timer")
    assert "KiB" in found["reason"], found["reason"]
    found = earlier.end()
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host")
    assert "holdfast-earlier, which will revert in" in found["reason"]
    timer().disarm(device, "holdfast-earlier")
    found = noted.end()
    assert found["state"] == "unchanged" and "holdfast-broken, which is broken" in found["reason"], found

    keys.make(tmp_path, [])
    with small_disk(tmp_path / "small") as store:
        unkept = guarded("app1", CHANGE, store=store).start()
        stranger = guarded("app2", CHANGE, key=str(tmp_path / "id_ed25519")).start()
        reported = guarded("app3", CHANGE, left_over="report").start()
        unkept.assert_old("unchanged", unkept.end(), "looking at the host")
    found = stranger.end()
    assert found["unreachable"] and "Permission denied" in found["msg"], found
    assert (stranger.file, stranger.promoted()) == ("old", "")
    stranger.assert_nothing_armed()
    found = reported.end()
    assert found["state"] == "promoted" and "holdfast-broken" in found["left_over"][0], found


@cell("rhel", CUT, KILL, whole=True)
def test_nobody_is_left_to_help(guarded: Callable[..., Guarded], lab_as_new: Lab) -> None:
    """On three hosts at once: management is cut off; the controlling process is stopped; it is killed."""
    address = management(lab_as_new, "app1")
    said = lab_as_new.ssh("app1", f"ip -o addr | grep -F 'inet {address}/'").stdout.split()
    locked = guarded("app1", [*CHANGE, cut(said[1].partition("@")[0])], timer=SHORTEST).start()
    stopped = guarded("app2", [*CHANGE, WAIT], timer=SHORTEST).start()
    killed = guarded("app3", [*CHANGE, WAIT], timer=SHORTEST).start()

    stopped.until("changed", lambda: stopped.file == "new")
    stopped.signal(signal.SIGSTOP)
    stopped_due = stopped.armed_until()
    killed.until("changed", lambda: killed.file == "new")
    killed.signal(signal.SIGKILL)
    killed_due = killed.armed_until()
    killed.until("ended with its parent", lambda: not killed.children(), patience=15)
    assert killed.file == "new"

    locked.until("cut off", lambda: not answers(address))
    cut_at = time.time()
    back = locked.until("back", lambda: answers(address), patience=SHORTEST + 2 * ALONE)
    assert back - cut_at < SHORTEST + ALONE
    # the answer to the very task that cuts may still come out, or not
    locked.assert_old("reverted", locked.end(), "proving that it can be reached", "the change")
    assert "table inet cut" not in lab_as_new.ssh("app1", "nft", "list", "ruleset").stdout

    for one, due in ((stopped, stopped_due), (killed, killed_due)):
        one.until("reverted", lambda one=one: one.file == "old", patience=SHORTEST + ALONE)  # type: ignore[misc]
        # by the clock of this machine, which is the host's: when it had ended, whenever somebody looks
        ended = lab_as_new.ssh(one.host, "stat -c %Y /var/lib/holdfast/guard/holdfast-*/outcome").stdout
        assert float(ended) < due + ALONE
        one.assert_nothing_armed()
    assert killed.promoted() == ""
    stopped.signal(signal.SIGCONT)
    stopped.assert_old("reverted", stopped.end(), "the change")


@cell("rhel", REBOOT, whole=True)
def test_a_reboot_a_proof_that_takes_too_long_and_a_worker_without_its_command_end_in_the_old_state(
    guarded: Callable[..., Guarded], lab_as_new: Lab
) -> None:
    """On three hosts at once."""
    rebooted = guarded("app1", [*CHANGE, WAIT], timer=SHORTEST).start()
    lengthy = {"name": "slow", "argv": ["sleep", "58"], "timeout": 75.0}
    slow = guarded("app2", CHANGE, timer=SHORTEST, settle=5, probes=[lengthy]).start()
    outlived = guarded("app3", [*CHANGE, WAIT]).start()
    boot = lab_as_new.boot_id("app1")

    rebooted.until("changed", lambda: rebooted.file == "new")
    lab_as_new.ssh("app1", "sync; systemctl reboot")
    outlived.until("changed", lambda: outlived.file == "new")
    outlived.process.kill()
    outlived.until("brought back", lambda: outlived.file == "old")
    outlived.until("disarmed", lambda: not timer().armed(SshDevice(outlived.lab, "app3")))
    assert (outlived.promoted(), outlived.children()) == ("", [])

    rebooted.assert_old("reverted", rebooted.end(), "the change")
    assert lab_as_new.boot_id("app1", patience=30) not in ("", boot)
    # proved for so long that the host has gone back meanwhile: it must not be called good
    slow.assert_old("reverted", slow.end(), "disarming its timer")
