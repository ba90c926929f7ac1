# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recurrence rules of schedules (iCalendar's RRULE, as AWX takes it): what is wrong with one, and when it falls due."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dateutil import rrule, tz

_START = re.compile(r".*?(DTSTART(;[^:]+)?\:[0-9]+T[0-9]+Z?)")
_NAIVE_START = re.compile(r".*?(DTSTART:[0-9]+T[0-9]+) ")
_RULE = re.compile(r".*?(RULE\:[^\s]*)")
_NUMBERED_DAY = re.compile(r".*?BYDAY[\:\=][0-9]+[a-zA-Z]{2}")
_COUNT = re.compile(r".*?COUNT\=([0-9]+)")
_UNTIL = re.compile(r"UNTIL=([0-9]+T[0-9]+)(?![0-9Z])")
_ZONE = re.compile(r"DTSTART[^:\s]*;TZID=([^:;\s]+)")
_LISTS = re.compile(r"(BYMONTH|BYMONTHDAY|BYSETPOS|FREQ)=([A-Z0-9,+-]+)")
MOST = 999
MOST_TEXT = 2000
UTC = dt.timezone.utc
NO_START = "Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ"
NAIVE = "DTSTART cannot be a naive datetime.  Specify ;TZINFO= or YYYYMMDDTHHMMSSZZ."
NO_ZONE = "A valid TZID must be provided (e.g., America/New_York)"
UNPARSABLE = "rrule parsing failed validation: {error}"
NO_INTERVAL = "INTERVAL must be at least 1"
NEVER = "it names only days that no month has"
POSITION = "BYSETPOS needs FREQ=MONTHLY or FREQ=YEARLY, and a position within it"
_UTC_ZONES = {name: tz.tzutc() for name in ("UTC", "GMT", "Z")}


def problems(text: str) -> list[str]:
    """What is wrong with a rule, in AWX's words."""
    lower = text.lower()
    if "exdate:" in lower:
        return ["EXDATE not allowed in rrule."]
    if "rdate:" in lower:
        return ["RDATE not allowed in rrule."]
    found: list[str] = []
    starts = _START.findall(text)
    checks = (
        (not starts, NO_START),
        (bool(_NAIVE_START.findall(text)), NAIVE),
        (len(starts) > 1, "Multiple DTSTART is not supported."),
        ("rrule:" not in lower, "One or more rule required in rrule."),
        (len(text) > MOST_TEXT, f"rrule must not be longer than {MOST_TEXT} characters."),
    )
    found += [message for wrong, message in checks if wrong]
    for rule in _RULE.findall(text):
        found += [f"{message}: {rule}" for message in _problems_of_rule(rule)]
    try:
        if len(text) <= MOST_TEXT:
            due(text, dt.datetime.now(UTC))
    except Exception as error:  # what the parser raises depends on what it stumbles over
        found.append(UNPARSABLE.format(error=error))
    return found


def _problems_of_rule(rule: str) -> list[str]:
    found = []
    if "interval" not in rule.lower():
        found.append("INTERVAL required in rrule")
    elif "secondly" in rule.lower():
        found.append("SECONDLY is not supported")
    elif re.search(r"interval=0*(?![0-9])", rule, re.IGNORECASE):
        found.append(NO_INTERVAL)
    if _NUMBERED_DAY.match(rule):
        found.append("BYDAY with numeric prefix not supported")
    if "COUNT" in rule and "UNTIL" in rule:
        found.append("RRULE may not contain both COUNT and UNTIL")
    count = _COUNT.match(rule)
    if count and (len(count[1]) > len(str(MOST)) or int(count[1]) > MOST):
        found.append(f"COUNT > {MOST} is unsupported")
    return found


def parse(text: str) -> Any:
    """The rules in a text; raises ValueError for what is none, and for what would be looked for without end."""
    text = with_until_in_utc(text)
    for rule in _RULE.findall(text):
        _refuse_endless(rule)
    found: Any = rrule.rrulestr(text, tzinfos=_UTC_ZONES, forceset=True)
    for one in found._rrule:
        if one._dtstart is not None and one._dtstart.tzinfo is None:
            raise ValueError(NO_ZONE)
        if one._interval < 1:
            raise ValueError(NO_INTERVAL)
    return found


