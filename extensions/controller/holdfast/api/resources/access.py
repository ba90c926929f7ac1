# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every type with roles has: ``object_roles``, ``access_list``, and like all others an ``activity_stream``.

A type that links to them has them: ``complete`` adds what a declaration leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select

from holdfast.api import filters, pages
from holdfast.api.call import Call, Reply
from holdfast.api.registry import Action, Registry, SubList, Summary
from holdfast.api.render import render_as
from holdfast.api.resources.access_entries import AccessEntries
from holdfast.auth import roles
from holdfast.db.models import ActivityStream, Role, RoleUser, User
from holdfast.seeds.roles import OBJECT_ROLES


def object_roles_summary(type_: str) -> Summary:
    """``object_roles`` in summary_fields."""

    def batch(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
        return roles.summaries(call, type_, rows)

    return Summary("object_roles", batch)


def object_roles(type_: str) -> SubList:
    """The roles of an object."""

    def query(_call: Call, row: Any) -> Select[Any]:
        return select(Role).where(Role.content_type == type_, Role.object_id == row.id)

    return SubList("roles", query=query)


def activity_stream(*types: str) -> SubList:
    """What the activity stream says about an object; of several types, where objects of these are the same."""

    def query(_call: Call, row: Any) -> Select[Any]:
        stream = ActivityStream
        return select(stream).where(
            or_(
                and_(stream.object1.in_(types), stream.object1_id == row.id),
                and_(stream.object2.in_(types), stream.object2_id == row.id),
            )
        )

    return SubList("activity_stream", query=query)


def complete(registry: Registry) -> None:
    """Give every type what it links to and does not declare itself."""
    for resource in registry.resources.values():
        linked = {one.path for one in resource.related}
        if "activity_stream" in linked and resource.detail_methods:
            resource.sublists.setdefault("activity_stream", activity_stream(resource.type))
        if resource.type in OBJECT_ROLES:
            resource.sublists.setdefault("object_roles", object_roles(resource.type))
            resource.actions.setdefault("access_list", access_list(resource.type))


def access_list(type_: str) -> Action:
    """Who has access to an object, and by which roles."""

    def serve(call: Call, row: Any) -> Reply:
        resource = call.controller.registry.resources["users"]
        entries = AccessEntries(call, type_, row)
        holders = select(RoleUser.user_id).where(RoleUser.role_id.in_(entries.role_ids))
        query = select(User).where(
            or_(User.is_superuser.is_(True), User.is_system_auditor.is_(True), User.id.in_(holders))
        )
        visible = resource.access.visible(call)
        query = query if visible is None else query.where(visible)
        page = pages.page(call, filters.apply(call, resource, query), resource)
        shown = render_as(call, resource, page.rows, False)
        for one, ways in zip(shown, entries.of(page.rows), strict=True):
            one.pop("auth", None)
            one["summary_fields"].pop("user_capabilities", None)
            one["summary_fields"].update(ways)
        return Reply(body=page.body(shown))

    return Action({"GET": serve}, title="Access List")
