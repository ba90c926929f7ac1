# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of what this controller never has, at the addresses where AWX's clients look for it."""

from __future__ import annotations

from typing import Any

from holdfast.api.call import Call, Reply


def empty_list(_call: Call, *_row: Any) -> Reply:
    """An empty list, for an action or a page."""
    return Reply(body={"count": 0, "next": None, "previous": None, "results": []})
