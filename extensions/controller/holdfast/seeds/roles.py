# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that stand on every object, and which role brings which other role with it.

A parent is written as seen from the object the role stands on: ``admin_role`` is a role of the same object,
``organization.admin_role`` one of the object that the field ``organization`` names, ``singleton:system_auditor`` a role
of the whole system. Who holds a parent holds the role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SYSTEM_ADMINISTRATOR = "system_administrator"
SYSTEM_AUDITOR = "system_auditor"
_SINGLETON = "singleton:"
_ADMINISTRATOR = _SINGLETON + SYSTEM_ADMINISTRATOR
_AUDITOR = _SINGLETON + SYSTEM_AUDITOR


@dataclass(frozen=True, slots=True)
class Role:
    """A role of one kind of object (or of the system, for a singleton)."""

    field: str
    name: str
    description: str
    parents: tuple[str, ...] = ()
    user_only: bool = False
    """Teams cannot hold it; clients are told so in ``object_roles``."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a role can come from: a role of the object that ``path`` leads to ("" is the object itself)."""

    path: str
    content_type: str
    field: str

    @property
    def is_singleton(self) -> bool:
        """Whether it is a role of the whole system."""
        return self.content_type == ""


_NAMES = {
    "adhoc_role": "Ad Hoc",
    "admin_role": "Admin",
    "project_admin_role": "Project Admin",
    "inventory_admin_role": "Inventory Admin",
    "credential_admin_role": "Credential Admin",
    "job_template_admin_role": "Job Template Admin",
    "execution_environment_admin_role": "Execution Environment Admin",
    "workflow_admin_role": "Workflow Admin",
    "notification_admin_role": "Notification Admin",
    "auditor_role": "Auditor",
    "execute_role": "Execute",
    "member_role": "Member",
    "read_role": "Read",
    "update_role": "Update",
    "use_role": "Use",
    "approval_role": "Approve",
}

# Clients see these under `object_roles` and in the list of roles; `%s` is the kind of object.
_DESCRIPTIONS = {
    "adhoc_role": "May run ad hoc commands on the %s",
    "admin_role": "Can manage all aspects of the %s",
    "project_admin_role": "Can manage all projects of the %s",
    "inventory_admin_role": "Can manage all inventories of the %s",
    "credential_admin_role": "Can manage all credentials of the %s",
    "job_template_admin_role": "Can manage all job templates of the %s",
    "execution_environment_admin_role": "Can manage all execution environments of the %s",
    "workflow_admin_role": "Can manage all workflows of the %s",
    "notification_admin_role": "Can manage all notifications of the %s",
    "auditor_role": "Can view all aspects of the %s",
    "execute_role": "May run the %s",
    "member_role": "User is a member of the %s",
    "read_role": "May view settings for the %s",
    "update_role": "May update the %s",
    "use_role": "Can use the %s in a job template",
    "approval_role": "Can approve or deny a workflow approval node",
}
_EXECUTE_IN_ORGANIZATION = "May run any executable resources in the organization"

