# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches: nothing is lost, nothing waits long, and a broken taker is told."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.jobs import batches
from holdfast.jobs.batches import Batches


def nothing() -> None:
    return None


def test_rows_come_in_order_in_batches_of_limited_size() -> None:
    taken: list[list[dict[str, Any]]] = []
    work = Batches(taken.append, nothing)
    for number in range(1_700):
        work.put({"counter": number})
    work.close()
    assert [row["counter"] for rows in taken for row in rows] == list(range(1_700))
    assert max(map(len, taken)) <= batches.MOST
    assert len(taken) < 20


def test_a_single_row_does_not_wait_for_others() -> None:
    arrived = threading.Event()
    work = Batches(lambda rows: arrived.set(), nothing)
    begin = time.monotonic()
    work.put({})
    assert arrived.wait(5)
    assert time.monotonic() - begin < 1
    work.close()


def test_few_rows_go_together() -> None:
    taken: list[int] = []
    work = Batches(lambda rows: taken.append(len(rows)), nothing)
    for _unused in range(5):
        work.put({})
    work.close()
    assert taken == [5]


def test_a_slow_taker_holds_up_the_giver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST", 2)
    monkeypatch.setattr(batches, "WAITING", 4)
    may_take = threading.Event()
    taken: list[int] = []

    def take(rows: list[dict[str, Any]]) -> None:
        may_take.wait(10)
        taken.append(len(rows))

    work = Batches(take, nothing)
    given: list[int] = []

    def give() -> None:
        for number in range(50):
            work.put({})
            given.append(number)

    giver = threading.Thread(target=give)
    giver.start()
    giver.join(0.5)
    assert giver.is_alive()
    assert len(given) <= 7  # four that wait, two that are being taken, one in between
    may_take.set()
    giver.join(10)
    work.close()
    assert sum(taken) == 50


def test_a_broken_taker_is_told_once_and_stops_the_giver() -> None:
    told = threading.Event()

    def take(rows: list[dict[str, Any]]) -> None:
        raise RuntimeError("disk is full")

    work = Batches(take, told.set)
    work.put({})
    assert told.wait(5)
    with pytest.raises(HoldfastError, match="events of the job could not be stored: disk is full"):
        work.put({})
    with pytest.raises(HoldfastError, match="disk is full"):
        work.close()
