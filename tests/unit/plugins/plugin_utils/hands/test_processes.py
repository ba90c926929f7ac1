# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a run: which are found, which end, which are spared, and the watcher that ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks

needs_proc = pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")
EXECUTION = "run-1/web/1/do/1"

# What a play looks like: a parent with a file of the run on its command line, a child that ignores SIGTERM, and a
# service that has detached itself.
PLAY = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
child.stdout.readline()
reader, writer = os.pipe()
middle = os.fork()
if middle == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)"])
    os._exit(0)
os.waitpid(middle, 0)
os.close(writer)
os.read(reader, 1)  # ends when the service has become another program
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "executions" / "web" / "1" / "do" / "1").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def play(run_folder: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, processes.RUN: "run-1", processes.EXECUTION: EXECUTION}
    command = [sys.executable, "-c", PLAY, f"@{run_folder}/executions/web/1/do/1/private/vars.yml"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield child
        child.kill()
        for process in processes.find("run-1", run_folder):
            os.kill(process.pid, 9)


@needs_proc
def test_a_play_and_its_service_are_told_apart(play: subprocess.Popen[str], run_folder: Path) -> None:
    found = processes.find("run-1", run_folder)
    assert sorted(one.of_play for one in found) == [False, True, True]
    assert {one.execution for one in found} == {EXECUTION}
    assert play.pid in {one.pid for one in found if one.of_play}
    assert processes.find("run-2", run_folder) == []
    assert processes.find("run", run_folder) == []
    assert processes.find("run-1", run_folder, "run-1/other/1/do/1") == []


@needs_proc
def test_a_play_ends_with_its_stubborn_child_and_the_service_goes_on(
    play: subprocess.Popen[str], run_folder: Path
) -> None:
    ended = processes.end("run-1", run_folder, EXECUTION, grace=0.2)
    assert len(ended.ended) == 2
    assert ended.stubborn == ()
    assert [one.of_play for one in ended.spared] == [False]
    assert [one.of_play for one in processes.find("run-1", run_folder)] == [False]


@needs_proc
def test_what_an_ended_execution_left_running_is_spared_but_not_the_play_itself(
    play: subprocess.Popen[str], run_folder: Path
) -> None:
    processes.note_end(run_folder / "executions" / "web" / "1" / "do" / "1")
    ended = processes.end("run-1", run_folder, grace=0.1)
    assert [one.pid for one in ended.ended] == [play.pid]
    assert len(ended.spared) == 2


# A play that starts a program with an environment of its own, as ``sudo`` does, and the supervisor of another run.
ELSEWHERE = """
import subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, env={})
child.stdout.readline()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "/x/_bootstrap.py", "supervise"], env={})
print("ready", flush=True)
time.sleep(60)
"""


@needs_proc
def test_what_a_play_started_with_another_environment_ends_too_but_no_supervisor(run_folder: Path) -> None:
    environment = {**os.environ, processes.RUN: "run-1", processes.EXECUTION: EXECUTION}
    command = [sys.executable, "-c", ELSEWHERE, f"@{run_folder}/executions/web/1/do/1/private/vars.yml"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as play:
        assert play.stdout is not None
        assert play.stdout.readline() == "ready\n"
        children = Path(f"/proc/{play.pid}/task/{play.pid}/children").read_text().split()
        stubborn, supervisor = (int(pid) for pid in children)
        ended = processes.end("run-1", run_folder, EXECUTION, grace=0.2)
        assert {one.pid for one in ended.ended} == {play.pid, stubborn}
        assert {one.execution for one in ended.ended} == {EXECUTION}
        os.kill(supervisor, 9)  # raises when it has gone


@needs_proc
def test_somebody_elses_process_is_not_waited_for_to_stand_still(
    play: subprocess.Popen[str], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (foreign,) = (one.pid for one in processes.find("run-1", run_folder) if one.of_play and one.pid != play.pid)
    kill, pauses = os.kill, []

    def denied(pid: int, number: int) -> None:
        if pid == foreign:
            raise PermissionError
        kill(pid, number)

    monkeypatch.setattr(processes.os, "kill", denied)
    ended = processes.end("run-1", run_folder, EXECUTION, 0.2, lambda pause: (pauses.append(pause), time.sleep(pause)))
    monkeypatch.undo()
    assert ([one.pid for one in ended.ended], [one.pid for one in ended.stubborn]) == ([play.pid], [foreign])
    waits = len([pause for pause in pauses if pause > 0.01])
    assert len(pauses) - waits < 2 * waits + 10


# A play that starts one program after the other, each of which becomes another program at once.
BUSY = """
import subprocess, time
print("ready", flush=True)
for number in range(40):
    subprocess.Popen(["sleep", "60"])
    time.sleep(0.001)
time.sleep(60)
"""


@needs_proc
def test_nothing_slips_away_that_is_just_being_started(run_folder: Path) -> None:
    environment = {**os.environ, processes.RUN: "run-1", processes.EXECUTION: EXECUTION}
    command = [sys.executable, "-c", BUSY, f"@{run_folder}/executions/web/1/do/1/private/vars.yml"]
    for _unused in range(8):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as play:
            assert play.stdout is not None
            assert play.stdout.readline() == "ready\n"
            ended = processes.end("run-1", run_folder, EXECUTION, grace=2)
        left = processes.find("run-1", run_folder)
        for one in left:
            os.kill(one.pid, 9)
        assert (left, ended.spared, ended.stubborn) == ([], (), ())
        assert play.returncode == -signal.SIGTERM


def test_without_proc_the_group_written_down_is_ended(
    play: subprocess.Popen[str], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.write_down(run_folder / "executions" / "web" / "1" / "do" / "1", play.pid)
    monkeypatch.setattr(processes, "has_proc", lambda: False)
    monkeypatch.setattr(processes, "_group_lives", lambda group: play.poll() is None)
    ended = processes.end("run-1", run_folder, EXECUTION, grace=0.2)
    assert [one.pid for one in ended.ended] == [play.pid]
    assert play.wait() < 0


SUPERVISOR = """
import sys, time
from pathlib import Path
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.watcher import Watcher
watcher = Watcher.fork()
watcher.watch("run-1", Path(sys.argv[1]))
locks = Locks(Path(sys.argv[2]), "run-1", time.time, watcher.hold)
print(locks.take("x"), flush=True)
if sys.stdin.readline() == "farewell\\n":
    watcher.farewell()
    locks.release_all()
"""


def wait_for(what: str, condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@needs_proc
@pytest.mark.parametrize("killed", [True, False])
def test_the_watcher_ends_the_plays_of_a_killed_supervisor_only(
    play: subprocess.Popen[str], run_folder: Path, tmp_path: Path, killed: bool
) -> None:
    secrets = run_folder / "secrets"
    secrets.mkdir()
    (secrets / "vault-0").write_text("s3cret")
    arguments = [sys.executable, "-c", SUPERVISOR, str(run_folder), str(tmp_path / "store")]
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    with subprocess.Popen(
        arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdin is not None
        assert supervisor.stdout.readline() == "None\n"
        if killed:
            supervisor.kill()
        else:
            supervisor.stdin.write("farewell\n")
            supervisor.stdin.flush()
        supervisor.wait()
    mine = Locks(tmp_path / "store", "run-2", time.time)
    wait_for("the lock is free once the watcher has gone", lambda: mine.take("x") is None)
    alive = sorted(one.of_play for one in processes.find("run-1", run_folder))
    assert alive == ([False] if killed else [False, True, True])
    assert (play.poll() is None) is not killed
    assert secrets.exists() is not killed
