# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists below an object: what belongs to it, associating and disassociating, making new ones in place."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import object_session

from holdfast.api import activity, views
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid, NotAllowed
from holdfast.api.registry import Resource, SubList
from holdfast.api.render import render_one


def methods(sub: SubList) -> tuple[str, ...]:
    """The methods that a sub-list has."""
    return ("GET", "POST") if sub.attach or sub.create else ("GET",)


def serve(call: Call, parent: Any, resource: Resource, name: str, sub: SubList) -> Reply:
    """Answer a request for the sub-list ``name`` of ``parent``, an object of ``resource``."""
    listed = call.controller.registry.resources[sub.resource]
    if call.method in ("GET", "HEAD"):
        return views.list_rows(call, listed, _query(call, parent, sub, listed))
    if "POST" not in methods(sub):
        raise NotAllowed(call.method)
    data = call.data if sub.posted is None else sub.posted(call, parent, call.data)
    if sub.attach and ("disassociate" in data or data.get("id") or not sub.create):
        return _attach(call, parent, resource, name, sub, listed, data)
    return _create(call, parent, resource, name, sub, listed, data)


def _query(call: Call, parent: Any, sub: SubList, listed: Resource) -> Select[Any]:
    """The select of what the user may see of the sub-list."""
    if sub.query is not None:
        query = sub.query(call, parent)
    elif sub.relation:
        query = _through(parent, sub.relation, listed)
    else:
        query = select(listed.model).where(getattr(listed.model, f"{sub.parent_field}_id") == parent.id)
    visible = listed.access.visible(call)
    return query if visible is None else query.where(visible)


def _through(parent: Any, name: str, listed: Resource) -> Select[Any]:
    """Objects that a relationship of the parent holds, in the order of association where one is kept."""
    relation = getattr(type(parent), name).property
    table = relation.secondary
    if table is None:
        column = next(iter(relation.remote_side))
        return select(listed.model).where(column == parent.id)
    local, remote = table.c.left_id, table.c.right_id
    if any(column is table.c.right_id for _unused, column in relation.synchronize_pairs):
        local, remote = remote, local
    query = select(listed.model).join(table, remote == listed.model.id).where(local == parent.id)
    return query.order_by(table.c.position) if "position" in table.c else query


def _attach(
    call: Call, parent: Any, resource: Resource, name: str, sub: SubList, listed: Resource, data: dict[str, Any]
) -> Reply:
    """Associate an object with the parent, or disassociate it; both may be asked again."""
    off = "disassociate" in data
    child = _named(call, sub, listed, data.get("id"), off)
    access = resource.access
    allowed = access.may_detach if off else access.may_attach
    if not allowed(call, parent, name, child, data):
        raise Forbidden()
    hook = sub.on_detach if off else sub.on_attach
    if hook is not None and hook(call, parent, child, data):
        return Reply(204)
    if off and sub.detach_deletes:
        if getattr(child, f"{sub.parent_field}_id") == parent.id:  # what is elsewhere is not the parent's to delete
            views.delete_row(call, listed, child)
    else:
        change(call, parent, resource, sub, child, not off)
    return Reply(204)


def _named(call: Call, sub: SubList, listed: Resource, key: Any, off: bool) -> Any:
    """The object that a body names. Raises Invalid in AWX's words."""
    if not key:
        missing = '"id" is required to disassociate' if off and sub.create else f"{listed.title} 'id' field is missing."
        raise Invalid({"msg": missing})
    if not isinstance(key, int):
        raise Invalid({"msg": '"id" field must be an integer.'})
    child = call.session.get(listed.model, int(key)) if abs(key) < 2**63 else None
    if child is None:
        raise Invalid(f"{listed.model_name} matching query does not exist.")
    return child


def change(call: Call, parent: Any, resource: Resource, sub: SubList, child: Any, on: bool) -> None:
    """Put a child into the relationship of a sub-list, or take it out; nothing happens where it is so already."""
    held: list[Any] = getattr(parent, sub.relation)
    if on == (child in held):
        return
    if on:
        held.append(child)
        call.session.flush()
        number(call, parent, sub.relation)
    else:
        held.remove(child)
        call.session.flush()
    child_type = call.controller.registry.of_row(child).type
    activity.associated(call, resource.type, parent, sub.relation, child_type, child, on)


def number(call: Call, parent: Any, relation: str) -> None:
    """Write the order of association down, where it counts."""
    table = getattr(type(parent), relation).property.secondary
    if table is None or "position" not in table.c:
        return
    session = object_session(parent) or call.session
    for position, child in enumerate(getattr(parent, relation)):
        session.execute(
            table.update().where(table.c.left_id == parent.id, table.c.right_id == child.id).values(position=position)
        )


def _create(
    call: Call, parent: Any, resource: Resource, name: str, sub: SubList, listed: Resource, data: dict[str, Any]
) -> Reply:
    """Make an object in the sub-list."""
    fixed = {sub.parent_field: parent.id} if sub.parent_field else {}
    row = views.create_row(call, listed, data, fixed)
    if sub.attach and not sub.parent_field:
        if not resource.access.may_attach(call, parent, name, row, data):
            raise Forbidden()
        hooked = sub.on_attach(call, parent, row, data) if sub.on_attach is not None else None
        if not hooked:
            change(call, parent, resource, sub, row, True)
    return Reply(201, render_one(call, row, listed), {"Location": call.url(listed.name, row.id)})
