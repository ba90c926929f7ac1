# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows that people drew: AWX's edges, joins and words, artifacts, prompts, approvals, nesting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.db import models as m
from holdfast.jobs.launching import internal_call
from holdfast.runs import people

from .drawn import Drawing
from .theater import Result, Theater

UNHANDLED = "No error handling paths found, marking workflow as failed"


def scripted(theater: Theater, **statuses: Any) -> None:
    """Jobs end by the name of their template: a status, or a Result; what is not named succeeds."""

    def script(_theater: Theater, job: Any) -> Result:
        found = statuses.get(job.name, "successful")
        return found if isinstance(found, Result) else Result(found)

    theater.script = script


def statuses(theater: Theater, job_id: int) -> dict[str, str]:
    """What became of the nodes: the status of a job, ``-`` for one that was never to run, ``?`` for no job at all."""
    found = {}
    for identifier, row in theater.nodes(job_id).items():
        found[identifier] = row.job.status if row.job is not None else "-" if row.do_not_run else "?"
    return found


def ended(theater: Theater, job_id: int) -> tuple[str, str]:
    job = theater.job(job_id)
    return job.status, job.job_explanation


def vote(theater: Theater, job_id: int, node: str, by: str, approved: bool) -> None:
    with theater.controller.database.writing() as session:
        approval = session.get_one(m.WorkflowApproval, theater.nodes(job_id)[node].job_id)
        people.vote(session, theater.runs, approval, by, approved)


# --- edges and joins ----------------------------------------------------------------------------------------------


def test_a_chain(theater: Theater, drawing: Drawing) -> None:
    template = drawing.job_template("a")
    workflow = drawing.workflow("w", dict.fromkeys("abc", template), [("a", "success", "b"), ("b", "always", "c")])
    job_id = theater.launch(workflow, drawing.user)
    assert theater.job(job_id).status == "running"
    theater.play()
    job = theater.job(job_id)
    assert ended(theater, job_id) == ("successful", "")
    assert statuses(theater, job_id) == dict.fromkeys("abc", "successful")
    assert job.failed is False and job.finished is not None and job.started is not None
    assert [theater.job(one).launch_type for one in theater.begun] == ["workflow"] * 3
    assert theater.job(theater.begun[0]).created_by_id == drawing.user.id
    template_after = theater.controller.database
    with template_after.reading() as session:
        row = session.get_one(m.WorkflowJobTemplate, workflow.id)
        assert (row.last_job_id, row.status, row.last_job_failed) == (job_id, "successful", False)


def test_an_unhandled_failure(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, bad="failed")
    bad, good = drawing.job_template("bad"), drawing.job_template("good")
    job_id = theater.launch(drawing.workflow("w", {"a": bad, "b": good, "c": good}, [("a", "success", "b")]))
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    assert statuses(theater, job_id) == {"a": "failed", "b": "-", "c": "successful"}
    assert theater.job(job_id).failed is True


@pytest.mark.parametrize("end", ["failed", "error", "canceled"])
def test_a_failure_path(theater: Theater, drawing: Drawing, end: str) -> None:
    scripted(theater, bad=end)
    bad, good = drawing.job_template("bad"), drawing.job_template("good")
    edges = [("a", "success", "b"), ("a", "failure", "c"), ("c", "success", "d")]
    job_id = theater.launch(drawing.workflow("w", {"a": bad, "b": good, "c": good, "d": good}, edges))
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    assert statuses(theater, job_id) == {"a": end, "b": "-", "c": "successful", "d": "successful"}


@pytest.mark.parametrize("end", ["failed", "error", "canceled"])
def test_every_bad_end_counts_in_an_all_join(theater: Theater, drawing: Drawing, end: str) -> None:
    scripted(theater, bad=end)
    bad, good = drawing.job_template("bad"), drawing.job_template("good")
    edges = [("a", "success", "j"), ("b", "success", "j")]
    job_id = theater.launch(drawing.workflow("w", {"a": bad, "b": good, "j": good}, edges, joins="j"))
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    assert statuses(theater, job_id) == {"a": end, "b": "successful", "j": "-"}


