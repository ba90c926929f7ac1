# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of templates and jobs: how many queries they take does not depend on how many rows they show."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.unit.holdfast.jobs.world import World

RULE = "DTSTART:20300101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=5"
SURVEY = {
    "name": "asks",
    "description": "a little",
    "spec": [{"question_name": "Who", "variable": "who", "type": "text", "required": False}],
}
LISTS = ("job_templates", "jobs", "unified_job_templates", "unified_jobs", "schedules", "notification_templates")


def _fill(world: World, times: int) -> None:
    credentials = [world.credential("Machine", username="joe") for _unused in range(2)]
    vault = world.credential("Vault", vault_password="x")
    for number in range(times):
        template = world.template(survey_enabled=True)
        world.post(f"job_templates/{template}/labels/", name=world.name(), organization=world.organization)
        for credential in (credentials[number % 2], vault):
            world.post(f"job_templates/{template}/credentials/", id=credential)
        world.post(f"job_templates/{template}/survey_spec/", **SURVEY)
        world.post(f"job_templates/{template}/schedules/", name=world.name(), rrule=RULE)
        for status in ("successful", "failed"):
            world.run(template, status)
        world.launch(template)
        notice = {"notification_type": "slack", "notification_configuration": {"token": "t", "channels": ["c"]}}
        world.post("notification_templates/", name=world.name(), organization=world.organization, **notice)


def _brief(statement: str) -> str:
    """A statement without the columns that it reads."""
    return re.sub(r"SELECT .*? \nFROM", "SELECT FROM", re.sub(r"\(\?(, \?)*\)", "(?)", statement), flags=re.DOTALL)


@pytest.fixture(scope="module")
def costs(world: World) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for size in (2, 5):
        _fill(world, size)
        for name in LISTS:
            world.get(f"{name}/?page_size=200")
            with world.queries() as queries:
                rows = world.get(f"{name}/?page_size=200&id__gt={-size}")["results"]
            found[f"{name} {size}"] = (len(rows), queries)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_longer_list_takes_no_more_queries(costs: dict[str, Any], name: str) -> None:
    (few, before), (many, after) = costs[f"{name} 2"], costs[f"{name} 5"]
    assert many > few
    known = Counter(map(_brief, before))
    told = [f"{times - known[one]} x {one}" for one, times in Counter(map(_brief, after)).items() if times > known[one]]
    assert len(after) <= len(before), "\n".join(told)
    assert len(after) < 60
