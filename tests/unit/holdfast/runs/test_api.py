# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows over HTTP: what is made, launched, answered, cancelled, done again, and what is said to what cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Approval,
    Bundle,
    Catalog,
    Component,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from holdfast.db.models import Run, RunChange, User, WorkflowJob
from sqlalchemy import func, select

from .house import House

NOT_ASKED = ["Field is not configured to prompt on launch."]
CYCLE = {"Error": "Cycle detected."}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("house"))
    with found.client:
        yield found


# --- templates and nodes ------------------------------------------------------------------------------------------


def test_a_template_has_null_where_nothing_is_said(house: House) -> None:
    workflow = house.workflow()
    shown = house.get(f"workflow_job_templates/{workflow}/")
    words = ("limit", "scm_branch", "job_tags", "skip_tags")
    assert [shown[name] for name in words] == [None] * 4
    changed = house.send("PATCH", f"workflow_job_templates/{workflow}/", {"limit": "", "job_tags": "x"}).json()
    assert [changed[name] for name in words] == ["", None, "x", None]
    assert "execution_environment" not in shown and shown["related"]["webhook_receiver"] == ""


def test_nodes_are_made_in_the_list_of_their_workflow(house: House) -> None:
    workflow, template = house.workflow(), house.template()
    made = house.post(f"workflow_job_templates/{workflow}/workflow_nodes/", unified_job_template=template)
    assert made["workflow_job_template"] == workflow and len(made["identifier"]) == 36
    assert house.get(f"workflow_job_templates/{workflow}/workflow_nodes/")["count"] == 1
    moved = house.send(
        "PATCH", f"workflow_job_template_nodes/{made['id']}/", {"workflow_job_template": house.workflow()}
    )
    assert moved.json()["workflow_job_template"] == workflow


def test_nodes_take_what_their_template_asks_for(house: House) -> None:
    workflow, deaf = house.workflow(), house.template()
    path, body = "workflow_job_template_nodes/", {"workflow_job_template": workflow, "unified_job_template": deaf}
    assert house.refused(path, {**body, "limit": "x"}) == {"limit": NOT_ASKED}
    refused = house.refused(path, {**body, "extra_data": {"a": 1}})
    assert list(refused) == ["extra_data"] and "Variables a are not allowed on launch." in refused["extra_data"][0]
    asks = house.template(ask_limit_on_launch=True, ask_variables_on_launch=True)
    made = house.post(path, **{**body, "unified_job_template": asks, "limit": "x", "extra_data": {"a": 1}})
    assert (made["limit"], made["extra_data"]) == ("x", {"a": 1})
    assert house.refused(path, {**body, "unified_job_template": 99999}) == {
        "unified_job_template": ['Invalid pk "99999" - object does not exist.']
    }


def test_secret_answers_of_nodes(house: House) -> None:
    spec = {"name": "", "description": "", "spec": [_question("pw", "password"), _question("who")]}
    template = house.template(survey_enabled=True)
    house.post(f"job_templates/{template}/survey_spec/", **spec)
    workflow = house.workflow()
    node = house.node(workflow, template, extra_data={"pw": "sesame", "who": "amy"})
    path = f"workflow_job_template_nodes/{node}/"
    assert house.get(path)["extra_data"] == {"pw": "$encrypted$", "who": "amy"}
    kept = house.send("PATCH", path, {"extra_data": {"pw": "$encrypted$", "who": "bob"}})
    assert kept.json()["extra_data"] == {"pw": "$encrypted$", "who": "bob"}
    job = house.start(workflow)
    house.play()
    shown = house.get(f"jobs/{house.nodes(job)[house.get(path)['identifier']]['job']}/")
    assert json.loads(shown["extra_vars"]) == {"pw": "$encrypted$", "who": "bob"}
    assert house.refused(path, {"extra_data": {"who": "$encrypted$"}}, method="PATCH") == {
        "extra_data": ['"$encrypted$ is a reserved keyword, may not be used for who."']
    }


def _question(variable: str, kind: str = "text", required: bool = False) -> dict[str, object]:
    return {"variable": variable, "question_name": variable, "question_description": "", "type": kind,
            "required": required, "default": "", "min": 0, "max": 20}  # fmt: skip


