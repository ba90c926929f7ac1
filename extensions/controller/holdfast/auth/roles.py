# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of objects: made and removed with them, given to users and teams, and asked for.

Who holds a role holds every role that it is a source of (``seeds.roles.sources``). What somebody holds directly or by
a team is read once for each request; everything else is looked up in it. A role that comes from an organization is
found by the object's ``organization_id``, so nothing has to be kept in step when objects are made or moved.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, false, insert, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.api.call import Call
from holdfast.db.models import (
    Credential,
    InstanceGroup,
    Inventory,
    JobTemplate,
    Organization,
    Project,
    Role,
    RoleDefinition,
    RoleTeam,
    RoleUser,
    Team,
    User,
    WorkflowJobTemplate,
)
from holdfast.seeds.role_definitions import DEFINITIONS_OF_ROLES, ROLE_DEFINITIONS
from holdfast.seeds.roles import OBJECT_ROLES, SINGLETONS, SYSTEM_ADMINISTRATOR, SYSTEM_AUDITOR, sources
from holdfast.seeds.roles import role as declared

MODELS: Mapping[str, type[Any]] = {
    "organization": Organization,
    "team": Team,
    "project": Project,
    "credential": Credential,
    "inventory": Inventory,
    "job_template": JobTemplate,
    "instance_group": InstanceGroup,
    "workflow_job_template": WorkflowJobTemplate,
}
"""The types that have roles."""

AUDITED = frozenset({"read_role", "auditor_role"})
"""The roles that an auditor of the system holds on everything."""

FLAGS: Mapping[str, str] = {SYSTEM_ADMINISTRATOR: "is_superuser", SYSTEM_AUDITOR: "is_system_auditor"}
"""The roles of the whole system are flags of a user."""

_OWNED = ("team", "credential", "inventory")
"""The types with roles that go with their organization; templates are left without one."""
_MANY = 500
_Held = dict[tuple[str, str], set[int]]


@functools.cache
def _fields(content_type: str, field: str) -> tuple[frozenset[str], frozenset[str]]:
    """Which role fields bring this one: on the object itself, and on the organization it is in."""
    found = [one for one in sources(content_type, field) if not one.is_singleton]
    own = frozenset(one.field for one in found if not one.path)
    return own, frozenset(one.field for one in found if one.path == "organization")


class Holdings:
    """What one user holds directly or by teams."""

    def __init__(self, session: Session, user_id: int) -> None:
        self._session = session
        self._user_id = user_id
        self._held: _Held = {}
        self._ids: dict[tuple[str, str], tuple[frozenset[int], frozenset[int]]] = {}
        self.teams: frozenset[int] = frozenset()
        """The teams whose member the user is, one way or another."""
        self._collect()

    def _collect(self) -> None:
        columns = select(Role.content_type, Role.role_field, Role.object_id)
        self._add(columns.join(RoleUser, RoleUser.role_id == Role.id).where(RoleUser.user_id == self._user_id))
        while new := self._member_of() - self.teams:
            self.teams |= new
            self._add(columns.join(RoleTeam, RoleTeam.role_id == Role.id).where(RoleTeam.team_id.in_(new)))
        administered, _organizations = self._look_up("team", "admin_role")
        if administered:
            owned = select(literal("credential"), literal("admin_role"), Credential.id)
            self._add(owned.where(Credential.owner_team_id.in_(administered)))

    def _add(self, query: Any) -> None:
        for content_type, field, object_id in self._session.execute(query):
            if content_type is not None:
                self._held.setdefault((content_type, field), set()).add(object_id)

    def _member_of(self) -> frozenset[int]:
        own, organizations = self._look_up("team", "member_role")
        if not organizations:
            return own
        inside = self._session.scalars(select(Team.id).where(Team.organization_id.in_(organizations)))
        return own.union(inside)

    def _look_up(self, content_type: str, field: str) -> tuple[frozenset[int], frozenset[int]]:
        own, above = _fields(content_type, field)
        return (
            frozenset().union(*(self._held.get((content_type, one), ()) for one in own)),
            frozenset().union(*(self._held.get(("organization", one), ()) for one in above)),
        )

    def ids(self, content_type: str, field: str) -> tuple[frozenset[int], frozenset[int]]:
        """The objects on which the role is held, and the organizations in which it is held on all of them."""
        found = self._ids.get((content_type, field))
        if found is None:
            found = self._ids[(content_type, field)] = self._look_up(content_type, field)
        return found

    def has(self, content_type: str, row: Any, field: str) -> bool:
        """Whether the role is held on this object."""
        own, organizations = self.ids(content_type, field)
        return row.id in own or (bool(organizations) and row.organization_id in organizations)

    def where(self, content_type: str, field: str, column: Any = None, organization: Any = None) -> ColumnElement[bool]:
        """The condition that the role is held on the object of this type whose id is in ``column``.

        Without a column it is one on the rows of the type itself. ``organization`` is the column that has the object's
        organization, where it is at hand.
        """
        model = MODELS[content_type]
        own, organizations = self.ids(content_type, field)
        if column is None:
            column, organization = model.id, getattr(model, "organization_id", None)
        conditions = [self._among(column, own, content_type, field)] if own else []
        if organizations and organization is not None:
            conditions.append(organization.in_(organizations))
        elif organizations:
            conditions.append(column.in_(select(model.id).where(model.organization_id.in_(organizations))))
        return or_(*conditions) if conditions else false()

    def _among(self, column: Any, ids: frozenset[int], content_type: str, field: str) -> ColumnElement[bool]:
        """Whether a column is one of these ids; of very many the database makes the list itself."""
        if len(ids) <= _MANY:
            among: ColumnElement[bool] = column.in_(ids)
            return among
        by_user = select(RoleUser.role_id).where(RoleUser.user_id == self._user_id)
        by_team = select(RoleTeam.role_id).where(RoleTeam.team_id.in_(self.teams))
        held: ColumnElement[bool] = column.in_(
            select(Role.object_id).where(
                Role.content_type == content_type,
                Role.role_field.in_(_fields(content_type, field)[0]),
                or_(Role.id.in_(by_user), Role.id.in_(by_team)),
            )
        )
        return held


