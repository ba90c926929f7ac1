# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: cancelled, deleted, launched again; what is shown of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from holdfast.db.models import JobEvent, JobHostSummary

from tests.unit.holdfast.jobs.world import World


class TestCancelling:
    """A job that has not ended can be cancelled."""

    def test_a_waiting_one_ends_at_once(self, world: World) -> None:
        job = world.launch(world.template())
        assert world.get(f"jobs/{job}/cancel/") == {"can_cancel": True}
        assert world.send("POST", f"jobs/{job}/cancel/").status_code == 202
        shown = world.get(f"jobs/{job}/")
        assert (shown["status"], shown["failed"], shown["event_processing_finished"]) == ("canceled", True, True)
        assert shown["canceled_on"] is not None
        assert ("job", str(job)) in world.queue.cancelled

    def test_a_running_one_is_told(self, world: World) -> None:
        job = world.launch(world.template())
        world.begin(job)
        told: list[str] = []

        class Run:
            def cancel(self) -> None:
                told.append("cancel")

        with world.jobs.runner.running(job, Run()):
            assert world.send("POST", f"jobs/{job}/cancel/").status_code == 202
        assert told == ["cancel"]
        assert world.get(f"jobs/{job}/")["status"] == "running"

    def test_one_that_is_cancelled_before_it_has_a_process_is_told_when_it_has(self, world: World) -> None:
        job = world.launch(world.template())
        world.begin(job)
        world.post(f"jobs/{job}/cancel/")
        told: list[str] = []

        class Run:
            def cancel(self) -> None:
                told.append("cancel")

        with world.jobs.runner.running(job, Run()):
            assert told == ["cancel"]

    def test_one_that_has_ended_cannot_be(self, world: World) -> None:
        job = world.run(world.template())
        assert world.get(f"jobs/{job}/cancel/") == {"can_cancel": False}
        assert world.refused(f"jobs/{job}/cancel/", {}, 405) == {"detail": 'Method "POST" not allowed.'}


class TestDeleting:
    """A job that has ended can be deleted, with everything that it said."""

    def test_a_running_one_stays(self, world: World) -> None:
        job = world.launch(world.template())
        world.begin(job)
        answer = world.refused(f"jobs/{job}/", None, 403, "DELETE")
        assert answer == {"detail": "Cannot delete running job resource."}

    def test_its_events_go_with_it(self, world: World) -> None:
        job = world.run(world.template())
        with world.controller.database.events(write=True) as session:
            session.add(JobEvent(job_id=job, counter=1, event="verbose", stdout="x", end_line=1))
        assert world.get(f"jobs/{job}/job_events/")["count"] == 1
        assert world.send("DELETE", f"jobs/{job}/").status_code == 204
        with world.controller.database.events() as session:
            assert session.query(JobEvent).filter_by(job_id=job).count() == 0


class TestRelaunching:
    """A job is launched again with what it was launched with."""

    def test_with_the_same_prompts(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True, ask_variables_on_launch=True, extra_vars="a: 1")
        job = world.run(template, limit="one", extra_vars={"b": 2})
        again = world.post(f"jobs/{job}/relaunch/")
        assert (again["launch_type"], again["limit"]) == ("relaunch", "one")
        assert json.loads(again["extra_vars"]) == {"a": 1, "b": 2}
        assert again["job"] == again["id"] != job

    def test_on_the_hosts_that_failed(self, world: World) -> None:
        template = world.template()
        job = world.run(template, "failed")
        with world.controller.database.writing() as session:
            for name, failed in (("one", False), ("three", True), ("two", True)):
                summary = {"failures": 1, "failed": True} if failed else {"ok": 1}
                session.add(JobHostSummary(job_id=job, host_id=world.hosts[name], host_name=name, **summary))
        assert world.get(f"jobs/{job}/relaunch/")["retry_counts"] == {"all": 3, "failed": 2}
        again = world.post(f"jobs/{job}/relaunch/", hosts="failed")
        assert again["limit"] == "three,two"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"hosts": "bogus"}, {"hosts": ['"bogus" is not a valid choice.']}),
            ({"hosts": "failed"}, {"hosts": "Cannot retry on failed hosts, playbook stats not available."}),
        ],
    )
    def test_other_hosts_are_refused(self, world: World, body: dict[str, Any], said: dict[str, Any]) -> None:
        job = world.run(world.template())
        assert world.refused(f"jobs/{job}/relaunch/", body) == said

    def test_when_its_template_is_gone(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True)
        job = world.run(template, limit="one")
        assert world.send("DELETE", f"job_templates/{template}/").status_code == 204
        again = world.post(f"jobs/{job}/relaunch/")
        assert (again["limit"], again["playbook"], again["job_template"]) == ("one", "site.yml", None)
        assert world.is_queued(again["id"])

    def test_twice_with_one_key_is_once(self, world: World) -> None:
        job = world.run(world.template())
        answers = [
            world.send("POST", f"jobs/{job}/relaunch/", {}, headers={"Idempotency-Key": "again"})
            for _unused in range(2)
        ]
        assert answers[0].json()["id"] == answers[1].json()["id"]


