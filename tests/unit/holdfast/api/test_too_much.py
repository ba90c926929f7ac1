# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries that are longer and numbers that are larger than the database takes: refused, and no error of ours."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

ORGANIZATIONS = "/api/v2/organizations/"


@pytest.mark.parametrize(
    "query",
    [
        "&".join("or__id=1" for _unused in range(1100)),
        "&".join("name=a" for _unused in range(1100)),
        "search=" + "+".join("a" for _unused in range(1100)),
        "&".join(f"created_by__search={number}" for number in range(500)),
        "name__icontains=" + "a" * 50_001,
        "order_by=" + ",".join(["name"] * 2100),
        "name__regex=(%3F%3C%3Da%2B)b",
    ],
)
def test_a_query_that_is_too_much_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"{ORGANIZATIONS}?{query}").status_code == 400


def test_ids_that_no_database_holds_are_of_nothing(client: TestClient) -> None:
    for number in (10**30, -(10**30)):
        answer = client.post("/api/v2/bulk/host_delete/", json={"hosts": [number]})
        assert answer.status_code == 400
        assert str(number) in answer.json()["hosts"]
    body = {"name": "there", "organization": 1}
    inventory = client.post("/api/v2/inventories/", json=body).json()["id"]
    for number in (10**30, -(10**30)):
        answer = client.post(f"/api/v2/inventories/{inventory}/labels/", json={**body, "organization": number})
        assert answer.status_code == 400
        assert "object does not exist" in answer.json()["organization"][0]


@pytest.mark.parametrize("key", ["a%00", "__".join(["a[]"] * 40), "__".join(["a"] * 60)])
def test_a_path_into_facts_that_is_none(client: TestClient, key: str) -> None:
    assert client.get(f"/api/v2/hosts/?host_filter=ansible_facts__{key}=1").status_code == 400


def test_a_number_that_is_none(client: TestClient) -> None:
    inventory = client.post("/api/v2/inventories/", json={"name": "numbers", "organization": 1}).json()["id"]
    path, kind = f"/api/v2/inventories/{inventory}/variable_data/", {"content-type": "application/json"}
    for text in (b'{"a": 1e999}', b'{"a": [-1e999]}', b'{"a": NaN}'):
        answer = client.put(path, content=text, headers=kind)
        assert (answer.status_code, "not JSON compliant" in answer.json()["detail"]) == (400, True)
    assert client.put(path, content=b'{"a": 1.5e3}', headers=kind).json() == {"a": 1500.0}


def test_an_answer_that_is_told_apart_by_very_much_is_not_kept(client: TestClient) -> None:
    api = next(route.app for route in client.app.routes if getattr(route, "path", "") == "/api")
    for size, kept in ((100, 1), (5000, 0)):
        before = len(api._answers._kept)
        assert client.get(f"/api/v2/ping/?x={'y' * size}").status_code == 200
        assert len(api._answers._kept) - before == kept


def test_methods_that_somebody_makes_up_are_counted_together(client: TestClient) -> None:
    for number in range(3):
        client.request(f"MADEUP{number}", ORGANIZATIONS)
    shown = client.get("/metrics").text
    assert 'method="other"' in shown
    assert "MADEUP" not in shown
