# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts, Terraform's provider and Backstage's plugin ask, request by request."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.contract.stage import Stage


@pytest.fixture
def http(stage: Stage) -> httpx.Client:
    """A client with the admin's name and password, as the simplest scripts have it."""
    return httpx.Client(base_url=stage.served.url, auth=("admin", stage.served.password), trust_env=False, timeout=60)


def wait(http: httpx.Client, url: str) -> dict[str, Any]:
    """Poll a job as scripts do."""
    deadline = time.monotonic() + 60
    while (job := http.get(url).json())["status"] not in ("successful", "failed", "error", "canceled"):
        assert time.monotonic() < deadline, job
        time.sleep(0.3)
    return dict(job)


def test_terraform_launches_with_variables_as_text(http: httpx.Client, stage: Stage) -> None:
    root = http.get("/api/").json()
    endpoint = root.get("apis", {}).get("controller", root["current_version"])
    version = http.get(endpoint).json().get("current_version", endpoint)
    template = http.get(f"{version}job_templates/Hello++Default/").json()
    assert template["id"] == stage.hello
    sent = {"extra_vars": json.dumps({"who": "terraform"}), "inventory": 1}
    answer = http.post(f"{version}job_templates/{template['id']}/launch/", json=sent)
    assert answer.status_code == 201
    job = answer.json()
    assert job["ignored_fields"] == {"inventory": 1}
    ended = wait(http, job["url"])
    assert (ended["status"], ended["artifacts"]) == ("successful", {"greeting": "hi terraform"})


def test_terraform_keeps_hosts_and_groups(http: httpx.Client) -> None:
    inventory = http.post("/api/v2/inventories/", json={"name": "Terraform", "organization": 1}).json()
    assert inventory["related"]["named_url"] == "/api/v2/inventories/Terraform++Default/"
    host = http.post(
        "/api/v2/hosts/", json={"name": "tf1", "inventory": inventory["id"], "variables": '{"a": 1}'}
    ).json()
    group = http.post("/api/v2/groups/", json={"name": "tf", "inventory": inventory["id"]}).json()
    assert http.post(f"{host['related']['groups']}", json={"id": group["id"]}).status_code == 204
    put = http.put(host["url"], json={"name": "tf2", "inventory": inventory["id"], "variables": "", "enabled": False})
    assert (put.status_code, put.json()["name"], put.json()["enabled"]) == (200, "tf2", False)
    members = http.get(f"/api/v2/groups/{group['id']}/hosts/").json()
    assert [row["name"] for row in members["results"]] == ["tf2"]
    assert http.delete(host["url"]).status_code == 204
    assert http.delete(group["url"]).status_code == 204
    assert http.delete(inventory["url"]).status_code == 202
    # AWX deletes an inventory later; clients poll until it is gone.
    deadline = time.monotonic() + 20
    while (status := http.get(inventory["url"]).status_code) != 404:
        assert status == 200
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_backstage_below_its_own_prefix(stage: Stage) -> None:
    token = {"Authorization": f"Bearer {stage.served.token}"}
    with httpx.Client(base_url=stage.served.url, headers=token, trust_env=False, timeout=60) as http:
        me = http.get("/api/gateway/v1/me/").json()
        assert me["results"][0]["username"] == "admin"
        base = "/api/controller/v2/"
        found = http.get(f"{base}job_templates/", params={"name": "Surveyed"}).json()["results"][0]
        assert http.get(found["related"]["survey_spec"]).json()["spec"][0]["variable"] == "who"
        assert found["summary_fields"]["inventory"]["name"] == "Contract"
        answer = http.post(
            f"{base}job_templates/{found['id']}/launch/", json={"extra_vars": {"who": "Ada", "colour": "red"}}
        )
        assert answer.status_code == 201
        number = answer.json()["job"]
        assert wait(http, f"{base}jobs/{number}/")["status"] == "successful"
        assert "hello Ada" in http.get(f"{base}jobs/{number}/stdout/", params={"format": "txt"}).text
        events = http.get(f"{base}jobs/{number}/job_events/", params={"event": "runner_on_ok"}).json()
        assert events["count"] == 3
        assert http.post(f"{base}jobs/{number}/cancel/").status_code == 405


def test_a_script_without_a_password_of_anybody(stage: Stage) -> None:
    with httpx.Client(base_url=stage.served.url, trust_env=False) as http:
        refused = http.get("/api/v2/job_templates/")
        assert refused.status_code == 401
        assert refused.json() == {
            "detail": "Authentication credentials were not provided. To establish a login session, visit /api/login/."
        }
        assert http.get("/api/v2/ping/").status_code == 200


def test_a_browser_signs_in_with_a_session(stage: Stage) -> None:
    with httpx.Client(base_url=stage.served.url, trust_env=False) as http:
        http.get("/api/login/")
        form = {"username": "admin", "password": stage.served.password, "next": "/api/v2/"}
        sent = {"X-CSRFToken": http.cookies["csrftoken"], "Referer": f"{stage.served.url}/api/login/"}
        assert http.post("/api/login/", data=form, headers=sent).status_code == 302
        assert http.get("/api/v2/me/").json()["results"][0]["username"] == "admin"
        unguarded = http.post("/api/v2/organizations/", json={"name": "Never"})
        assert unguarded.status_code == 403
        assert "CSRF" in unguarded.json()["detail"]
        guarded = http.post(
            "/api/v2/organizations/",
            json={"name": "By a browser"},
            headers={"X-CSRFToken": http.cookies["csrftoken"], "Referer": stage.served.url},
        )
        assert guarded.status_code == 201
        http.get("/api/logout/")
        assert http.get("/api/v2/me/").status_code == 401


def test_a_script_that_asks_again_launches_once(http: httpx.Client, stage: Stage) -> None:
    url, key = f"/api/v2/job_templates/{stage.hello}/launch/", {"Idempotency-Key": "script-1"}
    first = http.post(url, json={}, headers=key)
    second = http.post(url, json={}, headers=key)
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    wait(http, first.json()["url"])