def holdings(call: Call, user: User | None = None) -> Holdings:
    """What a user (whoever sends the request, where nobody is named) holds; read once for each request."""
    user = user or call.user
    user_id = user.id if user is not None else 0
    kept: dict[int, Holdings] = call.cache.setdefault("holdings", {})
    if user_id not in kept:
        kept[user_id] = Holdings(call.session, user_id)
    return kept[user_id]


def changed(call: Call) -> None:
    """Roles have been given or taken within this request: what was read of them before is read again."""
    for name in ("holdings", "memberships", "superusers"):
        call.cache.pop(name, None)


def has_all(call: Call, field: str, user: User | None = None) -> bool:
    """Whether a user holds this role on everything there is."""
    user = user or call.user
    return user is not None and (user.is_superuser or (user.is_system_auditor and field in AUDITED))


def has(call: Call, content_type: str, row: Any, field: str, user: User | None = None) -> bool:
    """Whether a user (whoever sends the request) holds this role on an object."""
    return has_all(call, field, user) or holdings(call, user).has(content_type, row, field)


def user_has(call: Call, content_type: str, object_id: int | None, field: str) -> bool:
    """As ``has``, of the object with this id; False where there is none."""
    row = target(call, content_type, object_id)
    return row is not None and has(call, content_type, row, field)


def target(call: Call, content_type: str, object_id: int | None) -> Any:
    """The object of a type that has roles, None where there is none; read once for each request."""
    kept: dict[tuple[str, int | None], Any] = call.cache.setdefault("targets", {})
    key = (content_type, object_id)
    if key not in kept and content_type in MODELS and object_id is not None:
        kept[key] = call.session.get(MODELS[content_type], object_id)
    return kept.get(key)


def visible(call: Call, content_type: str, field: str, column: Any = None) -> ColumnElement[bool] | None:
    """The condition that the user holds this role on the object whose id is in ``column``; None where on all.

    Without a column it is one on the rows of the type itself.
    """
    return None if has_all(call, field) else holdings(call).where(content_type, field, column)


def organizations(call: Call, *fields: str) -> frozenset[int]:
    """The organizations on which the user holds one of these roles, not counting what superusers hold on all."""
    return frozenset().union(*(holdings(call).ids("organization", field)[0] for field in fields))


def make(session: Session, content_type: str, object_id: int) -> None:
    """Make the roles of a new object."""
    fields = OBJECT_ROLES.get(content_type, ())
    if fields:
        values = [{"content_type": content_type, "object_id": object_id, "role_field": one.field} for one in fields]
        session.execute(insert(Role), values)


def seed(session: Session) -> None:
    """Make the roles of the whole system and the role definitions, where they are not there yet."""
    there = set(session.scalars(select(Role.singleton_name).where(Role.singleton_name.is_not(None))))
    for one in SINGLETONS:
        if one.field not in there:
            session.add(Role(role_field=one.field, singleton_name=one.field))
    session.flush()
    known = set(session.scalars(select(RoleDefinition.name)))
    for definition in ROLE_DEFINITIONS:
        if definition.name not in known:
            _define(session, definition)


