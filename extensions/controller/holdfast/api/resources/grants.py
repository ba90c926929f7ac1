# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving roles to users and teams, from whichever side it is asked for. That the user may is judged before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from holdfast.api import activity
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.auth import roles
from holdfast.db.models import Role, RoleTeam, Team, User

OTHER_ORGANIZATION = "You cannot grant credential access to a user not in the credentials' organization"
PRIVATE = "You cannot grant private credential access to another user"
OTHER_TEAM = (
    "You cannot grant credential access to a team when the Organization field isn't set, or belongs to a different "
    "organization"
)
PARTICIPATION = "You cannot assign an Organization participation role as a child role for a Team."
SYSTEM = "You cannot grant system-level permissions to a team."
LOOP = "A team cannot be given a role on itself, or on a team that has one on it."


def check_user(call: Call, role: Role | None, user: User | None, on: bool) -> None:
    """Raise Invalid for a credential's role that this user cannot have, whoever asks."""
    if role is None or user is None or role.content_type != "credential":
        return
    credential = roles.target(call, "credential", role.object_id)
    organization = credential.organization if credential is not None else None
    if organization is None:
        if call.user is None or not call.user.is_superuser:
            raise Invalid({"msg": PRIVATE})
    elif on and not roles.has(call, "organization", organization, "member_role", user):
        raise Invalid({"msg": OTHER_ORGANIZATION})


def check_team(call: Call, role: Role | None, team: Team | None, on: bool) -> None:
    """Raise Invalid for a role that no team, or not this one, can have, whoever asks."""
    if role is None or team is None:
        return
    if role.content_type == "organization" and role.role_field in ("member_role", "admin_role"):
        raise Invalid({"msg": PARTICIPATION})
    if role.content_type is None:
        raise Invalid({"msg": SYSTEM})
    if role.content_type == "credential":
        credential = roles.target(call, "credential", role.object_id)
        if credential is None or credential.organization_id != team.organization_id:
            raise Invalid({"msg": OTHER_TEAM})
    if on and role.content_type == "team" and _leads_to(call, role.object_id, team.id):
        raise Invalid({"msg": LOOP})


def _leads_to(call: Call, start: int | None, team_id: int) -> bool:
    """Whether members of the team ``start`` are, by whatever way, in the team ``team_id`` too, or are the same."""
    seen: set[int | None] = set()
    level: set[int | None] = {start}
    while level - seen:
        if team_id in level:
            return True
        seen |= level
        query = select(Role.object_id).join(RoleTeam, RoleTeam.role_id == Role.id)
        level = set(call.session.scalars(query.where(RoleTeam.team_id.in_(level), Role.content_type == "team")))
    return False


def give_or_take(call: Call, role: Role, holder: Any, on: bool) -> None:
    """Give a role to a user or team, or take it away, and tell the activity stream when that changed anything."""
    done = roles.give(call.session, role, holder, call.user) if on else roles.take(call.session, role, holder)
    roles.changed(call)
    if done:
        activity.granted(call, role, "team" if isinstance(holder, Team) else "user", holder, on)


def named(call: Call, model: type[Any], data: dict[str, Any]) -> Any:
    """What the ``id`` of a body names, None where it names nothing; what is wrong with it is said later."""
    key = data.get("id")
    return call.session.get(model, key) if isinstance(key, int) and abs(key) < 2**63 else None


def taken(data: dict[str, Any]) -> bool:
    """Whether a body asks to take a role away."""
    return "disassociate" in data
