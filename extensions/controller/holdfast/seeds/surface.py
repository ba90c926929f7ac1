# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client finds first: the roots of the API with everything below them, and what never changes of `config`."""

from __future__ import annotations

from typing import Any

from holdfast.seeds.objects import PRODUCT, VERSION

API = "/api/"
"""Where the API begins."""
PREFIXES = ("/api/v2/", "/api/controller/v2/")
"""The two ways to the same resources; whoever comes by the second gets links that begin with it."""

# Every key becomes a command of `awx`, in this order; paths are named only where they are not spelled as their key.
_KEYS = (
    "ping",
    "instances",
    "instance_groups",
    "receptor_addresses",
    "config",
    "settings",
    "me",
    "dashboard",
    "organizations",
    "users",
    "execution_environments",
    "projects",
    "project_updates",
    "teams",
    "credentials",
    "credential_types",
    "credential_input_sources",
    "applications",
    "tokens",
    "metrics",
    "inventory",
    "constructed_inventory",
    "inventory_sources",
    "inventory_updates",
    "groups",
    "hosts",
    "host_metrics",
    "host_metric_summary_monthly",
    "job_templates",
    "jobs",
    "ad_hoc_commands",
    "system_job_templates",
    "system_jobs",
    "schedules",
    "roles",
    "notification_templates",
    "notifications",
    "labels",
    "unified_job_templates",
    "unified_jobs",
    "activity_stream",
    "workflow_job_templates",
    "workflow_jobs",
    "workflow_approvals",
    "workflow_job_template_nodes",
    "workflow_job_nodes",
    "mesh_visualizer",
    "bulk",
    "analytics",
    "service_index",
    "role_definitions",
    "role_user_assignments",
    "role_team_assignments",
)
_PATHS = {
    "inventory": "inventories",
    "constructed_inventory": "constructed_inventories",
    "service_index": "service-index",
}

RESOURCES: dict[str, str] = {key: _PATHS.get(key, key) for key in _KEYS}
"""Key in the version's root -> the path below the version, in the order clients see."""

HEADERS = {"X-API-Product-Name": PRODUCT, "X-API-Product-Version": VERSION}
"""Headers of every answer; clients compare the major version. Without a user the version is left out."""

SESSION_COOKIE_HEADER = ("X-API-Session-Cookie-Name", "awx_sessionid")
"""The header of a login's answer that names the cookie of the session."""


def api_root(*, logo: str = "", login_info: str = "", login_redirect: str = "") -> dict[str, Any]:
    """The answer of `/api/`; the arguments are settings."""
    version = PREFIXES[0]
    return {
        "description": "AWX REST API",
        "current_version": version,
        "available_versions": {"v2": version},
        "oauth2": "/api/o/",
        "custom_logo": logo,
        "custom_login_info": login_info,
        "login_redirect_override": login_redirect,
    }


def controller_root(*, logo: str = "", login_info: str = "", login_redirect: str = "") -> dict[str, Any]:
    """The answer of `/api/controller/`: tokens are not made there."""
    version = PREFIXES[1]
    root = api_root(logo=logo, login_info=login_info, login_redirect=login_redirect)
    del root["oauth2"]
    return {**root, "current_version": version, "available_versions": {"v2": version}}


def version_root(prefix: str = PREFIXES[0]) -> dict[str, str]:
    """The answer of `/api/v2/`."""
    return {key: f"{prefix}{path}/" for key, path in RESOURCES.items()}


def oauth_root() -> dict[str, str]:
    """The answer of `/api/o/`."""
    return {name: f"/api/o/{name}/" for name in ("authorize", "token", "revoke_token")}


def bulk_root(prefix: str = PREFIXES[0]) -> dict[str, str]:
    """The answer of `bulk/`."""
    return {name: f"{prefix}bulk/{name}/" for name in ("host_create", "host_delete", "job_launch")}


BECOME_METHODS: tuple[tuple[str, str], ...] = (
    ("sudo", "Sudo"),
    ("su", "Su"),
    ("pbrun", "Pbrun"),
    ("pfexec", "Pfexec"),
    ("dzdo", "DZDO"),
    ("pmrun", "Pmrun"),
    ("runas", "Runas"),
    ("enable", "Enable"),
    ("doas", "Doas"),
    ("ksu", "Ksu"),
    ("machinectl", "Machinectl"),
    ("sesu", "Sesu"),
)
"""The ways of becoming another user, with their labels."""

_LICENSE = {"license_type": "open", "valid_key": True, "subscription_name": "OPEN", "product_name": PRODUCT}

# Clients list what AWX would gather for analytics. Nothing is gathered here.
_COLLECTORS: tuple[tuple[str, str, str], ...] = (
    ("config", "1.6", "How the platform is set up."),
    ("counts", "1.2", "How many objects of each kind there are"),
    ("cred_type_counts", "1.0", "How many credentials each type has"),
    ("events_table", "1.5", "What tasks did"),
    ("host_metric_summary_monthly_table", "1.0", "Hosts by month"),
    ("host_metric_table", "1.0", "Hosts that were automated"),
    ("instance_info", "1.3", "Instances and what they can carry"),
    ("inventory_counts", "1.2", "Inventories, their sources and hosts"),
    ("org_counts", "1.0", "Users and teams of each organization"),
    ("projects_by_scm_type", "1.0", "Projects by where they come from"),
    ("query_info", "1.0", "What was gathered, and when"),
    ("unified_job_template_table", "1.1", "Templates"),
    ("unified_jobs_table", "1.4", "Jobs that ran"),
    ("workflow_job_node_table", "1.0", "Nodes of workflows that ran"),
    ("workflow_job_template_node_table", "1.0", "Nodes of workflow templates"),
)


def config() -> dict[str, Any]:
    """The part of `config/` that everybody gets."""
    return {
        "time_zone": "UTC",
        "license_info": dict(_LICENSE),
        "version": VERSION,
        "eula": "",
        "analytics_status": "off",
        "analytics_collectors": {
            name: {"name": name, "version": version, "description": description}
            for name, version, description in _COLLECTORS
        },
        "become_methods": [list(one) for one in BECOME_METHODS],
        "ui_next": True,
    }


def config_for_managers(project_base_dir: str, project_local_paths: list[str]) -> dict[str, Any]:
    """The part of `config/` for those who manage or audit an organization or its projects."""
    return {
        "project_base_dir": project_base_dir,
        "project_local_paths": project_local_paths,
        "custom_virtualenvs": [],
    }