def test_any_circle_is_refused(house: House) -> None:
    workflow, template = house.workflow(), house.template()
    root, a, b, c = (house.node(workflow, template, name) for name in ("root", "a", "b", "c"))
    house.edge(root, "always", a)
    house.edge(a, "success", b)
    house.edge(b, "always", c)
    path = "workflow_job_template_nodes/{}/{}_nodes/"
    assert house.refused(path.format(a, "success"), {"id": a}) == CYCLE
    assert house.refused(path.format(b, "success"), {"id": a}) == CYCLE
    assert house.refused(path.format(c, "failure"), {"id": a}) == CYCLE
    assert house.refused(path.format(a, "failure"), {"id": b}) == {"Error": "Relationship not allowed."}
    house.edge(a, "success", b)
    assert house.get(f"workflow_job_template_nodes/{a}/")["success_nodes"] == [b]
    other = house.node(house.workflow(), template)
    assert house.send("POST", path.format(a, "success"), {"id": other}).status_code == 403
    house.post(path.format(a, "success"), id=b, disassociate=True)
    assert house.get(f"workflow_job_template_nodes/{a}/")["success_nodes"] == []


def test_a_question_belongs_to_its_node(house: House) -> None:
    node = house.node(house.workflow(), None)
    first = house.question(node, timeout=60)
    assert house.get(f"workflow_job_template_nodes/{node}/")["summary_fields"]["unified_job_template"]["timeout"] == 60
    second = house.question(node)
    assert house.send("GET", f"workflow_approval_templates/{first}/").status_code == 404
    path = f"workflow_job_template_nodes/{node}/create_approval_template/"
    assert house.refused(path, {}) == {"name": ["This field is required."]}
    assert "timeout" in house.refused(path, {"name": "x", "timeout": -1})
    house.send("DELETE", f"workflow_job_template_nodes/{node}/")
    assert house.send("GET", f"workflow_approval_templates/{second}/").status_code == 404


def test_a_copy_has_nodes_edges_and_questions_of_its_own(house: House) -> None:
    workflow, template = house.workflow(ask_limit_on_launch=True), house.template(ask_limit_on_launch=True)
    a, b = house.node(workflow, template, "a", limit="x"), house.node(workflow, None, "b")
    question = house.question(b, timeout=5)
    house.edge(a, "success", b)
    path = f"workflow_job_templates/{workflow}/copy/"
    assert house.get(path) == {
        "can_copy": True, "can_copy_without_user_input": True, "templates_unable_to_copy": [],
        "credentials_unable_to_copy": [], "inventories_unable_to_copy": [],
    }  # fmt: skip
    copied = house.post(path, name=house.name())
    nodes = house.get(f"workflow_job_templates/{copied['id']}/workflow_nodes/")["results"]
    found = {one["identifier"]: one for one in nodes}
    assert found["a"]["limit"] == "x" and found["a"]["success_nodes"] == [found["b"]["id"]]
    assert found["b"]["unified_job_template"] not in (None, question)
    assert found["b"]["summary_fields"]["unified_job_template"]["timeout"] == 5
    assert not {a, b} & {one["id"] for one in nodes}


# --- launching ----------------------------------------------------------------------------------------------------


def test_what_a_launch_would_have_to_say(house: House) -> None:
    workflow = house.workflow(survey_enabled=True, ask_limit_on_launch=True, limit="web")
    house.post(
        f"workflow_job_templates/{workflow}/survey_spec/",
        name="",
        description="",
        spec=[_question("who", required=True)],
    )
    template = house.template(ask_limit_on_launch=True)
    gone, deaf = house.node(workflow, None), house.node(workflow, template, limit="x")
    house.send("PATCH", f"job_templates/{template}/", {"ask_limit_on_launch": False})
    shown = house.get(f"workflow_job_templates/{workflow}/launch/")
    assert shown["variables_needed_to_start"] == ["who"] and shown["can_start_without_user_input"] is False
    assert (shown["node_templates_missing"], shown["node_prompts_rejected"]) == ([gone], [deaf])
    assert shown["defaults"] == {
        "inventory": {"name": None, "id": None}, "limit": "web", "scm_branch": None, "job_tags": None,
        "skip_tags": None, "extra_vars": "",
    }  # fmt: skip
    path = f"workflow_job_templates/{workflow}/launch/"
    assert house.refused(path, {}) == {"variables_needed_to_start": ["'who' value missing"]}


def test_nothing_is_passed_over(house: House) -> None:
    workflow = house.workflow()
    path = f"workflow_job_templates/{workflow}/launch/"
    assert house.refused(path, {"limit": "x", "inventory": house.inventory}) == {
        "inventory": NOT_ASKED, "limit": NOT_ASKED
    }  # fmt: skip
    assert house.refused(path, {"extra_vars": {"zz": 1}}) == {
        "extra_vars": [
            "Variables zz are not allowed on launch. Check the Prompt on Launch setting on the Workflow Job Template "
            "to include Extra Variables."
        ]
    }
    assert house.refused(path, {"inventory": None}) == {"inventory": ["This field may not be null."]}
    assert house.refused(path, {"inventory": 99999}) == {"inventory": ['Invalid pk "99999" - object does not exist.']}


