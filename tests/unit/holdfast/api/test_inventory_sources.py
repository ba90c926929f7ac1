# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of inventories are kept as clients declare them, and say that nothing is read from them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast.context import Controller
from holdfast.db import models as m

V2 = "/api/v2"


@pytest.fixture(scope="module")
def inventory(client: TestClient) -> int:
    return int(client.post(f"{V2}/inventories/", json={"name": "sourced", "organization": 1}).json()["id"])


@pytest.fixture(scope="module")
def projects(controller: Controller) -> tuple[int, int]:
    """One from git, and a manual one."""
    with controller.database.writing() as session:
        rows = [m.Project(name="from git", scm_type="git", organization_id=1), m.Project(name="manual", scm_type="")]
        session.add_all(rows)
        session.flush()
        return rows[0].id, rows[1].id


def post(client: TestClient, inventory: int, **fields: Any) -> tuple[int, Any]:
    answer = client.post(f"{V2}/inventory_sources/", json={"inventory": inventory, **fields})
    return answer.status_code, answer.json()


def test_what_is_declared_comes_back(client: TestClient, inventory: int, projects: tuple[int, int]) -> None:
    given = {"source": "scm", "source_project": projects[0], "source_path": "hosts.ini", "source_vars": '{"a": 1}'}
    more = {"overwrite": True, "verbosity": 2, "update_on_launch": True, "update_cache_timeout": 7, "limit": "web"}
    status, made = post(client, inventory, name="one", **given, **more)
    assert status == 201
    assert {key: made[key] for key in (*given, *more)} == {**given, **more}
    kept = client.get(made["url"]).json()
    assert {key: kept[key] for key in (*given, *more)} == {**given, **more}
    assert made["summary_fields"]["organization"]["name"] == "Default"
    assert client.get(f"{V2}/inventory_sources/one++sourced++Default/").json()["id"] == made["id"]
    found = client.get(f"{V2}/inventory_sources/?source_project__name=from%20git&inventory__name=sourced").json()
    assert [one["id"] for one in found["results"]] == [made["id"]]
    assert client.get(f"{V2}/projects/{projects[0]}/scm_inventory_sources/").json()["count"] == 1
    counts = client.get(f"{V2}/inventories/{inventory}/").json()
    assert (counts["has_inventory_sources"], counts["total_inventory_sources"]) == (True, 1)
    changed = client.patch(made["url"], json={"overwrite": False, "inventory": None})
    assert (changed.status_code, changed.json()["overwrite"], changed.json()["inventory"]) == (200, False, inventory)


def test_nothing_is_read(client: TestClient, inventory: int) -> None:
    _status, made = post(client, inventory, name="never read", source="ec2")
    assert client.get(made["related"]["update"]).json() == {"can_update": False}
    refused = client.post(made["related"]["update"])
    assert refused.status_code == 400
    assert "does not read inventories" in refused.json()["detail"]
    all_of_them = f"{V2}/inventories/{inventory}/update_inventory_sources/"
    assert {"inventory_source": made["id"], "can_update": False} in client.get(all_of_them).json()
    assert client.post(all_of_them).status_code == 400


def test_what_cannot_be_is_refused_in_words(client: TestClient, inventory: int, projects: tuple[int, int]) -> None:
    from_git, manual = projects
    post(client, inventory, name="taken", source="ec2")
    wrong: list[tuple[dict[str, Any], Any]] = [
        ({"source": "scm"}, {"source_project": ["Project required for scm type sources."]}),
        (
            {"source": "scm", "source_project": manual},
            {"source_project": ["Cannot use manual project for SCM-based inventory."]},
        ),
        ({"source": "ec2", "source_path": "x"}, {"detail": "Cannot set source_path if not SCM type."}),
        (
            {"source": "scm", "source_project": from_git, "scm_branch": "other"},
            {"scm_branch": ["Project does not allow overriding branch."]},
        ),
        ({"source": "vmware", "credential": None}, {"credential": ["Credential is required for a cloud source."]}),
        ({"source": "constructed"}, {"error": "constructed not a valid source for inventory"}),
        ({"source": "nothing"}, {"source": ['"nothing" is not a valid choice.']}),
    ]
    for fields, error in wrong:
        assert post(client, inventory, name="wrong", **fields) == (400, error)
    status, error = post(client, inventory, name="taken", source="ec2")
    assert (status, list(error)) == (400, ["__all__"])


def test_sources_go_with_their_inventory(client: TestClient, controller: Controller) -> None:
    inventory = client.post(f"{V2}/inventories/", json={"name": "goes", "organization": 1}).json()
    _status, made = post(client, inventory["id"], name="goes too", source="ec2")
    assert client.delete(inventory["url"]).status_code == 202
    assert client.get(made["url"]).status_code == 404
