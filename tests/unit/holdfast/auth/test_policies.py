# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of things, asked directly: who may use what when making, changing and launching."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from holdfast.api.call import Call
from holdfast.api.errors import Forbidden, Invalid
from holdfast.auth import policies, roles
from holdfast.db import models as m
from sqlalchemy import select
from sqlalchemy.orm import Session


@pytest.fixture
def session(world):
    """A transaction that leaves nothing behind."""
    with Session(world.controller.database.engine, expire_on_commit=False) as found:
        yield found
        found.rollback()


@pytest.fixture
def by(session, world):
    """A request of somebody."""

    def make(name: str, scope: str = "write") -> Call:
        user = session.get_one(m.User, world.ids[name])
        token = SimpleNamespace(scope=scope)
        return cast(
            Call,
            SimpleNamespace(
                session=session,
                user=user,
                token=token,
                cache={},
                controller=world.controller,
                path="",
                url=lambda *_unused: "-",
            ),
        )

    return make


def give(session, world, type_: str, thing: str, role: str, holder: str) -> None:
    user = session.get_one(m.User, world.ids[holder])
    roles.give(session, roles.find(session, type_, world.ids[thing], role), user)


def visible_ids(call: Call, access: Any, model: Any) -> set[int]:
    condition = access.visible(call)
    query = select(model.id)
    return set(call.session.scalars(query if condition is None else query.where(condition)))


