# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of objects: made with them, following their parents, removed with them."""

from __future__ import annotations

from typing import Any

from holdfast.api.call import Call


def object_created(call: Call, type_: str, row: Any) -> None:
    """Make the roles of a new object, and give its maker the admin role."""


def object_updated(call: Call, type_: str, row: Any) -> None:
    """Follow changed references (a new organization, another inventory)."""


def object_deleted(call: Call, type_: str, row: Any) -> None:
    """Remove the roles of an object."""
