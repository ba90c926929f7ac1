# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials. Secret inputs go in and never come out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import object_session

from holdfast import credential_inputs
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Field, Hooks, Registry, Related, Resource, SubList, Summary
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, ORGANIZATION, ORGANIZATION_LINK, below
from holdfast.auth import policies, roles
from holdfast.db.models import (
    Credential,
    CredentialType,
    Organization,
    Project,
    ProjectUpdate,
    Role,
    RoleTeam,
    RoleUser,
    Team,
    UnifiedJob,
    UnifiedJobTemplate,
    User,
    WorkflowJobNode,
)
from holdfast.seeds import errors as seeds_errors

_OWNERS = ("organization", "team", "user")
_FIRST = "first_owners_of_credentials"


def summarize(call: Call, rows: Sequence[Credential]) -> Mapping[int, Any]:
    """What others' summaries show of credentials."""
    call.fetch(CredentialType, [row.credential_type_id for row in rows])
    return {
        row.id: {
            "id": row.id,
            "name": row.name,
            "description": row.description,
            "kind": row.kind,
            "cloud": row.cloud,
            "kubernetes": row.kubernetes,
            "credential_type_id": row.credential_type_id,
        }
        for row in rows
    }


def _validate(call: Call, data: dict[str, Any], row: Credential | None) -> None:
    if row is not None and row.managed:
        raise Forbidden("Modifications not allowed for managed credentials")
    kind_row = call.session.get(CredentialType, data.get("credential_type_id", row and row.credential_type_id))
    if kind_row is None:
        raise Invalid({"credential_type": ["This field may not be null."]})
    if row is None:
        _owner(call, data, kind_row)
    else:
        _still(call, data, row, kind_row)
    if row is not None and "inputs" not in data and kind_row.id == row.credential_type_id:
        return
    given = data.get("inputs", row.inputs if row is not None else {})
    kind = credential_inputs.kind_of(kind_row)
    try:
        before = row.inputs if row is not None else None
        data["inputs"] = credential_inputs.kept(call.controller.secrets, kind, given, before)
    except seeds_errors.Invalid as error:
        raise Invalid(error.body) from None


def _owner(call: Call, data: dict[str, Any], kind: CredentialType) -> None:
    """A new credential belongs to one: an organization, a team (and its organization) or a user."""
    given = [name for name in _OWNERS if data.get(f"{name}_id") is not None]
    if not given:
        raise Invalid({"detail": ["Missing 'user', 'team', or 'organization'."]})
    if len(given) > 1:
        text = "Only one of 'user', 'team', or 'organization' should be provided, received {} fields."
        raise Invalid({"detail": [text.format(", ".join(given))]})
    if kind.kind == "galaxy" and given != ["organization"]:
        raise Invalid({"organization": ["Galaxy credentials must be owned by an Organization."]})
    team = call.session.get(Team, data.get("team_id")) if data.get("team_id") is not None else None
    if team is not None:
        data["organization_id"] = team.organization_id
        data["owner_team_id"] = team.id


def _still(call: Call, data: dict[str, Any], row: Credential, kind: CredentialType) -> None:
    """What may not change of a credential."""
    if row.credential_type.kind == "galaxy" and data.get("organization_id", row.organization_id) is None:
        raise Invalid({"organization": ["Galaxy credentials must be owned by an Organization."]})
    if kind.id != row.credential_type_id and _in_use(call, row):
        raise Invalid(
            {
                "credential_type": [
                    "You cannot change the credential type of the credential, as it may break the functionality of "
                    "the resources using it."
                ]
            }
        )
    inputs, before = data.get("inputs"), row.inputs.get("vault_id", "")
    if row.credential_type.kind == "vault" and isinstance(inputs, dict) and inputs.get("vault_id", before) != before:
        raise Invalid({"inputs": ["Vault IDs cannot be changed once they have been created."]})


def _in_use(call: Call, row: Credential) -> bool:
    conditions: tuple[tuple[type[Any], ColumnElement[bool]], ...] = (
        (UnifiedJob, UnifiedJob.credentials.any(Credential.id == row.id)),
        (UnifiedJobTemplate, UnifiedJobTemplate.credentials.any(Credential.id == row.id)),
        (Project, Project.credential_id == row.id),
        (ProjectUpdate, ProjectUpdate.credential_id == row.id),
        (WorkflowJobNode, WorkflowJobNode.credentials.any(Credential.id == row.id)),
    )
    return any(call.session.scalar(select(model.id).where(one).limit(1)) is not None for model, one in conditions)


def _created(call: Call, row: Credential, data: dict[str, Any]) -> None:
    """Give a credential to the user or team that it was made for."""
    session = call.session
    user = session.get(User, data["user_id"]) if data.get("user_id") is not None else None
    if user is not None and not user.is_superuser:
        roles.give(session, roles.find(session, "credential", row.id, "admin_role"), user, call.user)
    if row.owner_team is not None:
        roles.give(session, roles.find(session, "credential", row.id, "use_role"), row.owner_team, call.user)
    roles.changed(call)


def _deleting(_call: Call, row: Credential) -> Reply | None:
    if row.managed:
        raise Forbidden("Deletion not allowed for managed credentials")
    return None


def _copied(call: Call, old: Credential, new: Credential) -> None:
    for one in old.input_sources:
        names = ("description", "input_field_name", "metadata_", "source_credential_id")
        new.input_sources.append(type(one)(**{name: getattr(one, name) for name in names}))
    call.session.flush()


