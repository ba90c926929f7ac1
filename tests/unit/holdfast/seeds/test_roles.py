# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles: what clients see of them, and who holds what by holding something else."""

from __future__ import annotations

import pytest
from holdfast.seeds.role_definitions import (
    CONTENT_TYPES,
    DEFINITIONS_OF_ROLES,
    PERMISSIONS,
    ROLE_DEFINITIONS,
    permissions_of,
)
from holdfast.seeds.roles import OBJECT_ROLES, SINGLETONS, Source, implies, role, sources


def test_roles_stand_in_the_order_clients_see() -> None:
    fields = {kind: [one.field for one in roles] for kind, roles in OBJECT_ROLES.items()}
    assert fields["organization"] == [
        "admin_role",
        "execute_role",
        "project_admin_role",
        "inventory_admin_role",
        "credential_admin_role",
        "workflow_admin_role",
        "notification_admin_role",
        "job_template_admin_role",
        "execution_environment_admin_role",
        "auditor_role",
        "member_role",
        "read_role",
        "approval_role",
    ]
    assert fields["inventory"] == ["admin_role", "update_role", "adhoc_role", "use_role", "read_role"]
    assert fields["workflow_job_template"] == ["admin_role", "execute_role", "read_role", "approval_role"]
    assert fields["instance_group"] == ["admin_role", "use_role", "read_role"]


@pytest.mark.parametrize(
    ("kind", "field", "name", "description"),
    [
        ("organization", "execute_role", "Execute", "May run any executable resources in the organization"),
        ("organization", "approval_role", "Approve", "Can approve or deny a workflow approval node"),
        ("job_template", "execute_role", "Execute", "May run the job template"),
        ("instance_group", "use_role", "Use", "Can use the instance group in a job template"),
        ("inventory", "adhoc_role", "Ad Hoc", "May run ad hoc commands on the inventory"),
        ("team", "member_role", "Member", "User is a member of the team"),
    ],
)
def test_names_and_descriptions(kind: str, field: str, name: str, description: str) -> None:
    assert (role(kind, field).name, role(kind, field).description) == (name, description)


def test_only_taking_part_in_an_organization_is_for_users_alone() -> None:
    alone = {(kind, one.field) for kind, roles in OBJECT_ROLES.items() for one in roles if one.user_only}
    assert alone == {("organization", "admin_role"), ("organization", "member_role")}


def test_every_parent_names_a_role_that_exists() -> None:
    for kind, roles in OBJECT_ROLES.items():
        for one in roles:
            for source in sources(kind, one.field):
                if source.is_singleton:
                    assert source.field in {single.field for single in SINGLETONS}
                else:
                    assert role(source.content_type, source.field)


def test_sources_of_a_role() -> None:
    assert set(sources("inventory", "use_role")) == {
        Source("", "inventory", "use_role"),
        Source("", "inventory", "adhoc_role"),
        Source("", "inventory", "admin_role"),
        Source("organization", "organization", "inventory_admin_role"),
        Source("organization", "organization", "admin_role"),
        Source("", "", "system_administrator"),
    }
    assert sources("inventory", "use_role")[0] == Source("", "inventory", "use_role")
    with pytest.raises(KeyError, match="label has no admin_role"):
        sources("label", "admin_role")


def test_an_execute_role_in_an_organization_runs_every_template_and_manages_none() -> None:
    assert set(implies("organization", "execute_role")) == {
        ("organization", "execute_role"),
        ("organization", "read_role"),
        ("job_template", "execute_role"),
        ("job_template", "read_role"),
        ("workflow_job_template", "execute_role"),
        ("workflow_job_template", "read_role"),
    }


def test_an_organization_admin_holds_every_role_of_everything_in_it() -> None:
    held = set(implies("organization", "admin_role"))
    inside = {(kind, one.field) for kind, roles in OBJECT_ROLES.items() for one in roles if kind != "instance_group"}
    assert held == inside


def test_permissions_and_kinds_are_those_of_the_choices() -> None:
    assert len(PERMISSIONS) == 49
    assert PERMISSIONS[0] == "awx.add_credential" and PERMISSIONS[-1] == "shared.view_team"
    assert "awx.view_executionenvironment" not in PERMISSIONS and "awx.add_jobtemplate" not in PERMISSIONS
    assert CONTENT_TYPES[1] == ("awx.executionenvironment", "Execution Environment")


def test_a_new_system_has_thirty_one_definitions_with_distinct_names() -> None:
    assert [one.name for one in ROLE_DEFINITIONS[:3]] == ["Team Admin", "Team Member", "Organization Member"]
    assert len({one.name for one in ROLE_DEFINITIONS}) == len(ROLE_DEFINITIONS) == 31
    assert all(set(one.permissions) <= set(PERMISSIONS) for one in ROLE_DEFINITIONS)


def test_an_object_role_shows_up_as_the_definition_with_the_same_permissions() -> None:
    assert DEFINITIONS_OF_ROLES["credential", "admin_role"].name == "Credential Admin"
    assert DEFINITIONS_OF_ROLES["organization", "auditor_role"].name == "Organization Audit"
    assert DEFINITIONS_OF_ROLES["organization", "admin_role"].name == "Organization Admin"
    compat = DEFINITIONS_OF_ROLES["inventory", "adhoc_role"]
    assert (compat.name, compat.managed) == ("Inventory Adhoc Compat", False)
    assert compat.permissions == ("awx.adhoc_inventory", "awx.use_inventory", "awx.view_inventory")


def test_only_organizations_hold_permissions_to_add() -> None:
    assert "awx.add_project" in permissions_of("organization", "project_admin_role")
    assert not any(".add_" in one for one in permissions_of("project", "admin_role"))
