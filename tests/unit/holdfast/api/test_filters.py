# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter language, against a database with a few templates, labels and jobs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
from holdfast.api import filters
from holdfast.api.call import Call
from holdfast.api.errors import ApiError, Forbidden, Invalid
from holdfast.api.lookups import relations
from holdfast.api.registry import Field, Registry, Resource
from holdfast.api.relations import RELATIONS
from holdfast.db import models as m
from holdfast.db.base import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

SHOWN = ("name", "counter", "username", "role_field", "operation")
NAME = Field("name")
DESCRIPTION = Field("description")


def _registry() -> Registry:
    registry = Registry()
    registry.add(
        Resource("users", "user", m.User, "User", (Field("username"), Field("created", "datetime"))),
        Resource("organizations", "organization", m.Organization, "Organization", (NAME, DESCRIPTION)),
        Resource("labels", "label", m.Label, "Label", (NAME, Field("organization", "id", to="organizations"))),
        Resource("inventories", "inventory", m.Inventory, "Inventory", (NAME,), order_by=("name",)),
        Resource("projects", "project", m.Project, "Project", (NAME, Field("last_job_failed", "boolean"))),
        Resource(
            "job_templates",
            "job_template",
            m.JobTemplate,
            "Job Template",
            (
                NAME,
                DESCRIPTION,
                Field("created", "datetime"),
                Field("forks", "integer"),
                Field("survey_enabled", "boolean"),
                Field("last_job_run", "datetime"),
                Field("url", filterable=False),
                Field("inventory", "id", to="inventories"),
                Field("project", "id", to="projects"),
                Field("status"),
            ),
            order_by=("name",),
        ),
        Resource("jobs", "job", m.Job, "Job", (NAME, Field("status"), Field("elapsed", "float"))),
        Resource("workflow_jobs", "workflow_job", m.WorkflowJob, "Workflow Job", (NAME, Field("status"))),
        Resource(
            "unified_jobs",
            "unified_job",
            m.UnifiedJob,
            "Unified Job",
            (NAME, Field("status"), Field("finished", "datetime")),
        ),
        Resource("nodes", "workflow_job_node", m.WorkflowJobNode, "Node", (Field("identifier"),)),
        Resource("roles", "role", m.Role, "Role", ()),
        Resource("activity_stream", "activity_stream", m.ActivityStream, "Activity Stream", (Field("operation"),)),
        Resource("job_events", "job_event", m.JobEvent, "Event", (Field("counter", "integer"), Field("event"))),
    )
    return registry


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    database = Database.at(tmp_path_factory.mktemp("database"))
    database.create()
    with database.writing() as session:
        _fill(session)
    with database.events(write=True) as session:
        session.add_all([m.JobEvent(job_id=1, counter=1, event="a"), m.JobEvent(job_id=2, counter=2, event="b")])
    yield SimpleNamespace(database=database, registry=_registry())
    database.close()


def _fill(session: Session) -> None:
    ada, org = m.User(username="ada", is_superuser=True), m.Organization(name="Org G")
    session.add_all([ada, org])
    session.flush()
    red, blue, odd = (m.Label(name=name, organization_id=org.id) for name in ("red", "blue", "50%_\\"))
    inventory = m.Inventory(name="Inv", organization_id=org.id)
    project = m.Project(name="Proj", organization_id=org.id)
    session.add_all([red, blue, odd, inventory, project])
    session.flush()
    session.add_all(
        [
            m.JobTemplate(name="Alpha", forks=5, inventory_id=inventory.id, labels=[red, blue], created_by_id=ada.id),
            m.JobTemplate(name="beta", description="Älter", project_id=project.id, labels=[red], survey_enabled=True),
            m.JobTemplate(name="Gamma", labels=[odd], last_job_run=dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)),
            m.Job(name="one", status="successful"),
            m.Job(name="two", status="failed"),
            m.WorkflowJob(name="flow", status="running"),
        ]
    )
    session.flush()
    alpha = session.scalars(select(m.JobTemplate).where(m.JobTemplate.name == "Alpha")).one()
    session.add(m.Role(content_type="job_template", object_id=alpha.id, role_field="read_role"))
    session.add(m.ActivityStream(operation="create", object1="job_template", object1_id=alpha.id))
    entry = {"object1": "job_template", "object1_id": 99, "object2": "label", "object2_id": red.id}
    session.add(m.ActivityStream(operation="associate", **entry))
    flow = session.scalars(select(m.WorkflowJob)).one()
    session.add(m.WorkflowJobNode(workflow_job_id=flow.id, job_id=1, identifier="n1"))


def ask(controller: Any, query: str, resource: str = "job_templates") -> list[Any]:
    found = controller.registry.resources[resource]
    database = controller.database
    with database.reading() as session, database.events() as events:
        call = Call(
            controller=controller,
            method="GET",
            path="/",
            prefix="/api/v2/",
            query=parse_qsl(query, keep_blank_values=True),
            headers={},
            raw_body=b"",
            session=session,
            user=cast(Any, SimpleNamespace(id=1, is_superuser=True, is_system_auditor=False)),
        )
        made = filters.apply(call, found, select(found.model))
        rows = (events if resource == "job_events" else session).scalars(made)
        return [next(filter(None, (getattr(row, name, None) for name in SHOWN))) for row in rows]


