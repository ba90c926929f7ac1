# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launching a job template: what is taken, what is passed over, what is refused and in which words."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from holdfast.auth.secrets import ENCRYPTED

from tests.unit.holdfast.jobs.world import World

SURVEY = {
    "name": "Survey",
    "description": "all types",
    "spec": [
        {"question_name": "Who", "required": True, "type": "text", "variable": "who", "min": 2, "max": 5},
        {"question_name": "Area", "required": False, "type": "textarea", "variable": "area", "default": ""},
        {
            "question_name": "Pw", "required": True, "type": "password", "variable": "pw", "min": 3, "max": 8,
            "default": "sekrit",
        },
        {"question_name": "Int", "required": True, "type": "integer", "variable": "num", "min": 1, "max": 10},
        {"question_name": "Float", "required": False, "type": "float", "variable": "flt", "min": 0, "max": 2},
        {
            "question_name": "One", "required": True, "type": "multiplechoice", "variable": "one",
            "choices": ["a", "b", "c"],
        },
        {
            "question_name": "Many", "required": False, "type": "multiselect", "variable": "many",
            "choices": "x\ny\nz",
        },
    ],
}  # fmt: skip
GOOD: dict[str, Any] = {"who": "zed", "num": 3, "pw": "abcdef", "one": "a"}
EVERYTHING = {
    f"ask_{name}_on_launch": True
    for name in (
        *("inventory", "variables", "limit", "tags", "skip_tags", "verbosity", "diff_mode", "job_type", "credential"),
        *("forks", "timeout", "labels", "instance_groups", "execution_environment", "job_slice_count"),
    )
}


@pytest.fixture(scope="module")
def asking(world: World) -> int:
    """A template with a survey."""
    found = world.template(survey_enabled=True, allow_simultaneous=True)
    world.post(f"job_templates/{found}/survey_spec/", **SURVEY)
    return found


@pytest.fixture(scope="module")
def open_one(world: World) -> int:
    """A template that asks for everything and has no inventory."""
    return world.template(inventory=None, allow_simultaneous=True, **EVERYTHING)


def test_seven_wrong_answers_are_told_in_the_order_of_the_questions(world: World, asking: int) -> None:
    wrong = {"who": "a", "area": 5, "num": 99, "one": "q", "many": ["x", "q"], "flt": "z"}
    assert world.refused(f"job_templates/{asking}/launch/", {"extra_vars": wrong}) == {
        "variables_needed_to_start": [
            "'who' value a is too small (length is 1 must be at least 2).",
            "Value 5 for 'area' expected to be a string.",
            "'pw' value missing",
            "'num' value 99 is too large (must be no more than 10).",
            "Value z for 'flt' expected to be a numeric type.",
            "Value q for 'one' expected to be one of ['a', 'b', 'c'].",
            "Value q for 'many' expected to be one of ['x', 'y', 'z'].",
        ]
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"who": 5}, "Value 5 for 'who' expected to be a string."),
        ({"who": None}, "Value None for 'who' expected to be a string."),
        ({"num": "3"}, "Value 3 for 'num' expected to be an integer."),
        ({"num": True}, "Value True for 'num' expected to be an integer."),
        ({"flt": -1}, "'flt' value -1 is too small (must be at least 0)."),
        ({"one": 1}, "Value 1 for 'one' expected to be one of ['a', 'b', 'c']."),
        ({"pw": 12345}, "Value 12345 for 'pw' expected to be a string."),
    ],
)
def test_an_answer_of_another_kind_is_refused(world: World, asking: int, given: dict[str, Any], said: str) -> None:
    answer = world.refused(f"job_templates/{asking}/launch/", {"extra_vars": {**GOOD, **given}})
    assert answer == {"variables_needed_to_start": [said]}


def test_answers_may_come_as_text(world: World, asking: int) -> None:
    for text in (json.dumps(GOOD), "---\nwho: zed\nnum: 3\npw: abcdef\none: a\n"):
        job = world.post(f"job_templates/{asking}/launch/", extra_vars=text)
        shown = json.loads(job["extra_vars"])
        assert (shown["who"], shown["num"], shown["area"]) == ("zed", 3, "")


def test_variables_that_nobody_asked_for_are_passed_over(world: World, asking: int) -> None:
    job = world.post(f"job_templates/{asking}/launch/", extra_vars={**GOOD, "zzz": 1}, limit="x", bogus="z")
    assert job["ignored_fields"] == {"extra_vars": {"zzz": 1}, "limit": "x"}
    assert "zzz" not in json.loads(job["extra_vars"])
    assert job["limit"] == ""


def test_what_is_no_object_is_refused_as_variables(world: World, asking: int) -> None:
    answer = world.refused(f"job_templates/{asking}/launch/", {"extra_vars": [1]})
    assert answer["extra_vars"] == [
        "Cannot parse as JSON (error: the JSON object must be str, bytes or bytearray, not list) or YAML "
        "(error: 'list' object has no attribute 'read')."
    ]


