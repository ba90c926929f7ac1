# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Circuit breakers: what a decision costs in the core, and in a store that 50 processes write to at once."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Call
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.breakers_store import Breakers

TARGET = "service:jira"
WRITERS, EACH = 50, 40
POLICY = Policy(sliding_window_size=100)


def in_the_core(count: int = 5_000) -> float:
    """Milliseconds for one question and one report."""
    breaker = model.new(TARGET, POLICY)
    began = time.perf_counter()
    for number in range(count):
        breaker, _answer = rules.ask(breaker, float(number))
        breaker = rules.report(breaker, float(number), Call(number % 3 == 0))
    return 1000 * (time.perf_counter() - began) / count


def _writer(folder: str, start: Barrier, told: Any) -> None:
    breakers = Breakers(Path(folder))
    breakers.get(TARGET)
    start.wait(60)
    took = []
    for _number in range(EACH):
        began = time.perf_counter()
        breakers.ask(TARGET)
        asked = time.perf_counter()
        breakers.report(TARGET, Call(False), POLICY)
        took.append((asked - began, time.perf_counter() - asked))
    told.put(took)


def in_the_store(writers: int) -> tuple[float, list[float], list[float]]:
    """Milliseconds: of the wall clock for each report; then each question, and each report, as its process saw it."""
    context = multiprocessing.get_context("fork")
    start, told = context.Barrier(writers + 1), context.Queue()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        processes = [context.Process(target=_writer, args=(folder, start, told)) for _number in range(writers)]
        for process in processes:
            process.start()
        start.wait(60)
        began = time.perf_counter()
        took = [one for _process in processes for one in told.get(timeout=120)]
        whole = time.perf_counter() - began
        for process in processes:
            process.join()
    return 1000 * whole / len(took), sorted(1000 * one[0] for one in took), sorted(1000 * one[1] for one in took)


def report() -> None:
    """Print the figures."""
    print("breakers (ask and report)")
    print(f"  in the core: {in_the_core():.3f} ms")
    for writers in (1, WRITERS):
        each, asks, reports = in_the_store(writers)
        middle = len(asks) // 2
        print(
            f"  in the store, {writers:>2} writing at once: {each:.2f} ms of the wall clock for each report; "
            f"median of asking {asks[middle]:.2f} ms, of reporting {reports[middle]:.2f} ms"
        )