class TestSchedules:
    """``create_schedule`` keeps what a job was launched with."""

    def test_it_is_off_until_somebody_sets_it(self, world: World) -> None:
        template = world.template(ask_limit_on_launch=True, ask_variables_on_launch=True)
        job = world.run(template, limit="one", extra_vars={"b": 2})
        assert world.get(f"jobs/{job}/create_schedule/") == {
            "can_schedule": True,
            "prompts": {"limit": "one", "extra_vars": {"b": 2}},
        }
        made = world.post(f"jobs/{job}/create_schedule/")
        assert (made["enabled"], made["limit"], made["extra_data"]) == (False, "one", {"b": 2})
        assert made["unified_job_template"] == template
        assert world.post(f"jobs/{job}/create_schedule/")["name"] != made["name"]


class TestEvents:
    """Events of a job, and how they stand below each other."""

    def _say(self, world: World, job: int, *events: tuple[str, str, str]) -> None:
        with world.controller.database.events(write=True) as session:
            for counter, (event, uuid, parent) in enumerate(events, 1):
                session.add(JobEvent(job_id=job, counter=counter, event=event, uuid=uuid, parent_uuid=parent))

    def test_a_tree_is_counted(self, world: World) -> None:
        job = world.run(world.template())
        self._say(
            world, job,
            ("verbose", "v", ""), ("playbook_on_start", "s", ""), ("playbook_on_play_start", "p", "s"),
            ("playbook_on_task_start", "t", "p"), ("runner_on_ok", "r1", "t"), ("runner_on_ok", "r2", "t"),
            ("playbook_on_stats", "e", "s"),
        )  # fmt: skip
        found = world.get(f"jobs/{job}/job_events/children_summary/")
        assert found["children_summary"] == {
            "2": {"rowNumber": 1, "numChildren": 5},
            "3": {"rowNumber": 2, "numChildren": 3},
            "4": {"rowNumber": 3, "numChildren": 2},
        }
        assert (found["is_tree"], found["event_processing_finished"]) == (True, True)

    def test_where_hosts_go_their_own_ways_there_is_none(self, world: World) -> None:
        job = world.run(world.template())
        self._say(
            world, job,
            ("playbook_on_start", "s", ""), ("playbook_on_play_start", "p", "s"), ("playbook_on_task_start", "t1", "p"),
            ("playbook_on_task_start", "t2", "p"), ("runner_on_ok", "r1", "t1"),
        )  # fmt: skip
        found = world.get(f"jobs/{job}/job_events/children_summary/")
        assert found == {
            "children_summary": {}, "meta_event_nested_uuid": {}, "event_processing_finished": True, "is_tree": False,
        }  # fmt: skip

    def test_they_are_filtered_and_found_one_by_one(self, world: World) -> None:
        job = world.run(world.template())
        self._say(world, job, ("playbook_on_start", "s", ""), ("playbook_on_play_start", "p", "s"))
        found = world.get(f"jobs/{job}/job_events/?event=playbook_on_play_start")["results"]
        assert [one["counter"] for one in found] == [2]
        assert world.get(f"job_events/{found[0]['id']}/")["summary_fields"]["job"]["id"] == job
        parent = world.get(f"jobs/{job}/job_events/?counter=1")["results"][0]
        children = world.get(f"job_events/{parent['id']}/children/")["results"]
        assert [one["counter"] for one in children] == [2]

    def test_there_is_no_list_of_all(self, world: World) -> None:
        assert world.send("GET", "job_events/").status_code == 404
        assert world.send("GET", "job_host_summaries/").status_code == 404


def test_a_job_is_not_made_by_hand(world: World) -> None:
    assert world.send("POST", "jobs/", {}).status_code == 405
    job = world.launch(world.template())
    assert world.send("PATCH", f"jobs/{job}/", {}).status_code == 405
