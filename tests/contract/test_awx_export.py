# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``awx export`` and ``awx import`` carry everything to an empty second controller."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.contract.clients import Clients
from tests.contract.stage import APPROVAL, SURVEY, Stage, make_repository, prepare
from tests.served import Served, controller

DEPRECATED = re.compile(r"This endpoint is deprecated: /api/v2/\w+/\d+/(object_)?roles/|")


def furnish(stage: Stage) -> None:
    """More of everything that an export knows."""
    served = stage.served

    def make(path: str, **fields: Any) -> int:
        return int(served.call("POST", f"/api/v2/{path}/", fields)["id"])

    organization = make("organizations", name="Exported", description="goes along")
    user = make("users", username="exported", email="e@example.com", first_name="E", password="Passw0rd!x")
    team = make("teams", name="Exported team", organization=organization)
    kind = make(
        "credential_types",
        name="Exported type",
        kind="cloud",
        inputs={"fields": [{"id": "key", "type": "string", "label": "Key", "secret": True}]},
        injectors={"env": {"EXPORTED_KEY": "{{ key }}"}},
    )
    credential = make(
        "credentials", name="Exported credential", organization=organization, credential_type=kind, inputs={"key": "x"}
    )
    make("execution_environments", name="Exported ee", image="example.com/ee:1")
    make("applications", name="Exported app", organization=1, client_type="public", authorization_grant_type="password")
    group = make(f"inventories/{stage.inventory}/groups", name="outer", variables='{"g": 1}')
    inner = make(f"groups/{group}/children", name="inner")
    make(f"groups/{inner}/hosts", name="deep", variables="a: 1")
    template = make(
        "job_templates",
        name="Exported template",
        project=stage.project,
        inventory=stage.inventory,
        playbook="hello.yml",
        extra_vars="---\na: 1\n",
        forks=3,
        job_tags="one",
        survey_enabled=True,
        ask_credential_on_launch=True,
    )
    served.call("POST", f"/api/v2/job_templates/{template}/survey_spec/", SURVEY)
    served.call("POST", f"/api/v2/job_templates/{template}/credentials/", {"id": credential})
    make(f"job_templates/{template}/labels", name="exported label", organization=1)
    node = make(f"workflow_job_templates/{stage.flow}/workflow_nodes", identifier="ask", extra_data={})
    asks = f"/api/v2/workflow_job_template_nodes/{node}/create_approval_template/"
    served.call("POST", asks, {"name": APPROVAL, "description": "", "timeout": 60})
    outer = make("workflow_job_templates", name="Outer flow", organization=1, survey_enabled=True)
    served.call("POST", f"/api/v2/workflow_job_templates/{outer}/survey_spec/", SURVEY)
    make(f"workflow_job_templates/{outer}/workflow_nodes", identifier="flow", unified_job_template=stage.flow)
    roles = served.call("GET", f"/api/v2/job_templates/{template}/")["summary_fields"]["object_roles"]
    served.call("POST", f"/api/v2/users/{user}/roles/", {"id": roles["execute_role"]["id"]})
    served.call("POST", f"/api/v2/teams/{team}/roles/", {"id": roles["admin_role"]["id"]})
    member = served.call("GET", f"/api/v2/teams/{team}/")["summary_fields"]["object_roles"]["member_role"]["id"]
    served.call("POST", f"/api/v2/users/{user}/roles/", {"id": member})


def export(clients: Clients, served: Served) -> dict[str, Any]:
    """Everything."""
    done = clients.awx(served, "export")
    assert done.returncode == 0, done.stdout
    begin = done.stdout.index("{")
    # AWX calls the lists of roles deprecated, and awx repeats it; there must be nothing else to say.
    said = [line for line in done.stdout[:begin].splitlines() if not DEPRECATED.fullmatch(line)]
    assert said == []
    found: dict[str, Any] = json.loads(done.stdout[begin:])
    return found


def _ordered(value: Any) -> Any:
    """Lists of objects are sets: their order is the order of ids, which the other controller gives anew.

    Secrets are not exported, so nothing can come of them; the folder of a project from git is named by its id.
    """
    if isinstance(value, dict):
        passed = {"local_path"} if value.get("scm_type") else set()
        return {key: _ordered(one) for key, one in value.items() if one != "$encrypted$" and key not in passed}
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return sorted(map(_ordered, value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def test_an_import_makes_the_same_objects(clients: Clients, tmp_path: Path) -> None:
    source, roots = make_repository(tmp_path / "source"), {"HOLDFAST_PROJECT_FILE_ROOTS": str(tmp_path)}
    with controller(tmp_path / "one", **roots) as first, controller(tmp_path / "two", **roots) as second:
        furnish(prepare(first, source))
        exported = export(clients, first)
        names = {kind: {one.get("name", one.get("username")) for one in rows} for kind, rows in exported.items()}
        assert {"Hello", "Surveyed", "Exported template"} <= names["job_templates"]
        assert {"Flow", "Outer flow", "Rolling deploy"} <= names["workflow_job_templates"]
        assert {"exported", "admin"} <= names["users"]
        assert names["applications"] == {"Exported app"}
        done = clients.awx(second, "import", input=json.dumps(exported))
        assert done.returncode == 0, done.stdout
        again = export(clients, second)
        for kind, rows in exported.items():
            assert _ordered(again[kind]) == _ordered(rows), kind


def test_a_second_import_changes_nothing(clients: Clients, stage: Stage) -> None:
    exported = export(clients, stage.served)
    done = clients.awx(stage.served, "import", input=json.dumps(exported))
    assert done.returncode == 0, done.stdout
    assert _ordered(export(clients, stage.served)) == _ordered(exported)
