# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters by what is counted of inventories, from wherever they are reached, and by yes and no in their order."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def inventories(client: TestClient) -> dict[str, int]:
    """Two inventories by name, one of them with hosts, and a group in each."""
    made = {}
    for name in ("full", "empty"):
        body = {"name": name, "organization": 1, "prevent_instance_group_fallback": name == "full"}
        made[name] = client.post("/api/v2/inventories/", json=body).json()["id"]
        client.post("/api/v2/groups/", json={"name": name, "inventory": made[name]})
    for name in ("one", "two"):
        client.post("/api/v2/hosts/", json={"name": name, "inventory": made["full"]})
    return made


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("inventory__total_hosts=2", ["full"]),
        ("inventory__total_hosts__lt=1", ["empty"]),
        ("not__inventory__total_hosts=2", ["empty"]),
        ("inventory__total_groups=1&order_by=inventory__total_hosts", ["empty", "full"]),
        ("order_by=-inventory__total_hosts", ["full", "empty"]),
        ("inventory__has_active_failures=true", []),
        ("inventory__hosts_with_active_failures=0&inventory__total_hosts=2", ["full"]),
        ("inventory__prevent_instance_group_fallback__gt=false", ["full"]),
        ("inventory__prevent_instance_group_fallback__lte=false", ["empty"]),
    ],
)
def test_groups_by_their_inventory(
    client: TestClient, inventories: dict[str, int], query: str, names: list[str]
) -> None:
    answer = client.get(f"/api/v2/groups/?{query}")
    assert answer.status_code == 200, answer.text
    found = [one["name"] for one in answer.json()["results"]]
    assert (found if "order_by" in query else sorted(found)) == names


def test_inventories_themselves(client: TestClient, inventories: dict[str, int]) -> None:
    for query, name in (("total_hosts__gte=1", "full"), ("prevent_instance_group_fallback__lt=true", "empty")):
        found = client.get(f"/api/v2/inventories/?{query}").json()["results"]
        assert [one["name"] for one in found] == [name]
