# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller has from its first start: the user admin, and the objects that AWX begins with.

Done again at every start for what belongs to this version: the built-in credential types, this instance, the roles of
the whole system. Everything else is made once and belongs to people from then on.
"""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.auth import passwords, roles
from holdfast.context import Controller
from holdfast.db import models
from holdfast.db.base import now
from holdfast.seeds.credential_types import MANAGED
from holdfast.seeds.objects import VERSION, Seed, seeds
from holdfast.seeds.roles import OBJECT_ROLES

ADMIN = "admin"
MODELS: Mapping[str, type[Any]] = {
    "credential": models.Credential,
    "execution_environment": models.ExecutionEnvironment,
    "host": models.Host,
    "instance": models.Instance,
    "instance_group": models.InstanceGroup,
    "inventory": models.Inventory,
    "job_template": models.JobTemplate,
    "organization": models.Organization,
    "project": models.Project,
    "schedule": models.Schedule,
    "system_job_template": models.SystemJobTemplate,
}
LINKED: Mapping[str, type[Any]] = {
    "credentials": models.Credential,
    "galaxy_credentials": models.Credential,
    "instances": models.Instance,
}
POINTERS = ("organization", "credential_type", "inventory", "project", "unified_job_template", "credential")
HELLO_WORLD = """---
- name: Say hello
  hosts: all
  gather_facts: false
  tasks:
    - name: Say hello
      ansible.builtin.debug:
        msg: Hello from {{ inventory_hostname }}!
"""


def seed(controller: Controller) -> str:
    """Make what is missing. Returns the password that was made for admin, "" when none was."""
    given = controller.settings.admin_password.get_secret_value()
    password = given or secrets.token_urlsafe(12)
    hashed = passwords.make(password)
    with controller.database.writing() as session:
        first = session.scalars(select(models.User.id).limit(1)).first() is None
        if first:
            session.add(models.User(
                id=1, username=ADMIN, password=hashed, email="admin@localhost", is_superuser=True,
                ansible_id=str(uuid.uuid4()),
            ))  # fmt: skip
            session.flush()
        _credential_types(session)
        if first:
            _make_all(session, seeds(ADMIN, controller.settings.node_name, str(uuid.uuid4()), now()))
        roles.seed(session)
        _instance(controller, session)
    if first:
        _demo_project(controller)
    return password if first and not given else ""


def _credential_types(session: Session) -> None:
    """Bring the built-in types to what this version knows; people's own are theirs."""
    known = {
        row.namespace: row
        for row in session.scalars(select(models.CredentialType).where(models.CredentialType.managed.is_(True)))
    }
    for one in MANAGED:
        values = {"name": one.name, "kind": one.kind, "inputs": _plain(one.inputs), "injectors": _plain(one.injectors)}
        row = known.get(one.namespace)
        if row is None:
            session.add(models.CredentialType(namespace=one.namespace, managed=True, **values))
            session.flush()
            continue
        for name, value in values.items():
            if getattr(row, name) != value:
                setattr(row, name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _make_all(session: Session, wanted: Sequence[Seed]) -> None:
    """Make objects with their roles; what they are associated with may come later in the order."""
    rows = [(_make(session, one), one) for one in wanted]
    for row, one in rows:
        for name, keys in one.links.items():
            getattr(row, name).extend(session.get_one(LINKED[name], key) for key in keys)


def _make(session: Session, one: Seed) -> Any:
    values = {f"{name}_id" if name in POINTERS else name: value for name, value in one.values.items()}
    if one.type == "system_job_template":
        values["system_job_type"] = values.pop("job_type")
    if one.by_admin and hasattr(MODELS[one.type], "created_by_id"):
        values.update(created_by_id=1, modified_by_id=1)
    if one.type == "organization":
        values["ansible_id"] = str(uuid.uuid4())
    row = MODELS[one.type](id=one.id, **values)
    session.add(row)
    session.flush()
    if one.type in OBJECT_ROLES:
        roles.make(session, one.type, one.id)
    if one.type == "organization":
        roles.seed(session)  # their ids follow those of the organization, as in AWX
    admin = session.get_one(models.User, 1)
    for name in one.admin_roles:
        roles.give(session, roles.find(session, one.type, one.id, name), admin)
    return row


def _instance(controller: Controller, session: Session) -> None:
    """This process is the instance; a machine that was renamed stays the same one."""
    row = session.scalars(select(models.Instance).order_by(models.Instance.id)).first()
    if row is not None:
        row.hostname, row.version, row.last_seen = controller.settings.node_name, VERSION, now()
        row.cpu, row.capacity = float(os.cpu_count() or 1), controller.settings.job_slots


def _demo_project(controller: Controller) -> None:
    """The playbook of the Demo Job Template."""
    with controller.database.reading() as session:
        project = session.get(models.Project, 6)
        name = project.local_path if project is not None else None
    if name:
        folder = home.private_folder(controller.settings.projects / name)
        (folder / "hello_world.yml").write_text(HELLO_WORLD, encoding="utf-8")
