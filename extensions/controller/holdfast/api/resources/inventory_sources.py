# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of inventories: they are kept for the clients that declare them. Nothing is read from them yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from holdfast.api import variables
from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Action, Field, Hooks, Registry, Resource, SubList, Summary
from holdfast.api.resources import access
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, DESCRIPTION, NAME, STAMPS, below, link_to
from holdfast.api.resources.job_parts import ALL_STATUSES, MAX_INTEGER, read_only
from holdfast.api.resources.job_templates import SCHEDULES, notification_lists
from holdfast.api.resources.template_parts import LAST_AND_CURRENT, TEMPLATE_LINKS
from holdfast.auth import policies
from holdfast.db.models import Credential, Inventory, InventorySource, InventoryUpdate, Project

NOTHING_READ = "This controller does not read inventories from sources yet: create hosts and groups through the API."
TAKEN = "InventorySource with this (name, inventory) combination already exists."
NO_MATCH = "Cloud-based inventory sources (such as {source}) require credentials for the matching cloud service."
NO_CREDENTIAL = "Credential is required for a cloud source."
SOURCES = (
    ("file", "File, Directory or Script"),
    ("constructed", "Template additional groups and hostvars at runtime"),
    ("scm", "Sourced from a Project"),
    ("ec2", "Amazon EC2"),
    ("gce", "Google Compute Engine"),
    ("azure_rm", "Microsoft Azure Resource Manager"),
    ("vmware", "VMware vCenter"),
    ("satellite6", "Red Hat Satellite 6"),
    ("openstack", "OpenStack"),
    ("rhv", "Red Hat Virtualization"),
    ("controller", "Red Hat Ansible Automation Platform"),
    ("insights", "Red Hat Insights"),
    ("terraform", "Terraform State"),
    ("openshift_virtualization", "OpenShift Virtualization"),
)
VERBOSITIES = ((0, "0 (WARNING)"), (1, "1 (INFO)"), (2, "2 (DEBUG)"))
_KIND_OF = {"ec2": "aws", "openshift_virtualization": "kubernetes_bearer_token"}
"""The credential's kind where it is not called as the source."""
_WITHOUT = ("", "file", "scm", "constructed")
"""Sources that need no credential of a cloud."""
_MAY_LACK = ("ec2", "openshift_virtualization")
_OF_PROJECTS = ("source_project", "source_path", "scm_branch")


def _credential_id(_call: Call, row: InventorySource) -> int | None:
    return row.credentials[0].id if row.credentials else None


OPTIONS: tuple[Field, ...] = (
    Field("source", "choice", choices=SOURCES, default=None, null=True),
    Field("source_path", max_length=1024, default=""),
    Field("source_vars", default="", clean=variables.clean),
    Field("scm_branch", max_length=1024, default=""),
    Field(
        "credential",
        "id",
        to="credentials",
        null=True,
        filterable=False,
        value=_credential_id,
        extra={"type": "integer", "min_value": 1},
    ),
    Field("enabled_var", default=""),
    Field("enabled_value", default=""),
    Field("host_filter", default=""),
    Field("overwrite", "boolean", default=False),
    Field("overwrite_vars", "boolean", default=False),
    read_only("custom_virtualenv"),
    Field("timeout", "integer", default=0, min_value=-MAX_INTEGER - 1, max_value=MAX_INTEGER),
    Field("verbosity", "choice", choices=VERBOSITIES, default=1, blank=False, column="source_verbosity"),
    Field("limit", default=""),
)
"""The fields that a source and its updates share."""


# --- what is refused --------------------------------------------------------------------------------------------------


def _validate(call: Call, data: dict[str, Any], row: InventorySource | None) -> None:
    source = data.get("source", row.source if row is not None else None) or ""
    if "credential_id" in data:
        credential = call.session.get(Credential, data["credential_id"] or 0)
        data["credentials"] = [credential] if credential is not None else []
        _check_credential(source, credential)
    _check_project(call, data, row, source)
    inventory = call.session.get(Inventory, row.inventory_id if row is not None else data.get("inventory_id"))
    if inventory is not None and row is None:
        if inventory.kind in ("constructed", "smart"):
            raise Invalid({"detail": "Cannot create Inventory Source for Smart or Constructed Inventories"})
        data["organization_id"] = inventory.organization_id
    name = data.get("name", row.name if row is not None else "")
    same = select(InventorySource.id).where(
        InventorySource.name == name, InventorySource.inventory_id == (inventory.id if inventory is not None else None)
    )
    if call.session.scalar(same.where(InventorySource.id != (row.id if row is not None else 0))) is not None:
        raise Invalid({"__all__": [TAKEN]})


def _check_credential(source: str, credential: Credential | None) -> None:
    if source in _WITHOUT:
        return
    if credential is None:
        if source not in _MAY_LACK:
            raise Invalid({"credential": [NO_CREDENTIAL]})
    elif (credential.credential_type.namespace or "") != _KIND_OF.get(source, source):
        raise Invalid({"credential": [NO_MATCH.format(source=source)]})


