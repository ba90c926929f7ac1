# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may give and take roles, and who has power over whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select

from holdfast.api.call import Call
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, reads, sees_all, setting
from holdfast.db.models import Role, RoleTeam, RoleUser, Team, User

MEMBERSHIPS: Mapping[str, str] = {"users": "member_role", "admins": "admin_role"}
"""The lists below an organization that say who holds which of its roles."""


def manages_people(call: Call) -> bool:
    """Whether administrators of organizations manage users and teams at all, by a setting."""
    return is_superuser(call) or bool(setting(call, "MANAGE_ORGANIZATION_AUTH"))


def memberships(call: Call, users: Sequence[User]) -> Mapping[int, frozenset[int]]:
    """The organizations that users belong to, by user; one query for all of whom it is not known yet.

    Only users hold the roles that make somebody a member, so teams need not be looked at.
    """
    kept: dict[int, frozenset[int]] = call.cache.setdefault("memberships", {})
    missing = [user.id for user in users if user.id not in kept]
    if missing:
        found: dict[int, set[int]] = {user_id: set() for user_id in missing}
        query = select(RoleUser.user_id, RoleUser.object_id).join(Role, Role.id == RoleUser.role_id)
        belongs = Role.role_field.in_(("member_role", "admin_role"))
        for user_id, organization in call.session.execute(
            query.where(RoleUser.user_id.in_(missing), Role.content_type == "organization", belongs)
        ):
            found[user_id].add(organization)
        kept.update({user_id: frozenset(organizations) for user_id, organizations in found.items()})
    return kept


def administers(call: Call, user: User, orphans: bool = False) -> bool:
    """Whether the requesting user has power over another: by administering every organization they belong to.

    Nobody but superusers has power over those with roles in the whole system. ``orphans``: over somebody who belongs
    to no organization too, as long as they may do nothing that the requesting user may not.
    """
    if is_superuser(call):
        return True
    if user.is_superuser or user.is_system_auditor:
        return False
    theirs = memberships(call, [user])[user.id]
    if not theirs:
        return orphans and _holds_no_more(call, user)
    return theirs <= roles.organizations(call, "admin_role")


def _holds_no_more(call: Call, user: User) -> bool:
    """Whether the requesting user holds every role that another holds directly or by a team."""
    held = roles.holdings(call, user)
    query = select(Role).where(
        or_(
            Role.id.in_(select(RoleUser.role_id).where(RoleUser.user_id == user.id)),
            Role.id.in_(select(RoleTeam.role_id).where(RoleTeam.team_id.in_(held.teams))),
        )
    )
    return all(
        roles.user_has(call, role.content_type or "", role.object_id, role.role_field)
        for role in call.session.scalars(query)
    )


def may_give(call: Call, role: Role, holder: User | Team, seen: bool = False) -> bool:
    """Whether the user may give this role to, or take it from, a user or team (``seen``: that they surely see)."""
    if is_superuser(call):
        return True
    if role.content_type is None or not (seen or reads(call, holder)):
        return False
    membership = role.role_field in ("admin_role", "member_role")
    if role.content_type == "organization" and membership:
        # Whoever joins an organization comes under the power of its administrators.
        if not isinstance(holder, User) or not manages_people(call) or not administers(call, holder, orphans=True):
            return False
    elif role.content_type == "team" and membership and not manages_people(call):
        return False
    return roles.user_has(call, role.content_type, role.object_id, "admin_role")


class Roles(ReadOnly):
    """Of roles: those of objects that one has a role on, and those of the whole system.

    In the list of what a user or team holds, each says whether the requesting user may take it away.
    """

    shows = ("unattach",)

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """The roles of what one may look at."""
        if sees_all(call):
            return None
        held = roles.holdings(call)
        found: list[ColumnElement[bool]] = [Role.content_type.is_(None)]
        for content_type in roles.MODELS:
            condition = held.where(content_type, "read_role", Role.object_id)
            if condition is not false():
                found.append(and_(Role.content_type == content_type, condition))
        return or_(*found)

    def capabilities(self, call: Call, rows: Sequence[Any]) -> Mapping[int, Mapping[str, bool]]:
        """Whether the user may take each role from whoever ``call.cache`` names as its holder."""
        return super().capabilities(call, rows) if "holder" in call.cache else {}

    def can(self, call: Call, row: Any, what: str) -> bool:
        """Whether the user may take the role away."""
        return may_give(call, row, call.cache["holder"])

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Whether the user may give the role to a user or a team."""
        return may_give(call, row, child)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Whether the user may take the role from a user or a team."""
        return may_give(call, row, child)


class RoleDefinitions(Policy):
    """Of role definitions: everybody sees them."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """All of them."""
        return None


class RoleUserAssignments(ReadOnly):
    """Of who was given which role: one's own, and those of objects that one administers or audits."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """One's own, and those of the roles that one may look at."""
        if sees_all(call):
            return None
        seen = Roles().visible(call)
        own = call.user.id if call.user is not None else 0
        roles_seen = select(Role.id).where(seen) if seen is not None else select(Role.id)
        return or_(RoleUser.user_id == own, RoleUser.role_id.in_(roles_seen))

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who may take the role."""
        return may_give(call, row.role, row.user)


class RoleTeamAssignments(ReadOnly):
    """Of which team was given which role: those of the roles that one may look at."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of the roles that one may look at."""
        if sees_all(call):
            return None
        seen = Roles().visible(call)
        return RoleTeam.role_id.in_(select(Role.id).where(seen) if seen is not None else select(Role.id))

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who may take the role."""
        return may_give(call, row.role, row.team)