def test_a_launch(house: House) -> None:
    workflow = house.workflow(ask_variables_on_launch=True, ask_labels_on_launch=True)
    label = house.post("labels/", name=house.name(), organization=house.organization)["id"]
    house.node(workflow, house.template(), "a")
    body = {"extra_vars": {"x": 1}, "labels": [label]}
    answer = house.send("POST", f"workflow_job_templates/{workflow}/launch/", body)
    shown = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/api/v2/workflow_jobs/{shown['id']}/"
    assert (shown["workflow_job"], shown["status"], shown["started"]) == (shown["id"], "pending", None)
    assert shown["ignored_fields"] == {} and shown["extra_vars"] == '{"x": 1}'
    assert shown["summary_fields"]["labels"]["count"] == 1 and "event_processing_finished" not in shown
    running = house.get(f"workflow_jobs/{shown['id']}/")
    assert running["status"] == "running" and running["elapsed"] > 0 and running["started"] is not None
    again = house.get(f"workflow_jobs/{shown['id']}/")
    assert again["elapsed"] > running["elapsed"]
    house.play()
    ended = house.get(f"workflow_jobs/{shown['id']}/")
    assert (ended["status"], ended["failed"]) == ("successful", False) and ended["finished"] is not None
    template = house.get(f"workflow_job_templates/{workflow}/")
    assert template["status"] == "successful" and template["summary_fields"]["recent_jobs"][0]["id"] == shown["id"]
    job = house.nodes(shown["id"])["a"]["summary_fields"]["job"]
    assert (job["type"], job["status"]) == ("job", "successful")
    found = house.get(f"unified_jobs/?unified_job_node__workflow_job={shown['id']}")["results"]
    assert [one["id"] for one in found] == [job["id"]]
    assert house.get(f"jobs/{job['id']}/")["summary_fields"]["source_workflow_job"]["id"] == shown["id"]


def test_a_launch_that_is_sent_twice(house: House) -> None:
    workflow = house.workflow()
    path, headers = f"workflow_job_templates/{workflow}/launch/", {"Idempotency-Key": "once"}
    first, second = (house.send("POST", path, {}, headers=headers) for _unused in range(2))
    assert first.json()["id"] == second.json()["id"] and second.headers["idempotency-replayed"] == "true"
    assert house.get(f"workflow_job_templates/{workflow}/workflow_jobs/")["count"] == 1


def test_who_may_launch(house: House) -> None:
    workflow = house.workflow()
    reader = house.person(read_role=("workflow_job_templates", workflow))
    doer = house.person(execute_role=("workflow_job_templates", workflow))
    path = f"workflow_job_templates/{workflow}/launch/"
    assert house.send("POST", path, {}, auth=reader).status_code == 403
    assert house.send("POST", path, {}, auth=doer).status_code == 201


# --- approvals ----------------------------------------------------------------------------------------------------


def _asked(house: House, **more: object) -> tuple[int, int, int]:
    """A workflow that asks; its job and its approval."""
    workflow = house.workflow(**more)
    house.question(house.node(workflow, None, "ask"))
    job = house.start(workflow)
    return workflow, job, int(house.nodes(job)["ask"]["job"])


@pytest.mark.parametrize(("word", "status"), [("approve", "successful"), ("deny", "failed")])
def test_an_answer(house: House, word: str, status: str) -> None:
    workflow, job, approval = _asked(house)
    path = f"workflow_approvals/{approval}/"
    shown = house.get(path)
    assert (shown["status"], shown["can_approve_or_deny"], shown["timed_out"]) == ("pending", True, False)
    assert shown["summary_fields"]["workflow_job"]["id"] == job
    assert shown["summary_fields"]["workflow_job_template"]["id"] == workflow
    assert "type" not in shown["summary_fields"]["source_workflow_job"]
    assert house.get(f"{path}{word}/") == {"job_explanation": ""}
    assert house.send("POST", f"{path}{word}/", {}).status_code == 204
    said = {"error": "This workflow step has already been approved or denied."}
    assert house.refused(f"{path}approve/", {}) == said and house.refused(f"{path}deny/", {}) == said
    shown = house.get(path)
    assert (shown["status"], shown["can_approve_or_deny"]) == (status, False)
    assert shown["summary_fields"]["approved_or_denied_by"]["username"] == "admin"
    assert house.get(f"workflow_jobs/{job}/")["status"] == status
    entries = house.get("activity_stream/?object1=workflow_approval&operation=update&order_by=-id")["results"]
    assert entries[0]["changes"] == {"status": ["pending", status]}


