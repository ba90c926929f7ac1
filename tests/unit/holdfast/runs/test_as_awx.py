# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn workflows at random: what runs, what does not, and how it ends is what AWX's rules say.

The rules stand here once more, in the plainest form: every round looks at the whole graph. Where we are stricter on
purpose (a bad end other than ``failed`` before an ALL join) nothing is compared.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    Ended,
    Execution,
    Finish,
    Finished,
    HostResult,
    LocksHeld,
    Start,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from holdfast.runs.graphs import native_graph

OK, FAILED, RUNNING = "successful", "failed", "running"
MANY = 400


@dataclass
class Drawn:
    """A workflow, and how the jobs of its nodes end. ``gone`` are nodes whose template was deleted."""

    names: list[str]
    edges: dict[tuple[str, str], str] = field(default_factory=dict)
    joins: set[str] = field(default_factory=set)
    ends: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def parents(self, name: str) -> list[str]:
        return [parent for parent, child in self.edges if child == name]

    def fits(self, parent: str, child: str, good: bool) -> bool:
        """Whether an edge is taken."""
        kind = self.edges[parent, child]
        return kind == "always" or (kind == "success") == good


def draw(chance: random.Random) -> Drawn:
    drawn = Drawn([f"n{number}" for number in range(chance.randint(2, 7))])
    for number, child in enumerate(drawn.names):
        for parent in drawn.names[:number]:
            if chance.random() < 0.35:
                drawn.edges[parent, child] = chance.choice(["success", "failure", "always"])
    drawn.joins = {name for name in drawn.names if chance.random() < 0.4}
    drawn.ends = {name: chance.choice([OK, OK, FAILED]) for name in drawn.names}
    before_joins = {parent for parent, child in drawn.edges if child in drawn.joins}
    drawn.gone = {name for name in drawn.names if chance.random() < 0.1} - before_joins
    return drawn


class ByTheRules:
    """AWX's rules: mark what will never run, start what is reached, let one job end, and again."""

    def __init__(self, drawn: Drawn, chance: random.Random) -> None:
        self.drawn, self._chance = drawn, chance
        self.jobs: dict[str, str] = {}
        self.never: set[str] = set()

    def play(self) -> tuple[set[str], str]:
        """What ran, and how the workflow ended."""
        while True:
            self._mark()
            fresh = self._reached()
            self.jobs.update(dict.fromkeys(fresh, RUNNING))
            runs = [name for name, state in self.jobs.items() if state == RUNNING]
            if not runs:
                return set(self.jobs), self._end()
            one = self._chance.choice(runs)
            self.jobs[one] = self.drawn.ends[one]

    def _over(self, name: str) -> bool:
        return name in self.never or name in self.drawn.gone or self.jobs.get(name) in (OK, FAILED)

    def _taken(self, parent: str, child: str) -> bool:
        good = self.jobs.get(parent) == OK
        return parent not in self.never and self._over(parent) and self.drawn.fits(parent, child, good)

    def _converges(self, name: str) -> bool:
        ended = [parent for parent in self.drawn.parents(name) if self.jobs.get(parent) in (OK, FAILED)]
        return all(self._taken(parent, name) for parent in ended)

    def _mark(self) -> None:
        for name in self.drawn.names:
            parents = self.drawn.parents(name)
            if not parents or name in self.jobs or name in self.never:
                continue
            if name in self.drawn.joins:
                lost = not self._converges(name) or any(parent in self.never for parent in parents)
            else:
                lost = all(map(self._over, parents)) and not any(self._taken(parent, name) for parent in parents)
            if lost:
                self.never.add(name)

    def _reached(self) -> list[str]:
        todo = [name for name in self.drawn.names if not self.drawn.parents(name)]
        seen: set[str] = set()
        found = []
        while todo:
            name = todo.pop(0)
            if name in seen or name in self.never:
                continue
            seen.add(name)
            if name in self.jobs or name in self.drawn.gone:
                todo += [child for parent, child in self.drawn.edges if parent == name and self._taken(name, child)]
            elif all(map(self._over, self.drawn.parents(name))):
                found.append(name)
        return [name for name in found if name not in self.drawn.joins or self._converges(name)]

    def _end(self) -> str:
        handled = {parent for (parent, _child), kind in self.drawn.edges.items() if kind != "success"}
        bad = {name for name, state in self.jobs.items() if state == FAILED} | (self.drawn.gone - self.never)
        return FAILED if bad - handled else OK


def conducted(drawn: Drawn, chance: random.Random) -> tuple[set[str], str]:
    """The same, played by the conductor of a drawn workflow."""
    nodes = [
        {
            "name": name, "kind": "item", "join": "all" if name in drawn.joins else "any", "timeout": None,
            "parents": [[parent, drawn.edges[parent, name]] for parent in drawn.parents(name)],
        }
        for name in drawn.names
    ]  # fmt: skip
    conductor = Conductor(native_graph({"name": "drawn", "nodes": nodes}), Record())
    conductor.begin(0, {"id": "wf1", "requested_by": ""})
    conductor.apply(LocksHeld(), 0)
    runs: dict[str, Execution] = {}
    ran: set[str] = set()
    while not conductor.record.ended:
        decisions = conductor.decide(1)
        over = []
        for one in decisions:
            if isinstance(one, Finish):
                conductor.apply(Ended(one.state, one.explanation), 1)
            elif isinstance(one, Start):
                conductor.apply(Started(one.execution), 1)
                if one.execution.node in drawn.gone:
                    over.append((one.execution, states.ERROR))
                else:
                    runs[one.execution.node] = one.execution
        ran |= set(runs)
        if not decisions:
            name = chance.choice(sorted(runs))
            over.append((runs.pop(name), drawn.ends[name]))
        for execution, state in over:
            conductor.apply(Finished(execution.id, dict.fromkeys(execution.hosts, HostResult(state)), {}), 1)
    return ran, conductor.record.state


@pytest.mark.parametrize("seed", range(4))
def test_as_awx(seed: int) -> None:
    for number in range(MANY):
        chance = random.Random(f"{seed} {number}")
        drawn = draw(chance)
        assert conducted(drawn, chance) == ByTheRules(drawn, chance).play(), drawn
