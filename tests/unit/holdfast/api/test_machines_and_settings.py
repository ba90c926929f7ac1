# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and their groups, execution environments, settings, and what the controller says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast.auth import passwords
from holdfast.context import Controller
from holdfast.db import models as m
from holdfast.seed import seed

V2 = "/api/v2"


@pytest.fixture(scope="module", autouse=True)
def seeded(controller: Controller) -> None:
    with controller.database.writing() as session:
        session.add(m.User(username="ann", password=passwords.make("pw")))
        for number, name in enumerate(("controlplane", "default"), start=1):
            session.add(m.InstanceGroup(id=number, name=name))
        session.add(m.ExecutionEnvironment(name="Control Plane", image="quay.io/x/ee:1", managed=True))
    seed(controller)
    with controller.database.writing() as session:
        for group in session.query(m.InstanceGroup):
            group.instances = [session.get_one(m.Instance, 1)]


def failing(client: TestClient, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.request(method, f"{V2}/{path}", json=body)
    return answer.status_code, answer.json()


# --- instances --------------------------------------------------------------------------------------------------------


def test_this_controller_is_an_instance(client: TestClient, controller: Controller) -> None:
    shown = client.get(f"{V2}/instances/1/").json()
    assert (shown["hostname"], shown["version"]) == (controller.settings.node_name, "24.6.1")
    assert shown["capacity"] == max(shown["cpu_capacity"], shown["mem_capacity"])
    assert shown["percent_capacity_remaining"] == 100.0
    answer = client.patch(f"{V2}/instances/1/", json={"capacity_adjustment": "0.00"}).json()
    assert answer["capacity"] == min(shown["cpu_capacity"], shown["mem_capacity"])
    answer = client.patch(f"{V2}/instances/1/", json={"enabled": False}).json()
    assert (answer["capacity"], answer["enabled"]) == (0, False)
    answer = client.patch(f"{V2}/instances/1/", json={"enabled": True, "capacity_adjustment": 1}).json()
    assert (answer["capacity"], answer["capacity_adjustment"]) == (shown["capacity"], "1.00")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"node_type": "hop"}, {"node_type": ["Cannot change node type."]}),
        ({"hostname": "other"}, {"hostname": ["Cannot change hostname."]}),
        ({"hostname": "localhost"}, {"hostname": ["hostname cannot be localhost or 127.0.0.1"]}),
        ({"node_state": "deprovisioning"}, {"node_state": ["Can only change the state on Kubernetes or OpenShift."]}),
        ({"capacity_adjustment": "-1"}, {"capacity_adjustment": ["Ensure this value is greater than or equal to 0."]}),
        ({"capacity_adjustment": "NaN"}, {"capacity_adjustment": ["A valid number is required."]}),
        ({"capacity_adjustment": [1]}, {"capacity_adjustment": ["A valid number is required."]}),
    ],
)
def test_what_stays_of_an_instance(client: TestClient, body: dict[str, Any], said: dict[str, Any]) -> None:
    assert failing(client, "PATCH", "instances/1/", body) == (400, said)


def test_no_instance_is_made_or_deleted(client: TestClient) -> None:
    status, _unused = failing(client, "POST", "instances/", {"hostname": "node9"})
    assert status == 400
    assert client.delete(f"{V2}/instances/1/").status_code == 405


def test_hosts_of_a_group_stay_in_it_by_name(client: TestClient, controller: Controller) -> None:
    name = controller.settings.node_name
    group = client.post(f"{V2}/instance_groups/", json={"name": "mine"}).json()
    path = f"{V2}/instance_groups/{group['id']}/"
    assert client.post(f"{path}instances/", json={"id": 1}).status_code == 204
    shown = client.get(path).json()
    assert (shown["policy_instance_list"], shown["instances"], shown["capacity"] > 0) == ([name], 1, True)
    assert "mine" in [one["name"] for one in client.get(f"{V2}/instances/1/instance_groups/").json()["results"]]
    assert client.post(f"{path}instances/", json={"id": 1, "disassociate": True}).status_code == 204
    assert client.get(path).json()["policy_instance_list"] == []
    for hosts, said in (
        (["nobody"], "nobody is not a valid hostname of an existing instance."),
        ([name, name], f"Duplicate entry {name}."),
        ("x", 'Expected a list of items but got type "str".'),
    ):
        answer = client.patch(path, json={"policy_instance_list": hosts})
        assert (answer.status_code, answer.json()) == (400, {"policy_instance_list": [said]})
    assert client.delete(path).status_code == 204


