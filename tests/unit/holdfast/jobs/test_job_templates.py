# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job templates: what they are made of, their surveys, credentials, webhooks and copies."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import JobTemplate

from tests.unit.holdfast.jobs.world import World


def _question(**more: Any) -> dict[str, Any]:
    question = {"question_name": "q", "variable": "v", "type": "text", "required": True, **more}
    return {"name": "", "description": "", "spec": [question]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"playbook": "nope.yml"}, {"playbook": ["Playbook not found for project."]}),
        ({"playbook": ""}, {"playbook": ["Must select playbook for project."]}),
        ({"project": None}, {"project": ["Job Templates must have a project assigned."]}),
        ({"inventory": None}, {"inventory": ["You must either set a default value or ask to prompt on launch."]}),
        ({"scm_branch": "dev"}, {"scm_branch": ["Project does not allow overriding branch."]}),
        ({"extra_vars": {"a": 1}}, {"extra_vars": ["Not a valid string."]}),
        ({"forks": 201}, {"forks": ["Maximum number of forks (200) exceeded."]}),
        ({"verbosity": 77}, {"verbosity": ['"77" is not a valid choice.']}),
        (
            {"inventory": None, "ask_inventory_on_launch": True, "host_config_key": "k"},
            {"host_config_key": ["Cannot enable provisioning callback without an inventory set."]},
        ),
    ],
)
def test_a_template_that_could_not_be_launched_is_refused(
    world: World, given: dict[str, Any], said: dict[str, Any]
) -> None:
    body = {"name": world.name(), "inventory": world.inventory, "project": world.project, "playbook": "site.yml"}
    assert world.refused("job_templates/", {**body, **given}) == said


def test_its_organization_is_that_of_its_project(world: World) -> None:
    shown = world.get(f"job_templates/{world.template()}/")
    assert shown["organization"] == world.organization
    assert shown["related"]["named_url"].endswith("++Org/")


def test_a_name_is_taken_once_in_an_organization(world: World) -> None:
    name = world.name()
    first = world.template(name=name)
    body = {"name": name, "inventory": world.inventory, "project": world.project, "playbook": "site.yml"}
    answer = world.refused("job_templates/", body)
    assert answer == {"__all__": ["JobTemplate with this (name, organization) combination already exists."]}
    assert world.send("PATCH", f"job_templates/{first}/", {"name": name, "forks": 3}).json()["forks"] == 3


def test_what_only_the_controller_writes_is_passed_over(world: World) -> None:
    template = world.template()
    shown = world.send("PATCH", f"job_templates/{template}/", {"status": "failed", "id": 77}).json()
    assert (shown["id"], shown["status"]) == (template, "never updated")


class TestCredentials:
    """Only what a play can use, and one of each kind."""

    def test_one_of_each_kind(self, world: World) -> None:
        template = world.template()
        one, other = (world.credential("Machine", username=name) for name in ("joe", "ann"))
        world.post(f"job_templates/{template}/credentials/", id=one)
        answer = world.refused(f"job_templates/{template}/credentials/", {"id": other})
        assert answer == {"error": "Cannot assign multiple Machine credentials."}
        world.post(f"job_templates/{template}/credentials/", id=one, disassociate=True)
        world.post(f"job_templates/{template}/credentials/", id=other)

    def test_vaults_are_told_apart_by_their_ids(self, world: World) -> None:
        template = world.template()
        for vault_id in ("a", "b"):
            vault = world.credential("Vault", vault_password="x", vault_id=vault_id)
            world.post(f"job_templates/{template}/credentials/", id=vault)
        again = world.credential("Vault", vault_password="y", vault_id="a")
        answer = world.refused(f"job_templates/{template}/credentials/", {"id": again})
        assert answer == {"error": "Cannot assign multiple Vault (id=a) credentials."}

    def test_only_what_a_play_can_use(self, world: World) -> None:
        template = world.template()
        galaxy = world.credential("Ansible Galaxy/Automation Hub API Token", url="https://galaxy.example.com")
        answer = world.refused(f"job_templates/{template}/credentials/", {"id": galaxy})
        assert answer == {"error": "Cannot assign a Credential of kind `galaxy`."}