def test_who_may_answer(house: House) -> None:
    workflow, _job, approval = _asked(house)
    doer = house.person(execute_role=("workflow_job_templates", workflow))
    judge = house.person(approval_role=("workflow_job_templates", workflow))
    path = f"workflow_approvals/{approval}/"
    assert house.send("GET", path, auth=doer).json()["can_approve_or_deny"] is False
    refused = house.send("POST", f"{path}approve/", {}, auth=doer)
    assert (refused.status_code, refused.json()["detail"]) == (
        403, "You do not have permission to perform this action."
    )  # fmt: skip
    assert house.send("GET", path, auth=judge).json()["can_approve_or_deny"] is True
    assert house.send("POST", f"{path}approve/", {}, auth=judge).status_code == 204


# --- cancelled, deleted, again ------------------------------------------------------------------------------------


def test_a_cancel(house: House) -> None:
    _workflow, job, approval = _asked(house)
    path = f"workflow_jobs/{job}/"
    assert house.get(f"{path}cancel/") == {"can_cancel": True}
    assert house.refused(path, None, 403, "DELETE") == {"detail": "Cannot delete running job resource."}
    answer = house.send("POST", f"{path}cancel/", {})
    assert (answer.status_code, answer.content) == (202, b"")
    shown = house.get(path)
    assert (shown["status"], shown["job_explanation"]) == ("canceled", "") and shown["canceled_on"] is not None
    assert house.get(f"workflow_approvals/{approval}/")["status"] == "canceled"
    assert house.send("POST", f"{path}cancel/", {}).status_code == 405
    assert house.get(f"{path}cancel/") == {"can_cancel": False}
    assert house.send("DELETE", path).status_code == 204
    with house.controller.database.reading() as session:
        for model, column in ((Run, Run.id), (RunChange, RunChange.run_id)):
            assert session.scalar(select(func.count()).select_from(model).where(column == f"wf{job}")) == 0


def test_jobs_of_a_running_workflow_stay(house: House) -> None:
    _workflow, job, approval = _asked(house)
    assert house.refused(f"workflow_approvals/{approval}/", None, 403, "DELETE") == {
        "detail": "Cannot delete job resource when associated workflow job is running."
    }
    workflow = house.get(f"workflow_jobs/{job}/")["workflow_job_template"]
    refused = house.refused(f"workflow_job_templates/{workflow}/", None, 409, "DELETE")
    assert refused["error"] == "Resource is being used by running jobs."
    house.post(f"workflow_jobs/{job}/cancel/")


def test_launched_again(house: House) -> None:
    workflow = house.workflow(ask_variables_on_launch=True)
    bad = house.name()
    a, b = house.node(workflow, house.template(), "a"), house.node(workflow, house.template(name=bad), "b")
    house.edge(a, "success", b)
    job = house.start(workflow, extra_vars={"x": 1})
    path = f"workflow_jobs/{job}/relaunch/"
    assert "ended" in house.refused(path, {"nodes": "failed"})["detail"]
    house.play(bad=[bad])
    assert house.get(f"workflow_jobs/{job}/")["job_explanation"] == (
        "No error handling paths found, marking workflow as failed"
    )
    assert house.get(path) == {}
    again = house.post(path)
    assert (again["launch_type"], again["status"], again["extra_vars"]) == ("relaunch", "pending", '{"x": 1}')
    assert "workflow_job" not in again and "ignored_fields" not in again
    house.play()
    assert house.get(f"workflow_jobs/{again['id']}/")["status"] == "successful"
    assert house.nodes(again["id"])["a"]["job"] != house.nodes(job)["a"]["job"]
    resumed = house.post(path, nodes="failed")
    house.play()
    assert house.get(f"workflow_jobs/{resumed['id']}/")["status"] == "successful"
    assert house.nodes(resumed["id"])["a"]["job"] == house.nodes(job)["a"]["job"]
    assert house.nodes(resumed["id"])["b"]["job"] != house.nodes(job)["b"]["job"]
    assert "successful" in house.refused(f"workflow_jobs/{again['id']}/relaunch/", {"nodes": "failed"})["detail"]
    assert house.refused(path, {"nodes": "some"}) == {"nodes": ['"some" is not a valid choice.']}


