# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes see of each other, and what is kept of what they report."""

from __future__ import annotations

import json

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import (
    Action,
    Compensation,
    Item,
    Output,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import Unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Execution,
    Finished,
    HostResult,
    LocksHeld,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import (
    check_outputs,
    execution_inputs,
    visible_outputs,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record

from .graphs import node, rollout

LOGIN = Item(
    "login",
    action=Action("role", "a.b.login"),
    outputs=(Output("user"), Output("token", secret=True), Output("tries", "integer")),
)
USE = Item(
    "use",
    action=Action("role", "a.b.use", {"use_token": "$fields.token", "use_greeting": "hello {{ inventory_hostname }}"}),
    compensation=Compensation(
        Action("role", "a.b.unuse"), Action("role", "a.b.check", {"check_what": "$fields.token"})
    ),
)


def report(conductor: Conductor, outputs: dict) -> list:
    """Let the first startable node run and report."""
    start = conductor.decide(1.0)[0]
    changes = conductor.apply(Started(start.execution), 1.0)
    done = dict.fromkeys(start.execution.hosts, HostResult(states.SUCCESSFUL))
    return changes + conductor.apply(Finished(start.execution.id, done, outputs), 2.0)


def conducting(*nodes: Node) -> Conductor:
    conductor = Conductor(Graph(nodes), Record(), {"fields": {"who": "web"}})
    conductor.begin(0.0, {"id": "r", "requested_by": "alice"})
    conductor.apply(LocksHeld(), 0.0)
    return conductor


def test_a_secret_output_reaches_the_next_node_and_nothing_else():
    after = node("use", "login", item=USE)
    after.fields = {"token": "$outputs.login.token"}
    conductor = conducting(node("login", item=LOGIN), after)
    changes = report(conductor, {"user": "bob", "token": "s3cret", "tries": 1})
    assert "s3cret" not in json.dumps(changes)
    assert "s3cret" not in json.dumps(conductor.record.to_dict())
    inputs = execution_inputs(conductor.graph, conductor.record, conductor.decide(3.0)[0].execution, conductor.context)
    assert inputs.args["use_token"] == "s3cret"


def test_what_came_from_outside_is_marked_and_what_the_author_wrote_is_not():
    after = node("use", "login", item=USE)
    after.fields = {"token": "$outputs.login.user"}
    conductor = conducting(node("login", item=LOGIN), after)
    report(conductor, {"user": "{{ lookup('pipe', 'id') }}"})
    inputs = execution_inputs(conductor.graph, conductor.record, conductor.decide(3.0)[0].execution, conductor.context)
    assert isinstance(inputs.args["use_token"], Unsafe)
    assert not isinstance(inputs.args["use_greeting"], Unsafe)
    assert isinstance(inputs.scopes["outputs"]["login"]["user"], Unsafe)
    assert isinstance(inputs.scopes["launch"]["fields"]["who"], Unsafe)
    assert inputs.scopes["request"]["run"] == "r"


def test_an_undo_runs_the_compensation_and_then_its_check():
    after = node("use", item=USE)
    after.fields = {"token": "plain"}
    conductor = conducting(after)
    undo = Execution("r/use/1/undo/1", "use", "1", 0, "undo", 1, ("localhost",), None)
    inputs = execution_inputs(conductor.graph, conductor.record, undo, conductor.context)
    assert inputs.action.name == "a.b.unuse"
    assert inputs.verify is not None and inputs.verify.name == "a.b.check"
    assert inputs.verify_args == {"check_what": "plain"}


def test_siblings_in_a_rollout_have_short_names_and_others_full_ones():
    graph = Graph([node("login"), *rollout("web", [["a"]], [node("x"), node("y", "x")], "login"), node("end", "web")])
    record = Record()
    record.outputs = {"login": {"0": {"user": "bob"}}, "web.x": {"0": {"n": 1}, "1": {"n": 2}}}
    seen = visible_outputs(graph, record, graph.nodes["web.y"], 0)
    assert seen == {"login": {"user": "bob"}, "x": {"n": 1}}
    seen = visible_outputs(graph, record, graph.nodes["end"], 0)
    assert seen == {"login": {"user": "bob"}, "web": {"x": {"n": 2}}}


@pytest.mark.parametrize(
    ("outputs", "wrong"),
    [
        ({"user": "bob", "tries": 1}, ""),
        ({"undeclared": object()}, ""),
        ({"tries": True}, "output 'tries' is promised as integer, but the play set bool"),
        ({"tries": "1"}, "output 'tries' is promised as integer, but the play set str"),
        ({"user": ["bob"]}, "output 'user' is promised as string, but the play set list"),
    ],
)
def test_outputs_are_of_the_type_they_promise(outputs, wrong):
    assert check_outputs(node("login", item=LOGIN), outputs) == wrong
