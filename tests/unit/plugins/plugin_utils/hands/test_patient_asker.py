# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers that cannot be asked for a while: nothing is let through, nothing that runs is ended, and not for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker, Refusal
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution, Start
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node, NodeBreaker
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.controller_api import NoAnswer
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.patient_asker import (
    ASK_AGAIN,
    PATIENCE,
    PatientAsker,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import StoreBroken

JIRA = NodeBreaker("service:jira", "stop", Policy())
GRAPH = Graph([Node("a", breaker=JIRA), Node("b")])


class Silent:
    """Keeps breakers and answers with ``error`` where there is one."""

    def __init__(self, error: HoldfastError | None) -> None:
        self.error = error
        self.heard = 0

    def _hear(self) -> Answer:
        self.heard += 1
        if self.error is not None:
            raise self.error
        return Answer(True, "closed")

    def ask(self, _target: str, _by: str = "", _policy: Policy | None = None) -> Answer:
        return self._hear()

    def look(self, _target: str) -> Answer:
        return self._hear()

    def report(self, _target: str, _calls: Sequence[Call], _policy: Policy | None = None) -> Any:
        self._hear()

    def release(self, _target: str, _trial: int) -> None:
        self._hear()


class Case:
    """A patient asker on a clock of its own."""

    def __init__(self, error: HoldfastError | None = None) -> None:
        self.now = 1000.0
        self.keeper = Silent(error)
        self.asker = PatientAsker(Asker(self.keeper), lambda: self.now)

    def ask(self, running: bool = False, node: str = "a") -> Refusal | None:
        breaker = GRAPH.nodes[node].breaker
        execution = Execution("e1", node, "1", 0, "do", 1, ("h1",), None)
        return self.asker.refusal("r1", Start(execution, breaker=breaker), running)

    def end(self, number: int) -> None:
        entry = {"id": f"e{number}", "node": "a", "action": "do", "started": 1.0, "finished": 2.0}
        self.asker.ended(GRAPH, {**entry, "state": "failed", "hosts": ["h1"]})


def test_silence_is_waited_out_and_what_is_no_longer_silent_answers() -> None:
    case = Case(NoAnswer("no answer"))
    assert case.ask() == Refusal("no answer", True)
    assert case.ask() == Refusal("no answer", True) and case.keeper.heard == 1, "it is not asked at every turn"
    case.keeper.error = None
    case.now += ASK_AGAIN
    assert case.ask() is None and case.ask() is None and case.keeper.heard == 3


def test_silence_ends_a_run_in_the_end_but_never_what_runs() -> None:
    case = Case(NoAnswer("no answer"))
    case.ask()
    while case.now < 1000.0 + PATIENCE - ASK_AGAIN:
        case.now += ASK_AGAIN
        assert case.ask() == Refusal("no answer", True)
    case.now += ASK_AGAIN
    assert case.ask(running=True) == Refusal("no answer", True)
    case.now += ASK_AGAIN
    with pytest.raises(StoreBroken, match="no answer"):
        case.ask()


def test_silence_counts_anew_after_an_answer() -> None:
    case = Case(NoAnswer("no answer"))
    case.ask()
    case.keeper.error, case.now = None, case.now + PATIENCE
    assert case.ask() is None
    case.keeper.error = NoAnswer("again")
    assert case.ask() == Refusal("again", True)


def test_what_no_waiting_puts_right_ends_a_run_as_soon_as_nothing_runs() -> None:
    with pytest.raises(StoreBroken, match="no such token"):
        Case(HoldfastError("no such token")).ask()
    case = Case(HoldfastError("no such token"))
    assert case.ask(running=True) == Refusal("no such token", True)
    case.now += ASK_AGAIN
    with pytest.raises(StoreBroken, match="no such token"):
        case.ask()


def test_many_ends_do_not_each_wait_for_an_answer() -> None:
    case = Case(NoAnswer("no answer"))
    for number in range(3):
        with pytest.raises(HoldfastError, match="no answer"):
            case.end(number)
    assert case.keeper.heard == 1
    case.keeper.error, case.now = None, case.now + ASK_AGAIN
    case.end(4)
    assert case.keeper.heard == 2


def test_what_has_no_breaker_is_started_and_ends_whatever_else_is_silent() -> None:
    case = Case(NoAnswer("no answer"))
    case.ask()
    assert case.ask(node="b") is None
    case.asker.ended(GRAPH, {"id": "e9", "node": "b"})
    assert case.keeper.heard == 1
