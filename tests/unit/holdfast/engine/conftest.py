# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine on a real SQLite file, a handler that remembers, and worker processes that may be killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdfast.engine.dbos_engine import DbosEngine

# What only the controller needs is not there in every environment that runs unit tests.
collect_ignore_glob = [] if importlib.util.find_spec("dbos") else ["test_*.py"]
WORKER = Path(__file__).with_name("worker.py")


def wait_until(true: Callable[[], object], what: str, patience: float = 20.0) -> None:
    """Wait for a condition; fail with `what` when it does not come."""
    limit = time.monotonic() + patience
    while not true():
        assert time.monotonic() < limit, f"not within {patience} s: {what}"
        time.sleep(0.005)


class Recorder:
    """A handler that notes when it was called, and holds those keys that it was told to hold."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.at: dict[str, float] = {}
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._held: dict[str, threading.Event] = {}

    def hold(self, *keys: str) -> None:
        self._held.update({key: threading.Event() for key in keys})

    def let_go(self, *keys: str) -> None:
        for key in keys or tuple(self._held):
            self._held[key].set()

    def __call__(self, key: str) -> None:
        with self._lock:
            self.calls.append(key)
            self.at[key] = time.time()
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        if key in self._held:
            assert self._held[key].wait(30)
        with self._lock:
            self._now -= 1

    def expect(self, *keys: str) -> None:
        """Wait until exactly these keys were called, in any order."""
        wait_until(lambda: len(self.calls) >= len(keys), f"calls of {keys}, there are {self.calls}")
        assert sorted(self.calls) == sorted(keys)


MakeEngine = Callable[..., "DbosEngine"]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.let_go()


@pytest.fixture
def make_engine(tmp_path: Path, recorder: Recorder) -> Iterator[MakeEngine]:
    """Make engines on the same file one after another; tasks are `job` and whatever else `slots` names."""
    from holdfast.engine.dbos_engine import DbosEngine

    made: list[DbosEngine] = []

    def make(slots: Mapping[str, int] | int = 4, *, started: bool = True, file: str = "engine.db") -> DbosEngine:
        engine = DbosEngine(f"sqlite:///{tmp_path}/{file}", slots)
        made.append(engine)
        for task in slots if isinstance(slots, Mapping) else ["job"]:
            engine.register(task, recorder)
        if started:
            engine.start()
        return engine

    yield make
    recorder.let_go()
    for engine in made:
        engine.stop(10)


class Worker:
    """A process with an engine (see `worker.py`); `lines` is what it has written so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = folder / "log"
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), str(folder / "engine.db"), str(self._log), *options],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )

    def lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def wait_for(self, line: str, patience: float = 30.0) -> None:
        """Wait for a line that is this one, or begins with it and a blank."""

        def there() -> bool:
            return any(f"{said} ".startswith(f"{line} ") for said in self.lines())

        wait_until(lambda: there() or self.process.poll() is not None, f"'{line}'", patience)
        if not there():
            raise AssertionError(f"the worker ended without '{line}': {self.process.communicate()[1]}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self, patience: float = 20.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=patience)
        return self.process.returncode


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start worker processes on the test's own file; whatever is alive at the end is killed."""
    started: list[Worker] = []

    def start(*options: str) -> Worker:
        started.append(Worker(tmp_path, *options))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
