# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles write down on a host of the change they make there: reading it, and whose it is."""

from __future__ import annotations

import json
from typing import Any


def read_mapping(path: str) -> dict[str, Any]:
    """The mapping in a JSON file; empty when there is none. Raises OSError, and ValueError for anything else in it."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    return found


def is_mine(change: dict[str, Any], runs: list[str], version: str = "") -> bool:
    """Whether a recorded change belongs to the one who asks: by its run, or without one by its version."""
    if not change:
        return False
    if runs:
        return bool(set(runs) & set(change.get("runs", [])))
    return version in ("", change.get("to"))
