# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials, their types, and where their inputs come from. What is secret goes in and never comes out."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from holdfast.auth import passwords
from holdfast.context import Controller
from holdfast.db import models as m
from holdfast.seed import seed
from sqlalchemy import select

V2 = "/api/v2"
CREDENTIALS = f"{V2}/credentials/"
TYPES = f"{V2}/credential_types/"
SECRET = "s3cret-that-nobody-sees"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def kinds(controller: Controller) -> dict[str, int]:
    """The ids of the built-in types."""
    seed(controller)
    with controller.database.writing() as session:
        session.add(m.User(username="ann", password=passwords.make("pw")))
        found = session.scalars(select(m.CredentialType).where(m.CredentialType.managed.is_(True)))
        return {row.namespace or "": row.id for row in found}


def make(client: TestClient, kind: int, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"name": f"credential {next(_numbers)}", "credential_type": kind, "inputs": inputs, "organization": 1}
    answer = client.post(CREDENTIALS, json={**body, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kept(controller: Controller, key: int) -> dict[str, Any]:
    with controller.database.reading() as session:
        return dict(session.get_one(m.Credential, key).inputs)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_sealed_and_never_shown(client: TestClient, controller: Controller, kinds: dict[str, int]) -> None:
    made = make(client, kinds["ssh"], {"username": "root", "password": SECRET, "become_password": "ASK"})
    assert made["inputs"] == {"username": "root", "password": "$encrypted$", "become_password": "ASK"}
    stored = kept(controller, made["id"])
    assert SECRET not in json.dumps(stored)
    assert controller.secrets.open(stored["password"]) == SECRET
    for path in (made["url"], CREDENTIALS, f"{V2}/activity_stream/", made["related"]["activity_stream"]):
        answer = client.get(path)
        assert answer.status_code == 200
        assert SECRET not in answer.text
        assert stored["password"] not in answer.text, "not even sealed"


def test_no_file_of_the_controller_holds_a_secret(
    client: TestClient, controller: Controller, kinds: dict[str, int]
) -> None:
    make(client, kinds["ssh"], {"password": SECRET})
    files = [one for one in controller.settings.home.rglob("*") if one.is_file()]
    assert any(one.name == "controller.db" for one in files)
    assert [one for one in files if SECRET.encode() in one.read_bytes()] == []


def test_what_is_sent_back_as_it_was_shown_stays(
    client: TestClient, controller: Controller, kinds: dict[str, int]
) -> None:
    made = make(client, kinds["ssh"], {"username": "root", "password": SECRET})
    before = kept(controller, made["id"])
    answer = client.patch(made["url"], json={"inputs": {**made["inputs"], "username": "other"}})
    assert answer.json()["inputs"] == {"username": "other", "password": "$encrypted$"}
    assert kept(controller, made["id"]) == {**before, "username": "other"}
    answer = client.patch(made["url"], json={"description": "said"})
    assert kept(controller, made["id"])["password"] == before["password"]
    answer = client.patch(made["url"], json={"inputs": {"password": "another"}})
    assert answer.json()["inputs"] == {"password": "$encrypted$"}
    assert controller.secrets.open(kept(controller, made["id"])["password"]) == "another"
    answer = client.patch(made["url"], json={"inputs": {"password": ""}})
    assert "password" not in kept(controller, made["id"])


@pytest.mark.parametrize(
    ("kind", "inputs", "field"),
    [
        ("ssh", {"nothing": "x"}, "inputs"),
        ("ssh", {"password": "$encrypted$"}, "inputs"),
        ("ssh", {"username": 5}, "inputs"),
        ("ssh", {"ssh_key_data": "no key"}, "inputs"),
        ("ssh", [], "inputs"),
        ("ssh", "text", "inputs"),
    ],
)
def test_inputs_that_are_refused(client: TestClient, kinds: dict[str, int], kind: str, inputs: Any, field: str) -> None:
    body = {"name": "refused", "credential_type": kinds[kind], "organization": 1, "inputs": inputs}
    answer = client.post(CREDENTIALS, json=body)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()


def test_no_input_looks_as_if_it_were_sealed(client: TestClient, kinds: dict[str, int]) -> None:
    for name in ("username", "password"):
        body = {"name": "sealed", "credential_type": kinds["ssh"], "organization": 1}
        answer = client.post(CREDENTIALS, json={**body, "inputs": {name: "$encrypted$HF1$nonsense"}})
        assert (answer.status_code, list(answer.json()["inputs"])) == (400, [name])


def test_a_vault_id_stays(client: TestClient, kinds: dict[str, int]) -> None:
    made = make(client, kinds["vault"], {"vault_password": "x", "vault_id": "one"})
    answer = client.patch(made["url"], json={"inputs": {"vault_password": "$encrypted$", "vault_id": "two"}})
    assert answer.json() == {"inputs": ["Vault IDs cannot be changed once they have been created."]}


# --- owners -----------------------------------------------------------------------------------------------------------


def test_a_credential_belongs_to_somebody(client: TestClient, kinds: dict[str, int]) -> None:
    body = {"name": "whose", "credential_type": kinds["ssh"], "inputs": {}}
    answer = client.post(CREDENTIALS, json=body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": ["Missing 'user', 'team', or 'organization'."]},
    )
    answer = client.post(CREDENTIALS, json={**body, "organization": 1, "user": 1})
    text = "Only one of 'user', 'team', or 'organization' should be provided, received organization, user fields."
    assert answer.json() == {"detail": [text]}


def test_who_a_credential_was_made_for_owns_it(client: TestClient, kinds: dict[str, int]) -> None:
    ann = client.get(f"{V2}/users/?username=ann").json()["results"][0]
    made = make(client, kinds["ssh"], {}, organization=None, user=ann["id"])
    shown = client.get(made["url"]).json()
    assert [(one["type"], one["name"]) for one in shown["summary_fields"]["owners"]] == [("user", "ann")]
    assert shown["related"]["user"] == ann["url"]
    assert [one["username"] for one in client.get(made["related"]["owner_users"]).json()["results"]] == ["ann"]
    assert client.get(made["url"], auth=("ann", "pw")).json()["summary_fields"]["user_capabilities"]["edit"]


def test_a_team_that_a_credential_was_made_for(client: TestClient, kinds: dict[str, int]) -> None:
    team = client.post(f"{V2}/teams/", json={"name": "crew", "organization": 1}).json()
    made = make(client, kinds["ssh"], {}, organization=None, team=team["id"])
    assert made["organization"] == 1
    owners = client.get(made["url"]).json()["summary_fields"]["owners"]
    assert {(one["type"], one["name"]) for one in owners} == {("organization", "Default"), ("team", "crew")}
    assert [one["name"] for one in client.get(made["related"]["owner_teams"]).json()["results"]] == ["crew"]
    assert client.get(made["url"], auth=("ann", "pw")).status_code == 403
    ann = client.get(f"{V2}/users/?username=ann").json()["results"][0]
    assert client.post(f"{V2}/teams/{team['id']}/users/", json={"id": ann["id"]}).status_code == 204
    assert client.get(made["url"], auth=("ann", "pw")).status_code == 200


def test_galaxy_credentials_belong_to_organizations(client: TestClient, kinds: dict[str, int]) -> None:
    body = {"name": "g", "credential_type": kinds["galaxy_api_token"], "inputs": {"url": "https://h/"}, "user": 1}
    answer = client.post(CREDENTIALS, json=body)
    assert answer.json() == {"organization": ["Galaxy credentials must be owned by an Organization."]}


def test_a_copy_has_the_same_secrets(client: TestClient, controller: Controller, kinds: dict[str, int]) -> None:
    made = make(client, kinds["ssh"], {"password": SECRET})
    copy = client.post(made["related"]["copy"], json={"name": "copied"}).json()
    assert controller.secrets.open(kept(controller, copy["id"])["password"]) == SECRET


def test_two_of_one_name_type_and_organization(client: TestClient, kinds: dict[str, int]) -> None:
    made = make(client, kinds["ssh"], {})
    body = {"name": made["name"], "credential_type": kinds["ssh"], "organization": 1}
    answer = client.post(CREDENTIALS, json=body)
    said = "Credential with this Organization, Name and Credential type already exists."
    assert (answer.status_code, answer.json()) == (400, {"__all__": [said]})
    make(client, kinds["scm"], {}, name=made["name"])


# --- types ------------------------------------------------------------------------------------------------------------

CUSTOM: dict[str, Any] = {
    "name": "Portal",
    "kind": "cloud",
    "inputs": {
        "fields": [
            {"id": "host", "label": "Host", "type": "string"},
            {"id": "token", "label": "Token", "type": "string", "secret": True},
        ],
        "required": ["host"],
    },
    "injectors": {"env": {"PORTAL_TOKEN": "{{ token }}"}},
}


def test_types_of_ones_own(client: TestClient, controller: Controller, kinds: dict[str, int]) -> None:
    kind = client.post(TYPES, json=CUSTOM)
    assert kind.status_code == 201, kind.text
    made = make(client, kind.json()["id"], {"host": "h", "token": SECRET})
    assert made["inputs"] == {"host": "h", "token": "$encrypted$"}
    assert (made["kind"], made["cloud"]) == (None, True)
    assert SECRET not in json.dumps(kept(controller, made["id"]))
    answer = client.patch(kind.json()["url"], json={"inputs": {**CUSTOM["inputs"], "required": []}})
    said = {"detail": "Modifications to inputs are not allowed for credential types that are in use"}
    assert (answer.status_code, answer.json()) == (403, said)
    assert client.patch(kind.json()["url"], json={"name": "Portal 2"}).status_code == 200
    answer = client.delete(kind.json()["url"])
    assert answer.json() == {"detail": "Credential types that are in use cannot be deleted"}
    assert client.delete(made["url"]).status_code == 204
    assert client.delete(kind.json()["url"]).status_code == 204


def test_built_in_types_stay(client: TestClient, kinds: dict[str, int]) -> None:
    path = f"{TYPES}{kinds['ssh']}/"
    answer = client.patch(path, json={"name": "x"})
    said = {"detail": "Modifications not allowed for managed credential types"}
    assert (answer.status_code, answer.json()) == (403, said)
    answer = client.delete(path)
    assert answer.json() == {"detail": "Deletion not allowed for managed credential types"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "ssh"}, "kind"),
        ({"inputs": {"fields": "x"}}, "inputs"),
        ({"inputs": {"fields": [{"id": "a b", "label": "x"}]}}, "inputs"),
        ({"injectors": {"env": {"X": "{{ missing }}"}}}, "injectors"),
        ({"injectors": {"env": {"ANSIBLE_X": "{{ token }}"}}}, "injectors"),
        ({"injectors": {"nowhere": {}}}, "injectors"),
        ({"injectors": {"env": {"X": "{{ token"}}}, "injectors"),
    ],
)
def test_types_that_are_refused(client: TestClient, change: dict[str, Any], field: str) -> None:
    answer = client.post(TYPES, json={**CUSTOM, "name": "refused", **change})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == [field]


