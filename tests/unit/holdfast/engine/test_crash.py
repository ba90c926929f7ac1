# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are killed: nothing that was queued is lost, and nothing that began runs again."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from .conftest import MakeEngine, Recorder, StartWorker, Worker, wait_until

KILLS = 3
UNITS = 40


def _said(lines: list[str], word: str) -> list[tuple[str, str]]:
    """Return (boot, key) of every line with a word."""
    return [(boot, rest[0]) for boot, said, *rest in map(str.split, lines) if said == word and rest]


def _keys(lines: list[str], word: str) -> set[str]:
    return {key for _unused, key in _said(lines, word)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills_lose_nothing_and_repeat_nothing(start_worker: StartWorker, seed: int) -> None:
    chance = random.Random(seed)
    for boot in range(KILLS):
        worker = start_worker("--boot", str(boot), "--queue", str(UNITS), "--most", "0.03")
        worker.wait_for(f"{boot} up")
        time.sleep(chance.uniform(0.0, 0.35))
        worker.kill()
    last = start_worker("--boot", str(KILLS), "--most", "0.001")
    last.wait_for(f"{KILLS} up")

    def open_units() -> set[str]:
        lines = last.lines()
        return _keys(lines, "queued") - _keys(lines, "ended") - _keys(lines, "interrupted")

    wait_until(lambda: not open_units(), f"an end of every unit, seed {seed}", 30)
    assert last.end() == 0

    lines = last.lines()
    assert [key for key, times in Counter(key for _unused, key in _said(lines, "began")).items() if times > 1] == []
    # An interrupted unit is reported once, and has not run since.
    told = Counter(key for _unused, key in _said(lines, "interrupted"))
    assert [key for key, times in told.items() if times > 1] == []
    reported = {key: boot for boot, key in _said(lines, "interrupted")}
    assert [key for boot, key in _said(lines, "began") if int(boot) >= int(reported.get(key, KILLS + 1))] == []
    # What an earlier process queued and did not begin has run later: the test has seen what it is about.
    assert [key for boot, key in _said(lines, "ended") if not key.startswith(f"{boot}-")] != []


def _kill_during_a_handler(start_worker: StartWorker, *options: str) -> Worker:
    worker = start_worker("--boot", "0", "--queue", "1", "--most", "600", *options)
    worker.wait_for("0 began 0-0")
    worker.wait_for("0 child" if "--child" in options else "0 all-queued")
    worker.kill()
    return worker


def test_what_ran_when_the_process_was_killed_is_reported_and_stays_reported(
    start_worker: StartWorker, make_engine: MakeEngine, recorder: Recorder
) -> None:
    _kill_during_a_handler(start_worker)
    engine = make_engine()
    assert engine.interrupted() == [("job", "0-0")]
    engine.enqueue("job", "0-0")
    engine.enqueue("job", "new")
    recorder.expect("new")
    assert not engine.cancel("job", "0-0")
    engine.stop(1)

    engine = make_engine()
    assert engine.interrupted() == [("job", "0-0")]
    engine.settle("job", "0-0")
    assert engine.interrupted() == []
    engine.settle("job", "0-0", again=True)
    engine.stop(1)

    engine = make_engine()
    assert engine.interrupted() == []
    engine.enqueue("job", "0-0")
    engine.enqueue("job", "newer")
    recorder.expect("new", "newer")


def test_an_interrupted_unit_is_run_again_by_request(
    start_worker: StartWorker, make_engine: MakeEngine, recorder: Recorder
) -> None:
    _kill_during_a_handler(start_worker)
    engine = make_engine()
    engine.enqueue("job", "new")
    recorder.expect("new")
    engine.settle("job", "0-0", again=True)
    recorder.expect("new", "0-0")
    assert engine.interrupted() == []


def test_settling_is_for_interrupted_units_only(make_engine: MakeEngine, recorder: Recorder) -> None:
    engine = make_engine()
    recorder.hold("held")
    engine.enqueue("job", "held")
    recorder.expect("held")
    engine.settle("job", "held", again=True)
    engine.settle("job", "held")
    engine.settle("job", "nobody-knows")
    time.sleep(0.1)
    assert engine.running == {"held"}
    recorder.let_go()
    wait_until(lambda: not engine.running, "its end")
    assert recorder.calls == ["held"]


def test_a_timer_outlives_a_kill(start_worker: StartWorker, make_engine: MakeEngine, recorder: Recorder) -> None:
    worker = start_worker("--timer", "0.5")
    worker.wait_for("0 up")
    worker.kill()
    time.sleep(0.5)
    make_engine()
    recorder.expect("0-timer")


def test_a_second_process_is_refused_and_told_who_is_there(start_worker: StartWorker) -> None:
    first = start_worker()
    first.wait_for("0 up")
    second = start_worker("--boot", "1")
    _unused, errors = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert f"engine.db is in use by process {first.process.pid}" in errors
    assert first.end() == 0


def test_a_child_that_outlives_a_killed_process_does_not_hold_the_queue(
    start_worker: StartWorker, make_engine: MakeEngine
) -> None:
    worker = _kill_during_a_handler(start_worker, "--child")
    (child,) = (int(pid) for _unused, pid in _said(worker.lines(), "child"))
    try:
        assert make_engine().interrupted() == [("job", "0-0")]
        assert "sleep" in Path(f"/proc/{child}/cmdline").read_text()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_handler_that_hangs_does_not_keep_the_process(
    start_worker: StartWorker, make_engine: MakeEngine, tmp_path: Path
) -> None:
    worker = start_worker("--queue", "1", "--most", "600", "--patience", "0.2")
    worker.wait_for("0 began 0-0")
    assert worker.end(patience=10) == 0
    assert "0 stopped" in worker.lines()
    assert make_engine().interrupted() == [("job", "0-0")]