def test_a_secret_answer_is_shown_nowhere(world: World, asking: int) -> None:
    job = world.launch(asking, extra_vars={**GOOD, "pw": "t0psecr"})
    for path in (f"jobs/{job}/", f"jobs/{job}/activity_stream/", "jobs/?page_size=200", f"jobs/{job}/create_schedule/"):
        text = json.dumps(world.get(path))
        assert "t0psecr" not in text, path
        assert ENCRYPTED in text, path
    row = world.row(job)
    assert "t0psecr" not in json.dumps([row.extra_vars, row.secret_answers, row.prompts, row.start_args])
    assert world.controller.secrets.open_all(row.secret_answers) == {"pw": "t0psecr"}
    again = world.post(f"jobs/{job}/relaunch/")
    assert json.loads(again["extra_vars"])["pw"] == ENCRYPTED
    assert world.controller.secrets.open_all(world.row(again["id"]).secret_answers) == {"pw": "t0psecr"}


def test_the_word_for_a_secret_stands_for_its_default(world: World, asking: int) -> None:
    job = world.launch(asking, extra_vars={**GOOD, "pw": ENCRYPTED})
    assert world.controller.secrets.open_all(world.row(job).secret_answers) == {"pw": "sekrit"}


def test_wrong_kinds_are_told_for_every_field(world: World, open_one: int) -> None:
    given = {
        "inventory": "abc", "verbosity": 9, "job_type": "zap", "forks": -2, "timeout": "x", "limit": 5,
        "credentials": "x", "diff_mode": "q",
    }  # fmt: skip
    assert world.refused(f"job_templates/{open_one}/launch/", given) == {
        "inventory": ["Incorrect type. Expected pk value, received str."],
        "job_type": ['"zap" is not a valid choice.'],
        "verbosity": ['"9" is not a valid choice.'],
        "diff_mode": ["Must be a valid boolean."],
        "credentials": ['Expected a list of items but got type "str".'],
        "forks": ["Ensure this value is greater than or equal to 0."],
        "timeout": ["A valid integer is required."],
    }


def test_an_inventory_must_come_from_somewhere(world: World, open_one: int) -> None:
    answer = world.refused(f"job_templates/{open_one}/launch/", {})
    assert answer == {"resources_needed_to_start": ["Job Template inventory is missing or undefined."]}


def test_everything_that_is_asked_for_is_taken(world: World, open_one: int) -> None:
    label, credential = world.label(), world.credential("Machine", username="joe")
    given = {
        "inventory": world.inventory, "limit": "one", "job_tags": "t", "skip_tags": "s", "verbosity": 2,
        "diff_mode": True, "job_type": "check", "forks": 4, "timeout": 60, "execution_environment": 1,
    }  # fmt: skip
    body = {**given, "credentials": [credential], "labels": [label], "extra_vars": {"a": [1, 2]}}
    job = world.post(f"job_templates/{open_one}/launch/", **body)
    assert job["ignored_fields"] == {}
    assert {name: job[name] for name in given} == given
    assert json.loads(job["extra_vars"]) == {"a": [1, 2]}
    assert [one["id"] for one in job["summary_fields"]["credentials"]] == [credential]
    assert [one["id"] for one in job["summary_fields"]["labels"]["results"]] == [label]
    assert world.get(f"jobs/{job['id']}/create_schedule/")["prompts"]["limit"] == "one"


