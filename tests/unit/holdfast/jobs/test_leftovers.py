# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed controller leaves: found again, ended, removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes
from holdfast.jobs.guard import Guard, keep_guard
from holdfast.jobs.leftovers import cleanup_leftovers, mark_of

pytestmark = pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def job(root: Path, key: str) -> subprocess.Popen[bytes]:
    """A process that looks like the play of a job, and secrets beside it."""
    private = root / key / "private"
    private.mkdir(parents=True)
    (private / "secret").write_text("hunter2")
    environment = {**os.environ, **dict.fromkeys((processes.RUN, processes.EXECUTION), mark_of(root / key))}
    command = [sys.executable, "-c", STUBBORN, f"@{private}/extra_vars.yml"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


@pytest.fixture
def children(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    found = {key: job(tmp_path, key) for key in ("job-1", "job-2")}
    yield found
    for child in found.values():
        child.kill()
        child.communicate()


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_leftovers_of_the_jobs_named(tmp_path: Path, children: dict[str, subprocess.Popen[bytes]]) -> None:
    found = cleanup_leftovers(tmp_path, ["job-1", "job-77"])
    assert {key: [one.pid for one in ended.ended] for key, ended in found.items()} == {"job-1": [children["job-1"].pid]}
    assert children["job-1"].wait(5) == -signal.SIGKILL
    assert children["job-2"].poll() is None
    assert [path.name for path in tmp_path.iterdir()] == ["job-2"]


def test_leftovers_of_all_jobs(tmp_path: Path, children: dict[str, subprocess.Popen[bytes]]) -> None:
    (tmp_path / "job-3").mkdir()
    found = cleanup_leftovers(tmp_path)
    assert sorted(found) == ["job-1", "job-2", "job-3"]
    assert {child.wait(5) for child in children.values()} == {-signal.SIGKILL}
    assert list(tmp_path.iterdir()) == []
    assert cleanup_leftovers(tmp_path / "never made") == {}


CONTROLLER = """
import sys, time
from pathlib import Path
from holdfast.jobs.guard import Guard
guard = Guard()
for key in ("job-1", "job-2"):
    guard.watch(key, Path(sys.argv[1]) / key)
guard.forget("job-2")
print(guard.pid, flush=True)
time.sleep(60)
"""


def test_the_guard_ends_the_jobs_of_a_killed_controller(
    tmp_path: Path, children: dict[str, subprocess.Popen[bytes]]
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", CONTROLLER, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as controller:
        assert controller.stdout is not None
        guard = int(controller.stdout.readline())
        os.kill(guard, signal.SIGTERM)  # a polite signal to everything must not end it
        controller.kill()
        assert children["job-1"].wait(10) == -signal.SIGKILL
    wait_for("the secrets go", lambda: not (tmp_path / "job-1").exists())
    wait_for("the guard goes", lambda: not Path(f"/proc/{guard}/exe").exists())
    assert children["job-2"].poll() is None
    assert (tmp_path / "job-2" / "private" / "secret").exists()


def test_a_guard_that_was_killed_is_replaced(tmp_path: Path) -> None:
    guard = Guard()
    guard.watch("job-1", tmp_path / "job-1")
    first = guard.pid
    os.kill(first, signal.SIGKILL)
    wait_for("it is dead", lambda: Path(f"/proc/{first}/stat").read_text().split()[2] == "Z")
    guard.watch("job-2", tmp_path / "job-2")
    assert guard.pid != first
    (tmp_path / "job-1").mkdir()
    guard.close()  # both are still on its list
    assert not (tmp_path / "job-1").exists()
    assert guard.pid == 0


def test_news_that_was_cut_off_does_no_harm(tmp_path: Path) -> None:
    for key in ("job-1", "job-2"):
        (tmp_path / key).mkdir()
    keep_guard([f'{{"job-1": "{tmp_path}/job-1"}}\n', f'{{"job-2": "{tmp_path}/jo'])
    assert [path.name for path in tmp_path.iterdir()] == ["job-2"]


def test_a_job_of_the_same_number_of_another_controller_goes_on(tmp_path: Path) -> None:
    mine, other = (job(tmp_path / name, "job-1") for name in ("mine", "other"))
    try:
        (ended,) = cleanup_leftovers(tmp_path / "mine").values()
        assert [one.pid for one in ended.ended] == [mine.pid]
        assert other.poll() is None
    finally:
        for child in (mine, other):
            child.kill()
            child.communicate()
