# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breakers in a run: who asks them when, and what they are told. Pure: whoever keeps the breakers is passed in.

The conductor says with a start which breaker stands before it, as it says which locks it needs. Whoever carries the
start out asks; a refusal comes back as what keeps the node waiting (like a lock that somebody else holds), or as an
event, after which the conductor takes the path that the node declares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import HALF_OPEN, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Start
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import WAIT, Graph, NodeBreaker

_SAYS_NOTHING = frozenset({states.CANCELED, states.LOST, states.SKIPPED})
"""Ends that tell nothing of the target."""
_MOST_TOLD = 10_000


class Keeper(Protocol):
    """Keeps breakers: in a store, or in memory."""

    def ask(self, target: str, by: str = "", policy: Optional[Policy] = None) -> Answer:
        """May the target be called now?"""

    def look(self, target: str) -> Answer:
        """What it would answer now, without asking."""

    def report(self, target: str, calls: Sequence[Call], policy: Optional[Policy] = None) -> Any:
        """Report how calls ended."""

    def release(self, target: str, trial: int) -> None:
        """Give back a trial that was not made."""


class Refusal(NamedTuple):
    """A breaker refused a start: why; whether the node waits for it, and when it may answer otherwise."""

    message: str
    waits: bool
    retry_at: Optional[float] = None


class Asker:
    """Asks the breakers for the executions of runs, and tells them how these ended.

    Trials are known by execution, in memory: what a dead asker took expires.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._trials: dict[str, int] = {}
        self._waits: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    def refusal(self, run: str, start: Start) -> Optional[Refusal]:
        """Ask before a start; None when it may be made. A node that waits is refused once, and then only looks."""
        breaker = start.breaker
        if breaker is None:
            return None
        key = (start.execution.id, breaker.target)
        if key in self._waits:
            seen = self.keeper.look(breaker.target)
            if not seen.allowed and _waits(breaker, seen):
                return Refusal(seen.message, True, seen.retry_at)
        answer = self.keeper.ask(breaker.target, f"run {run}", breaker.policy)
        self._waits.discard(key)
        if answer.allowed:
            if answer.trial:
                self._trials[start.execution.id] = answer.trial
            return None
        if _waits(breaker, answer):
            self._waits.add(key)
        return Refusal(answer.message, _waits(breaker, answer), answer.retry_at)

    def ended(self, graph: Graph, entry: Mapping[str, Any]) -> None:
        """Tell the breaker of an execution, as the record has it, how it ended: once, however often it is said."""
        breaker = graph.nodes[entry["node"]].breaker
        if breaker is None or entry["action"] != DO or entry["id"] in self._told:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(entry["id"])
        trial = self._trials.pop(entry["id"], 0)
        calls = calls_of(entry, trial)
        if calls:
            self.keeper.report(breaker.target, calls, breaker.policy)
        elif trial:
            self.keeper.release(breaker.target, trial)


def _waits(breaker: NodeBreaker, answer: Answer) -> bool:
    """A half-open breaker has not decided yet: whatever is to be done when it is open, its trials are waited for."""
    return breaker.on_open == WAIT or answer.state == HALF_OPEN


def calls_of(entry: Mapping[str, Any], trial: int) -> list[Call]:
    """The end of an execution as calls: one for each host; a trial is one call, good when all its hosts are."""
    took = float(entry["finished"]) - float(entry["started"])
    by_state = entry.get("results") or {entry["state"]: entry["hosts"]}
    messages = entry.get("messages") or {}
    calls = []
    for state, hosts in by_state.items():
        for host in hosts if state not in _SAYS_NOTHING else ():
            said = f": {messages[host]}" if messages.get(host) else ""
            calls.append(Call(state in states.BAD, took, f"{entry['node']} {state} on {host}{said}"))
    if not trial or not calls:
        return calls
    return [next((call for call in calls if call.failed), calls[0])._replace(trial=trial)]
