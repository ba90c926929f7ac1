# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``host_filter``: which hosts it finds, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast.context import Controller
from holdfast.db.models import Group, Host, Inventory

LIST = "/api/v2/hosts/"
FACTS: dict[str, dict[str, Any]] = {
    "web1": {"os": {"family": "Debian", "major": 12}, "disks": ["sda", "sdb"], "up": True, "none": None},
    "web2": {"os": {"family": "RedHat", "major": 1}, "disks": ["vda"], "up": False, "nics": [{"mac": "aa"}, "lo"]},
    "db one": {"os": {"family": "RedHat", "major": "12"}, "disks": "sda", "up": 1},
    "and": {},
}


@pytest.fixture(scope="module", autouse=True)
def hosts(controller: Controller) -> None:
    with controller.database.writing() as session:
        inventory = Inventory(name="machines", organization_id=1)
        session.add(inventory)
        session.flush()
        made = {
            name: Host(name=name, inventory_id=inventory.id, ansible_facts=facts, description=f"the {name} machine")
            for name, facts in FACTS.items()
        }
        made["db one"].enabled = False
        session.add_all(made.values())
        web = Group(name="web", inventory_id=inventory.id, hosts=[made["web1"], made["web2"]])
        session.add_all([web, Group(name="db", inventory_id=inventory.id, hosts=[made["db one"], made["web2"]])])


def found(client: TestClient, text: str) -> set[str]:
    answer = client.get(LIST, params={"host_filter": text})
    assert answer.status_code == 200, answer.text
    return {one["name"] for one in answer.json()["results"]}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name=web1", {"web1"}),
        ('name="db one"', {"db one"}),
        ('"name"="and"', {"and"}),
        ("name=and", {"and"}),
        ("name__icontains=WEB", {"web1", "web2"}),
        ("enabled=false", {"db one"}),
        ("last_job=null and name__startswith=web", {"web1", "web2"}),
        ("groups__name=db", {"web2", "db one"}),
        ("groups__name=db and groups__name=web", {"web2"}),
        ("name=web1 or name=and", {"web1", "and"}),
        ("name=web1 or name=web2 and groups__name=db", {"web1", "web2"}),
        ("(name=web1 or name=web2) and groups__name=db", {"web2"}),
        ("((  name = web1 ))", {"web1"}),
        ("search=machine and name=and", {"and"}),
        ("groups__search=we", {"web1", "web2"}),
        ("inventory__name=machines and (name=web1)", {"web1"}),
        ("description=", set()),
        ("ansible_facts__os__family=Debian", {"web1"}),
        ("ansible_facts__os__family__exact=RedHat", {"web2", "db one"}),
        ("ansible_facts__os__major=12", {"web1"}),
        ('ansible_facts__os__major="12"', {"db one"}),
        ("ansible_facts__os__major=1", {"web2"}),
        ("ansible_facts__up=true", {"web1"}),
        ("ansible_facts__up=1", {"db one"}),
        ("ansible_facts__none=null", {"web1"}),
        ("ansible_facts__disks[]=sda", {"web1"}),
        ("ansible_facts__disks=sda", {"db one"}),
        ("ansible_facts__nics[]__mac=aa", {"web2"}),
        ("ansible_facts__nics[]=lo", {"web2"}),
        ("ansible_facts__nowhere__at__all=1", set()),
    ],
)
def test_hosts_that_match_are_found(client: TestClient, text: str, names: set[str]) -> None:
    assert found(client, text) == names


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name=web1 and",
        "and name=web1",
        "name=web1 name=web2",
        "(name=web1",
        "name=web1)",
        "name=web1) or (name=web2",
        'name="web1',
        "=web1",
        "()",
        "(" * 60 + "name=web1" + ")" * 60,
        " or ".join(["name=web1"] * 201),
    ],
)
def test_what_is_no_filter_is_refused(client: TestClient, text: str) -> None:
    answer = client.get(LIST, params={"host_filter": text})
    assert (answer.status_code, answer.json()) == (400, {"error": f"Invalid query {text}"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour=red", "Host has no field named 'colour'"),
        ("or__name=web1", "Host has no field named 'or'"),
        ("page=1", "Host has no field named 'page'"),
        ("created_by__password=x", "Filtering on password is not allowed."),
    ],
)
def test_what_no_host_has_is_refused(client: TestClient, text: str, said: str) -> None:
    answer = client.get(LIST, params={"host_filter": text})
    assert (answer.status_code, answer.json()) == (400, {"error": said})


def test_a_filter_goes_with_other_filters(client: TestClient) -> None:
    answer = client.get(LIST, params={"host_filter": "groups__name=web", "name": "web2"})
    assert [one["name"] for one in answer.json()["results"]] == ["web2"]


def test_smart_inventories_take_filters_that_are_some(client: TestClient) -> None:
    smart = {"name": "smart", "organization": 1, "kind": "smart"}
    answer = client.post("/api/v2/inventories/", json={**smart, "host_filter": "name=web1"})
    assert answer.status_code == 201, answer.text
    for text, said in (
        ("name", "Invalid query name"),
        ("ansible_facts__a__startswith=b", "ansible_facts does not support searching with __startswith"),
    ):
        answer = client.post("/api/v2/inventories/", json={**smart, "name": "other", "host_filter": text})
        assert (answer.status_code, answer.json()) == (400, {"host_filter": [said]})
