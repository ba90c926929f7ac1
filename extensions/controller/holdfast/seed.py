# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every controller has from its first start on: what AWX has, with the same ids where clients know them.

Asked at every start: the built-in credential types and this instance are brought up to date each time, all else is
made once, when there is no user yet.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.auth import passwords, roles
from holdfast.context import Controller
from holdfast.db import models
from holdfast.db.base import now
from holdfast.projects import places
from holdfast.seeds import credential_types, objects
from holdfast.seeds.objects import Seed

ADMIN = "admin"
_MODELS: Mapping[str, type[Any]] = {
    "system_job_template": models.SystemJobTemplate,
    "schedule": models.Schedule,
    "organization": models.Organization,
    "project": models.Project,
    "credential": models.Credential,
    "inventory": models.Inventory,
    "host": models.Host,
    "job_template": models.JobTemplate,
    "execution_environment": models.ExecutionEnvironment,
    "instance": models.Instance,
    "instance_group": models.InstanceGroup,
}
_LINKED = {
    "galaxy_credentials": models.Credential,
    "credentials": models.Credential,
    "instances": models.Instance,
}
_CPU_FORKS = 4
_FORK_BYTES = 100 * 1024 * 1024
_KEPT_BYTES = 2 * 1024 * 1024 * 1024
HELLO_WORLD = """---
# The playbook of the Demo Job Template: it changes nothing, and shows that a launch works from end to end.
# It takes a few seconds, so that there is time to watch it, and to cancel it.
- name: Hello World Sample
  hosts: all
  tasks:
    - name: Say hello
      ansible.builtin.debug:
        msg: "Hello from {{ inventory_hostname }}. Holdfast has run this play."
    - name: Take a little time
      ansible.builtin.pause:
        seconds: 3
"""


def seed(controller: Controller, tell_password: Callable[[str], None] = lambda _password: None) -> None:
    """Bring the database up to date.

    ``tell_password`` is given the password that is made up for the user admin, before it counts: whatever ends the
    first start in between, there is never one that nobody was told.
    """
    settings = controller.settings
    given = settings.admin_password.get_secret_value()
    password = given or secrets.token_urlsafe(15)
    with controller.database.reading() as session:
        first = session.scalar(select(models.User.id).limit(1)) is None
    kept = passwords.make(password) if first else ""  # takes its time, so not while the database is held
    with controller.database.writing() as session:
        if first:
            session.add(models.User(id=objects.ADMIN, username=ADMIN, password=kept, is_superuser=True, **_shared_id()))
            session.flush()
        _sync_credential_types(session)
        if first:
            _make_objects(session, settings.node_name)
            _write_demo_project(session, settings.projects)  # before what points to it counts: a start may be killed
        roles.seed(session)
        _sync_instance(session, settings.node_name)
        _set(session, "INSTALL_UUID", str(uuid.uuid4()))
        if first and not given:
            tell_password(password)


def _shared_id() -> dict[str, str]:
    return {"ansible_id": str(uuid.uuid4())}


def _sync_credential_types(session: Session) -> None:
    """The built-in types are what this version says they are."""
    there = {
        row.namespace: row
        for row in session.scalars(select(models.CredentialType).where(models.CredentialType.managed.is_(True)))
    }
    for number, kind in enumerate(credential_types.MANAGED, start=1):
        row = there.get(kind.namespace)
        values = {"name": kind.name, "kind": kind.kind, "inputs": dict(kind.inputs), "injectors": dict(kind.injectors)}
        if row is None:
            taken = session.get(models.CredentialType, number) is not None
            more = {} if taken else {"id": number}
            session.add(models.CredentialType(namespace=kind.namespace, managed=True, **values, **more))
        else:
            for name, value in values.items():
                if getattr(row, name) != value:
                    setattr(row, name, value)
    session.flush()


def _make_objects(session: Session, node_name: str) -> None:
    made: list[tuple[Seed, Any]] = []
    for one in objects.seeds(ADMIN, node_name, str(uuid.uuid4()), now()):
        row = _MODELS[one.type](id=one.id, **_values(one))
        session.add(row)
        session.flush()
        roles.make(session, one.type, one.id)
        if one.type == "organization":
            roles.seed(session)
        if one.type == "schedule":
            template = session.get_one(models.UnifiedJobTemplate, row.unified_job_template_id)
            template.next_schedule_id, template.next_job_run = row.id, row.next_run
        made.append((one, row))
    admin = session.get_one(models.User, objects.ADMIN)
    for one, row in made:
        for relation, ids in one.links.items():
            setattr(row, relation, [session.get_one(_LINKED[relation], key) for key in ids])
        for field in one.admin_roles:
            roles.give(session, roles.find(session, one.type, one.id, field), admin, admin)
    session.flush()


def _values(one: Seed) -> dict[str, Any]:
    """The fields of a seed as attributes of its model."""
    model = _MODELS[one.type]
    found: dict[str, Any] = {}
    for name, value in one.values.items():
        found[f"{name}_id" if hasattr(model, f"{name}_id") and not isinstance(value, str) else name] = value
    if one.type == "system_job_template":
        found["system_job_type"] = found.pop("job_type")
    if one.type == "schedule":
        found.update(_due(found["rrule"]))
    if one.by_admin:
        found.update(created_by_id=objects.ADMIN, modified_by_id=objects.ADMIN)
    if one.type == "organization":
        found.update(_shared_id())
    return found


def _due(rule: str) -> dict[str, Any]:
    from holdfast.jobs import recurrence  # needed once in the life of a database

    times = recurrence.due(rule, now())
    return {"dtstart": times.first, "dtend": times.last, "next_run": times.following}


def _sync_instance(session: Session, node_name: str) -> None:
    """This process under its name, with what the machine has."""
    row = session.get(models.Instance, 1)
    if row is None:
        row = models.Instance(id=1, uuid=str(uuid.uuid4()), hostname=node_name)
        session.add(row)
    cpus = os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    row.hostname, row.version, row.last_seen = node_name, objects.VERSION, now()
    row.cpu, row.memory = float(cpus), memory
    row.cpu_capacity = cpus * _CPU_FORKS
    row.mem_capacity = max(1, (memory - _KEPT_BYTES) // _FORK_BYTES)
    low, high = sorted((row.cpu_capacity, row.mem_capacity))
    row.capacity = int(low + (high - low) * float(row.capacity_adjustment or 1))
    session.flush()


def _set(session: Session, name: str, value: Any) -> None:
    """A setting that is made once and stays."""
    if session.get(models.Setting, name) is None:
        session.add(models.Setting(key=name, value=value))
        session.flush()


def _write_demo_project(session: Session, root: Path) -> None:
    """The files of the Demo Project, so that its template runs where its repository cannot be reached."""
    name = session.scalar(select(models.Project.local_path).where(models.Project.name == "Demo Project"))
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = places.path_of(root, name)
    folder.mkdir(mode=0o755, exist_ok=True)
    playbook = folder / "hello_world.yml"
    if not playbook.exists():
        playbook.write_text(HELLO_WORLD, encoding="utf-8")
