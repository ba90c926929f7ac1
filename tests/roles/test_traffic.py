# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""drain and restore on a real HAProxy with real clients: keep-alive and new connections, requests of two seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Played, play_role

from lab import Lab, LabError  # isort: skip
from load import Load  # isort: skip


def drain(lab: Lab, hosts: str = "app1", check: bool = False, **more: Any) -> Played:
    return play_role(lab.inventory, "drain", more, hosts, check)


def restore(lab: Lab, hosts: str = "app1", check: bool = False, **more: Any) -> Played:
    return play_role(lab.inventory, "restore", more, hosts, check)


def status(lab: Lab, server: str = "app1") -> str:
    return lab.servers()[server]["status"]


def service(lab: Lab, action: str, name: str = "app1") -> None:
    """Start or stop the service of a host as its administrator would."""
    root = lab.folder / "hosts" / name
    command = [sys.executable, str(root / "current-a" / "app.py"), action, "--pid-file", str(root / "a.pid")]
    subprocess.run([*command, "--port", str(lab.ports[name][0])], check=True)


def wait_for(lab: Lab, wanted: str, server: str = "app1") -> None:
    deadline = time.monotonic() + 20
    while not status(lab, server).startswith(wanted):
        assert time.monotonic() < deadline, f"{server} is {status(lab, server)}, not {wanted}"
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def _as_found(lab: Lab) -> Iterator[None]:
    """Every test finds both servers running and in traffic."""
    yield
    for name in lab.names:
        service(lab, "start", name)
        if status(lab, name) in ("MAINT", "DRAIN"):
            assert restore(lab, name).status == 0
        wait_for(lab, "UP", name)


def test_draining_before_a_stop_loses_nothing(lab: Lab) -> None:
    with Load(lab.url, clients=18) as load:
        while int(lab.servers()["app1"]["scur"]) < 2:
            time.sleep(0.05)
        played = drain(lab)
        assert played.status == 0, played.output
        assert (status(lab), lab.servers()["app1"]["scur"]) == ("MAINT", "0")
        service(lab, "stop")
        service(lab, "start")
        played = restore(lab)
        assert played.status == 0, played.output
        assert status(lab) == "UP"
        served = int(lab.servers()["app1"]["stot"])
        time.sleep(2.5)
        assert int(lab.servers()["app1"]["stot"]) > served
    assert load.report.lost == []
    assert load.report.answered > 100
    assert load.report.slow_answered > 10


def test_stopping_without_draining_loses_requests(lab: Lab) -> None:
    """The negative control: the same clients, and a service that even finishes what it has before it ends."""
    with Load(lab.url, clients=18) as load:
        time.sleep(1)
        service(lab, "stop")
        time.sleep(1)
    assert load.report.lost


def test_killing_without_draining_loses_requests_under_way(lab: Lab) -> None:
    with Load(lab.url, clients=18) as load:
        while int(lab.servers()["app1"]["scur"]) < 2:
            time.sleep(0.05)
        os.kill(lab.pid(lab.folder / "hosts" / "app1" / "a.pid"), signal.SIGKILL)
        time.sleep(1)
    assert any(path == "/slow" for _at, path, _reason in load.report.lost)


@pytest.mark.slow
def test_both_are_idempotent_and_check_mode_changes_nothing(lab: Lab) -> None:
    assert restore(lab).changed == 0
    assert drain(lab, check=True).changed == 1
    assert status(lab) == "UP"
    assert drain(lab).changed > 0
    assert drain(lab).changed == 0
    assert restore(lab, check=True).changed == 1
    assert status(lab) == "MAINT"
    assert restore(lab).changed > 0
    assert restore(lab).changed == 0


@pytest.mark.slow
def test_a_drain_that_would_leave_too_few_is_refused(lab: Lab) -> None:
    together = drain(lab, "app1,app2")
    assert together.status != 0
    assert "0 other servers would stay in traffic (none), and drain_min_up is 1" in together.words
    assert drain(lab, "app2", drain_min_up=2).status != 0
    assert (status(lab, "app1"), status(lab, "app2")) == ("UP", "UP")
    assert drain(lab, "app1").status == 0
    assert drain(lab, "app2").status != 0
    assert status(lab, "app2") == "UP"


@pytest.mark.slow
def test_requests_that_do_not_end_in_time_fail_the_drain_and_the_server_stays(lab: Lab) -> None:
    answers: list[int] = []

    def ask() -> None:
        with urllib.request.urlopen(f"{lab.url}/slow?25", timeout=60) as answer:
            answers.append(answer.status)

    assert drain(lab, "app2").status == 0
    client = threading.Thread(target=ask)
    client.start()
    while lab.servers()["app1"]["scur"] == "0":
        time.sleep(0.05)
    played = drain(lab, "app1", drain_timeout=2, drain_min_up=0)
    assert played.status != 0
    assert "1 requests were still under way after 2 s. The server was put back as it was." in played.words
    assert status(lab) == "UP"
    client.join()
    assert answers == [200]


@pytest.mark.slow
def test_a_server_that_is_down_can_be_drained(lab: Lab) -> None:
    service(lab, "stop")
    wait_for(lab, "DOWN")
    played = drain(lab)
    assert played.status == 0, played.output
    assert status(lab) == "MAINT"


@pytest.mark.slow
def test_a_server_that_haproxy_finds_unhealthy_is_not_put_back(lab: Lab) -> None:
    assert drain(lab).status == 0
    service(lab, "stop")
    with Load(lab.url, clients=9) as load:
        played = restore(lab, restore_timeout=3)
    assert played.status != 0
    assert "was not put back into traffic" in played.words
    assert "It stays in maintenance" in played.words
    assert status(lab) == "MAINT"
    assert load.report.lost == []


def test_an_unknown_server_is_refused_with_those_that_exist(lab: Lab) -> None:
    played = drain(lab, deploy_service_instances=[], drain_server="web9")
    assert played.status != 0
    assert "has no server 'web9' in the backend 'app'; it has app1, app1-b, app2, app2-b" in played.words


def test_a_second_lab_in_the_same_folder_is_refused_and_touches_nothing(lab: Lab) -> None:
    before = lab.processes()
    second = Lab(lab.folder)
    with pytest.raises(LabError, match="another demo is at work in"):
        second.up()
    second.down()
    assert lab.processes() == before
    assert status(lab).startswith("UP")
