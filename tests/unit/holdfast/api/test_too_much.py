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
