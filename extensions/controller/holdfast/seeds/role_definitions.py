# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles allow, and the built-in role definitions: sets of permissions that can be given for one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.seeds.roles import OBJECT_ROLES, implies

# Kind of object -> what can be allowed for it. Job templates, organizations and instance groups have no `add`: who may
# use a project may make a template of it, and only superusers make the other two. Execution environments have no
# `view`: anybody may see them.
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "team": ("add", "change", "delete", "member", "view"),
    "organization": ("audit", "change", "delete", "member", "view"),
    "project": ("add", "change", "delete", "update", "use", "view"),
    "inventory": ("add", "adhoc", "change", "delete", "update", "use", "view"),
    "credential": ("add", "change", "delete", "use", "view"),
    "job_template": ("change", "delete", "execute", "view"),
    "workflow_job_template": ("add", "approve", "change", "delete", "execute", "view"),
    "notification_template": ("add", "change", "delete", "view"),
    "execution_environment": ("add", "change", "delete"),
    "instance_group": ("change", "delete", "use", "view"),
}
_SHARED = {"organization", "team"}
_OUTSIDE_ORGANIZATIONS = "instance_group"

# What a role field allows for the object it stands on.
_ALLOWED_BY: Mapping[str, tuple[str, ...]] = {
    "adhoc_role": ("adhoc",),
    "approval_role": ("approve",),
    "auditor_role": ("audit",),
    "admin_role": ("change", "add", "delete"),
    "execute_role": ("execute",),
    "read_role": ("view",),
    "update_role": ("update",),
    "member_role": ("member",),
    "use_role": ("use",),
}

# Kinds without roles of their own are managed through a role of the organization.
_MANAGED_BY = {
    "notification_admin_role": "notification_template",
    "execution_environment_admin_role": "execution_environment",
}


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """A named set of permissions; ``content_type`` is the kind of object it is given for (None: the whole system)."""

    name: str
    description: str
    content_type: str | None
    permissions: tuple[str, ...]
    managed: bool = True


def model_name(kind: str) -> str:
    """A kind of object as permissions spell it: ``job_template`` -> ``jobtemplate``."""
    return kind.replace("_", "")


def class_name(kind: str) -> str:
    """A kind of object as role definitions spell it: ``job_template`` -> ``JobTemplate``."""
    return kind.title().replace("_", "")


def content_type(kind: str) -> str:
    """A kind of object as ``content_type`` spells it: ``awx.jobtemplate``, ``shared.team``."""
    return ("shared." if kind in _SHARED else "awx.") + model_name(kind)


def permission(action: str, kind: str) -> str:
    """The full name of a permission: ``awx.execute_jobtemplate``."""
    prefix = content_type(kind).partition(".")[0]
    return f"{prefix}.{action}_{model_name(kind)}"


PERMISSIONS: tuple[str, ...] = tuple(
    sorted(permission(action, kind) for kind, actions in _ACTIONS.items() for action in actions)
)
"""Every permission there is, in the order of the choices clients see."""

CONTENT_TYPES: tuple[tuple[str, str], ...] = tuple(
    sorted((content_type(kind), kind.replace("_", " ").title()) for kind in _ACTIONS)
)
"""The kinds of objects that role definitions can be made for, with their labels, as choices."""


def permissions_of(kind: str, field: str) -> tuple[str, ...]:
    """All permissions that holding an object role gives, on the object and on what belongs to it."""
    found: set[str] = set()
    for below, below_field in implies(kind, field):
        for action in _ALLOWED_BY.get(below_field, ()):
            # Only an organization is a place to add something to.
            if action in _ACTIONS[below] and (action != "add" or kind == "organization"):
                found.add(permission(action, below))
        managed = _MANAGED_BY.get(below_field)
        if managed:
            found.update(permission(action, managed) for action in _ACTIONS[managed])
        if below_field == "auditor_role":
            found.add(permission("view", "notification_template"))
    return tuple(sorted(found))


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _for_one(kind: str) -> Iterator[RoleDefinition]:
    words = kind.replace("_", " ")
    actions = _ACTIONS[kind]
    if kind != "organization":
        yield RoleDefinition(
            f"{class_name(kind)} Admin",
            f"Has all permissions to a single {words}",
            kind,
            tuple(permission(action, kind) for action in actions if action != "add"),
        )
        if kind not in ("team", _OUTSIDE_ORGANIZATIONS):
            yield RoleDefinition(
                f"Organization {class_name(kind)} Admin",
                f"Has all permissions to {_plural(words)} within an organization",
                "organization",
                (*(permission(action, kind) for action in actions), permission("view", "organization")),
            )
    for action in actions:
        if action not in ("add", "change", "delete", "view", "audit"):
            yield RoleDefinition(
                f"{class_name(kind)} {action.title()}",
                f"Has {action} permissions to a single {words}",
                kind,
                (permission(action, kind), permission("view", kind)),
            )


def _all() -> Iterator[RoleDefinition]:
    for kind in _ACTIONS:
        yield from _for_one(kind)
    inside = [
        (action, permission(action, kind))
        for kind, actions in _ACTIONS.items()
        if kind != _OUTSIDE_ORGANIZATIONS
        for action in actions
    ]
    yield RoleDefinition(
        "Organization Admin",
        "Has all permissions to a single organization and all objects inside of it",
        "organization",
        tuple(sorted(name for _unused, name in inside)),
    )
    yield RoleDefinition(
        "Organization Audit",
        "Has permission to view all objects inside of a single organization",
        "organization",
        tuple(sorted([name for action, name in inside if action == "view"] + [permission("audit", "organization")])),
    )
    yield RoleDefinition(
        "System Auditor",
        "Migrated singleton role giving read permission to everything",
        None,
        tuple(name for name in PERMISSIONS if ".view_" in name),
        managed=False,
    )


ROLE_DEFINITIONS: tuple[RoleDefinition, ...] = tuple(_all())
"""The role definitions a new system has, in the order of their ids."""


def definition_of(kind: str, field: str) -> RoleDefinition:
    """The role definition that says what an object role says: a built-in one where its permissions are the same."""
    allowed = permissions_of(kind, field)
    for one in ROLE_DEFINITIONS:
        if one.content_type == kind and set(one.permissions) == set(allowed):
            return one
    action = field.removesuffix("_role").title()
    return RoleDefinition(
        f"{class_name(kind)} {action} Compat",
        f"Has {action} permission to {class_name(kind)} for backwards API compatibility",
        kind,
        allowed,
        managed=False,
    )


DEFINITIONS_OF_ROLES: Mapping[tuple[str, str], RoleDefinition] = {
    (kind, one.field): definition_of(kind, one.field) for kind, roles in OBJECT_ROLES.items() for one in roles
}
"""(Kind of object, role field) -> the role definition by which the role shows up among the assignments."""