# The order of the fields is the order clients see in `object_roles`, and the order in which the ids are given.
_PARENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "organization": {
        "admin_role": (_ADMINISTRATOR,),
        "execute_role": ("admin_role",),
        "project_admin_role": ("admin_role",),
        "inventory_admin_role": ("admin_role",),
        "credential_admin_role": ("admin_role",),
        "workflow_admin_role": ("admin_role",),
        "notification_admin_role": ("admin_role",),
        "job_template_admin_role": ("admin_role",),
        "execution_environment_admin_role": ("admin_role",),
        # AWX 24 counts permissions so: who may manage everything in an organization may look at everything in it.
        "auditor_role": (_AUDITOR, "admin_role"),
        "member_role": ("admin_role",),
        "read_role": (
            "member_role",
            "auditor_role",
            "execute_role",
            "project_admin_role",
            "inventory_admin_role",
            "workflow_admin_role",
            "notification_admin_role",
            "credential_admin_role",
            "job_template_admin_role",
            "approval_role",
            "execution_environment_admin_role",
        ),
        "approval_role": ("admin_role",),
    },
    "team": {
        "admin_role": ("organization.admin_role",),
        "member_role": ("admin_role",),
        "read_role": ("organization.auditor_role", "member_role"),
    },
    "project": {
        "admin_role": ("organization.project_admin_role", _ADMINISTRATOR),
        "use_role": ("admin_role",),
        "update_role": ("admin_role",),
        "read_role": ("organization.auditor_role", _AUDITOR, "use_role", "update_role"),
    },
    "credential": {
        "admin_role": (_ADMINISTRATOR, "organization.credential_admin_role"),
        "use_role": ("admin_role",),
        "read_role": (_AUDITOR, "organization.auditor_role", "use_role", "admin_role"),
    },
    "inventory": {
        "admin_role": ("organization.inventory_admin_role",),
        "update_role": ("admin_role",),
        "adhoc_role": ("admin_role",),
        "use_role": ("adhoc_role",),
        "read_role": ("organization.auditor_role", "update_role", "use_role", "admin_role"),
    },
    "job_template": {
        "admin_role": ("organization.job_template_admin_role",),
        "execute_role": ("admin_role", "organization.execute_role"),
        # AWX still declares the auditors of the inventory's organization here; since its permissions go by the
        # template's own organization (version 24), they get nothing from it.
        "read_role": ("organization.auditor_role", "execute_role", "admin_role"),
    },
    "instance_group": {
        "admin_role": (_ADMINISTRATOR,),
        "use_role": ("admin_role",),
        "read_role": (_AUDITOR, "use_role", "admin_role"),
    },
    "workflow_job_template": {
        "admin_role": (_ADMINISTRATOR, "organization.workflow_admin_role"),
        "execute_role": ("admin_role", "organization.execute_role"),
        "read_role": (_AUDITOR, "organization.auditor_role", "execute_role", "admin_role", "approval_role"),
        "approval_role": ("organization.approval_role", "admin_role"),
    },
}

_USER_ONLY = {("organization", "admin_role"), ("organization", "member_role")}


def _describe(content_type: str, field: str) -> str:
    if (content_type, field) == ("organization", "execute_role"):
        return _EXECUTE_IN_ORGANIZATION
    return _DESCRIPTIONS[field].replace("%s", content_type.replace("_", " "))


OBJECT_ROLES: Mapping[str, tuple[Role, ...]] = MappingProxyType(
    {
        content_type: tuple(
            Role(field, _NAMES[field], _describe(content_type, field), parents, (content_type, field) in _USER_ONLY)
            for field, parents in fields.items()
        )
        for content_type, fields in _PARENTS.items()
    }
)
"""Kind of object (as in ``type``) -> its roles, in the order clients see them."""

SINGLETONS: tuple[Role, ...] = (
    Role(SYSTEM_ADMINISTRATOR, "System Administrator", "Can manage all aspects of the system"),
    Role(SYSTEM_AUDITOR, "System Auditor", "Can view all aspects of the system"),
)
"""The roles of the whole system: the flags ``is_superuser`` and ``is_system_auditor`` of a user."""


def role(content_type: str, field: str) -> Role:
    """The role of that field on that kind of object; KeyError when there is none."""
    for one in OBJECT_ROLES.get(content_type, ()):
        if one.field == field:
            return one
    raise KeyError(f"{content_type} has no {field}")


def _parent(content_type: str, path: str, expression: str) -> Source:
    """The role an expression names, when it is read on an object of this kind that ``path`` led to."""
    if expression.startswith(_SINGLETON):
        return Source("", "", expression.removeprefix(_SINGLETON))
    way, _unused, field = expression.rpartition(".")
    if not way:
        return Source(path, content_type, field)
    # Every step of a way is a foreign key named after the kind of object it leads to.
    return Source(f"{path}.{way}" if path else way, way.rpartition(".")[2], field)


def sources(content_type: str, field: str) -> tuple[Source, ...]:
    """Every role that brings this one with it, itself first: holding any of them is holding it.

    Superusers hold everything; no source has to say so.
    """
    found = [Source("", content_type, field)]
    todo = list(found)
    while todo:
        source = todo.pop(0)
        if source.is_singleton:
            continue
        for expression in role(source.content_type, source.field).parents:
            parent = _parent(source.content_type, source.path, expression)
            if parent not in found:
                found.append(parent)
                todo.append(parent)
    return tuple(found)


def implies(content_type: str, field: str) -> tuple[tuple[str, str], ...]:
    """Every (kind of object, role field) that holding this role brings, on the object itself and on those below it."""
    return tuple(
        (kind, one.field)
        for kind, roles in OBJECT_ROLES.items()
        for one in roles
        if any((source.content_type, source.field) == (content_type, field) for source in sources(kind, one.field))
    )