def test_many_jobs_at_once(house: House) -> None:
    templates = [house.template(), house.template()]
    job = house.post("bulk/job_launch/", name="many", jobs=[{"unified_job_template": one} for one in templates])
    house.play()
    shown = house.get(f"workflow_jobs/{job['id']}/")
    assert (shown["status"], shown["name"], shown["workflow_job_template"]) == ("successful", "many", None)
    assert [one["summary_fields"]["job"]["status"] for one in house.nodes(job["id"]).values()] == ["successful"] * 2


def test_lists_take_as_many_queries_for_many_rows_as_for_few(house: House) -> None:
    workflow, template = house.workflow(), house.template()
    before = [house.node(workflow, template, f"n{number}") for number in range(2)]
    house.edge(*before[:1], "success", before[1])
    path = f"workflow_job_templates/{workflow}/workflow_nodes/"
    with house.queries() as few:
        house.get(path)
    for number in range(2, 8):
        house.edge(before[0], "success", house.node(workflow, template, f"n{number}"))
    with house.queries() as many:
        house.get(f"{path}?page_size=100")
    assert len(many) <= len(few), "\n".join(many)
    job = house.start(workflow)
    house.play()
    with house.queries() as run:
        house.get(f"workflow_jobs/{job}/workflow_nodes/")
    assert len(run) <= len(few) + 3, "\n".join(run)


def test_a_job_in_slices(house: House) -> None:
    template = house.template(job_slice_count=2)
    launched = house.post(f"job_templates/{template}/launch/")
    assert (launched["type"], launched["workflow_job"]) == ("workflow_job", launched["id"])
    assert (launched["is_sliced_job"], launched["job_template"], launched["workflow_job_template"]) == (
        True,
        template,
        None,
    )
    assert launched["related"]["job_template"] == f"/api/v2/job_templates/{template}/"
    house.play()
    assert house.get(f"workflow_jobs/{launched['id']}/")["status"] == "successful"
    jobs = [house.get(f"jobs/{node['job']}/") for node in house.nodes(launched["id"]).values()]
    assert sorted((job["job_slice_number"], job["job_slice_count"]) for job in jobs) == [(1, 2), (2, 2)]
    assert house.get(f"job_templates/{template}/slice_workflow_jobs/")["count"] == 1
    again = f"workflow_jobs/{launched['id']}/relaunch/"
    assert house.post(again)["is_sliced_job"] is True
    house.send("PATCH", f"job_templates/{template}/", {"job_slice_count": 1})
    said = "Cannot relaunch sliced workflow job after slice count has changed."
    assert house.refused(again, {}) == {"detail": said}
    house.send("PATCH", f"job_templates/{template}/", {"job_slice_count": 2})
    house.play()
    assert house.send("DELETE", f"job_templates/{template}/").status_code == 204
    said = "Cannot relaunch slice workflow job orphaned from job template."
    assert house.refused(again, {}) == {"detail": said}


def test_the_rules_of_a_bundle_are_told(house: House) -> None:
    """Who asked for a run may not approve it under four eyes; one vote of two leaves the question open."""
    bundle = Bundle(
        name="asking",
        version="1.0.0",
        components=(
            Component(name="eyes", kind="approval", approval=Approval(four_eyes=True)),
            Component(name="two", kind="approval", approval=Approval(quorum=2)),
        ),
    )
    with house.controller.database.writing() as session:
        admin = session.scalar(select(User.id).where(User.username == "admin"))
        job = WorkflowJob(name="asking", status="pending", created_by_id=admin)
        session.add(job)
        session.flush()
        launch = Launch(bundle=bundle, catalog=Catalog(items={}, bundles={}), requested_by="admin")
        house.controller.services["workflows"]._begin_bundle(session, job, launch)
        key = job.id
    eyes, two = (f"workflow_approvals/{house.nodes(key)[name]['job']}/" for name in ("eyes", "two"))
    assert house.refused(f"{eyes}approve/", {}) == {
        "error": "'eyes' needs four eyes: admin asked for this run and may not approve it"
    }
    assert house.get(eyes)["status"] == "pending"
    assert house.send("POST", f"{two}approve/", {}).status_code == 204
    assert house.get(two)["status"] == "pending"
    assert house.refused(f"{two}approve/", {}) == {
        "error": "admin has approved 'two' before; it still waits for somebody else"
    }
    house.post(f"workflow_jobs/{key}/cancel/")
    assert house.get(f"workflow_jobs/{key}/")["status"] == "canceled"
