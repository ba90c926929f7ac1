# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declarations of all resources: one module for each, or for a family of them."""

from __future__ import annotations

import importlib

from holdfast.api import copying, openapi
from holdfast.api.registry import Registry
from holdfast.api.resources import access

MODULES = (
    "roots",
    "organizations",
    "users",
    "teams",
    "roles",
    "tokens",
    "applications",
    "activity_stream",
    "role_assignments",
    "login",
    "oauth",
    "oauth_authorize",
    "labels",
    "inventories",
    "hosts",
    "groups",
    "constructed_inventories",
    "credential_types",
    "credentials",
    "credential_input_sources",
    "execution_environments",
    "instances",
    "settings",
    "about",
    "dashboard",
    "metrics",
    "projects",
    "project_updates",
    "job_templates",
    "jobs",
    "job_events",
    "unified",
    "schedules",
    "notification_templates",
    "bulk",
    "bulk_hosts",
    "workflow_job_templates",
    "workflow_nodes",
    "workflow_jobs",
    "workflow_approvals",
    "inventory_sources",
    "breakers",
    "later",
)
"""The modules of this package that declare something, in the order in which it is declared."""


def declare(registry: Registry) -> None:
    """Add everything that the API has."""
    for name in MODULES:
        importlib.import_module(f"holdfast.api.resources.{name}").declare(registry)
    for resource in registry.resources.values():
        if resource.copy is not None:
            resource.actions.setdefault("copy", copying.action(resource))
    access.complete(registry)
    openapi.declare(registry)