def test_an_any_join_waits_for_all_its_parents_and_needs_one(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, bad="failed", slow=Result(takes=60))
    bad, slow, good = (drawing.job_template(name) for name in ("bad", "slow", "good"))
    edges = [("a", "success", "j"), ("b", "success", "j"), ("a", "failure", "f")]
    job_id = theater.launch(drawing.workflow("w", {"a": bad, "b": slow, "j": good, "f": good}, edges))
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    nodes = theater.nodes(job_id)
    assert nodes["j"].job.started >= nodes["b"].job.finished


def test_an_empty_workflow_succeeds(theater: Theater, drawing: Drawing) -> None:
    job_id = theater.launch(drawing.workflow("w", {}))
    assert ended(theater, job_id) == ("successful", "")


def test_a_node_without_template_has_failed(theater: Theater, drawing: Drawing) -> None:
    good = drawing.job_template("good")
    job_id = theater.launch(drawing.workflow("w", {"a": None, "b": good, "c": good}, [("a", "success", "b")]))
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    assert statuses(theater, job_id) == {"a": "?", "b": "-", "c": "successful"}
    handled = theater.launch(drawing.workflow("v", {"a": None, "b": good}, [("a", "failure", "b")]))
    theater.play()
    assert ended(theater, handled) == ("successful", "")


def test_a_job_that_lacks_its_inventory_fails_and_says_so(theater: Theater, drawing: Drawing) -> None:
    poor = drawing.job_template("poor", inventory_id=None)
    job_id = theater.launch(drawing.workflow("w", {"a": poor}))
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    job = theater.nodes(job_id)["a"].job
    assert (job.status, job.job_explanation) == (
        "failed",
        "Job spawned from workflow could not start because it was missing a related resource such as project or "
        "inventory",
    )


# --- what nodes are given -----------------------------------------------------------------------------------------


def variables(theater: Theater, job_id: int, node: str) -> dict[str, Any]:
    job = theater.nodes(job_id)[node].job
    return {**json.loads(job.extra_vars), **theater.controller.secrets.open_all(job.secret_answers)}


def test_artifacts_reach_those_after_them(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, a=Result(artifacts={"x": "a", "y": "a"}), b=Result(artifacts={"y": "b"}))
    a, b, c = (drawing.job_template(name) for name in "abc")
    edges = [("a", "success", "b"), ("b", "success", "c")]
    job_id = theater.launch(drawing.workflow("w", {"a": a, "b": b, "c": c}, edges))
    theater.play()
    assert variables(theater, job_id, "a") == {}
    assert variables(theater, job_id, "b") == {"x": "a", "y": "a"}
    assert variables(theater, job_id, "c") == {"x": "a", "y": "b"}


def test_artifacts_that_nobody_shall_see(theater: Theater, drawing: Drawing) -> None:
    values = {"x": "quiet", "y": {"deep": ["quiet", 7]}, "z": 7, "no": False, "none": None}
    scripted(theater, a=Result(artifacts={**values, "_ansible_no_log": True}))
    a, b = drawing.job_template("a"), drawing.job_template("b")
    job_id = theater.launch(drawing.workflow("w", {"a": a, "b": b}, [("a", "success", "b")]))
    theater.play()
    job = theater.nodes(job_id)["b"].job
    assert json.loads(job.extra_vars) == dict.fromkeys(values, "$encrypted$")
    assert variables(theater, job_id, "b") == values
    assert "quiet" not in repr(job.secret_answers)
    assert "quiet" not in repr(job.prompts)