def _admins(rows: Iterable[Credential]) -> ColumnElement[bool]:
    ids = [row.id for row in rows]
    return (Role.content_type == "credential") & (Role.role_field == "admin_role") & Role.object_id.in_(ids)


def owners(call: Call, rows: Sequence[Credential]) -> Mapping[int, list[dict[str, Any]]]:
    """Who each credential belongs to: users, its organization, teams."""
    found: dict[int, list[dict[str, Any]]] = {row.id: [] for row in rows}
    users = call.session.execute(
        select(Role.object_id, User)
        .join(RoleUser, RoleUser.role_id == Role.id)
        .join(User, User.id == RoleUser.user_id)
        .where(_admins(rows))
        .order_by(RoleUser.id)
    )
    for credential_id, user in users:
        found[credential_id or 0].append(
            {
                "id": user.id,
                "type": "user",
                "name": user.username,
                "description": f"{user.first_name} {user.last_name}",
                "url": call.url("users", user.id),
            }
        )
    call.fetch(Organization, [row.organization_id for row in rows])
    for row in rows:
        if row.organization is not None:
            found[row.id].append(_shown(call, "organization", row.organization))
    for credential_id, team in _teams(call, rows):
        found[credential_id].append(_shown(call, "team", team))
    return found


def _teams(call: Call, rows: Sequence[Credential]) -> list[tuple[int, Team]]:
    """The teams that the credentials were made for, or whose members administer them."""
    made_for = call.fetch(Team, [row.owner_team_id for row in rows])
    found = [(row.id, made_for[row.owner_team_id]) for row in rows if row.owner_team_id in made_for]
    given = call.session.execute(
        select(Role.object_id, Team)
        .join(RoleTeam, RoleTeam.role_id == Role.id)
        .join(Team, Team.id == RoleTeam.team_id)
        .where(_admins(rows))
        .order_by(RoleTeam.id)
    )
    return found + [(one or 0, team) for one, team in given if (one, team) not in found]


def _shown(call: Call, type_: str, row: Any) -> dict[str, Any]:
    shown = {"id": row.id, "type": type_, "name": row.name, "description": row.description}
    return {**shown, "url": call.url(f"{type_}s", row.id)}


def _owners_summary(call: Call, rows: Sequence[Credential]) -> Mapping[int, Any]:
    """The owners; whoever is the first of them is remembered for the link that a credential has to him."""
    found = owners(call, rows)
    call.session.info.setdefault(_FIRST, {}).update({key: held[0] for key, held in found.items() if held})
    return found


def _owner_link(row: Credential) -> tuple[str, Any] | None:
    """The link to the user that a credential without an organization belongs to."""
    session = object_session(row)
    first = session.info.get(_FIRST, {}).get(row.id) if session is not None else None
    return ("users", first["id"]) if first is not None and first["type"] == "user" and not row.organization_id else None


def _owner_users(_call: Call, row: Credential) -> Select[Any]:
    held = select(RoleUser.user_id).join(Role, Role.id == RoleUser.role_id).where(_admins([row]))
    return select(User).where(User.id.in_(held)).order_by(User.username)


def _owner_teams(_call: Call, row: Credential) -> Select[Any]:
    held = select(RoleTeam.team_id).join(Role, Role.id == RoleTeam.role_id).where(_admins([row]))
    return select(Team).where(or_(Team.id == row.owner_team_id, Team.id.in_(held)))


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="credentials",
            type="credential",
            model=Credential,
            title="Credential",
            fields=(
                *NAMED,
                ORGANIZATION,
                Field("credential_type", "id", label="Credential Type", to="credential_types", required=True),
                Field("managed", "boolean", read_only=True),
                Field("inputs", "json", default=dict, value=lambda _call, row: credential_inputs.shown(row.inputs)),
                Field("kind", "field", read_only=True, filterable=False),
                Field("cloud", "field", read_only=True, filterable=False),
                Field("kubernetes", "field", read_only=True, filterable=False),
                *(
                    Field(
                        name,
                        "id",
                        to=f"{name}s",
                        null=True,
                        default=None,
                        write_only=True,
                        create_only=True,
                        filterable=False,
                    )
                    for name in ("user", "team")
                ),
            ),
            related=(
                *AUTHORS,
                ORGANIZATION_LINK,
                *below("activity_stream", "access_list", "object_roles", "owner_users", "owner_teams"),
                *below("copy", "input_sources"),
                Related("credential_type", to=lambda row: ("credential_types", row.credential_type_id)),
                Related("user", to=_owner_link),
            ),
            summary=(
                Summary("organization"),
                Summary("credential_type"),
                *AUTHORS_SUMMARY,
                Summary("owners", batch=_owners_summary),
            ),
            summarize=summarize,
            sublists={
                "owner_users": SubList("users", query=_owner_users),
                "owner_teams": SubList("teams", query=_owner_teams),
                "input_sources": SubList("credential_input_sources", parent_field="target_credential", create=True),
            },
            access=policies.Credentials(),
            hooks=Hooks(validate=_validate, created=_created, deleting=_deleting, copied=_copied),
            unique=(("organization", "name", "credential_type"),),
            named_url=("name", "credential_type", "organization"),
            order_by=("name",),
            object_roles=True,
            copy=(),
        )
    )