def test_the_two_groups_that_every_installation_has(client: TestClient, controller: Controller) -> None:
    said = {"name": ["controlplane instance group name may not be changed."]}
    assert failing(client, "PATCH", "instance_groups/1/", {"name": "x"}) == (400, said)
    assert failing(client, "DELETE", "instance_groups/2/")[0] == 403
    text = f"Cannot disassociate hybrid node {controller.settings.node_name} from controlplane."
    body = {"id": 1, "disassociate": True}
    assert failing(client, "POST", "instance_groups/1/instances/", body) == (400, {"msg": text})
    text = text.replace(" node ", " instance ")
    assert failing(client, "POST", "instances/1/instance_groups/", body) == (400, {"msg": text})


def test_jobs_of_an_instance_are_counted(client: TestClient, controller: Controller) -> None:
    before = client.get(f"{V2}/instances/1/").json()
    with controller.database.writing() as session:
        name = controller.settings.node_name
        for status in ("running", "successful"):
            session.add(
                m.Job(name=status, status=status, execution_node=name, instance_group_id=2, launch_type="manual")
            )
    shown = client.get(f"{V2}/instances/1/").json()
    assert (shown["jobs_running"], shown["jobs_total"]) == (1, before["jobs_total"] + 2)
    assert shown["consumed_capacity"] == 1
    group = client.get(f"{V2}/instance_groups/2/").json()
    assert (group["jobs_running"], group["jobs_total"]) == (1, 2)
    assert client.get(f"{V2}/instance_groups/2/jobs/").json()["count"] == 2


# --- execution environments -------------------------------------------------------------------------------------------


def test_execution_environments(client: TestClient) -> None:
    made = client.post(f"{V2}/execution_environments/", json={"name": "ee", "image": "reg.example:5000/a/b:1"})
    assert made.status_code == 201, made.text
    assert client.patch(made.json()["url"], json={"pull": "always"}).json()["pull"] == "always"
    for image in ("", "has space", "a/UPPER", "a/b:"):
        answer = client.post(f"{V2}/execution_environments/", json={"name": f"x{image}", "image": image})
        assert (answer.status_code, list(answer.json())) == (400, ["image"])
    answer = client.patch(made.json()["url"], json={"organization": 1})
    assert answer.json() == {"organization": ["Cannot change the organization of an execution environment"]}
    assert client.delete(made.json()["url"]).status_code == 204


def test_built_in_environments_stay(client: TestClient) -> None:
    found = client.get(f"{V2}/execution_environments/?managed=true").json()["results"][0]
    path = f"execution_environments/{found['id']}/"
    said = {"detail": "Only the 'pull' field can be edited for managed execution environments."}
    assert failing(client, "PATCH", path, {"image": "a/b"}) == (403, said)
    assert client.patch(f"{V2}/{path}", json={"pull": "never"}).status_code == 200
    assert failing(client, "DELETE", path)[0] == 403


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_kept_and_forgotten(client: TestClient) -> None:
    path = f"{V2}/settings/jobs/"
    before = client.get(path).json()
    answer = client.patch(path, json={"DEFAULT_JOB_TIMEOUT": 60})
    assert (answer.status_code, answer.json()["DEFAULT_JOB_TIMEOUT"]) == (200, 60)
    assert client.get(f"{V2}/settings/all/").json()["DEFAULT_JOB_TIMEOUT"] == 60
    entry = client.get(f"{V2}/activity_stream/?order_by=-id").json()["results"][0]
    assert entry["changes"] == {"name": "DEFAULT_JOB_TIMEOUT", "value": [before["DEFAULT_JOB_TIMEOUT"], 60]}
    assert client.delete(path).status_code == 204
    assert client.get(path).json() == before


