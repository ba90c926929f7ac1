# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib

import pytest
from holdfast.auth import throttle
from holdfast.auth.throttle import FREE, FREE_NAMES, LONGEST_WAIT, Throttle, Throttled


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(throttle, "time", made)
    return made


def fail(guard: Throttle, times: int, name: str = "admin", address: str = "10.0.0.1") -> None:
    for _unused in range(times):
        guard.failed(name, address)


def test_a_few_mistakes_cost_nothing(clock):
    guard = Throttle()
    fail(guard, FREE - 1)
    guard.check("admin", "10.0.0.1")


def test_the_wait_doubles_and_has_an_end(clock):
    guard = Throttle()
    fail(guard, FREE)
    waits = []
    for _unused in range(12):
        with pytest.raises(Throttled) as refused:
            guard.check("admin", "10.0.0.1")
        waits.append(float(refused.value.headers["Retry-After"]))
        clock.now += waits[-1]
        guard.check("admin", "10.0.0.1")
        fail(guard, 1)
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_WAIT


def test_nobody_else_is_locked_out(clock):
    guard = Throttle()
    fail(guard, FREE + 3)
    guard.check("admin", "10.0.0.2")
    guard.check("joe", "10.0.0.1")


def test_capital_letters_are_no_way_around(clock):
    guard = Throttle()
    for name in ("admin", "Admin", "ADMIN", "aDmin", "adMin"):
        fail(guard, 1, name)
    with pytest.raises(Throttled):
        guard.check("admin", "10.0.0.1")


def test_an_address_that_tries_many_names_waits_but_for_those_who_came_in_from_there(clock):
    guard = Throttle()
    guard.succeeded("joe", "10.0.0.1")
    for number in range(FREE_NAMES):
        fail(guard, 1, f"name{number}")
    with pytest.raises(Throttled):
        guard.check("somebody", "10.0.0.1")
    guard.check("joe", "10.0.0.1")
    guard.check("somebody", "10.0.0.2")


def test_success_and_time_forgive(clock):
    guard = Throttle()
    fail(guard, FREE - 1)
    guard.succeeded("admin", "10.0.0.1")
    fail(guard, FREE - 1)
    guard.check("admin", "10.0.0.1")
    clock.now += throttle.FORGOTTEN + 1
    fail(guard, FREE - 1)
    guard.check("admin", "10.0.0.1")


def test_a_crowd_is_sent_away(clock):
    guard = Throttle()
    with contextlib.ExitStack() as stack:
        for _unused in range(throttle.CROWD):
            stack.enter_context(guard.crowd())
        with pytest.raises(Throttled), guard.crowd():
            pass
    with guard.crowd():
        pass


def test_memory_has_bounds(clock, monkeypatch):
    monkeypatch.setattr(throttle, "MOST", 10)
    guard = Throttle()
    for number in range(50):
        guard.failed(f"name{number}", f"10.0.1.{number}")
        guard.succeeded(f"good{number}", f"10.0.1.{number}")
    assert len(guard._counts) <= 11
    assert len(guard._good) <= 10


def test_of_long_names_little_is_remembered(clock):
    guard = Throttle()
    for number in range(FREE):
        guard.failed("x" * 1_000_000 + str(number), "10.0.0.1")
    assert max(len(name) for name, _address in guard._counts) <= 150
    with pytest.raises(Throttled):
        guard.check("X" * 1_000_000, "10.0.0.1")