def test_a_type_that_is_in_use_is_not_changed_on_the_credential(
    client: TestClient, controller: Controller, kinds: dict[str, int]
) -> None:
    made = make(client, kinds["ssh"], {})
    assert client.patch(made["url"], json={"credential_type": kinds["net"]}).json()["credential_type"] == kinds["net"]
    with controller.database.writing() as session:
        template = m.JobTemplate(name="uses it", credentials=[session.get_one(m.Credential, made["id"])])
        session.add(template)
    answer = client.patch(made["url"], json={"credential_type": kinds["scm"]})
    assert answer.status_code == 400
    assert "You cannot change the credential type" in answer.json()["credential_type"][0]


# --- input sources ----------------------------------------------------------------------------------------------------


def test_inputs_that_come_from_a_store(client: TestClient, kinds: dict[str, int]) -> None:
    store = make(client, kinds["hashivault_kv"], {"url": "https://v/", "token": SECRET, "api_version": "v1"})
    target = make(client, kinds["ssh"], {"username": "root"})
    path = target["related"]["input_sources"]
    where = {"secret_path": "/a", "secret_key": "b"}
    body = {"source_credential": store["id"], "input_field_name": "password", "metadata": where}
    assert client.post(path, json={**body, "metadata": {}}).status_code == 400, "where in the store"
    answer = client.post(path, json={**body, "input_field_name": "nothing"})
    assert "Input field must be defined on target credential" in answer.json()["input_field_name"][0]
    made = client.post(path, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["target_credential"] == target["id"]
    copy = client.post(target["related"]["copy"], json={"name": "with its source"}).json()
    assert client.get(copy["related"]["input_sources"]).json()["results"][0]["metadata"] == where
    answer = client.post(
        f"{V2}/credential_input_sources/",
        json={**body, "source_credential": target["id"], "target_credential": store["id"]},
    )
    assert answer.json()["target_credential"] == ["Target must be a non-external credential"]
    assert answer.json()["source_credential"] == ["Source must be an external credential"]
