# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.db import models as m
from holdfast.seeds.roles import OBJECT_ROLES
from sqlalchemy import event, func, select

from .world import World


@pytest.fixture
def session(world: World):
    """A transaction that leaves nothing behind."""
    database = world.controller.database
    with m_session(database) as found:
        yield found
        found.rollback()


def m_session(database: Any):
    from sqlalchemy.orm import Session

    return Session(database.engine, expire_on_commit=False)


def call(session: Any, world: World, name: str) -> Call:
    user = session.get_one(m.User, world.ids[name])
    return cast(Call, SimpleNamespace(session=session, user=user, cache={}))


def seen(session: Any, world: World, name: str, type_: str, role: str = "read_role") -> set[int] | None:
    condition = roles.visible(call(session, world, name), type_, role)
    if condition is None:
        return None
    return set(session.scalars(select(roles.MODELS[type_].id).where(condition)))


@pytest.mark.parametrize(
    ("name", "role", "expected"),
    [
        ("boss", "admin_role", {"jt_a"}),
        ("eye", "read_role", {"jt_a"}),
        ("eye", "execute_role", set()),
        ("ann", "execute_role", {"jt_a"}),
        ("ann", "admin_role", set()),
        ("ada", "read_role", set()),
        ("bob", "read_role", {"jt_b"}),
        ("lone", "read_role", set()),
    ],
)
def test_who_holds_what_on_templates(session, world, name, role, expected):
    assert seen(session, world, name, "job_template", role) == {world.ids[one] for one in expected}


def test_superusers_hold_everything_and_auditors_what_is_read(session, world):
    assert seen(session, world, "root", "job_template", "admin_role") is None
    assert seen(session, world, "aud", "job_template", "read_role") is None
    assert seen(session, world, "aud", "job_template", "execute_role") == set()


def test_every_answer_agrees_with_every_other(session, world):
    """``visible`` on rows, ``visible`` on a column, ``has`` and ``user_has``: one truth."""
    for name in ("boss", "ann", "eye", "bob", "tim", "lone"):
        asked = call(session, world, name)
        for type_, model in roles.MODELS.items():
            rows = session.scalars(select(model)).all()
            for one in OBJECT_ROLES[type_]:
                by_rows = seen(session, world, name, type_, one.field)
                column = select(m.Role.object_id).where(
                    m.Role.content_type == type_, roles.visible(asked, type_, one.field, m.Role.object_id)
                )
                assert by_rows == set(session.scalars(column))
                assert by_rows == {row.id for row in rows if roles.has(asked, type_, row, one.field)}
                assert by_rows == {row.id for row in rows if roles.user_has(asked, type_, row.id, one.field)}


def test_a_team_brings_its_roles_to_members_administrators_and_those_of_its_organization(session, world):
    team = session.get_one(m.Team, world.ids["crew"])
    roles.give(session, roles.find(session, "job_template", world.ids["jt_b"], "execute_role"), team)
    assert seen(session, world, "tim", "job_template", "execute_role") == {world.ids["jt_b"]}
    assert world.ids["jt_b"] in (seen(session, world, "boss", "job_template", "execute_role") or ())
    assert world.ids["jt_b"] not in (seen(session, world, "ann", "job_template") or ())


def test_a_team_in_a_team_in_a_circle_ends(session, world):
    crew, gang = (session.get_one(m.Team, world.ids[name]) for name in ("crew", "gang"))
    roles.give(session, roles.find(session, "team", gang.id, "member_role"), crew)
    roles.give(session, roles.find(session, "team", crew.id, "member_role"), gang)
    roles.give(session, roles.find(session, "inventory", world.ids["inventory_b"], "use_role"), gang)
    assert world.ids["inventory_b"] in (seen(session, world, "tim", "inventory", "use_role") or ())


def test_an_object_that_moves_takes_its_rights_along(session, world):
    session.get_one(m.JobTemplate, world.ids["jt_a"]).organization_id = world.ids["b"]
    session.flush()
    assert seen(session, world, "boss", "job_template") == set()
    assert seen(session, world, "bob", "job_template") == {world.ids["jt_a"], world.ids["jt_b"]}
    assert seen(session, world, "ann", "job_template") == {world.ids["jt_a"]}


def test_very_many_roles_are_looked_up_by_the_database(session, world):
    ids = []
    for number in range(roles._MANY + 5):
        row = m.JobTemplate(name=f"many {number}")
        session.add(row)
        session.flush()
        roles.make(session, "job_template", row.id)
        ids.append(row.id)
    lone = session.get_one(m.User, world.ids["lone"])
    kept = ids[: roles._MANY + 2]
    for key in kept:
        roles.give(session, roles.find(session, "job_template", key, "execute_role"), lone)
    assert seen(session, world, "lone", "job_template") == set(kept)


def test_making_an_object_is_two_statements(session, world):
    row = m.JobTemplate(name="new", organization_id=world.ids["a"])
    session.add(row)
    session.flush()
    asked = call(session, world, "boss")
    roles.holdings(asked)
    said: list[str] = []
    engine = world.controller.database.engine
    event.listen(engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    roles.object_created(asked, "job_template", row)
    assert len(said) <= 2, said


def test_whoever_makes_an_object_administers_it_unless_they_do_anyway(session, world):
    for name, given in (("ada", True), ("boss", False), ("root", False)):
        row = m.JobTemplate(name=f"of {name}", organization_id=world.ids["a"])
        session.add(row)
        session.flush()
        asked = call(session, world, name)
        roles.object_created(asked, "job_template", row)
        held = (
            select(func.count())
            .select_from(m.RoleUser)
            .where(m.RoleUser.content_type == "job_template", m.RoleUser.object_id == row.id)
        )
        assert (session.scalar(held) == 1) is given
        assert roles.has(asked, "job_template", row, "admin_role")


def test_roles_go_with_their_object_and_with_what_goes_with_an_organization(session, world):
    asked = call(session, world, "root")
    organization = session.get_one(m.Organization, world.ids["b"])
    roles.object_deleted(asked, "organization", organization)
    session.delete(organization)
    session.flush()
    left = select(m.Role.content_type, m.Role.object_id).where(m.Role.content_type.is_not(None))
    for type_, key in session.execute(left):
        assert session.get(roles.MODELS[type_], key) is not None, (type_, key)
    assert session.get(m.JobTemplate, world.ids["jt_b"]) is not None  # left without an organization, as in AWX


def test_no_id_is_given_twice(session):
    first = m.Inventory(name="one")
    session.add(first)
    session.flush()
    key = first.id
    session.delete(first)
    session.flush()
    second = m.Inventory(name="two")
    session.add(second)
    session.flush()
    assert second.id > key


def test_giving_and_taking_say_whether_anything_changed(session, world):
    ada = session.get_one(m.User, world.ids["ada"])
    role = roles.find(session, "inventory", world.ids["inventory_a"], "use_role")
    assert [roles.give(session, role, ada), roles.give(session, role, ada)] == [True, False]
    assert [roles.take(session, role, ada), roles.take(session, role, ada)] == [True, False]


def test_roles_of_the_system_are_flags(session, world):
    lone = session.get_one(m.User, world.ids["lone"])
    role = session.scalars(select(m.Role).where(m.Role.singleton_name == "system_auditor")).one()
    assert roles.give(session, role, lone) and lone.is_system_auditor
    assert roles.take(session, role, lone) and not lone.is_system_auditor
