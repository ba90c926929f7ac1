# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many things by one request: launches and hosts."""

from __future__ import annotations

from typing import Any

import pytest
from holdfast.db.models import Host
from sqlalchemy import select

from tests.unit.holdfast.jobs.world import World


class TestLaunches:
    """``bulk/job_launch``: everything is judged before anything is made."""

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, {"jobs": ["This field is required."]}),
            ({"jobs": []}, {"jobs": {"__all__": ["This list may not be empty."]}}),
            ({"jobs": [{"foo": 1}]}, {"jobs": [{"unified_job_template": ["This field is required."]}]}),
            (
                {"jobs": [{"unified_job_template": 1, "forks": -1}]},
                {"jobs": [{"forks": ["Ensure this value is greater than or equal to 0."]}]},
            ),
        ],
    )
    def test_wrong_requests_are_told_so(self, world: World, body: Any, said: Any) -> None:
        assert world.refused("bulk/job_launch/", body) == said

    def test_a_template_that_is_not_there(self, world: World) -> None:
        answer = world.refused("bulk/job_launch/", {"jobs": [{"unified_job_template": 99999}]})
        assert answer["__all__"][0].startswith("Unified Job Templates {99999} not found")

    def test_identifiers_are_told_apart(self, world: World) -> None:
        node = {"unified_job_template": world.template(), "identifier": "n"}
        answer = world.refused("bulk/job_launch/", {"jobs": [node, node]})
        assert answer == {"__all__": ["Identifier n not unique"]}

    def test_questions_must_be_answered(self, world: World) -> None:
        template = world.template(survey_enabled=True)
        question = {"question_name": "Who", "variable": "who", "type": "text", "required": True}
        world.post(f"job_templates/{template}/survey_spec/", name="", description="", spec=[question])
        jobs = [{"unified_job_template": world.template()}, {"unified_job_template": template}]
        answer = world.refused("bulk/job_launch/", {"jobs": jobs})
        assert answer == {"jobs": [{}, {"variables_needed_to_start": ["'who' value missing"]}]}


class TestHosts:
    """``bulk/host_create`` and ``bulk/host_delete``."""

    def _hosts(self, world: World, inventory: int) -> list[str]:
        with world.controller.database.reading() as session:
            return list(session.scalars(select(Host.name).where(Host.inventory_id == inventory).order_by(Host.name)))

    def test_all_or_none_are_made(self, world: World) -> None:
        inventory = world.post("inventories/", name=world.name(), organization=world.organization)["id"]
        hosts = [{"name": "a", "enabled": False}, {"name": "b", "variables": "x: 1"}]
        made = world.post("bulk/host_create/", inventory=inventory, hosts=hosts)
        assert made["url"] == f"/api/v2/inventories/{inventory}/"
        assert [(one["name"], one["enabled"], one["variables"]) for one in made["hosts"]] == [
            ("a", False, ""),
            ("b", True, "x: 1"),
        ]
        again = {"inventory": inventory, "hosts": [{"name": "c"}, {"name": "a"}]}
        answer = world.refused("bulk/host_create/", again)
        assert answer == {"__all__": ["Hostnames must be unique in an inventory. Duplicates found: ['a']"]}
        wrong = world.refused("bulk/host_create/", {"inventory": inventory, "hosts": [{"name": "d"}, {}]})
        assert wrong == {"hosts": {"1": {"name": ["This field is required."]}}}
        assert self._hosts(world, inventory) == ["a", "b"]
        entry = world.get(f"inventories/{inventory}/activity_stream/?order_by=-id")["results"][0]
        assert entry["changes"] == {"total_hosts": [0, 2]}

    def test_all_or_none_are_deleted(self, world: World) -> None:
        inventory = world.post("inventories/", name=world.name(), organization=world.organization)["id"]
        hosts = [{"name": name} for name in "abc"]
        made = world.post("bulk/host_create/", inventory=inventory, hosts=hosts)["hosts"]
        answer = world.refused("bulk/host_delete/", {"hosts": [made[0]["id"], 99999]})
        assert answer == {"hosts": {"99999": "Hosts do not exist or you lack permission to delete it"}}
        gone = world.post("bulk/host_delete/", hosts=[made[0]["id"], made[2]["id"]])
        assert gone["hosts"][str(made[0]["id"])] == "The host a was deleted"
        assert self._hosts(world, inventory) == ["b"]

    def test_they_are_only_read_as_data(self, world: World) -> None:
        answer = world.send("GET", "bulk/host_create/")
        assert answer.headers["allow"] == "GET, POST, OPTIONS"
        assert set(world.get("bulk/")) == {"host_create", "host_delete", "job_launch"}
