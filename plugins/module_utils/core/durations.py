# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as documents write them: ``10s``, ``5m``, ``2h``, ``3d``."""

from __future__ import annotations

import re
from typing import Any

PATTERN = r"^(0|[1-9][0-9]{0,8})(s|m|h|d)$"
"""What a duration looks like, zero included."""
ABOVE_ZERO = r"^[1-9][0-9]{0,8}(s|m|h|d)$"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(PATTERN)


def parse(text: Any) -> float:
    """Seconds of a duration such as ``90s`` or ``2h``; raises ValueError that says what would be right."""
    match = _FORM.match(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is no duration: write a whole number and a unit, such as 10s, 5m, 2h or 3d")
    return int(match.group(1)) * _UNITS[match.group(2)]


def render(seconds: float) -> str:
    """Seconds for people, the two largest units that matter: ``2m 5s``, ``0.4s``, ``3d 2h``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
