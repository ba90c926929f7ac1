# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every path of the API, asked by those it does not concern: nothing of it may be seen or changed."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.auth import roles
from holdfast.db import models as m
from sqlalchemy import select

MARK = "only-for-a"
#: what nobody can be kept from, or what is no resource of its own
LEFT_OUT = {"me"}


@pytest.fixture(scope="module")
def marked(world):
    """Things of every kind in organization a, each with the mark somewhere; by resource, their ids."""
    a = world.ids["a"]
    with world.controller.database.writing() as session:
        for name, model in (("a", m.Organization), ("crew", m.Team), ("project_a", m.Project),
                            ("inventory_a", m.Inventory), ("credential_a", m.Credential), ("jt_a", m.JobTemplate),
                            ("wf_a", m.WorkflowJobTemplate), ("job_a", m.Job)):  # fmt: skip
            session.get_one(model, world.ids[name]).description = MARK
        for name in ("ann", "ada", "tim", "eye", "boss"):
            session.get_one(m.User, world.ids[name]).last_name = MARK
        inventory, template, workflow = (world.ids[name] for name in ("inventory_a", "jt_a", "wf_a"))
        job = m.WorkflowJob(name=MARK, organization_id=a, unified_job_template_id=workflow, status="running")
        approval = m.WorkflowApproval(name=MARK, organization_id=a, status="pending")
        application = m.Application(name=MARK, client_id=MARK, client_type="public", organization_id=a,
                                    authorization_grant_type="password")  # fmt: skip
        rows: list[Any] = [
            m.Host(name=f"{MARK}-host", inventory_id=inventory, variables="a: b"),
            m.Group(name=f"{MARK}-group", inventory_id=inventory),
            m.Label(name=MARK, organization_id=a),
            m.ExecutionEnvironment(name=MARK, image="x", organization_id=a),
            m.NotificationTemplate(name=MARK, organization_id=a, notification_type="webhook"),
            m.Schedule(name=MARK, rrule="DTSTART:20300101T000000Z RRULE:FREQ=DAILY;INTERVAL=1",
                       unified_job_template_id=template),
            m.WorkflowJobTemplateNode(workflow_job_template_id=workflow, identifier=MARK,
                                      unified_job_template_id=template),
            m.ProjectUpdate(name=MARK, project_id=world.ids["project_a"], organization_id=a,
                            unified_job_template_id=world.ids["project_a"], status="successful"),
            m.InventorySource(name=MARK, inventory_id=inventory, organization_id=a),
            m.InstanceGroup(name=MARK),
            job, approval, application,
        ]  # fmt: skip
        session.add_all(rows)
        session.flush()
        roles.make(session, "instance_group", rows[9].id)
        session.add(m.WorkflowJobNode(workflow_job_id=job.id, job_id=approval.id, identifier=MARK))
        token = m.Token(token_hash="x", description=MARK, user_id=world.ids["ann"], application_id=application.id,
                        expires=session.scalars(select(m.Token.expires)).first())  # fmt: skip
        session.add(token)
        session.add(
            m.ActivityStream(operation="update", object1="inventory", object1_id=inventory, changes={"x": MARK})
        )
        session.add(m.JobHostSummary(job_id=world.ids["job_a"], host_id=rows[0].id, host_name=rows[0].name))
    return world


def some(world, resource) -> list[int]:
    """The ids of some objects: those that were there first and those that came last."""
    with world.controller.database.reading() as session:
        ids = session.scalars(select(resource.model.id).order_by(resource.model.id)).all()
    return sorted({*ids[:2], *ids[-2:]})


def paths(world) -> list[str]:
    """Paths with GET: all lists, some objects, and all below them."""
    found = []
    for resource in world.controller.registry.resources.values():
        if resource.name in LEFT_OUT or resource.events:
            continue
        if "GET" in resource.list_methods:
            found.append(f"{resource.name}/?page_size=200")
        readable = [name for name, one in resource.actions.items() if "GET" in one.handlers]
        for key in some(world, resource):
            found.append(f"{resource.name}/{key}/")
            found += [f"{resource.name}/{key}/{name}/" for name in (*resource.sublists, *readable)]
    return found


@pytest.mark.parametrize("name", ["ben"])
def test_strangers_see_nothing(as_, marked, name):
    asked = 0
    for path in paths(marked):
        answer = as_(name).get(path)
        asked += 1
        assert answer.status_code < 500, (path, answer.text)
        assert MARK not in answer.text, (path, answer.text[:2000])
    assert asked > 150


def test_the_mark_is_there_to_be_seen(as_, marked):
    """Otherwise the test before this one would show nothing."""
    lists = [path for path in paths(marked) if path.endswith("page_size=200")]
    seen = [path for path in lists if MARK in as_("root").get(path).text]
    assert len(seen) > 25, sorted(set(lists) - set(seen))


def changes(world) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Every way of changing what is there."""
    found: list[tuple[str, str, dict[str, Any] | None]] = []
    for resource in world.controller.registry.resources.values():
        if resource.name in LEFT_OUT or resource.events:
            continue
        for key in some(world, resource):
            path = f"{resource.name}/{key}/"
            for method in {"PATCH", "DELETE"} & set(resource.detail_methods):
                found.append((method, path, {"name": "stolen", "description": "stolen"} if method == "PATCH" else None))
            for name, sub in resource.sublists.items():
                if sub.attach:
                    found.append(("POST", f"{path}{name}/", {"id": 1}))
                    found.append(("POST", f"{path}{name}/", {"id": 1, "disassociate": True}))
                if sub.create:
                    found.append(("POST", f"{path}{name}/", {"name": "stolen"}))
            for name, action in resource.actions.items():
                for method in set(action.handlers) - {"GET"}:
                    found.append((method, f"{path}{name}/", {}))
    return found


@pytest.mark.parametrize("name", ["aud", "eye"])
def test_who_only_looks_changes_nothing(as_, marked, name):
    asked = 0
    own = f"users/{marked.ids[name]}/"
    for method, path, body in changes(marked):
        if path.startswith((own, "tokens/")) or path.endswith("/tokens/"):  # of one's own
            continue
        asked += 1
        answer = as_(name).ask(method, path, body)
        assert 400 <= answer.status_code < 500, (method, path, answer.status_code, answer.text)
    assert asked > 150
