# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab is what it says: its hosts are like RHEL 9, its faults do what they are called, and both can be undone."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab import balancer
from tests.lab.commands import LabError
from tests.lab.lab import HOSTS, Lab

pytestmark = pytest.mark.slow


def asked(url: str) -> dict[str, Any]:
    """What the application answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return dict(json.load(answer))


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def address(lab: Lab, host: str, network: str = "service") -> str:
    """Where a host is."""
    return next(str(row[network]) for row in lab.status()["members"] if row["name"] == host)


def state(lab: Lab, host: str) -> str:
    """What the supervisor says of a machine."""
    return next(str(row["state"]) for row in lab.status()["members"] if row["name"] == host)


def said(lab: Lab, host: str, command: str) -> str:
    """What a command on a host prints; it must succeed."""
    done = lab.ssh(host, command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def task(lab: Lab, host: str, module: str, *arguments: str) -> str:
    """Run one task by Ansible; it must succeed."""
    done = lab.ansible("", host, "-m", module, *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


# --- what is there ----------------------------------------------------------------------------------------------------


def test_every_host_answers_through_the_balancer(lab_as_new: Lab) -> None:
    answers: list[dict[str, Any]] = []

    def everybody() -> bool:
        answers.append(asked(lab_as_new.url))
        return {answer["host"] for answer in answers} == set(HOSTS)

    # On a busy machine a health check may time out, and HAProxy takes a server out of turn for a moment.
    assert eventually(everybody), answers
    assert {(answer["version"], answer["status"]) for answer in answers} == {("1", "healthy")}


def test_ansible_takes_a_host_for_rhel_9(lab_as_new: Lab) -> None:
    facts = task(lab_as_new, "app1", "ansible.builtin.setup", "-a", "gather_subset=min,pkg_mgr,service_mgr")
    for fact, value in {
        "ansible_distribution": "RedHat",
        "ansible_distribution_major_version": "9",
        "ansible_os_family": "RedHat",
        "ansible_pkg_mgr": "dnf",
        "ansible_service_mgr": "systemd",
    }.items():
        assert f'"{fact}": "{value}"' in facts
    assert said(lab_as_new, "app1", "systemctl is-system-running") == "running"


def test_an_update_closes_advisories_a_reboot_proves_itself_and_both_can_be_undone(lab_as_new: Lab) -> None:
    lab = lab_as_new
    before = said(lab, "app1", "rpm -qa | sort")
    open_advisories = said(lab, "app1", "dnf -q updateinfo list")
    assert re.search(r"LABSA-2026:0002 Important/Sec\. +shopfront-2", open_advisories)
    assert "LABBA-2026:0004 bugfix" in open_advisories

    task(lab, "app1", "ansible.builtin.dnf", "-a", "name=* state=latest security=true")
    assert said(lab, "app1", "dnf -q updateinfo list") == "LABBA-2026:0004 bugfix greeting-1.1-1.el9.noarch"
    assert lab.ssh("app1", "dnf needs-restarting -r").returncode == 1

    first = lab.boot_id("app1")
    assert '"rebooted": true' in task(lab, "app1", "ansible.builtin.reboot", "-a", "reboot_timeout=90")
    assert lab.boot_id("app1") not in ("", first)
    assert lab.ssh("app1", "dnf needs-restarting -r").returncode == 0
    assert eventually(lambda: balancer.healthy(address(lab, "app1")))
    assert asked(f"http://{address(lab, 'app1')}:8080/")["version"] == "2"

    said(lab, "app1", "dnf --assumeyes --quiet history undo last")
    assert said(lab, "app1", "rpm -qa | sort") == before
    assert eventually(lambda: balancer.healthy(address(lab, "app1")))
    assert asked(f"http://{address(lab, 'app1')}:8080/")["version"] == "1"


def test_version_3_installs_and_starts_and_turns_unhealthy(lab_as_new: Lab) -> None:
    lab_as_new.publish("3")
    task(lab_as_new, "app2", "ansible.builtin.dnf", "-a", "name=shopfront state=latest")
    where = address(lab_as_new, "app2")
    # Once more, because on a busy machine it may be unhealthy by now.
    said(lab_as_new, "app2", "systemctl restart shopfront")
    assert eventually(lambda: balancer.healthy(where), 5)
    assert eventually(lambda: not balancer.healthy(where), 10)
    assert eventually(lambda: lab_as_new.servers()["app2"]["status"] == "DOWN")
    assert asked(lab_as_new.url)["host"] != "app2"


def test_an_unsigned_package_is_refused(lab_as_new: Lab) -> None:
    strip = "cd /tmp && dnf -q download greeting-1.1 && rpmsign --delsign greeting-1.1-1.el9.noarch.rpm"
    assert said(lab_as_new, "app1", strip)
    done = lab_as_new.ssh("app1", "dnf -y --setopt=localpkg_gpgcheck=1 install /tmp/greeting-1.1-1.el9.noarch.rpm")
    assert done.returncode == 1
    assert "is not signed" in done.stdout + done.stderr


class Client(threading.Thread):
    """Somebody whose request takes three seconds; ``outcome`` is the status of the answer, or what went wrong."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.outcome = ""
        self._url = url
        self.start()
        time.sleep(0.5)

    def run(self) -> None:
        try:
            with urllib.request.urlopen(f"{self._url}/slow?3", timeout=20) as answer:
                self.outcome = str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            self.outcome = str(error)


