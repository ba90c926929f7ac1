# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions that people send, tried on many rows by Python's engine.

What that engine needs grows with a power of a text's length, or worse, and nothing can stop it. So a pattern is judged
before it is used, the part of a text that it looks at is the shorter the more it could cost, and what one statement
spends on all its rows is limited too.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

MOST_REPEATS = 3
LONGEST = {0: 1_000_000, 1: 1_000_000, 2: 6_000, 3: 490}
"""Characters of a text that are looked at, by the power of its length that the work may grow with."""
LEAST = 150
MOST_SECONDS = 2.0
"""What one statement may spend."""
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_OPEN = 64
"""A repetition of more than this is as good as one without end."""
_spent = threading.local()


def check(text: str) -> None:
    """Raise ValueError, with what is wrong, for a pattern that is none or may take too long."""
    try:
        parsed = _parser.parse(text)
        re.compile(f"(?i){text}")
    except re.error as error:
        raise ValueError(str(error.args[0])) from None
    except (OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if repeats(parsed) > MOST_REPEATS:
        raise ValueError(f"a regular expression may hold {MOST_REPEATS} open repetitions, and none within another")


def repeats(parsed: Any, within: bool = False) -> int:
    """How many open repetitions there are; more than may be as soon as one stands within another."""
    count = 0
    for what, argument in parsed:
        if what in _REPEATS:
            _least, most, inner = argument
            is_open = most > _OPEN
            if within and (is_open or most > 1):
                return MOST_REPEATS + 1
            count += int(is_open) + repeats(inner, within or most > 1)
        elif what is _constants.BRANCH:
            if within:
                return MOST_REPEATS + 1
            count += max((repeats(one, within) for one in argument[1]), default=0)
        elif what is _constants.SUBPATTERN:
            count += repeats(argument[3], within)
        elif what is _constants.ATOMIC_GROUP:
            count += repeats(argument, within)
        elif what in (_constants.ASSERT, _constants.ASSERT_NOT):
            count += repeats(argument[1], within)
        elif what in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
            return MOST_REPEATS + 1
    return count


@functools.lru_cache(maxsize=256)
def longest(pattern: str) -> int:
    """How many characters of a text this pattern is tried on."""
    parsed = list(_parser.parse(pattern))
    anchored = bool(parsed) and parsed[0] in (
        (_constants.AT, _constants.AT_BEGINNING),
        (_constants.AT, _constants.AT_BEGINNING_STRING),
    )
    return LONGEST.get(repeats(parsed) + (0 if anchored else 1), LEAST)


def begin() -> None:
    """A statement begins: nothing is spent on it yet."""
    _spent.seconds = 0.0


def search(pattern: str, value: Any) -> bool:
    """What SQLite's REGEXP does. Raises TimeoutError when the statement has spent too much."""
    if value is None:
        return False
    began = time.perf_counter()
    found = re.search(pattern, str(value)[: longest(pattern)]) is not None
    _spent.seconds = getattr(_spent, "seconds", 0.0) + time.perf_counter() - began
    if _spent.seconds > MOST_SECONDS:
        raise TimeoutError("a regular expression takes too long")
    return found
