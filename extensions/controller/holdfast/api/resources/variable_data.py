# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``variable_data`` of inventories, hosts and groups: their variables as an object instead of text."""

from __future__ import annotations

import json
from typing import Any

from holdfast.api import activity, variables
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden
from holdfast.api.registry import Action, Field
from holdfast.db.base import now

VARIABLES = Field("variables", "json", default="", clean=variables.clean)


def show(_call: Call, row: Any) -> Reply:
    """The variables."""
    return Reply(body=variables.parsed(row.variables))


def replace(call: Call, row: Any) -> Reply:
    """Replace all of them by the object that is sent."""
    resource = call.controller.registry.of_row(row)
    text = json.dumps(call.data)
    if not resource.access.may_change(call, row, {"variables": text}):
        raise Forbidden()
    before = activity.snapshot(resource, row)
    row.variables = text
    row.modified = now()
    call.session.flush()
    activity.updated(call, resource, row, before)
    return show(call, row)


def action(title: str) -> Action:
    """The action; ``title`` is the kind of object."""
    return Action({"GET": show, "PUT": replace, "PATCH": replace}, title=f"{title} Variable Data")
