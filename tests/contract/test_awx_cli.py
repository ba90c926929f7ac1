# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``awx`` command line as people use it."""

from __future__ import annotations

import json
import re
import subprocess

from tests.contract.clients import Clients
from tests.contract.stage import Stage, make_repository


def test_login_gives_a_token_that_works(clients: Clients, stage: Stage) -> None:
    said = clients.succeed(stage.served, "login", "-f", "human")
    found = re.fullmatch(r"export CONTROLLER_OAUTH_TOKEN=(\w+)\n", said)
    assert found, said
    me = clients.json(stage.served, "me", token=found.group(1))
    assert [one["username"] for one in me["results"]] == ["admin"]


def test_a_token_to_read_does_not_write(clients: Clients, stage: Stage) -> None:
    token = clients.json(stage.served, "login", "--conf.scope", "read")["token"]
    assert clients.json(stage.served, "organizations", "list", token=token)["count"] >= 1
    done = clients.awx(stage.served, "organizations", "create", "--name", "Never", token=token)
    assert done.returncode != 0
    assert clients.json(stage.served, "organizations", "list", "--name", "Never")["count"] == 0


def test_a_wrong_password_is_refused(clients: Clients, stage: Stage) -> None:
    done = clients.awx(stage.served, "users", "list", more={"CONTROLLER_PASSWORD": "wrong"})
    assert done.returncode != 0
    assert "401" in done.stdout or "Unauthorized" in done.stdout or "valid" in done.stdout


def test_config_and_ping(clients: Clients, stage: Stage) -> None:
    assert clients.json(stage.served, "config")["base_url"] == stage.served.url
    assert clients.json(stage.served, "ping")["version"] == "24.6.1"


def test_an_object_from_its_making_to_its_end(clients: Clients, stage: Stage) -> None:
    served = stage.served
    made = clients.json(served, "organizations", "create", "--name", "Cli", "--description", "one")
    assert made["description"] == "one"
    inventory = clients.json(
        served, "inventory", "create", "--name", "Cli", "--organization", "Cli", "--variables", '{"a": 1}'
    )
    assert json.loads(inventory["variables"]) == {"a": 1}
    host = clients.json(served, "hosts", "create", "--name", "cli1", "--inventory", "Cli", "--variables", "b: 2")
    assert json.loads(host["variables"]) == {"b": 2}
    assert clients.json(served, "hosts", "get", "cli1")["id"] == host["id"]
    assert clients.json(served, "hosts", "list", "--inventory", str(inventory["id"]))["count"] == 1
    assert clients.json(served, "hosts", "modify", "cli1", "--enabled", "false")["enabled"] is False
    assert clients.succeed(served, "hosts", "list", "-f", "human", "--name", "cli1").split()[-2:] == [
        str(host["id"]),
        "cli1",
    ]
    clients.succeed(served, "hosts", "delete", "cli1")
    assert clients.json(served, "hosts", "list", "--name", "cli1")["count"] == 0
    again = clients.awx(served, "organizations", "create", "--name", "Cli")
    assert again.returncode != 0
    assert "Organization with this Name already exists." in again.stdout
    clients.succeed(served, "organizations", "delete", "Cli")


def test_all_pages_of_a_list(clients: Clients, stage: Stage) -> None:
    group = stage.served.call("POST", "/api/v2/inventories/", {"name": "Many", "organization": 1})["id"]
    for number in range(60):
        stage.served.call("POST", f"/api/v2/inventories/{group}/hosts/", {"name": f"many{number:02d}"})
    one = clients.json(stage.served, "hosts", "list", "--inventory", str(group))
    assert (one["count"], len(one["results"])) == (60, 25)
    every = clients.json(stage.served, "hosts", "list", "--inventory", str(group), "--all", "--order_by=-name")
    assert [row["name"] for row in every["results"]] == [f"many{number:02d}" for number in reversed(range(60))]


def test_credentials_with_inputs_from_the_command_line(clients: Clients, stage: Stage) -> None:
    words = ["credentials", "create", "--name", "Cli key", "--organization", "1", "--credential_type", "Machine"]
    made = clients.json(stage.served, *words, "--inputs", '{"username": "joe", "password": "s3cret"}')
    assert made["inputs"] == {"username": "joe", "password": "$encrypted$"}
    clients.succeed(stage.served, "job_templates", "associate", "Fails", "--credential", "Cli key")
    of = f"/api/v2/job_templates/{stage.fails}/credentials/"
    assert stage.served.only(of)["name"] == "Cli key"
    clients.succeed(stage.served, "job_templates", "disassociate", "Fails", "--credential", "Cli key")
    assert stage.served.call("GET", of)["count"] == 0
    clients.succeed(stage.served, "credentials", "delete", "Cli key")