class TestJobTemplates:
    """Of job templates and jobs."""

    rules = policies.JobTemplates()

    def data(self, world, **more):
        return {"project_id": world.ids["project_a"], "inventory_id": world.ids["inventory_a"], **more}

    def test_whoever_may_use_project_and_inventory_makes_one(self, session, by, world):
        assert self.rules.may_add(by("boss"), self.data(world))
        for name in ("ann", "ada", "eye", "aud", "bob"):
            assert not self.rules.may_add(by(name), self.data(world)), name
        give(session, world, "project", "project_a", "use_role", "ada")
        assert not self.rules.may_add(by("ada"), self.data(world))
        assert self.rules.may_add(by("ada"), {"project_id": world.ids["project_a"]})
        give(session, world, "inventory", "inventory_a", "use_role", "ada")
        assert self.rules.may_add(by("ada"), self.data(world))

    def test_none_is_made_without_a_project_or_of_somebody_elses(self, by, world):
        assert not self.rules.may_add(by("boss"), {"inventory_id": world.ids["inventory_a"]})
        assert not self.rules.may_add(by("boss"), self.data(world, project_id=world.ids["project_b"]))
        assert not self.rules.may_add(by("boss"), self.data(world, inventory_id=world.ids["inventory_b"]))
        assert not self.rules.may_add(by("boss"), self.data(world, webhook_credential_id=world.ids["credential_b"]))
        assert not self.rules.may_add(by("boss"), {"project_id": 10**9})
        assert self.rules.may_add(by("root"), {})

    def test_an_environment_of_another_organization_is_not_used(self, session, by, world):
        environment = m.ExecutionEnvironment(name="of b", image="x", organization_id=world.ids["b"])
        session.add(environment)
        session.flush()
        assert not self.rules.may_add(by("boss"), self.data(world, execution_environment_id=environment.id))
        assert self.rules.may_add(by("root"), self.data(world, execution_environment_id=environment.id))

    def test_who_administers_it_changes_what_is_harmless(self, session, by, world):
        row = session.get_one(m.JobTemplate, world.ids["jt_a"])
        give(session, world, "job_template", "jt_a", "admin_role", "ada")
        assert self.rules.may_change(by("ada"), row, {"name": "n", "extra_vars": "a: b", "forks": 3})
        assert not self.rules.may_change(by("ada"), row, {"playbook": "other.yml"})
        assert not self.rules.may_change(by("ada"), row, {"become_enabled": True})
        assert not self.rules.may_change(by("ann"), row, {"name": "n"})
        give(session, world, "project", "project_a", "use_role", "ada")
        give(session, world, "inventory", "inventory_a", "use_role", "ada")
        assert self.rules.may_change(by("ada"), row, {"playbook": "other.yml"})
        assert not self.rules.may_change(by("ada"), row, {"inventory_id": world.ids["inventory_b"]})
        assert not self.rules.may_change(by("ada"), row, {"project_id": world.ids["project_b"]})

    def test_credentials_are_attached_by_who_may_use_them(self, session, by, world):
        row = session.get_one(m.JobTemplate, world.ids["jt_a"])
        own, other = (session.get_one(m.Credential, world.ids[f"credential_{one}"]) for one in "ab")
        assert self.rules.may_attach(by("boss"), row, "credentials", own, {})
        assert not self.rules.may_attach(by("boss"), row, "credentials", other, {})
        give(session, world, "job_template", "jt_a", "admin_role", "ada")
        assert not self.rules.may_attach(by("ada"), row, "credentials", own, {})
        assert self.rules.may_detach(by("ada"), row, "credentials", own, {})
        assert not self.rules.may_attach(by("ann"), row, "credentials", own, {})

    def test_capabilities(self, session, by, world):
        row = session.get_one(m.JobTemplate, world.ids["jt_a"])

        def shown(name, **more):
            return self.rules.capabilities(by(name, **more), [row])[row.id]

        every = ["edit", "delete", "start", "schedule", "copy"]
        assert shown("root") == dict.fromkeys(every, True) == shown("boss")
        assert list(shown("ann")) == every
        assert shown("ann") == {**dict.fromkeys(every, False), "start": True, "schedule": True}
        assert shown("aud") == dict.fromkeys(every, False) == shown("root", scope="read")
        row.project_id = None
        assert shown("root") == {"edit": True, "delete": True, "start": False, "schedule": False, "copy": False}

    def test_a_copy_needs_the_credentials_too(self, session, by, world):
        row = session.get_one(m.JobTemplate, world.ids["jt_a"])
        row.credentials.append(session.get_one(m.Credential, world.ids["credential_b"]))
        with pytest.raises(Forbidden, match="Insufficient access to Job Template credentials"):
            self.rules.may_copy(by("boss"), row)
        assert self.rules.capabilities(by("boss"), [row])[row.id]["copy"] is False

    def test_what_is_prompted_for_must_be_usable_but_for_what_the_template_has(self, session, by, world):
        row = session.get_one(m.JobTemplate, world.ids["jt_a"])
        own, other = world.ids["credential_a"], world.ids["credential_b"]
        ann = by("ann")
        assert policies.may_prompt(ann, row)
        assert not policies.may_prompt(ann, row, world.ids["inventory_a"])
        assert not policies.may_prompt(ann, row, credentials=[own])
        row.credentials.append(session.get_one(m.Credential, own))
        session.flush()
        assert policies.may_prompt(ann, row, credentials=[own])
        assert policies.may_prompt(by("boss"), row, world.ids["inventory_a"], credentials=[own])
        assert not policies.may_prompt(by("boss"), row, world.ids["inventory_b"])
        assert not policies.may_prompt(by("boss"), row, credentials=[other])
        label = m.Label(name="of b", organization_id=world.ids["b"])
        session.add(label)
        session.flush()
        assert not policies.may_prompt(by("boss"), row, labels=[label.id])
        assert not policies.may_prompt(by("boss"), row, instance_groups=[1])
        assert policies.may_prompt(by("root"), row, world.ids["inventory_b"], credentials=[other], labels=[label.id])

    def test_jobs_are_seen_with_their_template_and_by_overseers(self, by, world):
        own, other = world.ids["job_a"], world.ids["job_b"]
        jobs = policies.Jobs()
        assert visible_ids(by("ann"), jobs, m.Job) == {own}
        assert visible_ids(by("boss"), jobs, m.Job) == {own} == visible_ids(by("eye"), jobs, m.Job)
        assert visible_ids(by("ada"), jobs, m.Job) == set()
        assert visible_ids(by("aud"), jobs, m.Job) == {own, other}
        for name, expected in (("ann", {own}), ("boss", {own}), ("lone", set())):
            assert visible_ids(by(name), policies.UnifiedJobs(), m.UnifiedJob) == expected

    def test_relaunching(self, session, by, world):
        job = session.get_one(m.Job, world.ids["job_a"])
        rules = policies.Jobs()
        assert rules.may_start(by("ann"), job) and rules.may_start(by("boss"), job)
        assert not rules.may_start(by("ada"), job) and not rules.may_start(by("eye"), job)
        job.prompts = {"inventory": world.ids["inventory_b"]}
        with pytest.raises(Forbidden, match="prompted fields you do not have access to"):
            rules.may_start(by("ann"), job)
        assert rules.may_start(by("boss"), job)  # who may execute everything in the organization
        job.prompts = {"extra_vars": {"pw": "$encrypted$"}}
        job.created_by_id = world.ids["ada"]
        for name in ("ann", "boss"):
            with pytest.raises(Forbidden, match="secret prompts provided by another user"):
                rules.may_start(by(name), job)
        job.created_by_id = world.ids["ann"]
        assert rules.may_start(by("ann"), job)

    def test_a_job_without_template_and_organization_is_nobodys(self, session, by, world):
        job = session.get_one(m.Job, world.ids["job_a"])
        job.unified_job_template_id = job.organization_id = None
        session.flush()
        session.expire(job)
        with pytest.raises(Forbidden, match="orphaned"):
            policies.Jobs().may_start(by("boss"), job)
        assert policies.Jobs().may_start(by("root"), job)
        assert not policies.Jobs().may_delete(by("boss"), job)

    def test_canceling(self, session, by, world):
        job = session.get_one(m.Job, world.ids["job_a"])
        rules = policies.Jobs()
        assert rules.may_cancel(by("root"), job)  # who is told that it has ended
        assert not rules.may_cancel(by("boss"), job)
        job.status = "running"
        assert rules.may_cancel(by("boss"), job) and not rules.may_cancel(by("ann"), job)
        job.created_by_id = world.ids["ann"]
        assert rules.may_cancel(by("ann"), job) and not rules.may_cancel(by("eye"), job)

    def test_deleting(self, session, by, world):
        job = session.get_one(m.Job, world.ids["job_a"])
        allowed = [name for name in world.tokens if policies.Jobs().may_delete(by(name), job)]
        assert allowed == ["root", "boss"]