def test_every_relation_of_every_model_can_be_made() -> None:
    assert {name for name in RELATIONS if not relations(getattr(m, name))} == set()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Alpha", "Gamma", "beta"]),
        ("name=Alpha", ["Alpha"]),
        ("name=Alpha&name=beta", []),
        ("name__iexact=ALPHA", ["Alpha"]),
        ("description__iexact=äLTER", ["beta"]),
        ("name__contains=A", ["Alpha"]),
        ("name__icontains=A", ["Alpha", "Gamma", "beta"]),
        ("description__icontains=ÄL", ["beta"]),
        ("name__startswith=b", ["beta"]),
        ("name__istartswith=B", ["beta"]),
        ("name__endswith=ma", ["Gamma"]),
        ("name__iendswith=MA", ["Gamma"]),
        ("name__regex=^[AG]", ["Alpha", "Gamma"]),
        ("name__iregex=^B", ["beta"]),
        ("name__in=Alpha,beta", ["Alpha", "beta"]),
        ("forks__gt=0", ["Alpha"]),
        ("forks__lte=0", ["Gamma", "beta"]),
        ("survey_enabled=true", ["beta"]),
        ("last_job_run__isnull=false", ["Gamma"]),
        ("last_job_run__gte=2024-05-01", ["Gamma"]),
        ("not__last_job_run__gte=2024-05-01", ["Alpha", "beta"]),
        ("last_job_run__lt=2024-05-01T00:00:00Z", []),
        ("inventory__isnull=true", ["Gamma", "beta"]),
        ("inventory=null", ["Gamma", "beta"]),
        ("inventory=1", ["Alpha"]),
        ("inventory_id=1", ["Alpha"]),
        ("inventory__id=1", ["Alpha"]),
        ("inventory__in=1,2", ["Alpha"]),
        ("inventory__name=Inv", ["Alpha"]),
        ("inventory__organization__name=Org%20G", ["Alpha"]),
        ("not__inventory__name=Inv", ["Gamma", "beta"]),
        ("not__inventory=1", ["Gamma", "beta"]),
        ("or__name=Alpha&or__name=beta", ["Alpha", "beta"]),
        ("or__not__name__startswith=A", ["Gamma", "beta"]),
        ("or__not__labels__name=red&or__name=beta", ["Gamma", "beta"]),
        ("labels__name=red", ["Alpha", "beta"]),
        ("labels__name__in=red,blue", ["Alpha", "beta"]),
        ("labels__name=red&labels__name=blue", []),
        ("chain__labels__name=red&chain__labels__name=blue", ["Alpha"]),
        ("chain__labels__name=red&chain__not__labels__name=blue", ["beta"]),
        ("labels__isnull=true", []),
        ("labels=1", ["Alpha", "beta"]),
        ("not__labels__name=blue", ["Gamma", "beta"]),
        ("labels__name__contains=%25_", ["Gamma"]),
        ("labels__name__iendswith=_%5C", ["Gamma"]),
        ("labels__search=re", ["Alpha", "beta"]),
        ("labels__search=red,blue", ["Alpha"]),
        ("labels__search=re,ed", ["Alpha", "beta"]),
        ("labels__search=nope", []),
        ("created_by__search=AD", ["Alpha"]),
        ("search=alp", ["Alpha"]),
        ("search=a,m", ["Gamma"]),
        ("search=älter", ["beta"]),
        ("project__organization__name__istartswith=org", ["beta"]),
        ("project__last_update_failed=false", ["beta"]),
        ("unifiedjobtemplate_ptr__name=beta", ["beta"]),
        ("current_job__isnull=true", ["Alpha", "Gamma", "beta"]),
        ("next_schedule__name=x", []),
        ("next_schedule__isnull=true", ["Alpha", "Gamma", "beta"]),
        ("admin_role__members__username=ada", []),
        ("id__int=1", []),
        ("pk__in=2,3", ["Alpha", "beta"]),
        ("id=99999999999999999999999999", []),
        ("type=job_template", ["Alpha", "Gamma", "beta"]),
        ("type=project", []),
        ("role_level=admin_role", ["Alpha", "Gamma", "beta"]),
        ("order_by=-name", ["beta", "Gamma", "Alpha"]),
        ("order_by=-forks,name", ["Alpha", "Gamma", "beta"]),
        ("order_by=inventory__name", ["Alpha", "Gamma", "beta"]),
        ("order_by=-last_job_run", ["Alpha", "beta", "Gamma"]),
        ("order_by=inventory,-name", ["Alpha", "beta", "Gamma"]),
        ("order_by=labels__name", ["Gamma", "Alpha", "Alpha", "beta"]),
        ("host_filter=x&page=2&limit=", ["Alpha", "Gamma", "beta"]),
    ],
)
def test_a_filter_finds(controller: Any, query: str, names: list[str]) -> None:
    assert ask(controller, query) == names