def _check_project(call: Call, data: Mapping[str, Any], row: InventorySource | None, source: str) -> None:
    project_id = data.get("source_project_id", row.source_project_id if row is not None else None)
    project = call.session.get(Project, project_id) if project_id is not None else None
    if source == "constructed":
        raise Invalid({"error": "constructed not a valid source for inventory"})
    if project is not None and not project.scm_type:
        raise Invalid({"source_project": ["Cannot use manual project for SCM-based inventory."]})
    if source == "scm":
        if project is None and ("source" in data or "source_project_id" in data):
            raise Invalid({"source_project": ["Project required for scm type sources."]})
    else:
        given = [name for name in _OF_PROJECTS if data.get(name) or data.get(f"{name}_id")]
        if given:
            raise Invalid({"detail": f"Cannot set {' '.join(given)} if not SCM type."})
    branch = data.get("scm_branch", row.scm_branch if row is not None else "")
    if branch and not (project is not None and project.allow_override):
        raise Invalid({"scm_branch": ["Project does not allow overriding branch."]})


# --- what is below ----------------------------------------------------------------------------------------------------


def _updates(_call: Call, row: InventorySource) -> Select[Any]:
    return select(InventoryUpdate).where(InventoryUpdate.unified_job_template_id == row.id)


def _may_update(_call: Call, _row: InventorySource) -> Reply:
    return Reply(body={"can_update": False})


def _update(call: Call, row: InventorySource) -> Reply:
    if not policies.InventorySources().may_start(call, row):
        raise Forbidden()
    raise Invalid({"detail": NOTHING_READ})


def _attaching(_call: Call, row: InventorySource, credential: Credential, _data: dict[str, Any]) -> None:
    _check_credential(row.source or "", credential)
    if row.credentials and credential not in row.credentials:
        raise Invalid({"msg": "Source already has cloud credential assigned."})


def _credentials_summary(_call: Call, rows: Sequence[InventorySource]) -> Mapping[int, Any]:
    return {row.id: [_shown(one) for one in row.credentials] for row in rows}


def _credential_summary(_call: Call, rows: Sequence[InventorySource]) -> Mapping[int, Any]:
    return {
        row.id: {**_shown(row.credentials[0]), "credential_type_id": row.credentials[0].credential_type_id}
        for row in rows
        if row.credentials
    }


def _shown(credential: Credential) -> dict[str, Any]:
    names = ("id", "name", "description")
    kind = credential.credential_type.namespace or credential.credential_type.kind
    return {**{name: getattr(credential, name) for name in names}, "kind": kind, "cloud": True}


def _resource() -> Resource:
    return Resource(
        name="inventory_sources",
        type="inventory_source",
        model=InventorySource,
        title="Inventory Source",
        fields=(
            *STAMPS,
            NAME,
            DESCRIPTION,
            *OPTIONS,
            read_only("last_job_run", "datetime"),
            read_only("last_job_failed", "boolean"),
            read_only("next_job_run", "datetime"),
            read_only("status", "choice", choices=ALL_STATUSES),
            Field("execution_environment", "id", to="execution_environments", null=True),
            Field("inventory", "id", to="inventories", required=True, create_only=True),
            Field("update_on_launch", "boolean", default=False),
            Field("update_cache_timeout", "integer", default=0, min_value=0, max_value=MAX_INTEGER),
            Field("source_project", "id", to="projects", null=True, default=None),
            read_only("last_update_failed", "boolean", column="last_job_failed", filterable=False),
            read_only("last_updated", "datetime", column="last_job_run", filterable=False),
        ),
        related=(
            *AUTHORS,
            *below("update", "inventory_updates", "schedules", "activity_stream"),
            *below(*notification_lists("started", "success", "error")),
            *below("credentials"),
            link_to("inventory", "inventories"),
            link_to("source_project", "projects"),
            *TEMPLATE_LINKS,
        ),
        summary=(
            Summary("organization"),
            Summary("inventory"),
            Summary("source_project"),
            Summary("credential", _credential_summary),
            Summary("credentials", _credentials_summary),
            *LAST_AND_CURRENT,
            *AUTHORS_SUMMARY,
        ),
        sublists={
            "inventory_updates": SubList("inventory_updates", query=_updates),
            "schedules": SCHEDULES,
            "credentials": SubList("credentials", relation="credentials", attach=True, on_attach=_attaching),
            "activity_stream": access.activity_stream("inventory_source"),
            **notification_lists("started", "success", "error"),
        },
        actions={"update": Action({"GET": _may_update, "POST": _update}, title="Inventory Source Update")},
        access=policies.InventorySources(),
        hooks=Hooks(validate=_validate),
        named_url=("name", "inventory"),
    )


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(_resource())
