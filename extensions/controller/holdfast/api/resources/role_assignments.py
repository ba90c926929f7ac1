# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles once more, as newer clients see them: role definitions, and who was given which for which object.

The built-in definitions are there, and those that stand for object roles. New ones cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api import activity
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.render import summarize
from holdfast.api.resources import grants
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, CREATED_BY, link_to
from holdfast.auth import policies, roles
from holdfast.auth.policies.granting import may_give
from holdfast.db.models import Role, RoleDefinition, RoleTeam, RoleUser, Team, User
from holdfast.seeds.role_definitions import CONTENT_TYPES, DEFINITIONS_OF_ROLES, PERMISSIONS, content_type

_FIELDS = {(kind, one.name): field for (kind, field), one in DEFINITIONS_OF_ROLES.items()}
_PERMISSIONS = [[one, one] for one in PERMISSIONS]
_REQUIRED = {"type": "choice", "required": True, "hidden": False, "read_only": False}
_CHOICES = ((None, "---------"), *CONTENT_TYPES)


def _kind(_call: Call, row: Any) -> str | None:
    return content_type(row.content_type) if row.content_type else None


def _no_new_ones(_call: Call, _data: dict[str, Any], _row: RoleDefinition | None) -> None:
    problem = "Role definitions cannot be made or changed here; the built-in ones are in this list."
    raise Invalid({"permissions": [problem]})


def _no_type(_call: Call, _rows: Sequence[Any], shown: Sequence[dict[str, Any]]) -> None:
    for one in shown:
        one.pop("type", None)


def _finish(call: Call, rows: Sequence[Any], shown: Sequence[dict[str, Any]]) -> None:
    """Link and summarize the objects that roles were given for."""
    registry = call.controller.registry
    _no_type(call, rows, shown)
    wanted: dict[str, set[int]] = {}
    for row in rows:
        wanted.setdefault(row.content_type, set()).add(row.object_id)
    found = {kind: call.fetch(roles.MODELS[kind], ids) for kind, ids in wanted.items() if registry.knows_type(kind)}
    summaries = summarize(call, [target for same in found.values() for target in same.values()])
    for row, one in zip(rows, shown, strict=True):
        target = found.get(row.content_type, {}).get(row.object_id)
        if target is not None:
            one["related"]["content_object"] = call.url(registry.of_type(row.content_type).name, target.id)
            one["summary_fields"]["content_object"] = summaries.get(id(target), {})


def _assignment(holder_name: str, model: type[Any]) -> Hooks:
    """How an assignment to a ``user`` or ``team`` is made and undone: as giving and taking the role."""
    check: Callable[..., None] = grants.check_user if holder_name == "user" else grants.check_team

    def validate(call: Call, data: dict[str, Any], _row: Any) -> None:
        role = _role(call, data)
        holder = call.session.get(model, data[f"{holder_name}_id"])
        check(call, role, holder, True)
        if holder is None or not may_give(call, role, holder):
            raise Forbidden()
        held = RoleUser if holder_name == "user" else RoleTeam
        column = getattr(held, f"{holder_name}_id")
        if call.session.scalar(select(held.id).where(held.role_id == role.id, column == holder.id)) is not None:
            raise Invalid({"__all__": [f"This {holder_name} has been given this role already."]})
        data.update(role_id=role.id, content_type=role.content_type, object_id=role.object_id)
        data["created_by_id"] = call.user.id if call.user is not None else None

    def created(call: Call, row: Any, _data: dict[str, Any]) -> None:
        roles.changed(call)
        activity.granted(call, row.role, holder_name, getattr(row, holder_name), True)

    def deleting(call: Call, row: Any) -> Reply:
        grants.give_or_take(call, row.role, getattr(row, holder_name), False)
        return Reply(204)

    return Hooks(validate=validate, created=created, deleting=deleting)


