# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: what they keep for later launches, and what they tell their template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import Schedule

from tests.unit.holdfast.jobs.world import World

DAILY = "DTSTART:20300101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3"
EARLIER = "DTSTART:20290101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3"


def _schedule(world: World, template: int, **more: Any) -> Any:
    return world.post(f"job_templates/{template}/schedules/", **{"name": world.name(), "rrule": DAILY, **more})


def test_a_template_knows_which_of_its_schedules_comes_next(world: World) -> None:
    template = world.template()
    later, sooner = _schedule(world, template), _schedule(world, template, rrule=EARLIER)
    assert (later["next_run"], later["dtend"]) == ("2030-01-01T00:00:00Z", "2030-01-03T00:00:00Z")

    def following() -> tuple[Any, Any]:
        shown = world.get(f"job_templates/{template}/")
        return shown["related"].get("next_schedule"), shown["next_job_run"]

    assert following() == (f"/api/v2/schedules/{sooner['id']}/", "2029-01-01T00:00:00Z")
    world.send("PATCH", f"schedules/{sooner['id']}/", {"enabled": False})
    assert following() == (f"/api/v2/schedules/{later['id']}/", "2030-01-01T00:00:00Z")
    world.send("DELETE", f"schedules/{later['id']}/")
    assert following() == (None, None)


def test_only_what_is_asked_for_is_kept(world: World) -> None:
    template = world.template(ask_limit_on_launch=True)
    kept = _schedule(world, template, limit="one")
    assert kept["limit"] == "one"
    answer = world.refused(
        "schedules/", {"name": world.name(), "unified_job_template": template, "rrule": DAILY, "job_tags": "t"}
    )
    assert answer == {"job_tags": ["Field is not configured to prompt on launch."]}


def test_the_questions_of_a_survey_must_be_answered(world: World) -> None:
    template = world.template(survey_enabled=True)
    question = {"question_name": "Pw", "variable": "pw", "type": "password", "required": True, "min": 3}
    world.post(f"job_templates/{template}/survey_spec/", name="", description="", spec=[question])
    body = {"name": world.name(), "unified_job_template": template, "rrule": DAILY}
    assert world.refused("schedules/", body) == {"variables_needed_to_start": ["'pw' value missing"]}
    made = _schedule(world, template, extra_data={"pw": "t0psecr"})
    assert made["extra_data"] == {"pw": ENCRYPTED}
    with world.controller.database.reading() as session:
        row = session.get_one(Schedule, made["id"])
        assert "t0psecr" not in json.dumps([row.extra_data, row.secret_data])
        assert world.controller.secrets.open_all(row.secret_data) == {"pw": "t0psecr"}
    changed = world.send("PATCH", f"schedules/{made['id']}/", {"extra_data": {"pw": ENCRYPTED}, "description": "x"})
    assert changed.status_code == 200, changed.text
    with world.controller.database.reading() as session:
        assert world.controller.secrets.open_all(session.get_one(Schedule, made["id"]).secret_data) == {"pw": "t0psecr"}


def test_a_manual_project_cannot_be_updated_by_the_clock(world: World) -> None:
    answer = world.refused(f"projects/{world.project}/schedules/", {"name": world.name(), "rrule": DAILY})
    assert answer == {"unified_job_template": ["Manual Project cannot have a schedule set."]}


class TestCredentials:
    """Those that a schedule keeps must be asked for, and ask for nothing."""

    def test_they_must_be_asked_for(self, world: World) -> None:
        schedule = _schedule(world, world.template())["id"]
        credential = world.credential("Machine", username="joe")
        answer = world.refused(f"schedules/{schedule}/credentials/", {"id": credential})
        assert answer == {"msg": "Related template is not configured to accept credentials on launch."}

    def test_they_must_not_ask(self, world: World) -> None:
        schedule = _schedule(world, world.template(ask_credential_on_launch=True))["id"]
        credential = world.credential("Machine", username="joe", password="ASK")
        answer = world.refused(f"schedules/{schedule}/credentials/", {"id": credential})
        assert answer["msg"].startswith("Credential that requires user input on launch")

    def test_one_of_a_kind(self, world: World) -> None:
        schedule = _schedule(world, world.template(ask_credential_on_launch=True))["id"]
        one, other = (world.credential("Machine", username=name) for name in ("joe", "ann"))
        world.post(f"schedules/{schedule}/credentials/", id=one)
        answer = world.refused(f"schedules/{schedule}/credentials/", {"id": other})
        assert answer == {"msg": "This launch configuration already provides a Machine credential."}


def test_a_preview(world: World) -> None:
    answer = world.send("POST", "schedules/preview/", {"rrule": DAILY.replace("COUNT=3", "COUNT=12")})
    assert answer.status_code == 200
    assert len(answer.json()["utc"]) == len(answer.json()["local"]) == 10
    assert answer.json()["utc"][0] == "2030-01-01T00:00:00Z"
    assert world.refused("schedules/preview/", {}) == {"rrule": ["This field is required."]}


@pytest.mark.parametrize("name", ["America/New_York", "UTC", "Europe/Berlin"])
def test_the_zones(world: World, name: str) -> None:
    found = world.get("schedules/zoneinfo/")
    assert name in found["zones"]
    assert all(not zone.startswith("/") for zone in found["links"].values())


def test_those_of_the_housekeeping_are_there_from_the_first_start(world: World) -> None:
    shown = world.get("system_job_templates/1/")
    assert shown["job_type"] == "cleanup_jobs"
    assert shown["related"]["next_schedule"] == "/api/v2/schedules/1/"
