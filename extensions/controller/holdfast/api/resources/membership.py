# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of organizations and teams: lists of users that stand for who holds a role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call
from holdfast.api.registry import SubList, Summary
from holdfast.api.resources import grants
from holdfast.auth import roles
from holdfast.db.models import Role, RoleUser, User


def shared_id(type_: str) -> Summary:
    """``resource`` in summary_fields: the id that names an object beyond this controller."""

    def batch(_call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
        return {row.id: {"ansible_id": row.ansible_id, "resource_type": f"shared.{type_}"} for row in rows}

    return Summary("resource", batch)


def holders_of(type_: str, object_id: Any, *fields: str) -> Select[Any]:
    """The ids of the users who hold one of these roles of an object directly."""
    held = select(RoleUser.user_id).join(Role, Role.id == RoleUser.role_id)
    return held.where(Role.content_type == type_, Role.object_id == object_id, Role.role_field.in_(fields))


def objects_of(type_: str, user_id: int, *fields: str) -> Select[Any]:
    """The ids of the objects of a type on which a user holds one of these roles directly."""
    held = select(Role.object_id).join(RoleUser, RoleUser.role_id == Role.id)
    return held.where(RoleUser.user_id == user_id, Role.content_type == type_, Role.role_field.in_(fields))


def members(type_: str, field: str) -> SubList:
    """The users who hold a role of an object; who is put in or made here is given it."""

    def query(_call: Call, row: Any) -> Select[Any]:
        return select(User).where(User.id.in_(holders_of(type_, row.id, field)))

    def join(call: Call, row: Any, user: User, _data: Mapping[str, Any]) -> bool:
        grants.give_or_take(call, roles.find(call.session, type_, row.id, field), user, True)
        return True

    def leave(call: Call, row: Any, user: User, _data: Mapping[str, Any]) -> bool:
        grants.give_or_take(call, roles.find(call.session, type_, row.id, field), user, False)
        return True

    return SubList("users", query=query, attach=True, create=True, on_attach=join, on_detach=leave)
