# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows for real: a served controller, its engine, and plays of ansible-playbook."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.contract.stage import Stage, prepare
from tests.served import controller

NUMBERS = itertools.count()


class Drawn:
    """A workflow on a served controller, and its jobs. ``nodes``: identifier to template, or to more of the node."""

    def __init__(
        self,
        stage: Stage,
        nodes: Mapping[str, Any],
        edges: Sequence[tuple[str, str, str]] = (),
        joins: Sequence[str] = (),
        **more: Any,
    ) -> None:
        self.served = stage.served
        name = f"Workflow {next(NUMBERS)}"
        body = {"name": name, "organization": 1, "allow_simultaneous": True, "ask_variables_on_launch": True, **more}
        self.id = int(self._post("workflow_job_templates", **body)["id"])
        ids = {one: self._node(one, template, one in joins) for one, template in nodes.items()}
        for parent, word, child in edges:
            self._post(f"workflow_job_template_nodes/{ids[parent]}/{word}_nodes", id=ids[child])

    def _post(self, path: str, **body: Any) -> Any:
        return self.served.call("POST", f"/api/v2/{path}/", body)

    def _node(self, identifier: str, template: Any, join: bool) -> int:
        given = {"identifier": identifier, "all_parents_must_converge": join}
        given |= template if isinstance(template, dict) else {"unified_job_template": template}
        question = given.pop("question", None)
        node = int(self._post(f"workflow_job_templates/{self.id}/workflow_nodes", **given)["id"])
        if question is not None:
            self._post(f"workflow_job_template_nodes/{node}/create_approval_template", **question)
        return node

    def launch(self, **body: Any) -> int:
        return int(self._post(f"workflow_job_templates/{self.id}/launch", **body)["workflow_job"])

    def ended(self, job: int) -> dict[str, Any]:
        """The workflow job once it has ended."""
        return self.served.wait(f"/api/v2/workflow_jobs/{job}/", every=0.1)

    def nodes(self, job: int) -> dict[str, dict[str, Any]]:
        found = self.served.call("GET", f"/api/v2/workflow_jobs/{job}/workflow_nodes/?page_size=200")["results"]
        return {one["identifier"]: one for one in found}

    def statuses(self, job: int) -> dict[str, str]:
        """What became of the nodes; ``-`` for one that was not to run."""
        return {
            name: one["summary_fields"]["job"]["status"] if one["job"] else "-" if one["do_not_run"] else "?"
            for name, one in self.nodes(job).items()
        }

    def job_of(self, job: int, node: str) -> dict[str, Any]:
        found: dict[str, Any] = self.served.call("GET", self.nodes(job)[node]["related"]["job"])
        return found

    def until(self, what: str, condition: Callable[[], Any], patience: float = 60.0) -> Any:
        deadline = time.monotonic() + patience
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited in vain: {what}"
            time.sleep(0.05)
        return found

    def pending_approval(self, job: int, node: str) -> int:
        """The approval of a node, once people are asked."""
        return int(self.until(f"{node} asks", lambda: self.nodes(job)[node]["job"]))


def _template(stage: Stage, name: str, playbook: str) -> int:
    """A template whose jobs may run together."""
    body = {"name": name, "project": stage.project, "inventory": stage.inventory, "playbook": playbook}
    more = {"allow_simultaneous": True, "ask_variables_on_launch": True}
    return int(stage.served.call("POST", "/api/v2/job_templates/", {**body, **more})["id"])


def test_a_chain_hands_on_what_it_reports(stage: Stage) -> None:
    edges = [("a", "success", "b"), ("b", "success", "c")]
    nodes = {
        "a": {"unified_job_template": stage.hello, "extra_data": {"who": "node"}},
        "b": stage.hello,
        "c": stage.hello,
    }
    drawn = Drawn(stage, nodes, edges)
    job = drawn.launch(extra_vars={"shared": 1})
    assert drawn.ended(job)["status"] == "successful"
    assert drawn.statuses(job) == dict.fromkeys("abc", "successful")
    assert json.loads(drawn.job_of(job, "a")["extra_vars"]) == {"who": "node", "shared": 1}
    assert json.loads(drawn.job_of(job, "b")["extra_vars"]) == {"greeting": "hi node", "shared": 1}
    assert json.loads(drawn.job_of(job, "c")["extra_vars"]) == {"greeting": "hi nobody", "shared": 1}
    starts = [drawn.job_of(job, name)["started"] for name in "abc"]
    assert starts == sorted(starts)


def test_a_fan_out_meets_again(stage: Stage) -> None:
    leaves = [f"n{number}" for number in range(4)]
    edges = [*(("root", "success", one) for one in leaves), *((one, "success", "join") for one in leaves)]
    drawn = Drawn(stage, dict.fromkeys(["root", *leaves, "join"], stage.hello), edges, joins=["join"])
    job = drawn.launch()
    assert drawn.ended(job)["status"] == "successful"
    ends = [drawn.job_of(job, one)["finished"] for one in leaves]
    assert drawn.job_of(job, "join")["started"] >= max(ends)


def test_a_failure_takes_its_edge(stage: Stage) -> None:
    edges = [("bad", "failure", "mend"), ("bad", "success", "never"), ("mend", "always", "last")]
    nodes = {"bad": stage.fails, "mend": stage.hello, "never": stage.hello, "last": stage.fails}
    drawn = Drawn(stage, nodes, edges)
    job = drawn.launch()
    ended = drawn.ended(job)
    assert (ended["status"], ended["job_explanation"]) == (
        "failed",
        "No error handling paths found, marking workflow as failed",
    )
    assert drawn.statuses(job) == {"bad": "failed", "mend": "successful", "never": "-", "last": "failed"}


