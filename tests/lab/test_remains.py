# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a lab is left: not after ``down``, not after any of its processes was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import places
from tests.lab.commands import LabError, started
from tests.lab.lab import Lab

pytestmark = pytest.mark.slow
OUTLIVE = 15.0
"""Seconds that remains of a killed process may take to go."""


@pytest.fixture
def name(can_have_labs: None) -> Iterator[str]:
    """A name for a lab of one's own, which is taken down whatever happens."""
    chosen = f"test-{os.getpid()}-x"
    yield chosen
    Lab(chosen).down()


def command(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "tests.lab", "--name", name, *words]


def descendants(pid: int) -> dict[int, str]:
    """A process and all below it, and when each started."""
    found = {pid: started(pid)}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            found |= descendants(int(child))
    return found


def supervisor(lab: Lab) -> int:
    """The process that ``up`` left behind."""
    return int(json.loads((lab.folder / "state.json").read_text(encoding="ascii"))["pid"])


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def traces(lab: Lab, processes: dict[int, str], before: set[str]) -> list[str]:
    """What is left of a lab, in words."""
    left = [f"process {pid}" for pid, since in processes.items() if since and started(pid) == since]
    left += [f"interface {name}" for name in interfaces() - before if name.startswith("hflab")]
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    left += [line for line in mounts if str(lab.folder) in line or str(places.cache()) in line]
    left += [str(path) for path in places.RUNNING.glob(f"*{lab.name}*")]
    left += [str(path) for path in places.cache().glob("building-*")]
    roots = [Path(line.split()[1]) for line in mounts if line.split()[2] == "cgroup2"]
    return left + [str(path) for root in roots for path in root.glob(f"{places.groups(lab.name)}.*")]


def nothing_left(lab: Lab, processes: dict[int, str], before: set[str], patience: float = OUTLIVE) -> None:
    deadline = time.monotonic() + patience
    while left := traces(lab, processes, before):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_down_leaves_nothing(name: str) -> None:
    lab, before = Lab(name), interfaces()
    subprocess.run(command(name, "up", "--hosts", "1"), check=True)
    processes = descendants(supervisor(lab))
    assert len(processes) > 8, "a host, its services, a load balancer and a repository"
    assert traces(lab, processes, before), "the test would see them"
    subprocess.run(command(name, "down"), check=True)
    nothing_left(lab, processes, before, patience=1)
    with pytest.raises(LabError, match="does not answer"):
        lab.status()


@pytest.mark.parametrize("after", [0.05, 0.4, 0.8, 1.4])
def test_an_up_that_is_killed_leaves_nothing_after_a_down(name: str, after: float) -> None:
    lab, before = Lab(name), interfaces()
    with subprocess.Popen(command(name, "up", "--hosts", "1"), start_new_session=True) as up:
        deadline = time.monotonic() + 60
        while up.poll() is None and not lab.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(after)
        processes = descendants(up.pid)
        up.kill()
    Lab(name).down()
    nothing_left(lab, processes, before)


def test_a_killed_supervisor_takes_everything_with_it(name: str) -> None:
    lab, before = Lab(name), interfaces()
    subprocess.run(command(name, "up", "--hosts", "1"), check=True)
    processes = descendants(supervisor(lab))
    os.kill(supervisor(lab), signal.SIGKILL)
    deadline = time.monotonic() + OUTLIVE
    while any(since and started(pid) == since for pid, since in processes.items()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lab.down()
    nothing_left(lab, processes, before)


def test_a_lab_ends_with_whoever_keeps_it(name: str) -> None:
    lab, before = Lab(name), interfaces()
    script = f"from tests.lab.lab import Lab; Lab({name!r}).up(['app1']); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"up\n"
        processes = descendants(keeper.pid)
        keeper.kill()
    nothing_left(lab, processes, before)


def test_a_build_that_is_killed_leaves_nothing_after_a_down(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lab, before = Lab(name), interfaces()
    with subprocess.Popen(command(name, "up"), start_new_session=True) as up:
        deadline = time.monotonic() + 60
        while not (places.cache() / "building-debian" / "debootstrap").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        processes = descendants(up.pid)
        assert len(processes) > 3
        up.kill()
    lab.down()
    nothing_left(lab, processes, before)


def test_two_labs_are_up_at_once(name: str) -> None:
    one, other = Lab(name), Lab(f"{name}2")
    one.up(["app1"])
    try:
        with other:
            assert one.url != other.url
            assert {lab.ssh("app1", "hostname").stdout for lab in (one, other)} == {"app1\n"}
            assert one.boot_id("app1") != other.boot_id("app1")
            with pytest.raises(LabError, match="is up already"):
                Lab(one.name).up()
        assert one.ssh("app1", "true").returncode == 0
    finally:
        one.down()