class TestCredentials:
    """Those of a launch take the place of those they exclude."""

    def test_a_kind_cannot_be_taken_away(self, world: World) -> None:
        template = world.template(ask_credential_on_launch=True, allow_simultaneous=True)
        held = world.credential("Machine", username="joe")
        world.post(f"job_templates/{template}/credentials/", id=held)
        answer = world.refused(f"job_templates/{template}/launch/", {"credentials": []})
        name = world.get(f"credentials/{held}/")["name"]
        assert answer == {
            "credentials": [
                "Removing Machine credential at launch time without replacement is not supported. Provided list "
                f"lacked credential(s): {name}-{held}."
            ]
        }

    def test_another_of_the_same_kind_replaces_it(self, world: World) -> None:
        template = world.template(ask_credential_on_launch=True, allow_simultaneous=True)
        held, other, vault = (
            world.credential("Machine", username="joe"),
            world.credential("Machine", username="ann"),
            world.credential("Vault", vault_password="x"),
        )
        for one in (held, vault):
            world.post(f"job_templates/{template}/credentials/", id=one)
        job = world.launch(template, credentials=[other, vault])
        assert {one["id"] for one in world.get(f"jobs/{job}/credentials/")["results"]} == {other, vault}

    def test_two_of_a_kind_are_refused(self, world: World) -> None:
        template = world.template(ask_credential_on_launch=True)
        both = [world.credential("Machine", username=name) for name in ("joe", "ann")]
        answer = world.refused(f"job_templates/{template}/launch/", {"credentials": both})
        assert answer == {"credentials": ["Cannot assign multiple Machine credentials."]}

    def test_only_what_a_play_can_use(self, world: World) -> None:
        template = world.template(ask_credential_on_launch=True)
        galaxy = world.credential("Ansible Galaxy/Automation Hub API Token", url="https://galaxy.example.com")
        answer = world.refused(f"job_templates/{template}/launch/", {"credentials": [galaxy]})
        assert answer == {"credentials": ["Cannot assign a Credential of kind `galaxy`"]}

    def test_passwords_that_are_asked_for_must_be_given(self, world: World) -> None:
        template = world.template(allow_simultaneous=True)
        asks = world.credential("Machine", username="joe", password="ASK", become_password="ASK")
        world.post(f"job_templates/{template}/credentials/", id=asks)
        needed = ["ssh_password", "become_password"]
        shown = world.get(f"job_templates/{template}/launch/")
        assert (shown["can_start_without_user_input"], shown["passwords_needed_to_start"]) == (False, needed)
        answer = world.refused(f"job_templates/{template}/launch/", {"credential_passwords": {"ssh_password": ""}})
        assert answer == {"passwords_needed_to_start": needed}
        given = {"ssh_password": "s3cret-1", "become_password": "s3cret-2"}
        job = world.launch(template, credential_passwords=given)
        row = world.row(job)
        assert "s3cret" not in row.start_args
        assert json.loads(world.controller.secrets.open(row.start_args)) == given
        world.begin(job)
        world.end(job)
        assert world.row(job).start_args == ""


class TestIdempotency:
    """A request that is sent again with its key is not carried out again."""

    def _send(self, world: World, template: int, key: str, **body: Any) -> Any:
        return world.send("POST", f"job_templates/{template}/launch/", body, headers={"Idempotency-Key": key})

    def test_the_same_request_gets_the_same_job(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True)
        first = self._send(world, template, "key-1", limit="one", bogus=1)
        again = self._send(world, template, "key-1", limit="one", bogus=1)
        assert first.status_code == again.status_code == 201
        assert first.json()["id"] == again.json()["id"]
        assert again.json()["limit"] == "one"
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert world.get(f"job_templates/{template}/jobs/")["count"] == 1

    def test_another_request_with_the_same_key_is_refused(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True)
        assert self._send(world, template, "key-2", limit="one").status_code == 201
        other = self._send(world, template, "key-2", limit="two")
        assert other.status_code == 422
        assert "Idempotency-Key" in other.json()["detail"]
        elsewhere = self._send(world, world.template(), "key-2")
        assert elsewhere.status_code == 422

    def test_nothing_that_is_kept_of_a_request_tells_a_password_by_trying(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True)
        job = self._send(world, template, "key-4", limit="one").json()["id"]
        body = json.dumps({"limit": "one"}, sort_keys=True)
        tried = hashlib.sha256(f"job_templates/{template}/launch\n{body}".encode()).hexdigest()
        assert world.row(job).idempotency["request"] != tried

    def test_a_refused_launch_does_not_use_up_its_key(self, world: World) -> None:
        template = world.template(ask_inventory_on_launch=True, inventory=None)
        assert self._send(world, template, "key-3").status_code == 400
        assert self._send(world, template, "key-3", inventory=world.inventory).status_code == 201


def test_a_launch_is_written_into_the_activity_stream(world: World) -> None:
    template = world.template(description="what it does")
    job = world.launch(template)
    entry = world.get(f"jobs/{job}/activity_stream/")["results"][0]
    assert (entry["operation"], entry["object1"]) == ("create", "job")
    assert entry["changes"]["inventory"] == f"Inv-{world.inventory}"
    assert entry["summary_fields"]["job_template"][0]["id"] == template
    assert entry["summary_fields"]["actor"]["username"] == "admin"


def test_a_template_says_what_its_launch_may_be_given(world: World, asking: int) -> None:
    shown = world.get(f"job_templates/{asking}/launch/")
    assert shown["variables_needed_to_start"] == ["who", "pw", "num", "one"]
    assert shown["can_start_without_user_input"] is False
    assert shown["survey_enabled"] is True
    plain = world.get(f"job_templates/{world.template()}/launch/")
    assert plain["can_start_without_user_input"] is True
    assert plain["defaults"]["inventory"] == {"name": "Inv", "id": world.inventory}


def test_more_variables_may_be_given_where_they_are_asked_for(world: World) -> None:
    template = world.template(ask_variables_on_launch=True, extra_vars="a: 1\nb: {c: 2}")
    job = world.post(f"job_templates/{template}/launch/", extra_vars={"b": 3, "d": None})
    assert json.loads(job["extra_vars"]) == {"a": 1, "b": 3, "d": None}