def _role(call: Call, data: Mapping[str, Any]) -> Role:
    """The role that a definition stands for, of the object that is named. Raises Invalid."""
    definition = call.session.get_one(RoleDefinition, data["role_definition_id"])
    field = _FIELDS.get((definition.content_type or "", definition.name))
    if field is None:
        raise Invalid({"role_definition": [f"{definition.name} cannot be given for one object."]})
    text = str(data.get("object_id") or "")
    query = select(Role).where(
        Role.content_type == definition.content_type,
        Role.object_id == (int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0),
        Role.role_field == field,
    )
    role = call.session.scalars(query).one_or_none()
    if role is None:
        raise Invalid({"object_id": [f"There is no {(definition.content_type or '').replace('_', ' ')} with this id."]})
    return role


class _May(policies.RoleUserAssignments):
    """The rules of a grant are judged where it is validated, for they depend on the object."""

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Judged before."""
        return call.user is not None and "role_id" in data


class _MayTeams(policies.RoleTeamAssignments):
    """As for users."""

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Judged before."""
        return call.user is not None and "role_id" in data


def _assignments(holder: str, model: type[Any]) -> Resource:
    name = f"role_{holder}_assignments"
    return Resource(
        name=name,
        type=f"role_{holder}_assignment",
        model=model,
        class_name=f"Role{holder.capitalize()}Assignment",
        title=f"Role {holder.capitalize()} Assignment",
        fields=(
            Field("created", "datetime", read_only=True),
            Field("created_by", "id", to="users", read_only=True),
            Field("content_type", "choice", read_only=True, choices=_CHOICES, value=_kind),
            Field("object_id", value=lambda _call, row: str(row.object_id)),
            Field("object_ansible_id", "field", read_only=True, filterable=False, value=lambda _call, _row: None),
            Field("role_definition", "id", to="role_definitions", required=True),
            Field(holder, "id", to=f"{holder}s", required=True),
            Field(f"{holder}_ansible_id", "field", read_only=True, filterable=False, value=lambda _call, _row: None),
        ),
        related=(CREATED_BY, link_to("role_definition", "role_definitions"), link_to(holder, f"{holder}s")),
        summary=(Summary("created_by"), Summary("role_definition"), Summary(holder)),
        access=_May() if holder == "user" else _MayTeams(),
        hooks=_assignment(holder, User if holder == "user" else Team),
        finish=_finish,
        detail_methods=("GET", "DELETE"),
        searchable=False,
        activity=False,
    )


def _given(model: type[Any]) -> Callable[[Call, RoleDefinition], Select[Any]]:
    return lambda _call, row: select(model).where(model.role_definition_id == row.id)


def declare(registry: Registry) -> None:
    """Add the resources."""
    registry.add(
        Resource(
            name="role_definitions",
            type="role_definition",
            model=RoleDefinition,
            title="Role Definition",
            fields=(
                Field(
                    "permissions",
                    "list",
                    required=True,
                    filterable=False,
                    extra={"child": {"type": "choice", "hidden": False, "choices": _PERMISSIONS}},
                    post={"child": {**_REQUIRED, "choices": _PERMISSIONS}},
                ),
                Field("content_type", "id", null=True, default=None, choices=_CHOICES, value=_kind),
                Field("modified", "datetime", read_only=True),
                Field("created", "datetime", read_only=True),
                Field("name", required=True),
                Field("description"),
                Field("managed", "boolean", read_only=True),
                Field("modified_by", "id", to="users", read_only=True),
                Field("created_by", "id", to="users", read_only=True),
            ),
            related=(
                *AUTHORS,
                Related("team_assignments", "team_assignments"),
                Related("user_assignments", "user_assignments"),
            ),
            summary=AUTHORS_SUMMARY,
            sublists={
                "user_assignments": SubList("role_user_assignments", query=_given(RoleUser)),
                "team_assignments": SubList("role_team_assignments", query=_given(RoleTeam)),
            },
            access=policies.RoleDefinitions(),
            hooks=Hooks(validate=_no_new_ones),
            summarize=_summarize,
            finish=_no_type,
            searchable=False,
            activity=False,
        ),
        _assignments("user", RoleUser),
        _assignments("team", RoleTeam),
    )


def _summarize(_call: Call, rows: Sequence[RoleDefinition]) -> Mapping[int, Any]:
    names = ("id", "name", "description", "managed")
    return {row.id: {name: getattr(row, name) for name in names} for row in rows}
