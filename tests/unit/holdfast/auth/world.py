# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of rights are about.

Organization ``a`` has ``boss`` (admin), ``ann`` (member, may execute its template), ``ada`` (member) and ``eye``
(auditor); organization ``b`` has ``bob`` (admin) and ``ben`` (member). ``root`` is a superuser, ``aud`` an auditor of
the system, ``lone`` belongs to nothing. Team ``crew`` of ``a`` has ``tim``. Each organization has a project, inventory,
credential, template, workflow and job.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.auth import roles, tokens
from holdfast.context import Controller
from holdfast.db import models as m
from sqlalchemy.orm import Session

PEOPLE = ("root", "aud", "boss", "ann", "ada", "eye", "bob", "ben", "lone", "tim")


@dataclass
class World:
    """Ids by name, and everybody's token."""

    controller: Controller
    ids: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def role(self, type_: str, key: int, name: str) -> int:
        with self.controller.database.reading() as session:
            return roles.find(session, type_, key, name).id

    def give(self, type_: str, key: int, name: str, holder: str) -> None:
        with self.controller.database.writing() as session:
            model = m.Team if holder == "crew" else m.User
            roles.give(session, roles.find(session, type_, key, name), session.get_one(model, self.ids[holder]))


def make_world(controller: Controller) -> World:
    world = World(controller)
    with controller.database.writing() as session:
        roles.seed(session)
        for name in PEOPLE:
            user = m.User(username=name, is_superuser=name == "root", is_system_auditor=name == "aud")
            _add(session, world, name, user)
            secret = tokens.generate()
            session.add(m.Token(token_hash=tokens.digest(secret), user_id=user.id, expires=tokens.expiry(100000)))
            world.tokens[name] = secret
        kind = m.CredentialType(name="Machine", kind="ssh", namespace="ssh", managed=True, inputs={}, injectors={})
        _add(session, world, "machine", kind)
        for letter in "ab":
            _organization(session, world, letter)
        for role, holder in (("admin_role", "boss"), ("member_role", "ann"), ("member_role", "ada"),
                             ("auditor_role", "eye"), ("member_role", "tim")):  # fmt: skip
            _give(session, world, "organization", "a", role, holder)
        for role, holder in (("admin_role", "bob"), ("member_role", "ben")):
            _give(session, world, "organization", "b", role, holder)
        _give(session, world, "team", "crew", "member_role", "tim")
        _give(session, world, "job_template", "jt_a", "execute_role", "ann")
    return world


def _organization(session: Session, world: World, letter: str) -> None:
    key = _add(session, world, letter, m.Organization(name=f"Org {letter}"), "organization")
    kind = world.ids["machine"]
    things: dict[str, tuple[str, Any]] = {
        "crew" if letter == "a" else "gang": ("team", m.Team(name=f"team {letter}", organization_id=key)),
        f"project_{letter}": ("project", m.Project(name=f"project {letter}", organization_id=key)),
        f"inventory_{letter}": ("inventory", m.Inventory(name=f"inventory {letter}", organization_id=key)),
        f"credential_{letter}": (
            "credential",
            m.Credential(name=f"credential {letter}", organization_id=key, credential_type_id=kind),
        ),
    }
    for name, (type_, row) in things.items():
        _add(session, world, name, row, type_)
    for name, type_, model in (
        ("jt", "job_template", m.JobTemplate),
        ("wf", "workflow_job_template", m.WorkflowJobTemplate),
    ):
        row = model(name=f"{name} {letter}", organization_id=key, inventory_id=world.ids[f"inventory_{letter}"])
        if name == "jt":
            row.project_id = world.ids[f"project_{letter}"]
        _add(session, world, f"{name}_{letter}", row, type_)
    job = m.Job(name="job", organization_id=key, unified_job_template_id=world.ids[f"jt_{letter}"], status="successful")
    _add(session, world, f"job_{letter}", job)


def _add(session: Session, world: World, name: str, row: Any, type_: str = "") -> int:
    session.add(row)
    session.flush()
    roles.make(session, type_, row.id)
    world.ids[name] = row.id
    return int(row.id)


def _give(session: Session, world: World, type_: str, name: str, role: str, holder: str) -> None:
    user = session.get_one(m.User, world.ids[holder])
    roles.give(session, roles.find(session, type_, world.ids[name], role), user)