def test_people_are_asked(stage: Stage) -> None:
    question = {"question": {"name": "Go on?", "timeout": 600}}
    nodes = {"first": stage.hello, "ask": question, "yes": stage.hello, "no": stage.hello}
    edges = [("first", "success", "ask"), ("ask", "success", "yes"), ("ask", "failure", "no")]
    drawn = Drawn(stage, nodes, edges)
    yes, no = drawn.launch(), drawn.launch()
    for job, word in ((yes, "approve"), (no, "deny")):
        approval = drawn.pending_approval(job, "ask")
        drawn.served.call("POST", f"/api/v2/workflow_approvals/{approval}/{word}/", {})
    assert drawn.ended(yes)["status"] == drawn.ended(no)["status"] == "successful"
    assert drawn.statuses(yes) == {"first": "successful", "ask": "successful", "yes": "successful", "no": "-"}
    assert drawn.statuses(no) == {"first": "successful", "ask": "failed", "yes": "-", "no": "successful"}


def test_silence_is_an_answer(stage: Stage) -> None:
    drawn = Drawn(stage, {"ask": {"question": {"name": "Go on?", "timeout": 1}}})
    job = drawn.launch()
    assert drawn.ended(job)["status"] == "failed"
    assert drawn.job_of(job, "ask")["timed_out"] is True


def test_a_workflow_in_a_workflow(stage: Stage) -> None:
    drawn = Drawn(stage, {"in": stage.flow, "after": stage.hello}, [("in", "success", "after")])
    job = drawn.launch(extra_vars={"who": "the outermost"})
    assert drawn.ended(job)["status"] == "successful"
    nested = drawn.job_of(job, "in")
    assert nested["launch_type"] == "workflow"
    assert drawn.statuses(nested["id"]) == {"first": "successful", "bad": "failed", "after": "successful"}
    variables = json.loads(drawn.job_of(job, "after")["extra_vars"])
    assert variables == {"who": "the outermost", "greeting": "hi the outermost"}


def test_a_cancel_ends_what_runs(stage: Stage) -> None:
    slow = {"unified_job_template": _template(stage, "Slow", "hello.yml"), "extra_data": {"naptime": 300}}
    inner = Drawn(stage, {"slow": slow})
    drawn = Drawn(stage, {"slow": slow, "in": inner.id, "next": stage.hello}, [("slow", "always", "next")])
    job = drawn.launch()

    def both_run() -> bool:
        nested = drawn.nodes(job)["in"]["job"]
        deep = drawn.nodes(nested)["slow"] if nested else {"job": None}
        jobs = (drawn.nodes(job)["slow"], deep)
        return all(one["job"] and one["summary_fields"]["job"]["status"] == "running" for one in jobs)

    drawn.until("both run", both_run)
    drawn.served.call("POST", f"/api/v2/workflow_jobs/{job}/cancel/", {})
    begun = time.monotonic()
    assert drawn.ended(job)["status"] == "canceled"
    assert time.monotonic() - begun < 15
    assert drawn.statuses(job) == {"slow": "canceled", "in": "canceled", "next": "-"}
    assert drawn.statuses(drawn.nodes(job)["in"]["job"]) == {"slow": "canceled"}


def test_resumed_where_it_failed(stage: Stage) -> None:
    project = stage.served.projects / "contract"
    (project / "flaky.yml").write_text((project / "fail.yml").read_text())
    flaky = _template(stage, "Flaky", "flaky.yml")
    edges = [("a", "success", "b"), ("b", "success", "c")]
    drawn = Drawn(stage, {"a": stage.hello, "b": flaky, "c": stage.hello}, edges)
    job = drawn.launch()
    assert drawn.ended(job)["status"] == "failed"
    (project / "flaky.yml").write_text((project / "hello.yml").read_text())
    again = drawn.served.call("POST", f"/api/v2/workflow_jobs/{job}/relaunch/", {"nodes": "failed"})["id"]
    assert drawn.ended(again)["status"] == "successful"
    old, new = drawn.nodes(job), drawn.nodes(again)
    assert new["a"]["job"] == old["a"]["job"] and new["b"]["job"] != old["b"]["job"]
    assert drawn.statuses(again) == dict.fromkeys("abc", "successful")


def test_killed_and_started_again(tmp_path: Path) -> None:
    """What had ended is not repeated, what ran is in error, what waited goes on, and nobody lends a hand."""
    with controller(tmp_path) as served:
        stage = prepare(served)
        slow = {"unified_job_template": stage.hello, "extra_data": {"naptime": 60}}
        question = {"question": {"name": "Go on?"}}
        edges = [("a", "success", "slow"), ("slow", "failure", "mend"), ("ask", "success", "last")]
        nodes = {"a": stage.hello, "slow": slow, "mend": stage.hello, "ask": question, "last": stage.hello}
        drawn = Drawn(stage, nodes, edges)
        job = drawn.launch()

        def slow_runs() -> bool:
            node = drawn.nodes(job)["slow"]
            return bool(node["job"]) and node["summary_fields"]["job"]["status"] == "running"

        drawn.until("slow runs", slow_runs)
        before = drawn.nodes(job)
        os.kill(served.pid, signal.SIGKILL)
    with controller(tmp_path) as served:
        drawn.served = served
        approval = drawn.pending_approval(job, "ask")
        served.call("POST", f"/api/v2/workflow_approvals/{approval}/approve/", {})
        assert drawn.ended(job)["status"] == "successful"
        after = drawn.nodes(job)
        assert after["a"]["job"] == before["a"]["job"] and after["slow"]["job"] == before["slow"]["job"]
        assert drawn.statuses(job) == {
            "a": "successful", "slow": "error", "mend": "successful", "ask": "successful", "last": "successful"
        }  # fmt: skip
