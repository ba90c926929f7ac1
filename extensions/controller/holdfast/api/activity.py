# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activity stream: who did what to what, with the values before and after, within the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from holdfast.api.call import Call
from holdfast.api.registry import Field, Resource
from holdfast.api.render import ENCRYPTED, moment
from holdfast.db.models import ActivityStream, Role, User

CENSORED = "************"
"""What stands for a token or secret that was shown once."""
_HIDDEN = "hidden"
_SECRET = frozenset({"password", "client_secret", "webhook_key", "host_config_key"})
"""Fields whose values are never written down."""
_SHOWN_ONCE: Mapping[str, str] = {"o_auth2_access_token": "token"}


def snapshot(resource: Resource, row: Any) -> dict[str, Any]:
    """A row's values that people can write, as the stream shows them."""
    return {
        one.name: _value(one, row)
        for one in resource.fields
        if not one.read_only and not one.write_only and hasattr(row, one.attribute)
    }


def _value(one: Field, row: Any) -> Any:
    value = getattr(row, one.attribute)
    if one.to and value is not None:
        return _named(getattr(row, one.name, None), value)
    return shown(one.name, value)


def shown(name: str, value: Any) -> Any:
    """The value of a field for the stream: JSON data without secrets."""
    return _HIDDEN if name in _SECRET and value else _clear(value)


def _named(row: Any, key: Any) -> Any:
    """An object as the stream names it where another points to it: name and id."""
    name = next((found for one in ("name", "username", "hostname") if (found := getattr(row, one, None))), None)
    return key if name is None else f"{name}-{key}"


def _clear(value: Any) -> Any:
    """A value as JSON data, without what is sealed in it."""
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, str):
        return _HIDDEN if value.startswith(ENCRYPTED) else value
    if isinstance(value, Mapping):
        return {name: _clear(inner) for name, inner in value.items()}
    return [_clear(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def created(call: Call, resource: Resource, row: Any) -> ActivityStream:
    """An object has been made."""
    changes = {**snapshot(resource, row), "id": row.id}
    if resource.type in _SHOWN_ONCE:
        changes[_SHOWN_ONCE[resource.type]] = CENSORED
    return record(call, "create", resource.type, row, changes)


def updated(call: Call, resource: Resource, row: Any, before: Mapping[str, Any]) -> None:
    """An object has been changed; nothing is written where nothing differs."""
    after = snapshot(resource, row)
    changes = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
    if changes:
        record(call, "update", resource.type, row, changes)


def deleted(call: Call, resource: Resource, row: Any) -> None:
    """An object is about to be deleted."""
    record(call, "delete", resource.type, row, {**snapshot(resource, row), "id": row.id})


def associated(call: Call, parent_type: str, parent: Any, relation: str, child_type: str, child: Any, on: bool) -> None:
    """Two objects have been associated, or are no longer."""
    action = "associate" if on else "disassociate"
    changes = {
        "object1": parent_type,
        "object1_pk": parent.id,
        "object2": child_type,
        "object2_pk": child.id,
        "action": action,
        "relationship": relation,
    }
    record(call, action, parent_type, parent, changes, child_type, child, relation)


def granted(call: Call, role: Role, holder_type: str, holder: Any, on: bool) -> None:
    """A role has been given to a user or team, or taken away: the stream tells it of the object the role is of."""
    action = "associate" if on else "disassociate"
    kind = role.content_type or "role"
    changes = {
        "object1": holder_type,
        "object1_pk": holder.id,
        "object2": kind,
        "object2_pk": role.object_id or role.id,
        "action": action,
        "relationship": f"{kind}.{role.role_field}",
    }
    entry = record(call, action, holder_type, holder, changes, kind, None, "role")
    entry.object2_id = role.object_id or role.id
    entry.object_type = kind
    entry.summary = {"role": {"id": role.id, "role_field": role.role_field}}


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
        deleted_actor=_actor(user),
        request_id=call.request_id,
    )
    call.session.add(entry)
    return entry


def _actor(user: User | None) -> dict[str, Any] | None:
    """What is remembered of somebody who may be deleted one day."""
    if user is None:
        return None
    return {name: getattr(user, name) for name in ("id", "username", "first_name", "last_name")}