def test_which_variable_counts(theater: Theater, drawing: Drawing) -> None:
    """The template's, over it the node's, over it artifacts, over it the workflow's; those reach every job."""
    scripted(theater, a=Result(artifacts={"artifact": "artifact", "both": "artifact", "w": "artifact"}))
    a = drawing.job_template("a")
    asks = drawing.job_template(
        "b", ask_variables_on_launch=True, extra_vars='{"own": "template", "node": "template", "w": "template"}'
    )
    deaf = drawing.job_template("c")
    extra = {"extra_data": {"node": "node", "both": "node", "w": "node"}}
    workflow = drawing.workflow(
        "w", {"a": a, "b": asks, "c": deaf}, [("a", "success", "b"), ("a", "success", "c")],
        prompts={"b": extra, "c": extra}, extra_vars="w: workflow\nz: workflow\n", ask_variables_on_launch=True,
    )  # fmt: skip
    job_id = theater.launch(workflow, extra_vars={"z": "launch"})
    theater.play()
    assert json.loads(theater.job(job_id).extra_vars) == {"w": "workflow", "z": "launch"}
    assert variables(theater, job_id, "b") == {
        "own": "template", "node": "node", "artifact": "artifact", "both": "artifact", "w": "workflow", "z": "launch"
    }  # fmt: skip
    assert variables(theater, job_id, "c") == {
        "artifact": "artifact", "both": "artifact", "w": "workflow", "z": "launch"
    }  # fmt: skip


def test_prompts_of_node_and_workflow(theater: Theater, drawing: Drawing) -> None:
    other = m.Inventory(name="Other", organization_id=drawing.organization.id)
    theater.add(other)
    asks = drawing.job_template("a", ask_limit_on_launch=True, ask_inventory_on_launch=True, ask_tags_on_launch=True)
    deaf = drawing.job_template("b")
    given = {"limit": "node", "job_tags": "node", "verbosity": 3}
    workflow = drawing.workflow(
        "w", {"a": asks, "b": deaf}, prompts={"a": given, "b": given}, limit="workflow", inventory_id=other.id
    )
    job_id = theater.launch(workflow)
    theater.play()
    a, b = (theater.nodes(job_id)[name].job for name in "ab")
    assert (a.limit, a.job_tags, a.inventory_id, a.verbosity) == ("workflow", "node", other.id, 0)
    assert (b.limit, b.job_tags, b.inventory_id) == ("", "", drawing.inventory.id)


# --- approvals ----------------------------------------------------------------------------------------------------


def test_an_approval(theater: Theater, drawing: Drawing) -> None:
    good = drawing.job_template("good")
    edges = [("ask", "success", "yes"), ("ask", "failure", "no")]
    nodes = {"ask": drawing.approval(), "yes": good, "no": good}
    job_id = theater.launch(drawing.workflow("w", nodes, edges), drawing.user)
    theater.play()
    approval = theater.nodes(job_id)["ask"].job
    assert (approval.name, approval.status, theater.job(job_id).status) == ("Go on?", "pending", "running")
    vote(theater, job_id, "ask", "ann", True)
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    assert statuses(theater, job_id) == {"ask": "successful", "yes": "successful", "no": "-"}
    approval = theater.nodes(job_id)["ask"].job
    assert approval.approved_or_denied_by_id == drawing.user.id and approval.finished is not None
    with pytest.raises(HoldfastError):
        vote(theater, job_id, "ask", "ann", True)


def test_a_denial(theater: Theater, drawing: Drawing) -> None:
    good = drawing.job_template("good")
    job_id = theater.launch(
        drawing.workflow("w", {"ask": drawing.approval(), "yes": good}, [("ask", "success", "yes")])
    )
    vote(theater, job_id, "ask", "ann", False)
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    assert statuses(theater, job_id) == {"ask": "failed", "yes": "-"}


def test_an_approval_that_nobody_gives(theater: Theater, drawing: Drawing) -> None:
    good = drawing.job_template("good")
    nodes = {"ask": drawing.approval(timeout=300), "late": good}
    job_id = theater.launch(drawing.workflow("w", nodes, [("ask", "failure", "late")]))
    before = theater.now
    theater.play()
    assert theater.now >= before + 300
    assert ended(theater, job_id) == ("successful", "")
    approval = theater.nodes(job_id)["ask"].job
    assert (approval.status, approval.timed_out, approval.timeout) == ("failed", True, 300)
    assert approval.job_explanation == f"The approval node Go on? ({approval.id}) has expired after 300 seconds."


def test_an_approval_outlives_the_controller(theater: Theater, drawing: Drawing) -> None:
    job_id = theater.launch(drawing.workflow("w", {"ask": drawing.approval(), "b": drawing.job_template("b")}))
    theater.play()
    theater.crash()
    vote(theater, job_id, "ask", "ann", True)
    theater.play()
    assert ended(theater, job_id) == ("successful", "")


