# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways by which users have access to one object, as its access list shows them.

``direct_access`` are roles of the object itself, held directly or by a team; ``indirect_access`` roles of its
organization and of the whole system that bring some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_

from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.auth.policies.granting import may_give, memberships
from holdfast.db.models import Role, RoleTeam, RoleUser, Team, User
from holdfast.seeds.roles import OBJECT_ROLES, SINGLETONS, SYSTEM_ADMINISTRATOR, sources


@dataclass(frozen=True)
class _ByTeam:
    """A role that a team holds."""

    team: Team
    role: Role


class AccessEntries:
    """Made for one object; says for each of many users by which roles they have access."""

    def __init__(self, call: Call, type_: str, row: Any) -> None:
        self._call = call
        self._type = type_
        self._row = row
        self._fields = [one.field for one in OBJECT_ROLES.get(type_, ())]
        self._roles: dict[int, Role] = {}
        self._gives: dict[int, list[str]] = {}
        self._memberships: dict[int, list[_ByTeam]] = {}
        for field in self._fields:
            for role in self._sources(type_, row, field):
                self._gives.setdefault(role.id, []).append(field)
        self._find_teams()

    @property
    def role_ids(self) -> list[int]:
        """All roles by which users have access, directly or as members of a team."""
        return list({*self._gives, *self._memberships})

    def _sources(self, type_: str, row: Any, field: str) -> list[Role]:
        """The roles that bring a role of an object, itself among them."""
        wanted = []
        for one in sources(type_, field):
            if not one.is_singleton:
                object_id = getattr(row, "organization_id", None) if one.path else row.id
                wanted.append((one.content_type, object_id, one.field))
        key = tuple_(Role.content_type, Role.object_id, Role.role_field)
        found = self._call.session.scalars(select(Role).where(key.in_(wanted))).all() if wanted else []
        self._roles.update({role.id: role for role in found})
        return list(found)

    def _find_teams(self) -> None:
        """The teams that hold such a role, and the roles that make users members of them, teams in teams too."""
        session = self._call.session
        held = {
            (grant.team_id, grant.role_id)
            for grant in session.scalars(select(RoleTeam).where(RoleTeam.role_id.in_(self._gives)))
        }
        seen: set[tuple[int, int]] = set()
        while held:
            seen |= held
            further: set[tuple[int, int]] = set()
            teams = self._call.fetch(Team, [team_id for team_id, _unused in held])
            for team_id, role_id in sorted(held):
                team = teams[team_id]
                members = self._sources("team", team, "member_role")
                for role in members:
                    self._memberships.setdefault(role.id, []).append(_ByTeam(team, self._roles[role_id]))
                by_teams = session.scalars(
                    select(RoleTeam.team_id).where(RoleTeam.role_id.in_([one.id for one in members]))
                )
                further |= {(inner, role_id) for inner in by_teams}
            held = further - seen

    def of(self, users: Sequence[User]) -> list[dict[str, list[dict[str, Any]]]]:
        """``direct_access`` and ``indirect_access`` of each user, all of whom the requesting user sees."""
        memberships(self._call, users)
        held: dict[int, list[int]] = {}
        query = select(RoleUser.user_id, RoleUser.role_id).where(
            RoleUser.user_id.in_([user.id for user in users]), RoleUser.role_id.in_(self.role_ids)
        )
        for user_id, role_id in self._call.session.execute(query.order_by(RoleUser.role_id)):
            held.setdefault(user_id, []).append(role_id)
        return [self._ways(user, held.get(user.id, [])) for user in users]

    def _ways(self, user: User, held: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
        direct: list[dict[str, Any]] = []
        indirect: list[dict[str, Any]] = []
        by_teams: list[_ByTeam] = []
        for role_id in held:
            role = self._roles[role_id]
            if role_id in self._gives:
                own = role.content_type == self._type and role.object_id == self._row.id
                (direct if own else indirect).append(self._by_role(user, role, self._gives[role_id]))
            elif role.content_type != "team":
                fields = {field for one in self._memberships[role_id] for field in self._gives[one.role.id]}
                indirect.append(self._by_role(user, role, [one for one in self._fields if one in fields]))
            if role.content_type == "team":
                by_teams += [one for one in self._memberships.get(role_id, ()) if one not in by_teams]
        direct += [self._by_team(one) for one in by_teams]
        indirect += self._by_flag(user)
        return {"direct_access": direct, "indirect_access": indirect}

    def _by_role(self, user: User, role: Role, fields: Sequence[str]) -> dict[str, Any]:
        shown = {**self._summary(role), "user_capabilities": {"unattach": may_give(self._call, role, user, seen=True)}}
        return {"role": shown, "descendant_roles": list(fields)}

    def _by_team(self, one: _ByTeam) -> dict[str, Any]:
        organization = roles.target(self._call, "organization", one.team.organization_id)
        shown = {
            **self._summary(one.role),
            "team_id": one.team.id,
            "team_name": one.team.name,
            "team_organization_name": organization.name if organization is not None else None,
            "user_capabilities": {"unattach": may_give(self._call, one.role, one.team)},
        }
        return {"role": shown, "descendant_roles": list(self._gives[one.role.id])}

    def _by_flag(self, user: User) -> list[dict[str, Any]]:
        if not user.is_superuser and not user.is_system_auditor:
            return []
        administrator = next(one for one in SINGLETONS if (one.field == SYSTEM_ADMINISTRATOR) == user.is_superuser)
        shown = {
            "id": None,
            "name": administrator.name,
            "description": administrator.description,
            "user_capabilities": {"unattach": False},
        }
        return [{"role": shown, "descendant_roles": self._fields if user.is_superuser else ["read_role"]}]

    def _summary(self, role: Role) -> dict[str, Any]:
        """A role with the object it is of."""
        said = roles.described(role)
        shown: dict[str, Any] = {"id": role.id, "name": said.name, "description": said.description}
        kind = role.content_type or ""
        registry = self._call.controller.registry
        target = roles.target(self._call, kind, role.object_id)
        if target is not None and registry.knows_type(kind):
            shown["resource_name"] = target.name
            shown["resource_type"] = kind
            shown["related"] = {kind: self._call.url(registry.of_type(kind).name, target.id)}
        return shown
