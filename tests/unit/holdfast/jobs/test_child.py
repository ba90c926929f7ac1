# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as a process, without Ansible: how it ends, who may end it, what it leaves. Plays are in tests/terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes
from holdfast.jobs import child
from holdfast.jobs.credentials import CredentialValue
from holdfast.jobs.leftovers import mark_of
from holdfast.jobs.spec import JobSpec

from .jobs import Running, wait_for

needs_proc = pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path


def job(folder: Path, script: str, credentials: tuple[CredentialValue, ...] = (), **more: Any) -> Running:
    command = more.pop("command", ("sh", "-c", script))
    spec = JobSpec("job-1", folder / "jobs" / "job-1", folder / "project", command=command, **more)
    return Running(spec, credentials)


def test_a_command_and_its_output(folder: Path) -> None:
    running = job(folder, "echo one; echo; pwd; echo three >&2; printf four")
    end = running.end()
    assert (end.status, end.explanation, end.result_traceback) == ("successful", "", "")
    assert [(row["counter"], row["event"], row["stdout"]) for row in running.sink.rows] == [
        (1, "verbose", "one"),
        (2, "verbose", ""),
        (3, "verbose", str(folder / "project")),
        (4, "verbose", "three"),
        (5, "verbose", "four"),
    ]
    assert [(row["start_line"], row["end_line"]) for row in running.sink.rows[-2:]] == [(3, 4), (4, 4)]
    assert end.emitted_events == 5
    assert (end.host_summaries, end.host_status_counts, end.artifacts) == ({}, None, {})
    assert end.start == running.sink.start
    assert end.start.job_cwd == str(folder / "project")
    assert not (folder / "jobs" / "job-1").exists()


def test_a_command_that_fails(folder: Path) -> None:
    end = job(folder, "exit 3").end()
    assert (end.status, end.explanation) == ("failed", "")


def test_a_command_that_was_killed_by_others(folder: Path) -> None:
    end = job(folder, "kill -9 $$").end()
    assert (end.status, end.explanation) == ("failed", "The running ansible process received a shutdown signal.")


def test_a_command_that_is_not_there(folder: Path) -> None:
    end = job(folder, "", command=("/no/such/program",)).end()
    assert end.status == "error"
    assert end.explanation == "cannot work in /no/such/program: No such file or directory"


def test_what_cannot_be_prepared_ends_in_error(folder: Path) -> None:
    broken = CredentialValue("cloud", "Mine", {"a": "x"}, injectors={"env": {"A": "{{ a"}})
    end = job(folder, "echo never", (broken,)).end()
    assert end.status == "error"
    assert end.explanation.startswith("credential type Mine, injector env, A: the template cannot be rendered")
    assert not (folder / "jobs" / "job-1").exists()


def test_secrets_are_masked_in_everything_that_leaves(folder: Path) -> None:
    secret = CredentialValue(
        "cloud",
        "Mine",
        {"pw": "hunter2"},
        input_fields=[{"id": "pw", "type": "string", "secret": True}],
        injectors={"env": {"MINE": "{{ pw }}", "SHOWN": "x"}},
    )
    running = job(folder, "echo $MINE; echo $0 answer-2", (secret,), secrets=("answer-2",))
    end = running.end()
    assert [row["stdout"] for row in running.sink.rows] == ["$encrypted$", "sh $encrypted$"]
    assert end.start.job_args == ["sh", "-c", "echo $MINE; echo $0 $encrypted$"]
    assert (end.start.job_env["MINE"], end.start.job_env["SHOWN"]) == ("**********", "x")
    assert "hunter2" not in repr(end)


def test_a_job_sees_little_of_the_controllers_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_SECRET_KEY", "top-secret")
    monkeypatch.setenv("DATABASE_URL", "top-secret")
    running = job(folder, "env", environment={"JOB_ID": "1"})
    end = running.end()
    seen = {row["stdout"].partition("=")[0] for row in running.sink.rows}
    assert "JOB_ID" in seen
    assert not {"HOLDFAST_SECRET_KEY", "DATABASE_URL"} & (seen | set(end.start.job_env))


# --- its end ------------------------------------------------------------------------------------------------------