@pytest.mark.parametrize(
    ("resource", "query", "names"),
    [
        ("unified_jobs", "type=job", ["one", "two"]),
        ("unified_jobs", "type=job,workflow_job&order_by=-name", ["two", "one", "flow"]),
        ("unified_jobs", "type__in=workflow_job", ["flow"]),
        ("unified_jobs", "not__type=job", ["flow"]),
        ("unified_jobs", "unified_job_node__job__type=workflow_job", []),
        ("roles", "content_type__model=jobtemplate&object_id=2", ["read_role"]),
        ("activity_stream", "job_template__name=Alpha", ["create"]),
        ("activity_stream", "or__label=1&or__label=2", ["associate"]),
        ("unified_jobs", "unified_job_node__workflow_job=3&order_by=finished", ["one"]),
        ("unified_jobs", "unified_job_node__workflow_job__name=flow", ["one"]),
        ("unified_jobs", "unified_job_node__isnull=true", ["two", "flow"]),
        ("unified_jobs", "workflowjob__workflow_job_nodes__identifier=n1", ["flow"]),
        ("unified_jobs", "workflow_job__workflow_job_nodes__identifier=n1", ["flow"]),
        ("job_events", "job=2", [2]),
        ("job_events", "job__name=two", [2]),
        ("job_events", "not__job__name=two", [1]),
        ("job_events", "job__status__in=failed,successful&order_by=-counter", [2, 1]),
        ("job_events", "counter__gt=1", [2]),
        ("users", "username=ada", ["ada"]),
        ("organizations", "inventories__name=Inv", ["Org G"]),
        ("organizations", "unified_job_templates__name=Proj", ["Org G"]),
    ],
)
def test_a_filter_finds_elsewhere(controller: Any, resource: str, query: str, names: list[Any]) -> None:
    assert ask(controller, query, resource) == names


@pytest.mark.parametrize(
    ("query", "error", "text"),
    [
        ("foo=bar", Invalid, "JobTemplate has no field named 'foo'"),
        ("url=bar", Invalid, "JobTemplate has no field named 'url'"),
        ("catalog_key=x", Invalid, "JobTemplate has no field named 'catalog_key'"),
        ("project__foo=bar", Invalid, "Project has no field named 'foo'"),
        ("project__name__bogus=x", Invalid, "No related model for field bogus."),
        ("related__search=x", Invalid, "JobTemplate has no field named 'related'"),
        ("name__search=x", Invalid, "name is not searchable"),
        ("fields=id", Invalid, "JobTemplate has no field named 'fields'"),
        ("name__in=", Invalid, "cannot provide empty value for __in"),
        ("name__regex=(", Invalid, "missing ), unterminated subpattern at position 0"),
        ("name__regex=(a%2B)%2B", Invalid, "open repetitions"),
        ("inventory__isnull=zap", Invalid, 'Unable to convert "zap" to boolean'),
        ("survey_enabled=x", Invalid, 'Unable to convert "x" to boolean'),
        ("inventory=abc", Invalid, "Invalid inventory id: abc"),
        ("inventory__icontains=1", Invalid, "Related Field got invalid lookup: icontains"),
        ("forks=abc", Invalid, '["\u201cabc\u201d value must be an integer."]'),
        ("created=abc", Invalid, "has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format."),
        ("created=2024-13-45", Invalid, "but it is an invalid date/time."),
        ("forks__iexact=1", Invalid, "forks is not a text field"),
        ("created_by__password__startswith=a", Forbidden, "Filtering on password is not allowed."),
        ("order_by=created_by__password", Forbidden, "Filtering on password is not allowed."),
        ("order_by=nope", Invalid, "JobTemplate has no field named 'nope'"),
        ("order_by=a\x00b", Invalid, "not an allowed field name"),
        ("credentials__inputs__icontains=a", Forbidden, "Filtering on password fields is not allowed."),
        ("extra_vars__contains=a", Forbidden, "Filtering on extra_vars is not allowed."),
        ("labels__organization__labels__organization=1", Invalid, "Loops not allowed in filters"),
        ("n%C3%A4me=x", Invalid, "Must be ascii encodable."),
        ("=x", Invalid, "Query string field name not provided."),
        ("__in=x", Invalid, "Query string field name not provided."),
        ("name=a%00b", Invalid, "A string literal cannot contain NUL (0x00) characters."),
        ("role_level=none", Invalid, "JobTemplate has no role named 'none'"),
        ("id__int=x", Invalid, "invalid literal for int()"),
    ],
)
def test_what_cannot_be_asked_is_said(controller: Any, query: str, error: type[ApiError], text: str) -> None:
    with pytest.raises(error) as raised:
        ask(controller, query)
    assert text in raised.value.body["detail"]


def test_a_list_without_roles_has_no_role_level(controller: Any) -> None:
    with pytest.raises(Invalid) as raised:
        ask(controller, "role_level=admin_role", "labels")
    assert raised.value.body["detail"].startswith("Cannot apply role_level filter to this list")


def test_organizations_have_no_projects(controller: Any) -> None:
    with pytest.raises(Invalid) as raised:
        ask(controller, "projects__name=x", "organizations")
    assert raised.value.body["detail"] == "Organization has no field named 'projects'"
