# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Teams: users who are given roles together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, or_, select

from holdfast.api.call import Call
from holdfast.api.registry import Field, Registry, Resource, SubList, Summary, plain
from holdfast.api.resources import grants
from holdfast.api.resources.access import access_list, activity_stream, object_roles, object_roles_summary
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, ORGANIZATION_LINK, below
from holdfast.api.resources.membership import members, shared_id
from holdfast.auth import policies
from holdfast.db.models import Credential, Project, Role, RoleTeam, Team
from holdfast.seeds.roles import sources


def _roles(call: Call, row: Team) -> Select[Any]:
    call.cache["holder"] = row
    return select(Role).where(Role.id.in_(_held(row)))


def _held(row: Team) -> Select[Any]:
    return select(RoleTeam.role_id).where(RoleTeam.team_id == row.id)


def _projects(_call: Call, row: Team) -> Select[Any]:
    """The projects that the team's roles let its members see."""
    found = [one for one in sources("project", "read_role") if not one.is_singleton]
    held = select(Role.object_id).where(Role.id.in_(_held(row)))
    own = held.where(Role.content_type == "project", Role.role_field.in_([one.field for one in found if not one.path]))
    above = held.where(
        Role.content_type == "organization", Role.role_field.in_([one.field for one in found if one.path])
    )
    return select(Project).where(or_(Project.id.in_(own), Project.organization_id.in_(above)))


def _credentials(_call: Call, row: Team) -> Select[Any]:
    held = select(Role.object_id).where(
        Role.id.in_(_held(row)), Role.content_type == "credential", Role.role_field.in_(("use_role", "admin_role"))
    )
    return select(Credential).where(Credential.id.in_(held))


def _check(call: Call, row: Team, data: dict[str, Any]) -> dict[str, Any]:
    grants.check_team(call, grants.named(call, Role, data), row, not grants.taken(data))
    return data


def _give(call: Call, row: Team, role: Role, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, role, row, True)
    return True


def _take(call: Call, row: Team, role: Role, _data: Mapping[str, Any]) -> bool:
    grants.give_or_take(call, role, row, False)
    return True


def _of_team(_call: Call, row: Team, data: dict[str, Any]) -> dict[str, Any]:
    """A credential made here belongs to the team."""
    return {**data, "team": row.id}


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="teams",
            type="team",
            model=Team,
            title="Team",
            fields=(*NAMED, Field("organization", "id", to="organizations", required=True)),
            related=(
                *AUTHORS,
                *below("projects", "users", "credentials", "roles", "object_roles", "activity_stream", "access_list"),
                ORGANIZATION_LINK,
            ),
            summary=(Summary("organization"), shared_id("team"), *AUTHORS_SUMMARY, object_roles_summary("team")),
            sublists={
                "users": members("team", "member_role"),
                "roles": SubList("roles", query=_roles, attach=True, posted=_check, on_attach=_give, on_detach=_take),
                "projects": SubList("projects", query=_projects),
                "credentials": SubList("credentials", query=_credentials, create=True, posted=_of_team),
                "object_roles": object_roles("team"),
                "activity_stream": activity_stream("team"),
            },
            actions={"access_list": access_list("team")},
            access=policies.Teams(),
            summarize=plain("id", "name", "description"),
            unique=(("organization", "name"),),
            named_url=("name", "organization"),
            object_roles=True,
        )
    )