def definition(session: Session, content_type: str, field: str) -> RoleDefinition:
    """The role definition that stands for a role; one that is like no built-in one is made on first need."""
    declared_as = DEFINITIONS_OF_ROLES[(content_type, field)]
    found = session.scalars(select(RoleDefinition).where(RoleDefinition.name == declared_as.name)).one_or_none()
    return found or _define(session, declared_as)


def _define(session: Session, one: Any) -> RoleDefinition:
    row = RoleDefinition(
        name=one.name,
        description=one.description,
        content_type=one.content_type,
        managed=one.managed,
        permissions=list(one.permissions),
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, content_type: str, object_id: int, field: str) -> Role:
    """One role of an object."""
    query = select(Role).where(Role.content_type == content_type, Role.object_id == object_id, Role.role_field == field)
    return session.scalars(query).one()


def give(session: Session, role: Role, holder: User | Team, by: User | None = None) -> bool:
    """Give a role to a user or a team; False where they hold it already. One of the whole system is a user's flag."""
    flag = FLAGS.get(role.singleton_name or "")
    if flag is not None:
        before = bool(getattr(holder, flag))
        setattr(holder, flag, True)
        return not before
    model, column = _holder(holder)
    if session.scalar(select(model.id).where(model.role_id == role.id, column == holder.id)) is not None:
        return False
    kind = role.content_type or ""
    session.add(
        model(
            role_id=role.id,
            content_type=kind,
            object_id=role.object_id,
            role_definition_id=definition(session, kind, role.role_field).id,
            created_by_id=by.id if by is not None else None,
            **{column.key: holder.id},
        )
    )
    session.flush()
    return True


def take(session: Session, role: Role, holder: User | Team) -> bool:
    """Take a role from a user or a team; False where they did not hold it."""
    flag = FLAGS.get(role.singleton_name or "")
    if flag is not None:
        before = bool(getattr(holder, flag))
        setattr(holder, flag, False)
        return before
    model, column = _holder(holder)
    done = session.execute(delete(model).where(model.role_id == role.id, column == holder.id))
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _holder(holder: User | Team) -> tuple[type[RoleUser] | type[RoleTeam], InstrumentedAttribute[int]]:
    return (RoleTeam, RoleTeam.team_id) if isinstance(holder, Team) else (RoleUser, RoleUser.user_id)


def object_created(call: Call, type_: str, row: Any) -> None:
    """Make the roles of a new object, and its maker its administrator, unless they are that anyway."""
    if type_ not in OBJECT_ROLES:
        return
    make(call.session, type_, row.id)
    if call.user is not None and not has(call, type_, row, "admin_role"):
        give(call.session, find(call.session, type_, row.id, "admin_role"), call.user, call.user)
        changed(call)


def object_deleted(call: Call, type_: str, row: Any) -> None:
    """Remove the roles of an object, and of what the database deletes with it."""
    remove(call.session, type_, [row.id])
    if type_ == "organization":
        for below in _OWNED:
            model = MODELS[below]
            inside = call.session.scalars(select(model.id).where(model.organization_id == row.id)).all()
            remove(call.session, below, inside)
    changed(call)


def remove(session: Session, content_type: str, ids: Sequence[int]) -> None:
    """Remove the roles of objects that are being deleted."""
    if content_type in OBJECT_ROLES and ids:
        session.execute(delete(Role).where(Role.content_type == content_type, Role.object_id.in_(ids)))


def summaries(call: Call, content_type: str, rows: Iterable[Any]) -> dict[int, dict[str, dict[str, Any]]]:
    """``object_roles`` of many objects of one type, as their summary_fields show them."""
    query = select(Role.id, Role.object_id, Role.role_field).where(
        Role.content_type == content_type, Role.object_id.in_([row.id for row in rows])
    )
    found: dict[int, dict[str, int]] = {}
    for role_id, object_id, field in call.session.execute(query):
        found.setdefault(object_id or 0, {})[field] = role_id
    shown = OBJECT_ROLES[content_type]
    return {
        object_id: {one.field: _summary(one, ids[one.field]) for one in shown if one.field in ids}
        for object_id, ids in found.items()
    }


def _summary(one: Any, role_id: int) -> dict[str, Any]:
    shown = {"description": one.description, "name": one.name, "id": role_id}
    return {**shown, "user_only": True} if one.user_only else shown


def described(role: Role) -> Any:
    """What the declarations say about a role: its name and description."""
    if role.singleton_name:
        return next(one for one in SINGLETONS if one.field == role.singleton_name)
    return declared(role.content_type or "", role.role_field)
