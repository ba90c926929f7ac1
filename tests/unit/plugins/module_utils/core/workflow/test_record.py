# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record: what it refuses, and that it survives the way to disk and back."""

from __future__ import annotations

import json

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Ended,
    Finished,
    HostResult,
    LocksHeld,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import FOLDS, NodeRecord, Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.states import BadTransition

from .graphs import failing, node, play, rollout


def begun(graph: Graph) -> Conductor:
    conductor = Conductor(graph, Record())
    conductor.begin(0.0, {"id": "r", "requested_by": "alice"})
    conductor.apply(LocksHeld(), 0.0)
    return conductor


def test_an_execution_id_is_used_once():
    conductor = begun(Graph([node("a")]))
    start = conductor.decide(1.0)[0]
    conductor.apply(Started(start.execution), 1.0)
    with pytest.raises(HoldfastError, match=r"r/a/1/do/1 was started before"):
        conductor.apply(Started(start.execution), 1.0)


def test_what_does_not_run_cannot_end():
    conductor = begun(Graph([node("a")]))
    with pytest.raises(HoldfastError, match="is not running"):
        conductor.apply(Finished("r/a/1/do/1", {}), 1.0)


def test_an_ended_run_takes_no_more_events():
    conductor = play(Graph([node("a")])).conductor
    with pytest.raises(HoldfastError, match="has ended as successful"):
        conductor.apply(Ended(states.FAILED), 1.0)


def test_a_host_the_play_did_not_report_on_is_in_error():
    conductor = begun(Graph([node("a", hosts=("x", "y"))]))
    start = conductor.decide(1.0)[0]
    conductor.apply(Started(start.execution), 1.0)
    conductor.apply(Finished(start.execution.id, {"x": HostResult(states.SUCCESSFUL)}), 2.0)
    assert conductor.record.node("a").hosts == {"x": states.SUCCESSFUL, "y": states.ERROR}
    assert "did not report" in conductor.record.node("a").why["y"]


@pytest.mark.parametrize("before", sorted(states.ENDED))
@pytest.mark.parametrize("after", sorted(states.STATES))
def test_an_end_is_final(before, after):
    with pytest.raises(BadTransition, match=f"is {before} and cannot become {after}"):
        states.check(before, after, "x")


def test_every_transition_names_known_states():
    for before, following in states.TRANSITIONS.items():
        assert {before} | following <= states.STATES


def test_an_unknown_change_is_refused():
    with pytest.raises(HoldfastError, match="unknown type 'dance'"):
        Record().fold({"at": 0.0, "type": "dance"})


def test_a_record_of_another_format_is_refused():
    with pytest.raises(HoldfastError, match="format 99; this Holdfast reads format 1"):
        Record.from_dict({"version": 99})


def test_an_unknown_part_of_a_node_is_refused():
    with pytest.raises(HoldfastError, match="'mood'"):
        NodeRecord.from_dict({"mood": "good"})


def test_a_record_survives_json():
    inner = [node("drain"), node("deploy", "drain")]
    record = play(
        Graph(rollout("web", [["a"], ["b"]], inner), on_failure="rollback"), failing(("web.deploy", "b"))
    ).conductor.record
    data = json.loads(json.dumps(record.to_dict()))
    assert Record.from_dict(data).to_dict() == record.to_dict()


def test_every_change_that_the_engine_makes_has_a_fold_and_every_fold_a_change():
    """The property tests' graphs make all kinds of changes; here only that the table is complete and documented."""
    for name, fold in FOLDS.items():
        assert fold.__doc__, name