class TestWorkflows:
    """Of workflows."""

    rules = policies.WorkflowJobTemplates()

    def test_making(self, by, world):
        assert self.rules.may_add(by("boss"), {"organization_id": world.ids["a"]})
        assert not self.rules.may_add(by("boss"), {"organization_id": world.ids["b"]})
        assert not self.rules.may_add(by("boss"), {"name": "x"})
        assert not self.rules.may_add(
            by("boss"), {"organization_id": world.ids["a"], "inventory_id": world.ids["inventory_b"]}
        )
        assert not self.rules.may_add(by("ann"), {"organization_id": world.ids["a"]})

    def test_nodes_run_only_what_one_may_launch(self, session, by, world):
        rules = policies.WorkflowJobTemplateNodes()
        workflow = world.ids["wf_a"]
        assert rules.may_add(
            by("boss"), {"workflow_job_template_id": workflow, "unified_job_template_id": world.ids["jt_a"]}
        )
        other = {"workflow_job_template_id": workflow, "unified_job_template_id": world.ids["jt_b"]}
        assert not rules.may_add(by("boss"), other)
        assert not rules.may_add(by("ann"), {"workflow_job_template_id": workflow})
        node = m.WorkflowJobTemplateNode(workflow_job_template_id=workflow, unified_job_template_id=world.ids["jt_b"])
        mine = m.WorkflowJobTemplateNode(workflow_job_template_id=workflow, identifier="x")
        theirs = m.WorkflowJobTemplateNode(workflow_job_template_id=world.ids["wf_b"], identifier="y")
        session.add_all((node, mine, theirs))
        session.flush()
        assert not rules.may_change(by("boss"), node, {"limit": "all"})
        assert rules.may_delete(by("boss"), node) and not rules.may_delete(by("bob"), node)
        assert rules.may_attach(by("boss"), mine, "success_nodes", node, {})
        assert not rules.may_attach(by("boss"), mine, "success_nodes", theirs, {})
        assert not rules.may_attach(by("root"), mine, "success_nodes", theirs, {})
        assert visible_ids(by("boss"), rules, m.WorkflowJobTemplateNode) == {node.id, mine.id}

    def test_approving(self, session, by, world):
        job = m.WorkflowJob(name="w", unified_job_template_id=world.ids["wf_a"], organization_id=world.ids["a"])
        approval = m.WorkflowApproval(name="?", status="pending")
        session.add_all((job, approval))
        session.flush()
        session.add(m.WorkflowJobNode(workflow_job_id=job.id, job_id=approval.id))
        session.flush()
        rules = policies.WorkflowApprovals()
        give(session, world, "workflow_job_template", "wf_a", "approval_role", "ada")
        give(session, world, "workflow_job_template", "wf_a", "execute_role", "ann")
        give(session, world, "organization", "a", "approval_role", "lone")
        allowed = [name for name in world.tokens if rules.may_approve(by(name), approval)]
        assert allowed == ["root", "boss", "ada", "lone"]
        for name, seen in (("ann", True), ("ada", True), ("eye", True), ("bob", False), ("aud", True)):
            assert (approval.id in visible_ids(by(name), rules, m.WorkflowApproval)) is seen

    def test_workflow_jobs(self, session, by, world):
        values = {"unified_job_template_id": world.ids["wf_a"], "organization_id": world.ids["a"]}
        job = m.WorkflowJob(name="w", status="running", **values)
        bulk = m.WorkflowJob(name="bulk", is_bulk_job=True, created_by_id=world.ids["lone"], status="running")
        session.add_all((job, bulk))
        session.flush()
        rules = policies.WorkflowJobs()
        assert visible_ids(by("lone"), rules, m.WorkflowJob) == {bulk.id}
        assert visible_ids(by("ada"), rules, m.WorkflowJob) == set()
        assert visible_ids(by("boss"), rules, m.WorkflowJob) == {job.id}
        assert rules.may_cancel(by("boss"), job) and not rules.may_cancel(by("ada"), job)
        assert rules.may_cancel(by("lone"), bulk)
        assert not rules.may_start(by("lone"), bulk) and rules.may_start(by("boss"), job)

    def test_copying_says_what_is_lost(self, session, by, world):
        row = session.get_one(m.WorkflowJobTemplate, world.ids["wf_a"])
        node = m.WorkflowJobTemplateNode(
            workflow_job_template_id=row.id,
            unified_job_template_id=world.ids["jt_b"],
            inventory_id=world.ids["inventory_b"],
        )
        node.credentials.append(session.get_one(m.Credential, world.ids["credential_b"]))
        session.add(node)
        session.flush()
        session.expire(row)
        assert self.rules.may_copy(by("boss"), row)
        assert self.rules.not_copied(by("boss"), row) == {
            "inventories_unable_to_copy": ["inventory b"],
            "credentials_unable_to_copy": ["credential b"],
            "templates_unable_to_copy": ["jt b"],
        }
        assert self.rules.not_copied(by("root"), row) == {}


