# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of what this controller never has, at the addresses where AWX's clients look for it."""

from __future__ import annotations

from typing import Any

from holdfast.api.call import Call, Reply
from holdfast.api.registry import Action


def empty_list(_call: Call, *_row: Any) -> Reply:
    """An empty list, for an action or a page."""
    return Reply(body={"count": 0, "next": None, "previous": None, "results": []})


def never(title: str, *names: str) -> dict[str, Action]:
    """Actions of these names that show an empty list each; ``title`` is the kind of object they are below."""
    return {name: Action({"GET": empty_list}, title=f"{title} {name.replace('_', ' ').title()}") for name in names}
