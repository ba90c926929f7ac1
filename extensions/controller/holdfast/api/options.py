# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OPTIONS says of a path."""

from __future__ import annotations

from typing import Any

from holdfast.api.call import Call
from holdfast.api.registry import Action, Page, Resource, SubList


def of_list(call: Call, resource: Resource) -> dict[str, Any]:
    """Of a list."""
    return {"name": f"{resource.title} List"}


def of_detail(call: Call, resource: Resource, row: Any) -> dict[str, Any]:
    """Of an object."""
    return {"name": f"{resource.title} Detail"}


def of_sublist(call: Call, resource: Resource, row: Any, name: str, sub: SubList) -> dict[str, Any]:
    """Of a sub-list."""
    return {"name": f"{resource.title} {name}"}


def of_action(call: Call, resource: Resource, row: Any, name: str, action: Action) -> dict[str, Any]:
    """Of an action."""
    return {"name": action.title}


def of_page(call: Call, path: str, page: Page) -> dict[str, Any]:
    """Of a page."""
    return {"name": page.title}