def test_a_stop_without_a_drain_loses_what_is_in_flight_and_a_stop_after_one_does_not(lab_as_new: Lab) -> None:
    clients = [Client(lab_as_new.url) for _host in HOSTS]
    said(lab_as_new, "app3", "systemctl stop shopfront")
    for client in clients:
        client.join()
    assert {client.outcome for client in clients} == {"200", "HTTP Error 502: Bad Gateway"}
    said(lab_as_new, "app3", "systemctl start shopfront")
    assert eventually(lambda: all(row["status"] == "UP" for row in lab_as_new.servers().values()))

    clients = [Client(lab_as_new.url) for _host in HOSTS]
    assert '"changed": true' in task(
        lab_as_new, "app3", "ansible.builtin.include_role", "-a", "name=holdfast.ops.drain"
    )
    said(lab_as_new, "app3", "systemctl stop shopfront")
    for client in clients:
        client.join()
    assert [client.outcome for client in clients] == ["200"] * 3


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.fixture
def disturbed(lab_as_new: Lab) -> Iterator[Lab]:
    """A lab in which no fault is left behind."""
    yield lab_as_new
    for fault in lab_as_new.status()["faults"]:
        lab_as_new.heal(fault["name"], fault["host"])


def test_a_host_that_does_not_return_returns_when_it_is_healed(disturbed: Lab) -> None:
    first = disturbed.boot_id("app1")
    disturbed.fault("no-return", "app1")
    assert disturbed.boot_id("app1") == first, "the fault waits for the next reboot"
    disturbed.ssh("app1", "systemctl reboot")
    assert eventually(lambda: state(disturbed, "app1") == "gone")
    time.sleep(3)
    assert disturbed.boot_id("app1") == ""
    assert asked(disturbed.url)["host"] in ("app2", "app3")
    disturbed.heal("no-return", "app1")
    assert disturbed.boot_id("app1", patience=60) not in ("", first)


def test_a_host_is_switched_off_at_any_moment_of_its_start(lab: Lab) -> None:
    for number in range(100):
        lab.power("app1", on=False)
        lab.power("app1", on=True)
        time.sleep(number / 10_000)
    lab.renew("app1")


def test_a_slow_boot_is_slow(disturbed: Lab) -> None:
    first = disturbed.boot_id("app1")
    disturbed.fault("slow-boot", "app1", 8)
    begun = time.monotonic()
    disturbed.ssh("app1", "systemctl reboot")
    assert eventually(lambda: state(disturbed, "app1") == "waiting")
    assert disturbed.boot_id("app1", patience=60) not in ("", first)
    assert time.monotonic() - begun >= 8


def test_a_slow_boot_that_is_healed_goes_on_at_once(disturbed: Lab) -> None:
    disturbed.fault("slow-boot", "app1", 300)
    disturbed.ssh("app1", "systemctl reboot")
    assert eventually(lambda: state(disturbed, "app1") == "waiting")
    disturbed.heal("slow-boot", "app1")
    assert disturbed.boot_id("app1", patience=60)


