# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named URLs: objects by their names, such as ``Name++Organization``."""

from __future__ import annotations

from typing import Any

from holdfast.api.call import Call
from holdfast.api.registry import Resource


def of(call: Call, resource: Resource, row: Any) -> str | None:
    """The named URL of a row."""
    return None


def find(call: Call, resource: Resource, key: str) -> Any:
    """The row of a named URL."""
    return None
