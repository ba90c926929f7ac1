# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of runs: killed anywhere, even in the middle of a write, and resumed, again and again.

A model of the hosts stands beside the runs: what was done and undone there. It is told only of executions that started,
and knows nothing of the engine.
"""

from __future__ import annotations

import json
import random
import zlib

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Change, Execution, LocksHeld
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.resume import close_killed, resume
from hypothesis import given
from hypothesis import strategies as st

from .graphs import Driver
from .test_properties import MANY, badness, judge_by, random_graph, seeds

DONE, GOOD, UNDONE, LOST = "started", "good", "undone", "lost for good"


class Hosts:
    """What really happened, by node, batch and host."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.facts: dict[tuple[str, int, str], str] = {}

    def take_in(self, starts: list[Execution], record: Record) -> None:
        """The starts of one run, in order, and how it ended."""
        for execution in starts:
            for host in execution.hosts:
                self._start(execution, host, record)
        for (name, batch, host), fact in list(self.facts.items()):
            state = record.seen(name).hosts.get(host)
            if fact == DONE and state == states.SUCCESSFUL:
                self.facts[(name, batch, host)] = GOOD
            fail = self.graph.nodes[name].on_lost == "fail" and record.seen(name).undo.get(host) is None
            if fact == DONE and state == states.LOST and fail and record.state == states.LOST:
                self.facts[(name, batch, host)] = LOST

    def _start(self, execution: Execution, host: str, record: Record) -> None:
        key = (execution.node, execution.batch, host)
        before = self.facts.get(key)
        if execution.action == DO:
            assert before != GOOD, f"{key} is done again"
            assert before != LOST, f"{key} must not be tried twice"
            self.facts[key] = DONE
            return
        assert before is not None, f"{key} is undone and was never started"
        assert before != UNDONE, f"{key} is undone twice"
        entry = record.executions[execution.id]
        results = entry.get("results") or {entry["state"]: entry["hosts"]}
        if host in results.get(states.SUCCESSFUL, ()):
            self.facts[key] = UNDONE

    def forgive(self) -> None:
        """After an end that was not a kill the person who resumes wants failed work done anew."""
        self.facts = {key: DONE if fact == LOST else fact for key, fact in self.facts.items()}

    def left_standing(self, record: Record) -> list[tuple[str, int, str]]:
        """What a rollback of the whole run should have undone and has not even tried."""
        if not any(entry["scope"] == "run" for entry in record.rollbacks):
            return []
        paths = self.graph.nodes
        return [
            (name, batch, host)
            for (name, batch, host), fact in self.facts.items()
            if fact in (DONE, GOOD)
            and paths[name].undoable
            and record.seen(name).undo.get(host) is None
            and not paths[paths[name].rollout or name].failure_path
            and not paths[name].failure_path
        ]


def chance(text: str, share: float) -> bool:
    return zlib.crc32(text.encode()) % 1000 < share * 1000


def play_until(driver: Driver, steps: int) -> int:
    """Play so many steps, or to the end; the length of the journal before the last step."""
    before = len(driver.journal)
    for _step in range(steps):
        if driver.conductor.record.ended:
            break
        driver.now += 1.0
        before = len(driver.journal)
        driver._step()
    return before


def read_torn(journal: list[Change], length: int) -> list[Change]:
    """What a reader gets of a journal of which only ``length`` lines reached the disk."""
    lines = journal[:length]
    while lines and not lines[-1].get("last"):
        lines.pop()
    return json.loads(json.dumps(lines))


@MANY
@given(seeds, badness, st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=4))
def test_whatever_is_killed_is_resumed_without_repeating_or_forgetting(seed, bad, kills):
    graph, judge = random_graph(seed), judge_by(seed, bad)
    hosts, old = Hosts(graph), None
    for leg, (steps, torn) in enumerate([*kills, (100_000, 0)]):
        facts = {
            "lost": lambda e: chance(f"{seed}/{e.node}/{e.action}/{e.attempt}", bad / 3),
            "outputs": lambda e: {"ok": 1 + zlib.crc32(e.node.encode()) % 2} if chance(f"o{e.node}", 0.6) else {},
            "denials": int(bad * 4),
        }
        if old is not None:
            changes = json.loads(json.dumps(resume(graph, old, 1000.0 * leg, {"id": f"r{leg}", "requested_by": "al"})))
            facts["record"] = Record.replay(changes)
        driver = Driver(graph, judge, random.Random(seed + leg), **facts)
        if old is None:
            driver.journal += driver.conductor.begin(0.0, {"id": "r0", "requested_by": "alice"})
        else:
            driver.journal, driver.now = changes, 1000.0 * leg
        driver.tell(LocksHeld())
        before = play_until(driver, steps)
        record = driver.conductor.record
        if not record.ended:
            record = Record.replay(read_torn(driver.journal, max(before, len(driver.journal) - torn)))
            close_killed(record, driver.now)
        hosts.take_in([start for start in driver.starts if start.id in record.executions], record)
        if record.state == states.SUCCESSFUL:
            break
        if record.state not in (states.LOST, states.ROLLBACK_FAILED):
            hosts.forgive()
        old = record
    assert record.ended and record.state != states.ERROR
    assert not hosts.left_standing(record)
    undecided = [one.name for one in graph.top_level() if record.seen(one.name).batches.get(0) not in states.ENDED]
    assert not undecided or record.state == states.LOST, f"{undecided} undecided"
