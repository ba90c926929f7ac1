# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sliding window of a breaker: the last calls, or the calls of the last seconds."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import COUNT, Policy, Window

BUCKETS = 60
GOOD, SLOW, FAILED, FAILED_SLOW = ".", "s", "f", "x"
_MARKS = {(False, False): GOOD, (False, True): SLOW, (True, False): FAILED, (True, True): FAILED_SLOW}


class Tally(NamedTuple):
    """How many calls, how many of them failed, how many were slow."""

    calls: int
    failed: int
    slow: int

    @property
    def failure_rate(self) -> float:
        """The failed ones in percent; 0 where there is no call."""
        return 100.0 * self.failed / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """The slow ones in percent; 0 where there is no call."""
        return 100.0 * self.slow / self.calls if self.calls else 0.0


def mark(failed: bool, slow: bool) -> str:
    """The mark of one call."""
    return _MARKS[(failed, slow)]


def of_marks(marks: str) -> Tally:
    """The tally of some marks."""
    both = marks.count(FAILED_SLOW)
    return Tally(len(marks), marks.count(FAILED) + both, marks.count(SLOW) + both)


def add(policy: Policy, window: Window, now: float, failed: bool, slow: bool) -> Window:
    """The window with one more call, without what has left it."""
    if policy.sliding_window_type == COUNT:
        return Window(marks=(window.marks + mark(failed, slow))[-int(policy.sliding_window_size) :])
    number = _number(policy, now)
    buckets = list(_alive(policy, window, now))
    last = buckets.pop() if buckets and buckets[-1][0] >= number else (number, 0, 0, 0)
    buckets.append((last[0], last[1] + 1, last[2] + failed, last[3] + slow))
    return Window(buckets=tuple(buckets))


def tally(policy: Policy, window: Window, now: float) -> Tally:
    """What is in the window now."""
    if policy.sliding_window_type == COUNT:
        return of_marks(window.marks)
    alive = _alive(policy, window, now)
    return Tally(*(sum(bucket[column] for bucket in alive) for column in (1, 2, 3)))


def fitted(policy: Policy, window: Window, before: Policy) -> Window:
    """The window under a new policy: cut to its size, or emptied where calls are now counted in another way."""
    if policy.sliding_window_type != before.sliding_window_type:
        return Window()
    if policy.sliding_window_type == COUNT:
        return Window(marks=window.marks[-int(policy.sliding_window_size) :])
    return window if policy.sliding_window_size == before.sliding_window_size else Window()


def _width(policy: Policy) -> float:
    """Seconds in a bucket: a window of time is never more than so many buckets, however long it is."""
    return max(1.0, policy.sliding_window_size / BUCKETS)


def _number(policy: Policy, now: float) -> int:
    return int(now // _width(policy))


def _alive(policy: Policy, window: Window, now: float) -> tuple[tuple[int, int, int, int], ...]:
    """The buckets that reach into the window. What is newer than now was written by a clock that went ahead."""
    oldest = _number(policy, now - policy.sliding_window_size)
    return tuple(bucket for bucket in window.buckets if bucket[0] >= oldest)