def _refuse_endless(rule: str) -> None:
    """Raise ValueError for a rule that names no day at all: nothing ends the search for its first one."""
    lists = {name: value.split(",") for name, value in _LISTS.findall(rule.upper())}
    months = [int(one) for one in lists.get("BYMONTH", ()) if one.isdigit()] or list(range(1, 13))
    days = [abs(int(one)) for one in lists.get("BYMONTHDAY", ()) if one.lstrip("+-").isdigit()]
    longest = max((calendar.monthrange(2024, month)[1] for month in months if 1 <= month <= 12), default=0)
    if days and min(days) > longest:
        raise ValueError(NEVER)
    positions = [abs(int(one)) for one in lists.get("BYSETPOS", ()) if one.lstrip("+-").isdigit()]
    most = {"MONTHLY": 31, "YEARLY": 366}.get(lists.get("FREQ", [""])[0], 0)
    if positions and min(positions) > most:
        raise ValueError(POSITION)


def with_until_in_utc(text: str) -> str:
    """A rule whose end is told in UTC; one without a zone is meant in the zone of its start."""
    if not _UNTIL.search(text):
        return text
    zone = tz.gettz(zone_name(text)) if _ZONE.search(text) else tz.tzutc()

    def replaced(match: re.Match[str]) -> str:
        local = dt.datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=zone)
        return f"UNTIL={local.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    return _UNTIL.sub(replaced, text)


def zone_name(text: str) -> str:
    """The time zone of a rule's start."""
    found = _ZONE.search(text)
    return found[1] if found else "UTC"


def until(text: str) -> str:
    """When a rule ends, in the time of its start; "" where it does not say."""
    for one in parse(text)._rrule:
        if one._until is not None:
            return str(one._until.astimezone(one._dtstart.tzinfo).replace(tzinfo=None).isoformat())
    return ""


@dataclass(frozen=True)
class Due:
    """When a rule falls due for the first, the last and the next time."""

    first: dt.datetime | None = None
    last: dt.datetime | None = None
    following: dt.datetime | None = None


def due(text: str, moment: dt.datetime, enabled: bool = True) -> Due:
    """The times of a rule that matter; ``following`` is the first one after ``moment``."""
    rules = parse(text)
    following = None
    if enabled:
        following = next((one for one in near(rules, moment).xafter(moment, count=3) if tz.datetime_exists(one)), None)
    return Due(_utc(next(iter(rules), None)), _last(rules), _utc(following))


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _last(rules: Any) -> dt.datetime | None:
    """The last time of all; None where there is none, or the rule has no end."""
    if any(not one._until and not one._count for one in rules._rrule):
        return None
    ends = [one._until for one in rules._rrule if one._until is not None]
    coming = near(rules, max(ends)) if ends else rules
    return _utc(next(iter(deque(coming, maxlen=1)), None))


def near(rules: Any, moment: dt.datetime) -> Any:
    """The same rules as if they had begun shortly before ``moment``, which spares all the times before.

    A whole number of intervals is passed over, so the times that are left are the same.
    """
    found = rrule.rruleset()
    for one in rules._rrule:
        found.rrule(_nearer(one, moment))
    return found


def _nearer(rule: Any, moment: dt.datetime) -> Any:
    step = _STEPS.get(rule._freq)
    if step is None or rule._count:
        return rule
    start = rule._dtstart
    sparse = rule._bymonth or rule._bymonthday or rule._bynmonthday or rule._byyearday or rule._byweekno
    slack = dt.timedelta(days=800 if sparse else 8)
    gap = moment.astimezone(start.tzinfo).replace(tzinfo=None) - start.replace(tzinfo=None) - slack
    passed = gap // (step * rule._interval)
    return rule.replace(dtstart=start + passed * step * rule._interval) if passed > 0 else rule


_STEPS = {
    rrule.WEEKLY: dt.timedelta(weeks=1),
    rrule.DAILY: dt.timedelta(days=1),
    rrule.HOURLY: dt.timedelta(hours=1),
    rrule.MINUTELY: dt.timedelta(minutes=1),
}


def preview(text: str, moment: dt.datetime, most: int = 10) -> list[dt.datetime]:
    """The next times of a rule."""
    coming = near(parse(text), moment).xafter(moment, count=2 * most)
    return list(islice((one for one in coming if tz.datetime_exists(one)), most))
