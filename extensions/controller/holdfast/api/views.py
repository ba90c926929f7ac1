# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The views that serve every declared resource: list, create, detail, update, delete, copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from holdfast.api import activity, filters, pages, writes
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Conflict, Forbidden, NotFound
from holdfast.api.registry import Resource
from holdfast.api.render import render, render_as, render_one
from holdfast.auth import roles
from holdfast.db.base import now


def base_query(call: Call, resource: Resource) -> Select[Any]:
    """All rows of a resource that the user may see."""
    query = resource.base_query(call) if resource.base_query is not None else select(resource.model)
    visible = resource.access.visible(call)
    return query if visible is None else query.where(visible)


def list_rows(call: Call, resource: Resource, query: Select[Any] | None = None) -> Reply:
    """A page of a list, filtered and ordered as the query asks. ``query`` narrows it, for a sub-list."""
    query = base_query(call, resource) if query is None else query
    query = filters.apply(call, resource, query)
    page = pages.page(call, query, resource)
    # Another resource for the same rows shows them as its own where it has addresses for them, unlike ``me``.
    alike = call.controller.registry.of_model(resource.model) is not resource and bool(resource.detail_methods)
    return Reply(body=page.body(render_as(call, resource, page.rows, False) if alike else render(call, page.rows)))


def find(call: Call, resource: Resource, key: str) -> Any:
    """The object with this id or named URL, whoever asks. Raises NotFound."""
    row = pages.find(call, resource, key)
    if row is None:
        raise NotFound(resource.model_name)
    return row


def load(call: Call, resource: Resource, key: str) -> Any:
    """The object with this id or named URL. Raises NotFound, or Forbidden where the user may not see it."""
    row = find(call, resource, key)
    visible = resource.access.visible(call)
    if visible is not None:
        seen = call.session.scalar(select(resource.model.id).where(resource.model.id == row.id, visible))
        if seen is None:
            raise Forbidden()
    if not resource.access.may_read(call, row):
        raise Forbidden()
    return row


def create_row(call: Call, resource: Resource, given: Mapping[str, Any], fixed: Mapping[str, Any] | None = None) -> Any:
    """Make an object from a body. ``fixed`` are fields that the path decides. Raises Invalid or Forbidden."""
    values = writes.clean(call, resource, {**given, **(fixed or {})})
    if resource.hooks.validate is not None:
        resource.hooks.validate(call, values, None)
    if not resource.access.may_add(call, values):
        raise Forbidden()
    writes.check_unique(call, resource, values)
    row = resource.model(**{name: value for name, value in values.items() if hasattr(resource.model, name)})
    _stamp(call, row, new=True)
    call.session.add(row)
    call.session.flush()
    roles.object_created(call, resource.type, row)
    if resource.hooks.created is not None:
        resource.hooks.created(call, row, values)
    call.session.flush()
    if resource.activity:
        activity.created(call, resource, row)
    return row


def create(call: Call, resource: Resource, fixed: Mapping[str, Any] | None = None) -> Reply:
    """POST on a list."""
    row = create_row(call, resource, call.data, fixed)
    location = call.url(resource.name, row.id)
    return Reply(201, render_one(call, row, resource), {"Location": location})


def detail(call: Call, resource: Resource, row: Any) -> Reply:
    """GET on an object."""
    return Reply(body=render_one(call, row, resource))


def update(call: Call, resource: Resource, row: Any) -> Reply:
    """PUT or PATCH on an object."""
    update_row(call, resource, row, call.data, partial=call.method == "PATCH")
    return Reply(body=render_one(call, row, resource))


def update_row(call: Call, resource: Resource, row: Any, given: Mapping[str, Any], partial: bool = True) -> None:
    """Change an object. Raises Invalid or Forbidden."""
    values = writes.clean(call, resource, given, row, partial)
    if not resource.access.may_change(call, row, values):
        raise Forbidden()
    if resource.hooks.validate is not None:
        resource.hooks.validate(call, values, row)
    writes.check_unique(call, resource, values, row)
    before = activity.snapshot(resource, row)
    for name, value in values.items():
        if hasattr(resource.model, name) and getattr(row, name) != value:
            setattr(row, name, value)
    _stamp(call, row)
    call.session.flush()
    _forget(call, row, *(one.name for one in resource.fields if one.to))
    if resource.hooks.updated is not None:
        resource.hooks.updated(call, row, before)
    if resource.activity:
        activity.updated(call, resource, row, before)


def delete(call: Call, resource: Resource, row: Any) -> Reply:
    """DELETE on an object."""
    if not resource.access.may_delete(call, row):
        raise Forbidden()
    if resource.hooks.deleting is not None:
        done = resource.hooks.deleting(call, row)
        if done is not None:
            return done
    delete_row(call, resource, row)
    return Reply(resource.delete_status)


def delete_row(call: Call, resource: Resource, row: Any) -> None:
    """Delete an object with its roles; raises Conflict where something still needs it."""
    if resource.activity:
        activity.deleted(call, resource, row)
    roles.object_deleted(call, resource.type, row)
    try:
        call.session.delete(row)
        call.session.flush()
    except IntegrityError:
        raise Conflict({"error": f"{resource.verbose} is in use and cannot be deleted."}) from None


def _stamp(call: Call, row: Any, new: bool = False) -> None:
    user = call.user
    if hasattr(row, "modified") and not (new and row.__tablename__ == "users"):
        row.modified = now()
    if hasattr(row, "modified_by_id") and user is not None:
        row.modified_by_id = user.id
        if new:
            row.created_by_id = user.id
    if not new:
        _forget(call, row, "created_by", "modified_by")


def _forget(call: Call, row: Any, *names: str) -> None:
    """Have references read again; without any of these names nothing, for SQLAlchemy would take that for all."""
    known = [name for name in names if hasattr(type(row), name)]
    if known:
        call.session.expire(row, known)