def test_a_cut_management_cable_is_the_managers_trouble_only(disturbed: Lab) -> None:
    first = disturbed.boot_id("app1")
    disturbed.fault("management-cut", "app1")
    done = disturbed.ansible("", "app1", "-m", "ansible.builtin.ping", "-T", "3")
    assert "UNREACHABLE" in done.stdout
    assert asked(f"http://{address(disturbed, 'app1')}:8080/")["host"] == "app1"
    disturbed.heal("management-cut", "app1")
    assert disturbed.boot_id("app1", patience=10) == first


def test_a_cut_in_the_middle_of_a_task_is_noticed(disturbed: Lab) -> None:
    cut = threading.Timer(4, disturbed.fault, ["management-cut", "app1"])
    cut.start()
    begun = time.monotonic()
    done = disturbed.ansible("", "app1", "-m", "ansible.builtin.command", "-a", "sleep 300")
    cut.join()
    assert "UNREACHABLE" in done.stdout
    assert time.monotonic() - begun < 90


def test_a_machine_that_is_a_program_has_cables_too(disturbed: Lab) -> None:
    pong = '"ping": "pong"'
    assert pong in task(disturbed, "win1", "ansible.windows.win_ping")
    disturbed.fault("management-cut", "win1")
    done = disturbed.ansible("", "win1", "-m", "ansible.windows.win_ping", "-e", "ansible_winrm_connection_timeout=3")
    assert "UNREACHABLE" in done.stdout
    disturbed.heal("management-cut", "win1")
    assert pong in task(disturbed, "win1", "ansible.windows.win_ping")


def test_packets_are_lost_and_are_not(disturbed: Lab) -> None:
    command = f"ping -q -c 200 -i 0.01 -W 1 {address(disturbed, 'app1')}; true"

    def lost() -> float:
        return float(re.findall(r"([\d.]+)% packet loss", said(disturbed, "app2", command))[0])

    assert lost() == 0
    disturbed.fault("packet-loss", "app1", 30)
    # A ping is lost on its way there or back: 1 - 0.7 * 0.7 = 51 of a hundred.
    assert 30 < lost() < 72
    disturbed.heal("packet-loss", "app1")
    assert lost() == 0


def test_a_repository_that_is_down_gives_nothing(disturbed: Lab) -> None:
    disturbed.fault("repository-down")
    done = disturbed.ssh("app1", "dnf makecache --refresh")
    assert done.returncode == 1
    assert "Couldn't connect to server" in done.stdout + done.stderr
    disturbed.heal("repository-down")
    said(disturbed, "app1", "dnf makecache --refresh")


def test_a_full_disk_takes_nothing_more(disturbed: Lab) -> None:
    disturbed.fault("disk-full", "app1")
    done = disturbed.ssh("app1", "dd if=/dev/zero of=/var/cache/more bs=1M count=1")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert disturbed.ssh("app1", "dnf -y upgrade").returncode == 1
    assert said(disturbed, "app1", "rpm -q shopfront") == "shopfront-1-1.el9.noarch"
    disturbed.heal("disk-full", "app1")
    said(disturbed, "app1", "dnf -y upgrade")
    assert said(disturbed, "app1", "rpm -q shopfront") == "shopfront-2-1.el9.noarch"


def test_what_there_is_not_is_refused_with_what_there_is(lab: Lab) -> None:
    with pytest.raises(LabError, match="there is no fault 'meteor'; there are no-return, slow-boot"):
        lab.fault("meteor", "app1")
    machines = "app1, app2, app3, edge1, edge2, core1, switch1, proxy1"
    with pytest.raises(LabError, match=f"no-return needs a host, one of {machines}; it got none"):
        lab.fault("no-return")
    with pytest.raises(LabError, match=f"disk-full needs a host, one of {machines}; it got win1"):
        lab.fault("disk-full", "win1")
    with pytest.raises(LabError, match="repository-down is nobody's; it got app1"):
        lab.fault("repository-down", "app1")
    with pytest.raises(LabError, match="200 is no amount for packet-loss"):
        lab.fault("packet-loss", "app1", 200)
    with pytest.raises(LabError, match="the repository has no state '9'; it has 1, 2, 3"):
        lab.publish("9")
    assert lab.status()["faults"] == []