class TestSurveys:
    """``survey_spec``."""

    def test_there_is_none_at_first(self, world: World) -> None:
        assert world.get(f"job_templates/{world.template()}/survey_spec/") == {}

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "Field 'spec' is missing from survey spec."),
            ({"spec": []}, "'spec' doesn't contain any items."),
            (
                {"name": "", "description": "", "spec": "x"},
                "Expected list of items for field 'spec', received str type.",
            ),
            ({"spec": ["x"]}, "Survey question 0 is not a json object."),
            (_question(type="multiplechoice"), "Survey question 0 of type multiplechoice must specify choices."),
            (_question(type="integer", min="a"), "The min limit in survey question 0 expected to be integer."),
            (
                _question(default=ENCRYPTED),
                "$encrypted$ is a reserved keyword for password question defaults, survey question 0 is type text.",
            ),
        ],
    )
    def test_a_wrong_one_is_refused(self, world: World, body: dict[str, Any], said: str) -> None:
        template = world.template()
        assert world.refused(f"job_templates/{template}/survey_spec/", body) == {"error": said}
        assert world.get(f"job_templates/{template}/survey_spec/") == {}

    def test_a_choice_that_nobody_could_answer_is_refused(self, world: World) -> None:
        body = _question(type="multiplechoice", choices=["a", ""])
        answer = world.refused(f"job_templates/{world.template()}/survey_spec/", body)
        assert "question 0 ('v')" in answer["error"]

    def test_the_default_of_a_secret_is_sealed(self, world: World) -> None:
        template = world.template()
        path = f"job_templates/{template}/survey_spec/"
        world.post(path, **_question(type="password", default="hush-hush"))
        shown = world.get(path)
        assert shown["spec"][0]["default"] == ENCRYPTED
        kept = _row(world, template).survey_spec["spec"][0]["default"]
        assert "hush" not in kept
        world.post(path, **{**shown, "name": "named"})
        again = _row(world, template).survey_spec["spec"][0]["default"]
        assert world.controller.secrets.open(again) == "hush-hush"
        assert world.get(path)["name"] == "named"

    def test_it_can_be_taken_away(self, world: World) -> None:
        path = f"job_templates/{world.template()}/survey_spec/"
        world.post(path, **_question())
        assert world.send("DELETE", path).status_code == 200
        assert world.get(path) == {}


def _row(world: World, template: int) -> JobTemplate:
    with world.controller.database.reading() as session:
        found = session.get(JobTemplate, template)
        assert found is not None
        session.expunge(found)
        return found


class TestWebhooks:
    """A template that a service may launch has a key."""

    def test_its_key_comes_and_goes_with_its_service(self, world: World) -> None:
        template = world.template(webhook_service="github")
        shown = world.get(f"job_templates/{template}/")
        assert shown["related"]["webhook_receiver"] == f"/api/v2/job_templates/{template}/github/"
        key = world.get(f"job_templates/{template}/webhook_key/")["webhook_key"]
        assert len(key) == 50
        assert key not in _row(world, template).webhook_key
        assert world.post(f"job_templates/{template}/webhook_key/")["webhook_key"] != key
        world.send("PATCH", f"job_templates/{template}/", {"webhook_service": ""})
        assert world.get(f"job_templates/{template}/webhook_key/") == {"webhook_key": ""}

    def test_its_credential_must_be_of_the_same_service(self, world: World) -> None:
        token = world.credential("GitHub Personal Access Token", token="x")
        body = {"webhook_service": "gitlab", "webhook_credential": token}
        template = world.template()
        said = {"webhook_credential": ["Must match the selected webhook service."]}
        assert world.refused(f"job_templates/{template}/", body, method="PATCH") == said
        assert world.refused("workflow_job_templates/", {"name": world.name(), **body}) == said
        machine = {"webhook_credential": world.credential("Machine", username="joe"), "webhook_service": "github"}
        answer = world.refused(f"job_templates/{template}/", machine, method="PATCH")
        assert answer == {"webhook_credential": ["Must be a Personal Access Token."]}