def test_cancelled_before_it_began(folder: Path) -> None:
    running = job(folder, "touch ran")
    running.run.cancel()
    assert running.end().status == "canceled"
    assert not (folder / "project" / "ran").exists()


def test_cancelled_while_it_starts(folder: Path) -> None:
    running = job(folder, "sleep 60")
    running.sink.on_start = running.run.cancel
    begin = time.monotonic()
    assert running.end().status == "canceled"
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("script", ["sleep 60", "trap '' TERM; echo up; sleep 60; sleep 61"])
def test_cancelled_by_many_at_once(folder: Path, script: str) -> None:
    running = job(folder, f"echo up; {script}").start()
    wait_for("it runs", lambda: bool(running.sink.rows))
    begin = time.monotonic()
    callers = [threading.Thread(target=running.run.cancel) for _unused in range(5)]
    for caller in callers:
        caller.start()
    end = running.end()
    assert time.monotonic() - begin < 3
    assert (end.status, end.explanation) == ("canceled", "")
    assert len(running.sink.rows) >= 1


def test_cancelled_when_it_is_over(folder: Path) -> None:
    running = job(folder, "true")
    assert running.end().status == "successful"
    running.run.cancel()
    assert not (folder / "jobs" / "job-1").exists()


def test_a_timeout(folder: Path) -> None:
    begin = time.monotonic()
    end = job(folder, "echo up; sleep 60", timeout=1).end()
    assert (end.status, end.explanation) == ("failed", "Job terminated due to timeout")
    assert 1 <= time.monotonic() - begin < 4
    assert end.elapsed >= 1


def test_a_shutdown_of_the_controller(folder: Path) -> None:
    running = job(folder, "echo up; sleep 60").start()
    wait_for("it runs", lambda: bool(running.sink.rows))
    running.run.shutdown()
    running.run.cancel()
    end = running.end()
    assert (end.status, end.explanation) == ("failed", "Task was canceled due to receiving a shutdown signal.")


@needs_proc
def test_a_service_that_outlives_its_job_does_not_hold_it_up(folder: Path) -> None:
    begin = time.monotonic()
    assert job(folder, "setsid sleep 62 & echo $!").end().status == "successful"
    assert time.monotonic() - begin < 5
    service = processes.find(mark_of(folder / "jobs" / "job-1"), folder / "jobs" / "job-1")
    assert [one.command for one in service] == ["sleep 62"]
    os.kill(service[0].pid, signal.SIGKILL)


# --- a sink that breaks -------------------------------------------------------------------------------------------


def test_a_broken_sink_ends_the_job(folder: Path) -> None:
    running = job(folder, "while :; do echo line; sleep 0.01; done")

    def break_down(rows: list[dict[str, Any]]) -> None:
        raise OSError("the disk is full")

    running.sink.events = break_down  # type: ignore[method-assign]
    begin = time.monotonic()
    end = running.end()
    assert time.monotonic() - begin < 5
    assert end.status == "error"
    assert end.explanation == "the events of the job could not be stored: the disk is full"


def test_a_silent_job_ends_with_its_sink_too(folder: Path) -> None:
    running = job(folder, "echo once; sleep 60")

    def break_down(rows: list[dict[str, Any]]) -> None:
        raise ValueError("no")

    running.sink.events = break_down  # type: ignore[method-assign]
    begin = time.monotonic()
    assert running.end().status == "error"
    assert time.monotonic() - begin < 5


def test_a_fault_of_ours_is_told_with_a_traceback(folder: Path) -> None:
    running = job(folder, "echo never", secrets=("hunter2",))

    def break_down() -> None:
        raise RuntimeError("hunter2 broke it")

    running.sink.on_start = break_down
    end = running.end()
    assert end.status == "error"
    assert "RuntimeError: $encrypted$ broke it" in end.result_traceback


def test_a_play_waits_for_its_turn_also_where_time_is_shared_out_by_sessions() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        child.step_back(process.pid)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == child.NICENESS
        session = Path(f"/proc/{process.pid}/autogroup")
        if session.exists() and session.read_text().strip():
            assert session.read_text().split()[-1] == str(child.NICENESS)
        process.kill()