class TestThings:
    """Of inventories, credentials, projects, and what every organization has."""

    def test_hosts_go_by_their_inventory(self, session, by, world):
        rules = policies.Hosts()
        host = m.Host(name="h", inventory_id=world.ids["inventory_a"])
        other = m.Host(name="h", inventory_id=world.ids["inventory_b"])
        session.add_all((host, other))
        session.flush()
        assert visible_ids(by("boss"), rules, m.Host) == {host.id} == visible_ids(by("eye"), rules, m.Host)
        assert rules.may_change(by("boss"), host, {"name": "x"}) and not rules.may_change(by("eye"), host, {})
        for name in ("boss", "root"):
            with pytest.raises(Forbidden, match="Unable to change inventory on a host"):
                rules.may_change(by(name), host, {"inventory_id": world.ids["inventory_b"]})
        group = m.Group(name="g", inventory_id=world.ids["inventory_b"])
        session.add(group)
        session.flush()
        with pytest.raises(Invalid, match="different inventories"):
            rules.may_attach(by("root"), host, "groups", group, {})
        assert not rules.may_attach(by("boss"), host, "groups", group, {})

    def test_which_hosts_a_smart_inventory_has_is_for_the_organization(self, session, by, world):
        row = session.get_one(m.Inventory, world.ids["inventory_a"])
        give(session, world, "inventory", "inventory_a", "admin_role", "ada")
        rules = policies.Inventories()
        assert rules.may_change(by("ada"), row, {"name": "n"})
        assert not rules.may_change(by("ada"), row, {"host_filter": "name=x"})
        assert rules.may_change(by("boss"), row, {"host_filter": "name=x"})

    def test_inventories_belong_to_an_organization_unless_a_superuser_makes_them(self, by, world):
        rules = policies.Inventories()
        assert not rules.may_add(by("boss"), {"name": "x"}) and rules.may_add(by("root"), {"name": "x"})
        assert rules.may_add(by("boss"), {"organization_id": world.ids["a"]})

    @pytest.mark.parametrize(
        ("name", "owner", "allowed"),
        [
            ("ann", {"user_id": "ann"}, True),
            ("ann", {"user_id": "ada"}, False),
            ("ann", {"organization_id": "a"}, False),
            ("ann", {"team_id": "crew"}, False),
            ("ann", {}, False),
            ("boss", {"organization_id": "a"}, True),
            ("boss", {"organization_id": "b"}, False),
            ("boss", {"team_id": "crew"}, True),
            ("boss", {"team_id": "gang"}, False),
            ("boss", {"user_id": "ada"}, True),
            ("boss", {"user_id": "ben"}, False),
            ("boss", {"user_id": "root"}, False),
            ("root", {}, True),
        ],
    )
    def test_who_makes_credentials_for_whom(self, by, world, name, owner, allowed):
        data = {"name": "x", **{key: world.ids[value] for key, value in owner.items()}}
        assert policies.Credentials().may_add(by(name), data) is allowed

    def test_managed_credentials_stay(self, session, by, world):
        row = session.get_one(m.Credential, world.ids["credential_a"])
        row.managed = True
        shown = policies.Credentials().capabilities(by("root"), [row])[row.id]
        assert shown == {"edit": False, "delete": False, "copy": True, "use": True}

    def test_projects(self, session, by, world):
        rules = policies.Projects()
        row = session.get_one(m.Project, world.ids["project_a"])
        assert rules.capabilities(by("boss"), [row])[row.id]["start"] is False  # it is a folder
        row.scm_type = "git"
        give(session, world, "project", "project_a", "update_role", "ada")
        assert rules.may_start(by("ada"), row) and not rules.may_change(by("ada"), row, {})
        assert not rules.may_change(by("boss"), row, {"credential_id": world.ids["credential_b"]})
        assert rules.may_change(by("boss"), row, {"credential_id": world.ids["credential_a"]})
        assert not rules.may_add(by("boss"), {"organization_id": world.ids["b"]})
        assert not rules.may_add(by("boss"), {"name": "x"})

    def test_labels(self, session, by, world):
        rules = policies.Labels()
        assert rules.may_add(by("ann"), {"organization_id": world.ids["a"]})
        assert not rules.may_add(by("ben"), {"organization_id": world.ids["a"]})
        assert not rules.may_add(by("eye"), {"organization_id": world.ids["a"]})
        label = m.Label(name="l", organization_id=world.ids["b"])
        session.add(label)
        session.flush()
        assert visible_ids(by("ann"), rules, m.Label) == set()
        template = session.get_one(m.JobTemplate, world.ids["jt_a"])
        template.labels.append(label)
        session.flush()
        assert visible_ids(by("ann"), rules, m.Label) == {label.id}
        assert rules.may_change(by("bob"), label, {}) and not rules.may_change(by("ben"), label, {})

    def test_environments_and_notifications(self, session, by, world):
        common = m.ExecutionEnvironment(name="for all", image="x", managed=True)
        theirs = m.ExecutionEnvironment(name="of b", image="x", organization_id=world.ids["b"])
        notice = m.NotificationTemplate(name="n", organization_id=world.ids["a"], notification_type="email")
        session.add_all((common, theirs, notice))
        session.flush()
        rules = policies.ExecutionEnvironments()
        assert {common.id} == visible_ids(by("boss"), rules, m.ExecutionEnvironment) - {theirs.id}
        assert theirs.id not in visible_ids(by("boss"), rules, m.ExecutionEnvironment)
        assert theirs.id in visible_ids(by("ben"), rules, m.ExecutionEnvironment)
        assert not rules.may_change(by("boss"), common, {}) and rules.may_change(by("bob"), theirs, {})
        assert not rules.may_change(by("bob"), theirs, {"organization_id": None})
        assert rules.capabilities(by("root"), [common])[common.id] == {"edit": True, "delete": False, "copy": True}
        notices = policies.NotificationTemplates()
        assert visible_ids(by("ann"), notices, m.NotificationTemplate) == set()
        assert visible_ids(by("eye"), notices, m.NotificationTemplate) == {notice.id}
        assert notices.may_change(by("boss"), notice, {}) and not notices.may_change(by("eye"), notice, {})
        template = session.get_one(m.JobTemplate, world.ids["jt_a"])
        attach = policies.JobTemplates().may_attach
        assert attach(by("boss"), template, "notification_templates_error", notice, {})
        give(session, world, "organization", "a", "notification_admin_role", "ann")
        assert attach(by("ann"), template, "notification_templates_error", notice, {})
        assert not attach(by("eye"), template, "notification_templates_error", notice, {})

    def test_instance_groups(self, session, by, world):
        group = m.InstanceGroup(name="default")
        session.add(group)
        session.flush()
        roles.make(session, "instance_group", group.id)
        rules = policies.InstanceGroups()
        assert visible_ids(by("boss"), rules, m.InstanceGroup) == set()
        assert not rules.may_delete(by("root"), group)
        attach = policies.Organizations().may_attach
        organization = session.get_one(m.Organization, world.ids["a"])
        assert not attach(by("boss"), organization, "instance_groups", group, {"id": group.id})
        user = session.get_one(m.User, world.ids["boss"])
        roles.give(session, roles.find(session, "instance_group", group.id, "use_role"), user)
        assert attach(by("boss"), organization, "instance_groups", group, {"id": group.id})
        assert not rules.may_change(by("boss"), group, {})

    def test_schedules(self, session, by, world):
        rules = policies.Schedules()
        assert rules.may_add(by("ann"), {"unified_job_template_id": world.ids["jt_a"]})
        assert not rules.may_add(by("ada"), {"unified_job_template_id": world.ids["jt_a"]})
        data = {"unified_job_template_id": world.ids["jt_a"], "inventory_id": world.ids["inventory_a"]}
        assert not rules.may_add(by("ann"), data)
        row = m.Schedule(name="s", rrule="", unified_job_template_id=world.ids["jt_a"], created_by_id=world.ids["ann"])
        session.add(row)
        session.flush()
        assert rules.may_change(by("ann"), row, {"enabled": False}) and rules.may_change(by("boss"), row, {})
        row.created_by_id = world.ids["ada"]
        assert not rules.may_change(by("ann"), row, {}) and not rules.may_change(by("ada"), row, {})
        assert visible_ids(by("ann"), rules, m.Schedule) == {row.id}
        assert visible_ids(by("bob"), rules, m.Schedule) == set()


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (policies.Organizations, "root"),
        (policies.Users, "root boss bob"),
        (policies.Teams, "root boss bob"),
        (policies.Inventories, "root boss bob"),
        (policies.Hosts, "root boss bob"),
        (policies.Projects, "root boss bob"),
        (policies.JobTemplates, "root boss bob"),
        (policies.WorkflowJobTemplates, "root boss bob"),
        (policies.Schedules, "root boss ann bob"),
        (policies.CredentialTypes, "root"),
        (policies.Jobs, ""),
    ],
)
def test_who_is_offered_to_make_one_at_all(by, world, rule, allowed):
    assert " ".join(name for name in world.tokens if rule().may_add(by(name), {})) == allowed


def test_every_rule_answers_for_everybody(by, world):
    """No rule fails for any kind of user, and a stranger sees nothing but what is for all."""
    for_all = {"CredentialTypes", "ExecutionEnvironments", "RoleDefinitions", "Users", "Roles", "JobEvents", "Tokens",
               "RoleUserAssignments", "ActivityStream"}  # fmt: skip
    registry = world.controller.registry
    for name in policies.__all__:
        rule = getattr(policies, name)
        if not isinstance(rule, type):
            continue
        for person in world.tokens:
            asked = by(person)
            rule().visible(asked)
            assert name in ("Tokens", "Users") or person == "root" or not rule().may_add(asked, {"name": "x"}), (
                name,
                person,
            )
        found = (one for one in registry.resources.values() if one.access.__class__ is rule and not one.events)
        resource = next(found, None)
        if resource is not None and name not in for_all:
            assert visible_ids(by("lone"), rule(), resource.model) == set(), name
