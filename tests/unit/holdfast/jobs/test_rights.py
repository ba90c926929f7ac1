# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may launch what with which objects, and who may see, cancel and repeat it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.holdfast.jobs.world import World

PASSWORD = "a Passw0rd of joe"


class Person:
    """Somebody who is no administrator."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.name = world.name().replace(" ", "-")
        self.id = world.post("users/", username=self.name, password=PASSWORD)["id"]

    def holds(self, kind: str, key: int, role: str) -> None:
        """Give a role."""
        held = self._world.get(f"{kind}/{key}/")["summary_fields"]["object_roles"][role]["id"]
        self._world.post(f"users/{self.id}/roles/", id=held)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """An answer to this person."""
        return self._world.send(method, path, body, auth=(self.name, PASSWORD))

    def status(self, method: str, path: str, body: Any = None) -> int:
        """Only whether it may be done."""
        return int(self.send(method, path, body).status_code)


@pytest.fixture
def joe(world: World) -> Person:
    return Person(world)


def test_who_holds_nothing_sees_nothing(world: World, joe: Person) -> None:
    template = world.template()
    job = world.run(template)
    assert joe.send("GET", "job_templates/").json()["count"] == 0
    assert joe.send("GET", "unified_jobs/").json()["count"] == 0
    paths = (f"job_templates/{template}/", f"jobs/{job}/", f"jobs/{job}/stdout/?format=txt", f"jobs/{job}/job_events/")
    assert [joe.status("GET", path) for path in paths] == [403] * len(paths)
    assert joe.status("POST", f"job_templates/{template}/launch/", {}) == 403
    assert joe.status("POST", f"jobs/{job}/relaunch/", {}) == 403


def test_who_may_read_does_not_launch(world: World, joe: Person) -> None:
    template = world.template()
    joe.holds("job_templates", template, "read_role")
    shown = joe.send("GET", f"job_templates/{template}/").json()
    assert shown["summary_fields"]["user_capabilities"]["start"] is False
    assert joe.status("POST", f"job_templates/{template}/launch/", {}) == 403


class TestLaunching:
    """Who may execute a template launches it with what they may use."""

    def test_with_what_it_has_itself(self, world: World, joe: Person) -> None:
        template = world.template(ask_credential_on_launch=True)
        credential = world.credential("Machine", username="joe")
        world.post(f"job_templates/{template}/credentials/", id=credential)
        joe.holds("job_templates", template, "execute_role")
        launched = joe.send("POST", f"job_templates/{template}/launch/", {"credentials": [credential]})
        assert launched.status_code == 201, launched.text
        assert launched.json()["launched_by"]["name"] == joe.name
        job = launched.json()["id"]
        assert joe.status("GET", f"jobs/{job}/") == 200
        assert joe.status("POST", f"jobs/{job}/cancel/", {}) == 202
        assert joe.status("PATCH", f"job_templates/{template}/", {"name": "mine"}) == 403

    def test_not_with_what_they_may_not_use(self, world: World, joe: Person) -> None:
        template = world.template(inventory=None, ask_inventory_on_launch=True, ask_credential_on_launch=True)
        joe.holds("job_templates", template, "execute_role")
        path, credential = f"job_templates/{template}/launch/", world.credential("Machine", username="x")
        assert joe.status("POST", path, {"inventory": world.inventory}) == 403
        joe.holds("inventories", world.inventory, "use_role")
        assert joe.status("POST", path, {"inventory": world.inventory, "credentials": [credential]}) == 403
        joe.holds("organizations", world.organization, "member_role")
        joe.holds("credentials", credential, "use_role")
        assert joe.status("POST", path, {"inventory": world.inventory, "credentials": [credential]}) == 201


def test_secret_answers_of_somebody_else_are_not_used_again(world: World, joe: Person) -> None:
    template = world.template(survey_enabled=True)
    question = {"question_name": "Pw", "variable": "pw", "type": "password", "required": True}
    world.post(f"job_templates/{template}/survey_spec/", name="", description="", spec=[question])
    job = world.run(template, extra_vars={"pw": "t0psecr"})
    joe.holds("job_templates", template, "execute_role")
    answer = joe.send("POST", f"jobs/{job}/relaunch/", {})
    assert (answer.status_code, answer.json()) == (
        403,
        {"detail": "Job was launched with secret prompts provided by another user."},
    )


def test_a_schedule_needs_the_right_to_launch(world: World, joe: Person) -> None:
    template = world.template()
    body = {
        "name": world.name(),
        "unified_job_template": template,
        "rrule": "DTSTART:20300101T000000Z RRULE:FREQ=DAILY;INTERVAL=1",
    }
    joe.holds("job_templates", template, "read_role")
    assert joe.status("POST", "schedules/", body) == 403
    joe.holds("job_templates", template, "execute_role")
    assert joe.status("POST", "schedules/", body) == 201


def test_many_launches_are_judged_like_one(world: World, joe: Person) -> None:
    template = world.template()
    answer = joe.send("POST", "bulk/job_launch/", {"jobs": [{"unified_job_template": template}]})
    assert answer.status_code == 400
    assert "permissions to access it" in answer.json()["__all__"][0]