def test_a_graceful_stop_begins_with_nothing_new(theater: Theater, drawing: Drawing) -> None:
    template = drawing.job_template("a")
    job_id = theater.launch(drawing.workflow("w", dict.fromkeys("ab", template), [("a", "always", "b")]))
    theater.step()
    theater.runs.stop()
    theater.end(theater.begun[0], Result("failed"))
    assert statuses(theater, job_id) == {"a": "failed", "b": "?"} and not theater.engine.queued
    theater.crash()
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    assert statuses(theater, job_id) == {"a": "failed", "b": "successful"}


# --- workflows in workflows ---------------------------------------------------------------------------------------


def test_a_workflow_in_a_workflow(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, a=Result(artifacts={"x": 1}))
    a, b = drawing.job_template("a"), drawing.job_template("b")
    inner = drawing.workflow("inner", {"a": a, "b": b}, [("a", "success", "b")], ask_variables_on_launch=True)
    outer = drawing.workflow(
        "outer", {"in": inner, "b": b}, [("in", "success", "b")], ask_variables_on_launch=True,
        prompts={"in": {"extra_data": {"y": "node", "z": "node"}}},
    )  # fmt: skip
    job_id = theater.launch(outer, drawing.user, extra_vars={"z": "outer"})
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    nested = theater.nodes(job_id)["in"].job
    assert (nested.launch_type, json.loads(nested.extra_vars)) == ("workflow", {"y": "node", "z": "outer"})
    assert variables(theater, job_id, "b") == {"x": 1, "z": "outer"}
    assert variables(theater, nested.id, "b") == {"x": 1, "y": "node", "z": "outer"}


def test_a_failure_inside_is_a_failure_outside(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, bad="failed")
    inner = drawing.workflow("inner", {"a": drawing.job_template("bad")})
    edges = [("in", "failure", "b")]
    job_id = theater.launch(drawing.workflow("outer", {"in": inner, "b": drawing.job_template("b")}, edges))
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    assert statuses(theater, job_id) == {"in": "failed", "b": "successful"}


def test_a_workflow_within_itself_is_refused(theater: Theater, drawing: Drawing) -> None:
    inner = drawing.workflow("inner", {"a": drawing.job_template("a")})
    outer = drawing.workflow("outer", {"in": inner})
    theater.add(m.WorkflowJobTemplateNode(workflow_job_template_id=inner.id, unified_job_template_id=outer.id))
    job_id = theater.launch(outer)
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    nested = theater.nodes(job_id)["in"].job
    again = next(row.job for identifier, row in theater.nodes(nested.id).items() if identifier != "a")
    assert (again.status, again.job_explanation) == (
        "failed",
        "Workflow Job spawned from workflow could not start because it would result in recursion (spawn order, most "
        "recent first: <outer>, <inner>, <outer>)",
    )


# --- cancelled, one after another, again --------------------------------------------------------------------------


def test_a_cancel_ends_everything(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, slow=Result(takes=1000))
    slow = drawing.job_template("slow")
    inner = drawing.workflow("inner", {"a": slow, "b": slow}, [("a", "success", "b")])
    nodes = {"in": inner, "c": slow, "ask": drawing.approval(), "d": slow}
    job_id = theater.launch(drawing.workflow("outer", nodes, [("c", "success", "d")]), drawing.user)
    for _unused in range(2):
        theater.step()
    before = theater.now
    with theater.controller.database.writing() as session:
        theater.workflows.cancel(session, session.get_one(m.WorkflowJob, job_id), "ann")
    theater.play()
    assert ended(theater, job_id) == ("canceled", "")
    assert theater.now - before < 2
    assert statuses(theater, job_id) == {"in": "canceled", "c": "canceled", "ask": "canceled", "d": "-"}
    nested = theater.nodes(job_id)["in"].job
    assert statuses(theater, nested.id) == {"a": "canceled", "b": "-"}
    job = theater.job(job_id)
    assert job.canceled_on is not None and job.cancel_flag is True and job.failed is True


