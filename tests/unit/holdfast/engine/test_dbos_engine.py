# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process: what is queued runs once, soon, in order, and in its slots."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from holdfast.engine import dbos_engine
from holdfast.engine.claims import Claims
from holdfast.engine.dbos_engine import DbosEngine
from holdfast.engine.dbos_queue import DbosQueue
from holdfast.engine.port import EngineError, EngineInUse
from sqlalchemy.exc import OperationalError

from .conftest import MakeEngine, Recorder, wait_until


def rows(tmp_path: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(tmp_path / "engine.db") as connection:
        return connection.execute(query).fetchall()


def test_a_unit_runs_once_however_often_it_is_queued(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _unused: engine.enqueue("job", "one"), range(24)))
    recorder.expect("one")
    engine.enqueue("job", "one")
    engine.enqueue("job", "other")
    recorder.expect("one", "other")


def test_the_same_key_of_two_tasks_is_two_units(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine({"job": 1, "flow": 1})
    engine.enqueue("job", "7")
    engine.enqueue("flow", "7")
    recorder.expect("7", "7")


def test_what_is_queued_before_the_start_waits_for_it(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine(started=False)
    engine.enqueue("job", "early")
    time.sleep(0.1)
    assert recorder.calls == []
    engine.start()
    recorder.expect("early")


def test_running_names_what_runs(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    recorder.hold("long")
    assert engine.running == frozenset()
    engine.enqueue("job", "long")
    recorder.expect("long")
    assert engine.running == {"long"}
    recorder.let_go()
    wait_until(lambda: not engine.running, "the end of the handler")


def test_a_unit_begins_at_once(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    engine.enqueue("job", "warm")
    recorder.expect("warm")
    delays = []
    for number in range(40):
        queued = time.time()
        engine.enqueue("job", str(number))
        wait_until(lambda: str(number) in recorder.at, "the handler")  # noqa: B023
        delays.append(recorder.at[str(number)] - queued)
    # Some 6 ms on a quiet machine; by DBOS' own polling it would be half a second.
    assert statistics.median(delays) < 0.2


def test_slots_hold_and_order_is_kept(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine({"job": 1, "flow": 3})
    keys = [str(number) for number in range(60)]
    for key in keys:
        engine.enqueue("job", key)
    wait_until(lambda: len(recorder.calls) == 60, "all units")
    assert recorder.calls == keys
    assert recorder.most_at_once == 1

    flows = [f"flow-{number}" for number in range(9)]
    recorder.hold(*flows)
    for key in flows:
        engine.enqueue("flow", key)
    wait_until(lambda: len(engine.running) == 3, "three at once")
    engine.enqueue("job", "beside")
    wait_until(lambda: "beside" in recorder.calls, "a task whose slots are free")
    time.sleep(0.1)
    assert engine.running == set(flows[:3])
    recorder.let_go()
    wait_until(lambda: len(recorder.calls) == 70, "the rest")
    assert not any(call in flows[:3] for call in recorder.calls[64:])


def test_a_handler_that_fails_is_logged_and_leaves_its_slot(
    make_engine: MakeEngine, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine({"flow": 1}, started=False)

    def fail(key: str) -> None:
        recorder(key)
        raise SystemExit("no reason")

    engine.register("flow", fail)
    engine.start()
    with caplog.at_level(logging.ERROR):
        engine.enqueue("flow", "bad")
        engine.enqueue("flow", "next")
        recorder.expect("bad", "next")
        wait_until(lambda: not engine.running, "the end")
    assert "the handler of flow bad failed" in caplog.text


def test_what_a_handler_queues_is_work_like_any_other(
    make_engine: MakeEngine, recorder: Recorder, tmp_path: Path
) -> None:
    engine = make_engine({"job": 1, "flow": 1}, started=False)

    def advance(key: str) -> None:
        engine.enqueue("job", f"{key}/step")
        engine.schedule("job", f"{key}/later", time.time() + 0.1)

    engine.register("flow", advance)
    engine.start()
    engine.enqueue("flow", "7")
    recorder.expect("7/step", "7/later")
    assert rows(tmp_path, "SELECT count(*) FROM workflow_status WHERE parent_workflow_id IS NOT NULL") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM operation_outputs") == [(0,)]


def test_all_of_it_works_from_a_thread_with_an_event_loop(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine(started=False)

    async def serve() -> None:
        engine.start()
        engine.enqueue("job", "a")
        assert engine.cancel("job", "b")
        engine.schedule("job", "c", time.time() + 0.05)
        assert engine.interrupted() == []
        await asyncio.to_thread(recorder.expect, "a", "c")
        engine.stop(5)

    asyncio.run(serve())


def test_a_timer_fires_in_time(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    now = time.time()
    engine.schedule("job", "second", now + 0.6)
    engine.schedule("job", "first", now + 0.3)
    engine.schedule("job", "overdue", now - 60)
    engine.schedule("job", "first", now + 5)
    recorder.expect("overdue", "first", "second")
    assert recorder.calls == ["overdue", "first", "second"]
    assert 0.3 <= recorder.at["first"] - now < 1.0
    assert 0.6 <= recorder.at["second"] - now < 1.3


def test_a_timer_wakes_an_engine_that_sleeps(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    engine.schedule("job", "far", time.time() + 3600)
    time.sleep(0.3)
    now = time.time()
    engine.schedule("job", "near", now + 0.2)
    recorder.expect("near")
    assert 0.2 <= recorder.at["near"] - now < 1.0


def test_timers_survive_a_restart(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    now = time.time()
    engine.schedule("job", "missed", now + 0.2)
    engine.schedule("job", "coming", now + 2.0)
    engine.stop(1)
    time.sleep(max(0.0, now + 0.3 - time.time()))
    make_engine()
    wait_until(lambda: "missed" in recorder.calls, "what came due while nobody was there", 1.5)
    recorder.expect("missed", "coming")
    assert 2.0 <= recorder.at["coming"] - now < 3.0


def test_what_is_cancelled_before_it_began_never_begins(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine(1)
    recorder.hold("first")
    for key in ("first", "waiting", "last"):
        engine.enqueue("job", key)
    engine.schedule("job", "timer", time.time() + 0.2)
    recorder.expect("first")
    assert engine.cancel("job", "waiting")
    assert engine.cancel("job", "waiting")
    assert engine.cancel("job", "timer")
    assert engine.cancel("job", "not-queued-yet")
    assert not engine.cancel("job", "first")
    engine.enqueue("job", "not-queued-yet")
    time.sleep(0.3)
    recorder.let_go()
    recorder.expect("first", "last")
    wait_until(lambda: not engine.running, "the end")
    time.sleep(0.1)
    assert not engine.cancel("job", "last")
    assert recorder.calls == ["first", "last"]


def test_a_stop_waits_for_what_runs_and_keeps_what_waits(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine(1)
    recorder.hold("running")
    engine.enqueue("job", "running")
    recorder.expect("running")
    engine.enqueue("job", "waiting")
    threading.Timer(0.3, recorder.let_go).start()
    begun = time.monotonic()
    engine.stop(10)
    assert 0.25 < time.monotonic() - begun < 5
    assert recorder.calls == ["running"]
    with pytest.raises(EngineError, match="stopped"):
        engine.enqueue("job", "too-late")
    again = make_engine(1)
    recorder.expect("running", "waiting")
    assert again.interrupted() == []


def test_a_stop_loses_patience_and_keeps_others_out_while_work_goes_on(
    make_engine: MakeEngine, recorder: Recorder
) -> None:
    engine = make_engine()
    recorder.hold("stubborn")
    engine.enqueue("job", "stubborn")
    recorder.expect("stubborn")
    begun = time.monotonic()
    engine.stop(0.2)
    assert time.monotonic() - begun < 3
    assert engine.running == {"stubborn"}
    with pytest.raises(EngineInUse):
        make_engine()
    recorder.let_go()
    wait_until(lambda: not engine.running, "its end")
    again = make_engine(started=False)
    wait_until(lambda: _starts(again), "the file, once the handler has ended")
    assert again.interrupted() == []


def _starts(engine: DbosEngine) -> bool:
    try:
        engine.start()
    except EngineInUse:
        return False
    return True


def test_a_stop_without_a_start(make_engine: MakeEngine, recorder: Recorder) -> None:
    make_engine(started=False).stop(1)
    engine = make_engine(started=False)
    engine.enqueue("job", "kept")
    engine.stop(1)
    engine.stop(1)
    make_engine()
    recorder.expect("kept")


def test_what_was_taken_and_never_claimed_goes_back(
    make_engine: MakeEngine, recorder: Recorder, tmp_path: Path
) -> None:
    """A process that dies between DBOS' dequeue and our claim leaves such rows."""
    engine = make_engine(1, started=False)
    for key in ("lost", "next"):
        engine.enqueue("job", key)
    engine.stop(1)
    rows(tmp_path, "UPDATE workflow_status SET status='PENDING', executor_id='dead' WHERE workflow_uuid='job:lost'")
    make_engine(1)
    recorder.expect("lost", "next")
    assert recorder.calls == ["lost", "next"]


def test_a_claim_that_cannot_be_written_is_tried_again(
    make_engine: MakeEngine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = Claims.claim, ["disk full", "disk full"]

    def failing(self: Claims, task: str, key: str) -> bool:
        if failures:
            raise OperationalError("INSERT", {}, Exception(failures.pop()))
        return claim(self, task, key)

    monkeypatch.setattr(Claims, "claim", failing)
    monkeypatch.setattr(dbos_engine, "_RETRY", 0.05)
    make_engine().enqueue("job", "one")
    recorder.expect("one")


def test_a_unit_that_cannot_be_queued_is_queued_later(
    make_engine: MakeEngine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, failures = DbosQueue.put, ["disk full", "disk full"]

    def failing(self: DbosQueue, *unit: str) -> None:
        if failures:
            raise OperationalError("INSERT", {}, Exception(failures.pop()))
        put(self, *unit)

    engine = make_engine()
    monkeypatch.setattr(DbosQueue, "put", failing)
    monkeypatch.setattr(dbos_engine, "_RETRY", 0.05)
    engine.enqueue("job", "one")
    recorder.expect("one")


def test_a_unit_whose_claim_was_never_written_is_kept_for_the_next_process(
    make_engine: MakeEngine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Claims, task: str, key: str) -> bool:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(Claims, "claim", failing)
        broken.setattr(dbos_engine, "_RETRY", 0.05)
        engine = make_engine()
        engine.enqueue("job", "one")
        wait_until(lambda: engine._taken["job"], "the unit")
        time.sleep(0.1)
        engine.stop(5)
    assert recorder.calls == []
    make_engine()
    recorder.expect("one")


def test_a_unit_that_finds_no_thread_is_put_back(
    make_engine: MakeEngine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    thread, failures = threading.Thread.start, ["can't start new thread"]

    def failing(self: threading.Thread) -> None:
        if self.name == "job:one" and failures:
            raise RuntimeError(failures.pop())
        thread(self)

    monkeypatch.setattr(dbos_engine, "_RESCAN", 0.2)
    engine._rescan_at = 0.0
    monkeypatch.setattr(threading.Thread, "start", failing)
    engine.enqueue("job", "one")
    recorder.expect("one")
    assert failures == []


def test_ended_units_are_forgotten_in_time(make_engine: MakeEngine, recorder: Recorder, tmp_path: Path) -> None:
    engine = make_engine()
    for key in ("one", "two"):
        engine.enqueue("job", key)
    engine.cancel("job", "three")
    engine.enqueue("job", "three")
    recorder.expect("one", "two")
    ended = "SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'"
    wait_until(lambda: rows(tmp_path, ended) == [(3,)], "three ends")
    engine.stop(1)
    rows(tmp_path, "UPDATE workflow_status SET completed_at = completed_at - 3000 WHERE workflow_uuid <> 'job:two'")
    again = DbosEngine(f"sqlite:///{tmp_path}/engine.db", 1, keep=2)
    again.register("job", recorder)
    again.start()
    wait_until(lambda: rows(tmp_path, "SELECT key FROM claims") == [("two",)], "the young one alone")
    wait_until(lambda: rows(tmp_path, "SELECT workflow_uuid FROM workflow_status") == [("job:two",)], "DBOS' rows")
    again.stop(1)


@pytest.mark.parametrize("task", ["", "Job", "a:b", "_dbos_x"])
def test_a_task_has_a_plain_name(make_engine: MakeEngine, recorder: Recorder, task: str) -> None:
    with pytest.raises(EngineError, match="name of a task"):
        make_engine(started=False).register(task, recorder)


def test_a_task_needs_slots_and_comes_in_time(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine({"job": 1})
    with pytest.raises(EngineError, match="0 slots"):
        engine.register("flow", recorder)
    with pytest.raises(EngineError, match="too late"):
        engine.register("job", recorder)
    with pytest.raises(EngineError, match="nobody registered the task 'flow'; there are: job"):
        engine.enqueue("flow", "1")
    with pytest.raises(EngineError, match="needs a key"):
        engine.enqueue("job", "")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://user:secret@db/holdfast"])
def test_the_database_is_a_file(url: str) -> None:
    with pytest.raises(EngineError, match="has to be a file") as raised:
        DbosEngine(url, 1)
    assert "secret" not in str(raised.value)


def test_one_engine_in_a_process(make_engine: MakeEngine) -> None:
    make_engine()
    with pytest.raises(EngineError, match="stop the other first"):
        make_engine(file="other.db")


def test_the_file_is_its_owners_alone(make_engine: MakeEngine, tmp_path: Path) -> None:
    make_engine(file="deep/engine.db")
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "deep").iterdir()} == {0}