def test_secret_settings_are_sealed(client: TestClient, controller: Controller) -> None:
    secret = "said-to-nobody"
    answer = client.patch(f"{V2}/settings/logging/", json={"LOG_AGGREGATOR_PASSWORD": secret})
    assert answer.json()["LOG_AGGREGATOR_PASSWORD"] == "$encrypted$"
    with controller.database.reading() as session:
        kept = session.get_one(m.Setting, "LOG_AGGREGATOR_PASSWORD").value
    assert secret not in kept
    assert controller.secrets.open(kept) == secret
    client.patch(f"{V2}/settings/logging/", json={"LOG_AGGREGATOR_PASSWORD": "$encrypted$"})
    with controller.database.reading() as session:
        assert session.get_one(m.Setting, "LOG_AGGREGATOR_PASSWORD").value == kept
    assert secret not in client.get(f"{V2}/activity_stream/?page_size=200").text


@pytest.mark.parametrize(
    "body",
    [{"DEFAULT_JOB_TIMEOUT": "soon"}, {"DEFAULT_JOB_TIMEOUT": -1}, {"AWX_TASK_ENV": [1]}, {"SCHEDULE_MAX_JOBS": 0}],
)
def test_settings_that_are_refused(client: TestClient, body: dict[str, Any]) -> None:
    status, said = failing(client, "PATCH", "settings/jobs/", body)
    assert (status, list(said)) == (400, list(body))


def test_who_sees_settings(client: TestClient) -> None:
    ann = {"auth": ("ann", "pw")}
    assert client.get(f"{V2}/settings/", **ann).json()["count"] == 0
    assert client.get(f"{V2}/settings/jobs/", **ann).status_code == 403
    assert client.patch(f"{V2}/settings/jobs/", json={}, **ann).status_code == 403
    assert client.get(f"{V2}/settings/nowhere/").status_code == 404


# --- what the controller says of itself -------------------------------------------------------------------------------


def test_anybody_may_ping(client: TestClient, controller: Controller) -> None:
    answer = client.get(f"{V2}/ping/", auth=("", ""))
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["version"], shown["active_node"]) == ("24.6.1", controller.settings.node_name)
    assert {one["name"] for one in shown["instance_groups"]} >= {"controlplane", "default"}


def test_who_sees_where_projects_lie(client: TestClient, controller: Controller) -> None:
    assert client.get(f"{V2}/config/").json()["project_base_dir"] == str(controller.settings.projects)
    assert "project_base_dir" not in client.get(f"{V2}/config/", auth=("ann", "pw")).json()


def test_the_dashboard_counts(client: TestClient) -> None:
    before = client.get(f"{V2}/dashboard/").json()
    inventory = client.post(f"{V2}/inventories/", json={"name": "counted", "organization": 1}).json()
    assert client.post(inventory["related"]["hosts"], json={"name": "h"}).status_code == 201
    after = client.get(f"{V2}/dashboard/").json()
    for name in ("inventories", "hosts"):
        assert after[name]["total"] == before[name]["total"] + 1
    assert after["hosts"]["failed"] == before["hosts"]["failed"]


def test_metrics_are_text_or_data(client: TestClient, controller: Controller) -> None:
    data = client.get(f"{V2}/metrics/?format=json").json()
    assert data["awx_organizations_total"] == {"type": "gauge", "samples": [{"labels": {}, "value": 1.0}]}
    assert data["awx_system_info"]["samples"][0]["labels"]["tower_version"] == "24.6.1"
    node = {"node": controller.settings.node_name, "status": "running"}
    assert {"labels": node, "value": 1.0} in data["awx_instance_status_total"]["samples"]
    text = client.get(f"{V2}/metrics/").text
    assert "# TYPE awx_organizations_total gauge\nawx_organizations_total 1.0\n" in text
    assert sum(line.startswith("# TYPE ") for line in text.splitlines()) == len(data)
    assert client.get(f"{V2}/metrics/", auth=("ann", "pw")).status_code == 403
