# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of schedules: which are refused and in which words, and when the others fall due."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from holdfast.jobs import recurrence

UTC = dt.timezone.utc
START = "DTSTART:20300101T000000Z"
NEW_YORK = "DTSTART;TZID=America/New_York:20300301T090000"
UNPARSABLE = "rrule parsing failed validation: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "RRULE:FREQ=DAILY;INTERVAL=1",
            [recurrence.NO_START, f"{UNPARSABLE}{recurrence.NO_ZONE}"],
        ),
        (
            "DTSTART:20300101T000000 RRULE:FREQ=DAILY;INTERVAL=1",
            [recurrence.NAIVE, f"{UNPARSABLE}{recurrence.NO_ZONE}"],
        ),
        (f"{START} RRULE:FREQ=SECONDLY;INTERVAL=1", ["SECONDLY is not supported: RULE:FREQ=SECONDLY;INTERVAL=1"]),
        (f"{START} RRULE:FREQ=DAILY", ["INTERVAL required in rrule: RULE:FREQ=DAILY"]),
        (
            f"{START} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1000",
            ["COUNT > 999 is unsupported: RULE:FREQ=DAILY;INTERVAL=1;COUNT=1000"],
        ),
        (
            f"{START} RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=2MO",
            ["BYDAY with numeric prefix not supported: RULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=2MO"],
        ),
        (f"{START} RRULE:FREQ=DAILY;INTERVAL=1 EXDATE:20300102T000000Z", ["EXDATE not allowed in rrule."]),
        (f"{START} RDATE:20300102T000000Z RRULE:FREQ=DAILY;INTERVAL=1", ["RDATE not allowed in rrule."]),
        (
            "asdf",
            [
                recurrence.NO_START,
                "One or more rule required in rrule.",
                f"{UNPARSABLE}not enough values to unpack (expected 2, got 1)",
            ],
        ),
    ],
)
def test_what_cannot_be_a_schedule_is_told_so(text: str, said: list[str]) -> None:
    assert recurrence.problems(text) == said


@pytest.mark.parametrize(
    "text",
    [
        f"{START} RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=30",
        f"{START} RRULE:FREQ=DAILY;INTERVAL=1;BYSETPOS=5;BYDAY=MO",
        f"{START} RRULE:FREQ=DAILY;INTERVAL=0",
    ],
)
def test_a_rule_whose_first_time_would_be_looked_for_without_end_is_refused(text: str) -> None:
    assert recurrence.problems(text)


def test_the_times_of_a_rule_that_ends() -> None:
    times = recurrence.due(f"{START} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", dt.datetime(2030, 1, 1, 12, tzinfo=UTC))
    assert times.first == dt.datetime(2030, 1, 1, tzinfo=UTC)
    assert times.following == dt.datetime(2030, 1, 2, tzinfo=UTC)
    assert times.last == dt.datetime(2030, 1, 3, tzinfo=UTC)
    over = recurrence.due(f"{START} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", dt.datetime(2031, 1, 1, tzinfo=UTC))
    assert over.following is None


def test_one_that_is_off_has_no_next_time() -> None:
    moment = dt.datetime(2029, 1, 1, tzinfo=UTC)
    assert recurrence.due(f"{START} RRULE:FREQ=DAILY;INTERVAL=1", moment, enabled=False).following is None


def test_the_time_of_a_zone_follows_its_clocks() -> None:
    rule = f"{NEW_YORK} RRULE:FREQ=DAILY;INTERVAL=1"
    before = recurrence.due(rule, dt.datetime(2030, 3, 1, tzinfo=UTC)).following
    after = recurrence.due(rule, dt.datetime(2030, 4, 1, tzinfo=UTC)).following
    assert before is not None
    assert after is not None
    assert (before.hour, after.hour) == (14, 13)
    assert recurrence.zone_name(rule) == "America/New_York"


def test_an_end_without_a_zone_is_meant_in_that_of_the_start() -> None:
    rule = recurrence.with_until_in_utc(f"{NEW_YORK} RRULE:FREQ=DAILY;INTERVAL=1;UNTIL=20300304T090000")
    assert rule.endswith("UNTIL=20300304T140000Z")
    assert recurrence.until(rule) == "2030-03-04T09:00:00"


def test_a_rule_that_began_long_ago_is_not_counted_through() -> None:
    rule = "DTSTART:19700101T000000Z RRULE:FREQ=MINUTELY;INTERVAL=1"
    moment = dt.datetime(2030, 5, 5, 5, 5, 30, tzinfo=UTC)
    begin = dt.datetime.now()
    assert recurrence.due(rule, moment).following == dt.datetime(2030, 5, 5, 5, 6, tzinfo=UTC)
    assert dt.datetime.now() - begin < dt.timedelta(seconds=2)


def test_the_next_ten_times() -> None:
    times = recurrence.preview(f"{START} RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", dt.datetime(2030, 1, 1, tzinfo=UTC))
    assert len(times) == 10
    assert {one.weekday() for one in times} == {0}
    assert {second - first for first, second in itertools.pairwise(times)} == {dt.timedelta(days=14)}
