# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's filter language."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

from holdfast.api.call import Call
from holdfast.api.registry import Resource


def apply(call: Call, resource: Resource, query: Select[Any]) -> Select[Any]:
    """The query narrowed and ordered as the request asks."""
    return query.order_by(resource.model.id)
