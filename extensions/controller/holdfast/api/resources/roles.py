# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, and who holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select

from holdfast.api.call import Call
from holdfast.api.registry import Field, Registry, Resource, SubList
from holdfast.api.resources import grants
from holdfast.api.resources.common import below
from holdfast.auth import policies, roles
from holdfast.db.models import Role, RoleTeam, RoleUser, Team, User
from holdfast.seeds.roles import OBJECT_ROLES


def _finish(call: Call, rows: Sequence[Role], shown: Sequence[dict[str, Any]]) -> None:
    """Link and summarize the objects that roles are of."""
    registry = call.controller.registry
    wanted: dict[str, set[int]] = {}
    for row in rows:
        if row.content_type and row.content_type in roles.MODELS and row.object_id is not None:
            wanted.setdefault(row.content_type, set()).add(row.object_id)
    found = {kind: call.fetch(roles.MODELS[kind], ids) for kind, ids in wanted.items()}
    for row, one in zip(rows, shown, strict=True):
        kind = row.content_type or ""
        target = found.get(kind, {}).get(row.object_id or 0)
        if target is None:
            continue
        if registry.knows_type(kind):
            one["related"][kind] = call.url(registry.of_type(kind).name, target.id)
        one["summary_fields"] = {
            "resource_name": target.name,
            "resource_type": kind,
            "resource_type_display_name": kind.replace("_", " ").title(),
            "resource_id": target.id,
            **one["summary_fields"],
        }


def _users(_call: Call, row: Role) -> Select[Any]:
    flag = roles.FLAGS.get(row.singleton_name or "")
    if flag is not None:
        return select(User).where(getattr(User, flag).is_(True))
    return select(User).where(User.id.in_(select(RoleUser.user_id).where(RoleUser.role_id == row.id)))


def _teams(_call: Call, row: Role) -> Select[Any]:
    return select(Team).where(Team.id.in_(select(RoleTeam.team_id).where(RoleTeam.role_id == row.id)))


def _parents(call: Call, row: Role) -> Select[Any]:
    """The roles that bring this one with them, one step up."""
    kind = row.content_type or ""
    found: list[ColumnElement[bool]] = [Role.id.in_(_member_roles(row))]
    target = call.session.get(roles.MODELS[kind], row.object_id) if kind in roles.MODELS else None
    expressions = roles.described(row).parents if target is not None else ()
    for expression in expressions:
        singleton = expression.removeprefix("singleton:")
        if singleton != expression:
            found.append(Role.singleton_name == singleton)
            continue
        way, _unused, field = expression.rpartition(".")
        organization = getattr(target, "organization_id", None)
        above = and_(Role.content_type == "organization", Role.object_id == organization) if way else None
        own = and_(Role.content_type == kind, Role.object_id == row.object_id)
        found.append(and_(own if above is None else above, Role.role_field == field))
    return select(Role).where(or_(*found))


def _member_roles(row: Role) -> Select[Any]:
    """The member roles of the teams that hold this role."""
    teams = select(RoleTeam.team_id).where(RoleTeam.role_id == row.id)
    return select(Role.id).where(
        Role.content_type == "team", Role.role_field == "member_role", Role.object_id.in_(teams)
    )


def _children(_call: Call, row: Role) -> Select[Any]:
    """The roles that this one brings with it, one step down."""
    own = row.singleton_name and f"singleton:{row.singleton_name}"
    found: list[ColumnElement[bool]] = [false()]
    for kind, declared in OBJECT_ROLES.items():
        for one in declared:
            if kind == row.content_type and row.role_field in one.parents:
                found.append(and_(*_is(kind, one.field), Role.object_id == row.object_id))
            elif row.content_type == "organization" and f"organization.{row.role_field}" in one.parents:
                model = roles.MODELS[kind]
                inside = select(model.id).where(model.organization_id == row.object_id)
                found.append(and_(*_is(kind, one.field), Role.object_id.in_(inside)))
            elif own and own in one.parents:
                found.append(and_(*_is(kind, one.field)))
    if row.content_type == "team" and row.role_field == "member_role":
        found.append(Role.id.in_(select(RoleTeam.role_id).where(RoleTeam.team_id == row.object_id)))
    return select(Role).where(or_(*found))


def _is(kind: str, field: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Role.content_type == kind, Role.role_field == field


def _check_user(call: Call, row: Role, data: dict[str, Any]) -> dict[str, Any]:
    grants.check_user(call, row, grants.named(call, User, data), not grants.taken(data))
    return data


def _check_team(call: Call, row: Role, data: dict[str, Any]) -> dict[str, Any]:
    grants.check_team(call, row, grants.named(call, Team, data), not grants.taken(data))
    return data


def _give(call: Call, row: Role, holder: Any, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, row, holder, True)
    return True


def _take(call: Call, row: Role, holder: Any, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, row, holder, False)
    return True


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="roles",
            type="role",
            model=Role,
            title="Role",
            fields=(
                Field("name", read_only=True, filterable=False, value=lambda _call, row: roles.described(row).name),
                Field(
                    "description",
                    read_only=True,
                    filterable=False,
                    value=lambda _call, row: roles.described(row).description,
                ),
            ),
            related=below("users", "teams"),
            sublists={
                "users": SubList(
                    "users", query=_users, attach=True, posted=_check_user, on_attach=_give, on_detach=_take
                ),
                "teams": SubList(
                    "teams", query=_teams, attach=True, posted=_check_team, on_attach=_give, on_detach=_take
                ),
                "parents": SubList("roles", query=_parents),
                "children": SubList("roles", query=_children),
            },
            access=policies.Roles(),
            finish=_finish,
            list_methods=("GET",),
            detail_methods=("GET",),
            search_fields=("role_field", "content_type"),
            activity=False,
        )
    )
