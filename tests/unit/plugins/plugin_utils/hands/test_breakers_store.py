# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breakers of a store: many processes at once, killed ones, and what is told of a store that cannot be used."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sqlite3
import stat
import threading
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import FILE, Breakers

PROCESSES, REPORTS = 50, 20
JIRA = "service:jira"
NEVER = Policy(failure_rate_threshold=100.0, sliding_window_size=10_000, minimum_number_of_calls=10_000)
TRIALS = Policy(permitted_number_of_calls_in_half_open_state=3, minimum_number_of_calls=1)


class Hours:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def _reporter(folder: str, start: Barrier) -> None:
    breakers = Breakers(Path(folder))
    start.wait(60)
    for number in range(REPORTS):
        breakers.report(JIRA, Call(number % 2 == 0, said="down"), NEVER)


def _asker(folder: str, start: Barrier, told: Any) -> None:
    breakers = Breakers(Path(folder), Hours(5000.0))
    start.wait(60)
    told.put([breakers.ask(JIRA, f"process {os.getpid()}").trial for _number in range(4)])


def _together(target: Any, folder: Path, *arguments: Any) -> list[multiprocessing.Process]:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(PROCESSES)
    found = [context.Process(target=target, args=(str(folder), start, *arguments)) for _number in range(PROCESSES)]
    for process in found:
        process.start()
    return found  # type: ignore[return-value]


def test_no_report_of_fifty_processes_is_lost(tmp_path: Path) -> None:
    for process in _together(_reporter, tmp_path):
        process.join(120)
        assert process.exitcode == 0
    found = Breakers(tmp_path).need(JIRA)
    assert found.totals == (PROCESSES * REPORTS, PROCESSES * REPORTS // 2, 0, 0)
    assert len(found.window.marks) == PROCESSES * REPORTS


def test_fifty_processes_get_no_more_trials_than_are_permitted(tmp_path: Path) -> None:
    Breakers(tmp_path, Hours()).report(JIRA, Call(True, said="down"), TRIALS)
    told: Any = multiprocessing.get_context("fork").Queue()
    asking = _together(_asker, tmp_path, told)
    trials = [trial for _process in asking for trial in told.get(timeout=120)]
    for process in asking:
        process.join(120)
    given = sorted(trial for trial in trials if trial)
    assert given == [1, 2, 3], "each trial is given out once"
    found = Breakers(tmp_path, Hours(5000.0)).need(JIRA)
    assert found.state == model.HALF_OPEN and found.totals.refused == len(trials) - 3


def test_it_survives_a_kill_between_two_words_and_within_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    said = context.Event()

    def dies() -> None:
        breakers = Breakers(tmp_path)
        breakers.trip(JIRA, "it is down", "alice")

        def hangs(breaker: model.Breaker, _now: float) -> tuple[model.Breaker, None]:
            if breaker.state == model.FORCED_OPEN and breakers._database and breakers._database.in_transaction:
                said.set()
                signal.pause()
            return model.new(JIRA), None

        breakers.change(JIRA, hangs)

    process = context.Process(target=dies)
    process.start()
    assert said.wait(60)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    breakers = Breakers(tmp_path)
    assert breakers.need(JIRA).why == "it is down"
    assert breakers.reset(JIRA, "", "bob").state == model.CLOSED


def test_nothing_open_goes_through_a_fork(tmp_path: Path) -> None:
    """In the child SQLite would believe in locks that the child has not, and two would write at once."""
    breakers = Breakers(tmp_path)
    breakers.report(JIRA, Call(False))
    context = multiprocessing.get_context("fork")

    def child() -> None:
        inherited = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        assert not [path for path in inherited if path.startswith(str(tmp_path))]
        breakers.report(JIRA, Call(False))

    process = context.Process(target=child)
    process.start()
    assert breakers.report(JIRA, Call(False)).totals.calls >= 2, "the parent goes on meanwhile"
    process.join(60)
    assert process.exitcode == 0
    assert breakers.need(JIRA).totals.calls == 3


def test_whoever_is_done_with_it_leaves_nothing_open(tmp_path: Path) -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    Breakers(tmp_path).report(JIRA, Call(False))
    assert len(os.listdir("/proc/self/fd")) == before


def test_threads_share_one(tmp_path: Path) -> None:
    breakers = Breakers(tmp_path)
    threads = [
        threading.Thread(target=lambda: [breakers.report(JIRA, Call(False)) for _n in range(20)]) for _t in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breakers.need(JIRA).totals.calls == 160
    breakers.shut()
    assert breakers.need(JIRA).totals.calls == 160, "it opens again"


def test_asking_a_closed_one_writes_nothing(tmp_path: Path) -> None:
    with Breakers(tmp_path) as breakers:
        breakers.report(JIRA, Call(False))
        version = breakers._connection().execute("PRAGMA data_version").fetchone()
        with Breakers(tmp_path) as other:
            assert other.ask(JIRA).allowed
            assert breakers._connection().execute("PRAGMA data_version").fetchone() == version
            other.report(JIRA, Call(False))
        assert breakers._connection().execute("PRAGMA data_version").fetchone() != version


def test_looking_makes_no_file(tmp_path: Path) -> None:
    breakers = Breakers(tmp_path / "none")
    assert breakers.list() == [] and breakers.get(JIRA) is None
    assert not (tmp_path / "none").exists()


def test_a_policy_that_is_given_holds_from_now_on(tmp_path: Path) -> None:
    breakers = Breakers(tmp_path)
    assert breakers.report(JIRA, Call(False), TRIALS).policy == TRIALS
    assert breakers.report(JIRA, Call(False)).policy == TRIALS
    assert breakers.ask(JIRA, policy=NEVER).allowed
    assert breakers.need(JIRA).policy == NEVER


def test_people_and_the_clock(tmp_path: Path) -> None:
    clock = Hours()
    breakers = Breakers(tmp_path, clock)
    breakers.trip(JIRA, "maintenance", "alice", wait=30)
    assert not breakers.ask(JIRA).allowed
    clock.now += 30
    assert [breaker.state for breaker in breakers.list()] == [model.HALF_OPEN]
    trial = breakers.ask(JIRA).trial
    assert trial and not breakers.ask(JIRA).allowed
    breakers.release(JIRA, trial)
    assert breakers.ask(JIRA).allowed
    assert breakers.disable(JIRA, "", "bob").state == model.DISABLED
    assert breakers.close(JIRA, "", "bob").state == model.CLOSED


def test_what_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    breakers = Breakers(tmp_path)
    breakers.report(JIRA, Call(False))
    with pytest.raises(HoldfastError, match=r"no breaker 'service:jiro'.*service:jira"):
        breakers.need("service:jiro")
    with pytest.raises(HoldfastError, match="no target of a breaker"):
        breakers.get("jira")


@pytest.mark.parametrize(("folder", "file"), [(home.PRIVATE, 0o600), (home.SHARED, 0o660)])
def test_its_files_belong_to_whom_the_store_belongs(tmp_path: Path, folder: int, file: int) -> None:
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(folder)
    with Breakers(store) as breakers:
        breakers.report(JIRA, Call(False))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.glob("breakers.*")}
    assert modes == dict.fromkeys(["breakers.db", "breakers.db-wal", "breakers.db-shm", "breakers.queue"], file)


def test_a_file_of_another_format_or_none_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(HoldfastError, match="has format 7"):
        Breakers(tmp_path).report(JIRA, Call(False))
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at as one")
    with pytest.raises(HoldfastError, match=r"cannot use the breakers in .*breakers.db"):
        Breakers(tmp_path).list()
