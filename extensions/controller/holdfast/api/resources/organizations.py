# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Organizations: what owns everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary, is_superuser, plain
from holdfast.api.resources.access import access_list, activity_stream, object_roles, object_roles_summary
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, below, link_to
from holdfast.api.resources.in_use import refuse_if_running
from holdfast.api.resources.membership import members, shared_id
from holdfast.auth import policies, roles
from holdfast.db.models import (
    Credential,
    Host,
    Inventory,
    JobTemplate,
    Organization,
    Project,
    Role,
    RoleUser,
    Team,
    UnifiedJob,
)

_COUNTED: Mapping[str, tuple[str, type[Any]]] = {
    "inventories": ("inventory", Inventory),
    "teams": ("team", Team),
    "job_templates": ("job_template", JobTemplate),
    "projects": ("project", Project),
}
_PEOPLE = {"member_role": "users", "admin_role": "admins"}
_NOTIFIED = ("started", "success", "error", "approvals")


def _counts(call: Call, rows: Sequence[Organization]) -> dict[int, dict[str, int]]:
    """How much of what the user sees is in each organization, and how many people."""
    names = ("inventories", "teams", "users", "job_templates", "admins", "projects")
    found = {row.id: dict.fromkeys(names, 0) for row in rows}
    for name, (kind, model) in _COUNTED.items():
        query = select(model.organization_id, func.count()).where(model.organization_id.in_(found))
        seen = roles.visible(call, kind, "read_role")
        query = query if seen is None else query.where(seen)
        for organization_id, count in call.session.execute(query.group_by(model.organization_id)):
            found[organization_id][name] = count
    people = select(Role.object_id, Role.role_field, func.count()).join(RoleUser, RoleUser.role_id == Role.id)
    people = people.where(
        Role.content_type == "organization", Role.object_id.in_(found), Role.role_field.in_(_PEOPLE)
    ).group_by(Role.object_id, Role.role_field)
    for organization_id, field, count in call.session.execute(people):
        found[organization_id or 0][_PEOPLE[field]] = count
    return found


def _counts_with_hosts(call: Call, rows: Sequence[Organization]) -> dict[int, dict[str, int]]:
    found = _counts(call, rows)
    if call.method == "POST":
        return found
    hosts = select(Inventory.organization_id, func.count(Host.name.distinct())).join(Host)
    hosts = hosts.where(Inventory.organization_id.in_(found)).group_by(Inventory.organization_id)
    counted = dict(call.session.execute(hosts).all())
    return {key: {**counts, "hosts": counted.get(key, 0)} for key, counts in found.items()}


def _validate(call: Call, data: dict[str, Any], row: Organization | None) -> None:
    limit = data.get("max_hosts")
    if limit is not None and limit != getattr(row, "max_hosts", 0) and not is_superuser(call):
        raise Invalid({"__all__": ["Cannot change max_hosts."]})


def _deleting(call: Call, row: Organization) -> Reply | None:
    refuse_if_running(call, UnifiedJob.organization_id == row.id)
    return None


def _attach_galaxy(_call: Call, _row: Organization, credential: Credential, _data: Mapping[str, Any]) -> None:
    if credential.credential_type.kind != "galaxy":
        name = credential.credential_type.name
        raise Invalid({"msg": f"Credential must be a Galaxy credential, not {name}."})


def _owned(_call: Call, row: Organization, data: dict[str, Any]) -> dict[str, Any]:
    """A credential made here belongs to the organization."""
    return {**data, "organization": row.id}


def _sublists() -> dict[str, SubList]:
    made_here = {
        name: SubList(name, parent_field="organization", create=True)
        for name in (
            *("execution_environments", "projects", "job_templates", "workflow_job_templates", "teams"),
            *("applications", "notification_templates"),
        )
    }
    notified = {
        f"notification_templates_{one}": SubList(
            "notification_templates", relation=f"notification_templates_{one}", attach=True, create=True
        )
        for one in _NOTIFIED
    }
    return {
        **made_here,
        **notified,
        "inventories": SubList("inventories", parent_field="organization"),
        "users": members("organization", "member_role"),
        "admins": members("organization", "admin_role"),
        "credentials": SubList("credentials", parent_field="organization", create=True, posted=_owned),
        "instance_groups": SubList("instance_groups", relation="instance_groups", attach=True, ordered=True),
        "galaxy_credentials": SubList(
            "credentials", relation="galaxy_credentials", attach=True, ordered=True, on_attach=_attach_galaxy
        ),
        "object_roles": object_roles("organization"),
        "activity_stream": activity_stream("organization"),
    }


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="organizations",
            type="organization",
            model=Organization,
            title="Organization",
            fields=(
                *NAMED,
                Field("max_hosts", "integer", default=0, min_value=0, max_value=2147483647),
                Field("custom_virtualenv", read_only=True),
                Field("default_environment", "id", to="execution_environments", null=True),
            ),
            related=(
                *AUTHORS,
                *below(
                    *("execution_environments", "projects", "inventories", "job_templates", "workflow_job_templates"),
                    *("users", "admins", "teams", "credentials", "applications", "activity_stream"),
                    *("notification_templates", *(f"notification_templates_{one}" for one in _NOTIFIED)),
                    *("object_roles", "access_list", "instance_groups", "galaxy_credentials"),
                ),
                link_to("default_environment", "execution_environments"),
            ),
            summary=(
                shared_id("organization"),
                Summary("default_environment"),
                *AUTHORS_SUMMARY,
                object_roles_summary("organization"),
                Summary("related_field_counts", _counts),
                Summary("related_field_counts", _counts_with_hosts, detail=True),
            ),
            sublists=_sublists(),
            actions={"access_list": access_list("organization")},
            access=policies.Organizations(),
            hooks=Hooks(validate=_validate, deleting=_deleting),
            summarize=plain("id", "name", "description"),
            unique=(("name",),),
            named_url=("name",),
            order_by=("name",),
            object_roles=True,
        )
    )