def test_launch_and_monitor(clients: Clients, stage: Stage) -> None:
    done = clients.awx(
        stage.served, "job_templates", "launch", "Hello", "--monitor", "--extra_vars", '{"who": "the world"}'
    )
    assert done.returncode == 0, done.stdout
    stream, _unused, job = done.stdout.partition("------End of Standard Out Stream--------")
    assert "hello the world" in stream
    assert "PLAY RECAP" in stream
    found = json.loads(job)
    assert found["status"] == "successful"
    printed = clients.succeed(stage.served, "jobs", "stdout", str(found["id"]))
    assert "hello the world" in printed
    # Lines came once each and in order: what was streamed is what is stored.
    lines = [line for line in stream.splitlines() if line and not line.startswith("------")]
    stored = stage.served.call("GET", f"/api/v2/jobs/{found['id']}/stdout/?format=json")["content"]
    assert lines == [line for line in stored.splitlines() if line]


def test_a_job_that_fails_ends_the_command_so(clients: Clients, stage: Stage) -> None:
    done = clients.awx(stage.served, "job_templates", "launch", "Fails", "--monitor")
    assert done.returncode == 1, done.stdout
    assert "it fails" in done.stdout


def test_wrong_answers_are_told(clients: Clients, stage: Stage) -> None:
    done = clients.awx(stage.served, "job_templates", "launch", "Surveyed", "-e", '{"who": "x", "colour": "blue"}')
    assert done.returncode != 0
    assert "'who' value x is too small (length is 1 must be at least 2)." in done.stdout
    assert "Value blue for 'colour' expected to be one of ['red', 'green']." in done.stdout


def test_a_survey_is_answered(clients: Clients, stage: Stage) -> None:
    answers = '{"who": "Ada", "colour": "red", "secret_token": "t0p"}'
    done = clients.awx(stage.served, "job_templates", "launch", "Surveyed", "--wait", "-e", answers)
    assert done.returncode == 0, done.stdout
    job = json.loads(done.stdout)
    variables = json.loads(job["extra_vars"])
    assert variables == {"who": "Ada", "naptime": 0, "colour": "red", "secret_token": "$encrypted$"}


def test_a_workflow_is_launched_and_monitored(clients: Clients, stage: Stage) -> None:
    done = clients.awx(stage.served, "workflow_job_templates", "launch", "Flow", "--monitor")
    assert done.returncode == 0, done.stdout
    lines = re.findall(r"↳ \d+ - (\w+) (\w+)", done.stdout)
    assert lines == [("Hello", "successful"), ("Fails", "failed"), ("Hello", "successful")]


def test_roles_are_granted_and_revoked(clients: Clients, stage: Stage) -> None:
    served = stage.served
    clients.succeed(served, "users", "create", "--username", "cli-joe", "--password", "Passw0rd!x")
    clients.succeed(served, "teams", "create", "--name", "Cli team", "--organization", "Default")
    joe = {"CONTROLLER_USERNAME": "cli-joe", "CONTROLLER_PASSWORD": "Passw0rd!x"}
    assert clients.json(served, "job_templates", "list", more=joe)["count"] == 0
    clients.succeed(served, "users", "grant", "cli-joe", "--job_template", "Hello", "--role", "execute")
    clients.succeed(served, "teams", "grant", "Cli team", "--inventory", "Contract", "--role", "use")
    seen = clients.json(served, "job_templates", "list", more=joe)["results"]
    assert [row["name"] for row in seen] == ["Hello"]
    launched = clients.awx(served, "job_templates", "launch", "Hello", "--wait", more=joe)
    assert launched.returncode == 0, launched.stdout
    clients.succeed(served, "users", "revoke", "cli-joe", "--job_template", "Hello", "--role", "execute")
    assert clients.json(served, "job_templates", "list", more=joe)["count"] == 0
    assert served.only("/api/v2/teams/?name=Cli team".replace(" ", "%20"))["id"]
    clients.succeed(served, "users", "delete", "cli-joe")


def test_a_project_from_git(clients: Clients, stage: Stage) -> None:
    repository = stage.served.home / "sources" / "cli"
    source = make_repository(repository)
    made = clients.awx(
        stage.served,
        *("projects", "create", "--name", "Cli git", "--organization", "Default"),
        *("--scm_type", "git", "--scm_url", source, "--monitor"),
    )
    assert made.returncode == 0, made.stdout
    project = stage.served.only("/api/v2/projects/?name=Cli%20git")
    assert project["status"] == "successful"
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    assert project["scm_revision"] == head.stdout.strip()
    assert stage.served.call("GET", f"/api/v2/projects/{project['id']}/playbooks/") == ["fail.yml", "hello.yml"]
    updated = clients.awx(stage.served, "projects", "update", "Cli git", "--monitor")
    assert updated.returncode == 0, updated.stdout


def test_settings(clients: Clients, stage: Stage) -> None:
    assert "DEFAULT_JOB_TIMEOUT" in clients.json(stage.served, "settings", "list", "--slug", "jobs")
    clients.succeed(stage.served, "settings", "modify", "DEFAULT_JOB_TIMEOUT", "7")
    assert clients.json(stage.served, "settings", "list", "--slug", "jobs")["DEFAULT_JOB_TIMEOUT"] == 7
    clients.succeed(stage.served, "settings", "modify", "DEFAULT_JOB_TIMEOUT", "0")
