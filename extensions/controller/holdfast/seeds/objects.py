# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects a new controller has, in the order in which they are made.

The ids are those of a fresh AWX: scripts know template 7 and project 6 by heart. Foreign keys are given as ids.
The user ``admin`` (id 1) is there before all of them; the built-in credential types come right after the system jobs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = "24.6.1"
"""The version of AWX whose API this is."""
PRODUCT = "AWX"
"""The name of the product whose API this is."""

ADMIN = 1
DEFAULT_ORGANIZATION = 1
CONTROL_PLANE_GROUP = "controlplane"
DEFAULT_GROUP = "default"
_IMAGE = "quay.io/ansible/awx-ee:latest"


@dataclass(frozen=True, slots=True)
class Seed:
    """One object: its ``type``, its id, its fields, and what it is associated with."""

    type: str
    id: int
    values: Mapping[str, Any]
    links: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    by_admin: bool = False
    """Whether ``created_by`` and ``modified_by`` are the user admin (nobody otherwise)."""
    admin_roles: tuple[str, ...] = ()
    """Roles of the object that admin is made a member of."""


def _system_job(object_id: int, job_type: str, name: str, description: str) -> Seed:
    values = {"name": name, "description": description, "job_type": job_type, "status": "ok"}
    return Seed("system_job_template", object_id, values)


SYSTEM_JOB_TEMPLATES: tuple[Seed, ...] = (
    _system_job(1, "cleanup_jobs", "Cleanup Job Details", "Remove job history"),
    _system_job(2, "cleanup_activitystream", "Cleanup Activity Stream", "Remove activity stream history"),
    _system_job(4, "cleanup_sessions", "Cleanup Expired Sessions", "Cleans out expired browser sessions"),
    _system_job(
        5,
        "cleanup_tokens",
        "Cleanup Expired OAuth 2 Tokens",
        "Cleanup expired OAuth 2 access and refresh tokens",
    ),
)
"""The jobs that keep the database small; number 3 was one that AWX has no more."""

_START = "{start}"


def _schedule(object_id: int, name: str, description: str, rule: str, extra_data: Mapping[str, str]) -> Seed:
    return Seed(
        "schedule",
        object_id,
        {
            "name": name,
            "description": description,
            "unified_job_template": object_id,
            "rrule": f"DTSTART:{_START} RRULE:{rule}",
            "enabled": True,
            "extra_data": dict(extra_data),
        },
    )


_GENERATED = "Automatically Generated Schedule"
_WEEKLY = "FREQ=WEEKLY;INTERVAL=1"
_SCHEDULES: tuple[Seed, ...] = (
    _schedule(1, "Cleanup Job Schedule", _GENERATED, f"{_WEEKLY};BYDAY=SU", {"days": "120"}),
    _schedule(2, "Cleanup Activity Schedule", _GENERATED, f"{_WEEKLY};BYDAY=TU", {"days": "355"}),
    _schedule(4, "Cleanup Expired Sessions", "Cleans out expired browser sessions", _WEEKLY, {}),
    _schedule(5, "Cleanup Expired OAuth 2 Tokens", "Removes expired OAuth 2 access and refresh tokens", _WEEKLY, {}),
)


def schedules(now: dt.datetime) -> tuple[Seed, ...]:
    """The schedules of the system jobs; their weeks are counted from ``now``, an aware time."""
    start = now.astimezone(dt.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return tuple(
        Seed(one.type, one.id, {**one.values, "rrule": one.values["rrule"].replace(_START, start)})
        for one in _SCHEDULES
    )


def _demo_credentials(admin: str) -> tuple[Seed, ...]:
    return (
        Seed(
            "credential",
            1,
            {"name": "Demo Credential", "credential_type": 1, "inputs": {"username": admin}},
            by_admin=True,
            admin_roles=("admin_role",),
        ),
        Seed(
            "credential",
            2,
            {
                "name": "Ansible Galaxy",
                "credential_type": 19,
                "managed": True,
                "inputs": {"url": "https://galaxy.ansible.com/"},
            },
            by_admin=True,
        ),
    )


_DEMO_PROJECT = Seed(
    "project",
    6,
    {
        "name": "Demo Project",
        "organization": DEFAULT_ORGANIZATION,
        "local_path": "_6__demo_project",
        "scm_type": "git",
        "scm_url": "https://github.com/ansible/ansible-tower-samples",
        "scm_revision": "347e44fea036c94d5f60e544de006453ee5c71ad",
        "status": "successful",
        "playbook_files": ["hello_world.yml"],
    },
    by_admin=True,
)
_DEMO_HOST = Seed(
    "host",
    1,
    {
        "name": "localhost",
        "inventory": 1,
        "variables": "ansible_connection: local\nansible_python_interpreter: '{{ ansible_playbook_python }}'",
    },
    by_admin=True,
)
_DEMO_TEMPLATE = Seed(
    "job_template",
    7,
    {
        "name": "Demo Job Template",
        "job_type": "run",
        "playbook": "hello_world.yml",
        "project": 6,
        "inventory": 1,
        "organization": DEFAULT_ORGANIZATION,
        "status": "never updated",
    },
    {"credentials": (1,)},
    by_admin=True,
)


def demo(admin: str) -> tuple[Seed, ...]:
    """The organization everything starts in, and the Demo objects; ``admin`` is the name of the first user."""
    return (
        Seed("organization", DEFAULT_ORGANIZATION, {"name": "Default"}, {"galaxy_credentials": (2,)}, by_admin=True),
        _DEMO_PROJECT,
        *_demo_credentials(admin),
        Seed("inventory", 1, {"name": "Demo Inventory", "organization": DEFAULT_ORGANIZATION}, by_admin=True),
        _DEMO_HOST,
        _DEMO_TEMPLATE,
    )


EXECUTION_ENVIRONMENTS: tuple[Seed, ...] = (
    Seed("execution_environment", 1, {"name": "AWX EE (latest)", "image": _IMAGE}),
    Seed("execution_environment", 2, {"name": "Control Plane Execution Environment", "image": _IMAGE, "managed": True}),
)
"""Execution environments; the first is what jobs get when nobody says otherwise."""


def instance(hostname: str, uuid: str) -> Seed:
    """The instance that this process is; it controls and executes."""
    return Seed(
        "instance",
        1,
        {
            "hostname": hostname,
            "uuid": uuid,
            "version": VERSION,
            "node_type": "hybrid",
            "node_state": "ready",
            "enabled": True,
            "managed_by_policy": True,
            "capacity_adjustment": "1.00",
        },
    )


INSTANCE_GROUPS: tuple[Seed, ...] = tuple(
    Seed("instance_group", number, {"name": name, "policy_instance_percentage": 100}, {"instances": (1,)})
    for number, name in enumerate((CONTROL_PLANE_GROUP, DEFAULT_GROUP), start=1)
)
"""The instance groups; these two cannot be deleted or renamed."""


def seeds(admin: str, hostname: str, uuid: str, now: dt.datetime) -> tuple[Seed, ...]:
    """Every object a new controller has, but for the built-in credential types and the user himself, in order."""
    return (
        *SYSTEM_JOB_TEMPLATES,
        *schedules(now),
        *demo(admin),
        *EXECUTION_ENVIRONMENTS,
        instance(hostname, uuid),
        *INSTANCE_GROUPS,
    )