def test_a_copy_asks_the_same(world: World) -> None:
    template, label = world.template(survey_enabled=True, forks=7), world.label()
    credential = world.credential("Machine", username="joe")
    world.post(f"job_templates/{template}/survey_spec/", **_question(type="password", default="hush-hush"))
    world.post(f"job_templates/{template}/credentials/", id=credential)
    world.post(f"job_templates/{template}/labels/", id=label)
    copy = world.post(f"job_templates/{template}/copy/", name=world.name())
    assert copy["forks"] == 7
    assert [one["id"] for one in copy["summary_fields"]["credentials"]] == [credential]
    assert [one["id"] for one in copy["summary_fields"]["labels"]["results"]] == [label]
    kept = _row(world, copy["id"]).survey_spec["spec"][0]["default"]
    assert world.controller.secrets.open(kept) == "hush-hush"


def test_one_whose_job_runs_is_not_deleted(world: World) -> None:
    template = world.template()
    job = world.launch(template)
    answer = world.refused(f"job_templates/{template}/", None, 409, "DELETE")
    assert answer["active_jobs"] == [{"type": "job", "id": job}]
    world.post(f"jobs/{job}/cancel/")
    assert world.send("DELETE", f"job_templates/{template}/").status_code == 204
    assert world.get(f"jobs/{job}/")["job_template"] is None


def test_what_it_shows_of_its_jobs(world: World) -> None:
    template = world.template()
    jobs = [world.run(template, status) for status in ("successful", "failed")]
    waiting = world.launch(template)
    shown = world.get(f"job_templates/{template}/")
    assert [one["id"] for one in shown["summary_fields"]["recent_jobs"]] == [waiting, *reversed(jobs)]
    assert shown["summary_fields"]["last_job"]["id"] == jobs[1]
    assert shown["related"]["current_job"] == f"/api/v2/jobs/{waiting}/"
    assert (shown["status"], shown["last_job_failed"]) == ("pending", True)
    world.post(f"jobs/{waiting}/cancel/")
    after = world.get(f"job_templates/{template}/")
    assert (after["status"], after["summary_fields"]["last_job"]["status"]) == ("failed", "canceled")


class TestCallback:
    """``callback``: a host asks for its own configuration, with the key alone."""

    def test_a_wrong_key_is_refused(self, world: World) -> None:
        template = world.template(host_config_key="abc")
        answer = world.client.post(
            f"/api/v2/job_templates/{template}/callback/", json={"host_config_key": "zzz"}, auth=None
        )
        assert answer.status_code == 403

    def test_a_host_that_is_not_known_is_told_so(self, world: World) -> None:
        template = world.template(host_config_key="abc")
        answer = self._call(world, template)
        assert (answer.status_code, answer.json()) == (400, {"msg": "No matching host could be found!"})

    def test_a_known_one_gets_a_job_of_its_own(self, world: World) -> None:
        template = world.template(host_config_key="abc")
        inventory = world.post("inventories/", name=world.name(), organization=world.organization)["id"]
        world.post("hosts/", name="caller", inventory=inventory, variables="ansible_host: testclient")
        world.send("PATCH", f"job_templates/{template}/", {"inventory": inventory})
        answer = self._call(world, template)
        assert (answer.status_code, answer.content) == (201, b"")
        job = world.get(answer.headers["location"].removeprefix("/api/v2/"))
        assert (job["limit"], job["launch_type"], job["launched_by"]) == ("caller", "callback", {})
        again = self._call(world, template)
        assert (again.status_code, again.json()) == (400, {"msg": "Host callback job already pending."})

    def _call(self, world: World, template: int) -> Any:
        path = f"/api/v2/job_templates/{template}/callback/"
        return world.client.post(path, json={"host_config_key": "abc"}, auth=None)
