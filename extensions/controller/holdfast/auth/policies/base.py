# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of all types of objects are made of."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false

from holdfast.api.call import Call
from holdfast.api.registry import Access


def sees_all(call: Call) -> bool:
    """True for superusers and auditors of the whole system."""
    return call.user is not None and (call.user.is_superuser or call.user.is_system_auditor)


class Policy(Access):
    """Superusers do everything, auditors of the system see everything, others what a subclass allows."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """All rows for those who see everything, none for others."""
        return None if sees_all(call) else false()
