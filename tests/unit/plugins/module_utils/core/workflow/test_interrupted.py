# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executions that fell with whoever conducted them: done again, and no retry is used up."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Retries
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Lost,
    Start,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import INTERRUPTED, Record


def played(ends: str, retries: int, on_lost: str = "retry") -> tuple[str, int]:
    """The state of a run of one node, and its attempts; of ``ends`` each letter is an end: i, l, f or s."""
    graph = Graph([Node("a", retries=Retries(count=retries), on_lost=on_lost)])
    conductor = Conductor(graph, Record())
    journal = conductor.begin(0.0, {"id": "r"})
    journal += conductor.apply(LocksHeld(), 0.0)
    attempts = 0
    while not conductor.record.ended:
        decision = conductor.decide(float(attempts))[0]
        if isinstance(decision, Finish):
            return decision.state, attempts
        assert isinstance(decision, Start)
        key = decision.execution.id
        journal += conductor.apply(Started(decision.execution), float(attempts))
        if ends[attempts] in "il":
            event = Lost(key, INTERRUPTED, interrupted=ends[attempts] == "i")
        else:
            state = states.SUCCESSFUL if ends[attempts] == "s" else states.FAILED
            event = Finished(key, {LOCALHOST: HostResult(state)})
        journal += conductor.apply(event, float(attempts))
        attempts += 1
        conductor = Conductor(graph, Record.replay(journal))
    raise AssertionError("the run ended without a word")


@pytest.mark.parametrize(
    ("ends", "retries", "verdict"),
    [
        ("is", 0, (states.SUCCESSFUL, 2)),
        ("iiis", 0, (states.SUCCESSFUL, 4)),
        ("if", 0, (states.FAILED, 2)),
        ("ififs", 2, (states.SUCCESSFUL, 5)),
        ("fiiffs", 2, (states.FAILED, 5)),
        ("l", 0, (states.FAILED, 1)),
        ("ls", 1, (states.SUCCESSFUL, 2)),
        ("ll", 1, (states.FAILED, 2)),
    ],
)
def test_no_retry_is_used_up(ends: str, retries: int, verdict: tuple[str, int]) -> None:
    assert played(ends, retries) == verdict


def test_not_done_again_where_that_is_not_wanted() -> None:
    assert played("i", 3, on_lost="fail") == (states.FAILED, 1)