def test_one_after_another(theater: Theater, drawing: Drawing) -> None:
    workflow = drawing.workflow("w", {"a": drawing.job_template("a")}, allow_simultaneous=False)
    first, second, third = (theater.launch(workflow) for _unused in range(3))
    assert ended(theater, second) == ("pending", f"waiting for workflowjob-{first} to finish")
    with theater.controller.database.writing() as session:
        theater.workflows.cancel(session, session.get_one(m.WorkflowJob, second), "ann")
    theater.play()
    assert [theater.job(one).status for one in (first, second, third)] == ["successful", "canceled", "successful"]
    assert theater.begun == [theater.nodes(one)["a"].job_id for one in (first, third)]


def test_relaunched(theater: Theater, drawing: Drawing) -> None:
    workflow = drawing.workflow("w", {"a": drawing.job_template("a")}, ask_variables_on_launch=True, extra_vars="b: 1")
    job_id = theater.launch(workflow, extra_vars={"x": 1})
    theater.play()
    again = _again(theater, drawing, job_id, "relaunch")
    theater.play()
    job = theater.job(again)
    assert (job.status, job.launch_type, json.loads(job.extra_vars)) == ("successful", "relaunch", {"b": 1, "x": 1})
    assert job.created_by_id == drawing.user.id


def test_resumed_from_failed_nodes(theater: Theater, drawing: Drawing) -> None:
    scripted(theater, a=Result(artifacts={"x": 1}), flaky="failed")
    a, flaky, c = (drawing.job_template(name) for name in ("a", "flaky", "c"))
    nodes = {"a": a, "ask": drawing.approval(), "b": flaky, "c": c}
    edges = [("a", "success", "ask"), ("ask", "success", "b"), ("b", "success", "c")]
    job_id = theater.launch(drawing.workflow("w", nodes, edges))
    theater.play()
    vote(theater, job_id, "ask", "ann", True)
    theater.play()
    assert ended(theater, job_id) == ("failed", UNHANDLED)
    scripted(theater, a=Result(artifacts={"x": 2}))
    begun = len(theater.begun)
    again = _again(theater, drawing, job_id, "resume")
    theater.play()
    assert ended(theater, again) == ("successful", "")
    assert [theater.job(one).name for one in theater.begun[begun:]] == ["flaky", "c"]
    old, new = theater.nodes(job_id), theater.nodes(again)
    assert new["a"].job_id == old["a"].job_id and new["a"].earlier and new["ask"].job_id == old["ask"].job_id
    assert variables(theater, again, "c") == {"x": 1}
    assert theater.job(again).resumed_from_id == job_id


def test_a_success_is_not_resumed(theater: Theater, drawing: Drawing) -> None:
    job_id = theater.launch(drawing.workflow("w", {"a": drawing.job_template("a")}))
    theater.play()
    with pytest.raises(HoldfastError, match="successful"):
        _again(theater, drawing, job_id, "resume")


def _again(theater: Theater, drawing: Drawing, job_id: int, how: str) -> int:
    with theater.controller.database.writing() as session:
        call = internal_call(theater.controller, session, session.get(m.User, drawing.user.id))
        return int(getattr(theater.workflows, how)(call, session.get_one(m.WorkflowJob, job_id)).id)


def test_a_job_in_slices(theater: Theater, drawing: Drawing) -> None:
    template = drawing.job_template("a", job_slice_count=3, ask_limit_on_launch=True, ask_verbosity_on_launch=True)
    theater.add(*(m.Host(name=f"h{number}", inventory_id=drawing.inventory.id) for number in range(3)))
    with theater.controller.database.writing() as session:
        call = internal_call(theater.controller, session, session.get(m.User, drawing.user.id))
        row = session.get_one(m.JobTemplate, template.id)
        accepted = {"limit": "web", "verbosity": 2, "extra_vars": {"x": 1}}
        job_id = int(theater.workflows.launch_slices(call, row, accepted, 3).id)
    theater.play()
    assert ended(theater, job_id) == ("successful", "")
    jobs = [theater.job(one) for one in theater.begun]
    assert [(job.job_slice_number, job.job_slice_count) for job in jobs] == [(1, 3), (2, 3), (3, 3)]
    assert {(job.limit, job.verbosity, job.extra_vars) for job in jobs} == {("web", 2, '{"x": 1}')}
