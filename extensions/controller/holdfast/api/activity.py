# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activity stream: who did what to what, with the values before and after, within the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from holdfast.api.call import Call
from holdfast.api.registry import Resource
from holdfast.api.render import ENCRYPTED, moment
from holdfast.db.models import ActivityStream

HIDDEN = frozenset({"password", "inputs", "client_secret", "webhook_key", "host_config_key", "survey_spec", "token"})
"""Attributes whose values are not written into the stream in clear."""


def snapshot(resource: Resource, row: Any) -> dict[str, Any]:
    """A row's writable values and name, as the stream shows them."""
    return {one.name: shown(one.name, getattr(row, one.attribute, None)) for one in resource.fields
            if not one.read_only and not one.write_only and one.value is None}  # fmt: skip


def shown(name: str, value: Any) -> Any:
    """A value for the stream: JSON data without secrets."""
    if name in HIDDEN and value:
        return {key: ENCRYPTED for key in value} if isinstance(value, Mapping) else ENCRYPTED
    return moment(value) if isinstance(value, dt.datetime) else value


def created(call: Call, resource: Resource, row: Any) -> ActivityStream:
    """An object has been made."""
    return record(call, "create", resource.type, row, changes={**snapshot(resource, row), "id": row.id})


def updated(call: Call, resource: Resource, row: Any, before: Mapping[str, Any]) -> None:
    """An object has been changed; nothing is written where nothing differs."""
    after = snapshot(resource, row)
    changes = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
    if changes:
        record(call, "update", resource.type, row, changes=changes)


def deleted(call: Call, resource: Resource, row: Any) -> None:
    """An object is about to be deleted."""
    record(call, "delete", resource.type, row, changes=snapshot(resource, row))


def associated(call: Call, parent_type: str, parent: Any, relation: str, child_type: str, child: Any, on: bool) -> None:
    """Two objects have been associated, or are no longer."""
    changes = {"object1": parent_type, "object1_pk": parent.id, "object2": child_type, "object2_pk": child.id,
               "action": "associate" if on else "disassociate", "relationship": relation}  # fmt: skip
    record(call, changes["action"], parent_type, parent, changes, child_type, child, relation)


def record(
    call: Call,
    operation: str,
    type_: str,
    row: Any,
    changes: Mapping[str, Any] | None = None,
    type2: str = "",
    row2: Any = None,
    association: str = "",
) -> ActivityStream:
    """Add an entry. ``row`` is the object it is about, ``row2`` the other one of an association."""
    user = call.user
    entry = ActivityStream(
        operation=operation,
        changes=dict(changes or {}),
        object1=type_,
        object1_id=getattr(row, "id", None),
        object2=type2,
        object2_id=getattr(row2, "id", None),
        object_association=association,
        action_node=call.controller.settings.node_name,
        actor_id=user.id if user is not None else None,
        summary={key: values for key, values in ((type_, _summary(row)), (type2, _summary(row2))) if key and values},
        request_id=call.request_id,
    )
    call.session.add(entry)
    return entry


def _summary(row: Any) -> dict[str, Any]:
    if row is None:
        return {}
    found = {name: getattr(row, name, None) for name in ("id", "name", "username", "description")}
    return {name: value for name, value in found.items() if value is not None}
