# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time zones that schedules may name, as this machine knows them."""

from __future__ import annotations

import zoneinfo
from importlib import resources
from pathlib import Path

_NONE = frozenset({"localtime", "posixrules", "Factory"})
_SOURCE = "tzdata.zi"


def zones() -> list[str]:
    """The names of all time zones."""
    return sorted(zoneinfo.available_timezones() - _NONE)


def links() -> dict[str, str]:
    """The names that only say another name of a zone."""
    known = set(zones())
    found = {}
    for line in _source().splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "L" and words[2] in known:
            found[words[2]] = words[1]
    return dict(sorted(found.items()))


def _source() -> str:
    """The time zone database in the form in which it is written; "" where it is not to be found."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder) / _SOURCE
        if path.is_file():
            return path.read_text(encoding="utf-8")
    try:
        return (resources.files("tzdata") / "zoneinfo" / _SOURCE).read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):
        return ""
