# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists below objects, copies, and what OPTIONS and OpenAPI say of them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

INVENTORIES = "/api/v2/inventories/"


@pytest.fixture(scope="module")
def inventory(client: TestClient) -> dict[str, Any]:
    answer = client.post(INVENTORIES, json={"name": "Inv", "organization": 1, "variables": "a: 1"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_objects_are_made_put_in_and_taken_out(client: TestClient, inventory: dict[str, Any]) -> None:
    labels = inventory["related"]["labels"]
    made = client.post(labels, json={"name": "one", "organization": 1})
    assert (made.status_code, made.headers["location"]) == (201, made.json()["url"])
    other = client.post("/api/v2/labels/", json={"name": "two", "organization": 1}).json()
    for _unused in range(2):
        assert client.post(labels, json={"id": other["id"]}).status_code == 204
    assert [row["name"] for row in client.get(labels).json()["results"]] == ["one", "two"]
    taken = client.post(labels, json={"id": made.json()["id"], "disassociate": True})
    assert (taken.status_code, taken.content) == (204, b"")
    assert [row["name"] for row in client.get(labels).json()["results"]] == ["two"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"id": "1"}, {"msg": '"id" field must be an integer.'}),
        ({"id": 99999}, {"detail": "Label matching query does not exist."}),
        ({"id": 10**30}, {"detail": "Label matching query does not exist."}),
        ({"disassociate": True}, {"msg": '"id" is required to disassociate'}),
        ({"id": {"a": 1}}, {"msg": '"id" field must be an integer.'}),
    ],
)
def test_what_cannot_be_put_in(
    client: TestClient, inventory: dict[str, Any], body: dict[str, Any], said: dict[str, Any]
) -> None:
    answer = client.post(inventory["related"]["labels"], json=body)
    assert (answer.status_code, answer.json()) == (400, said)


def test_the_order_of_association_is_kept(client: TestClient, inventory: dict[str, Any]) -> None:
    groups = inventory["related"]["instance_groups"]
    numbers = []
    for name in ("b", "a", "c"):
        answer = client.post("/api/v2/instance_groups/", json={"name": name})
        assert answer.status_code == 201, answer.text
        numbers.append(answer.json()["id"])
        assert client.post(groups, json={"id": numbers[-1]}).status_code == 204
    assert [row["name"] for row in client.get(groups).json()["results"]] == ["b", "a", "c"]
    assert [row["name"] for row in client.get(f"{groups}?order_by=-name").json()["results"]] == ["c", "b", "a"]


def test_a_copy_takes_hosts_groups_and_order_along(client: TestClient, inventory: dict[str, Any]) -> None:
    assert client.post(inventory["related"]["hosts"], json={"name": "h1"}).status_code == 201
    copy = inventory["related"]["copy"]
    assert client.get(copy).json() == {"can_copy": True}
    made = client.post(copy, json={"name": "Inv 2"})
    assert made.status_code == 201, made.text
    assert made.json()["variables"] == "a: 1"
    related = made.json()["related"]
    assert [row["name"] for row in client.get(related["hosts"]).json()["results"]] == ["h1"]
    assert [row["name"] for row in client.get(related["instance_groups"]).json()["results"]] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "name", "This field is required."),
        ({"name": ""}, "name", "This field may not be blank."),
        ({"name": "Inv"}, "__all__", "The original object is already named Inv"),
    ],
)
def test_a_copy_needs_a_name_of_its_own(
    client: TestClient, inventory: dict[str, Any], body: dict[str, Any], field: str, said: str
) -> None:
    answer = client.post(inventory["related"]["copy"], json=body)
    assert answer.status_code == 400
    assert said in answer.json()[field][0]


def test_options_of_a_list_below_offer_an_id_where_objects_are_put_in(
    client: TestClient, inventory: dict[str, Any]
) -> None:
    labels = client.options(inventory["related"]["labels"]).json()
    assert set(labels["actions"]["POST"]) == {"id", "name", "organization"}
    groups = client.options(inventory["related"]["instance_groups"]).json()
    assert set(groups["actions"]["POST"]) == {"id"}
    hosts = client.options(inventory["related"]["hosts"]).json()
    assert "inventory" not in hosts["actions"]["POST"]
