# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of an undo: children before parents, a later batch before an earlier one, nothing that never started.

An undo that fails leaves its hosts stuck: what their parents did is not undone for them (a server whose old version
could not be brought back must not be put back into traffic), nor are earlier batches touched.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Live

Place = tuple[int, int]
StepKey = tuple[str, str, int]  # ("undo" | "begin", node, batch)


class Step:
    """Undo one node in one batch on ``hosts``, or a mere point in the order (no hosts).

    ``after`` counts the steps it still waits for; ``left`` the hosts whose undo has not ended; ``stuck`` the hosts
    whose later work could not be undone.
    """

    __slots__ = ("after", "batch", "before", "begun", "hosts", "left", "node", "stuck")

    def __init__(self, node: Node, batch: int, hosts: Iterable[str] = ()) -> None:
        self.node = node
        self.batch = batch
        self.hosts = tuple(hosts)
        self.left = len(self.hosts)
        self.after = 0
        self.before: list[Step] = []
        self.stuck: set[str] = set()
        self.begun = False


class UndoPlan:
    """The steps of one rollback, built when nothing in its scope runs any more.

    ``entry`` is the rollback as the record holds it: ``number``, ``scope``, ``rollout``, ``batch`` and ``hosts``
    (None: all).
    """

    def __init__(self, live: Live, entry: dict[str, Any]) -> None:
        self.live = live
        self.number: int = entry["number"]
        self.hosts: Optional[list[str]] = entry["hosts"]
        self.steps: dict[StepKey, Step] = {}
        self.open = 0
        self.touched: set[tuple[str, str]] = set()
        if entry["rollout"]:
            self._add_batch(entry["rollout"], entry["batch"])
        else:
            self._add_run()
        self.startable: dict[Place, Step] = {}
        self._order: list[Place] = []
        self._settle([step for step in self.steps.values() if step.after == 0])

    # --- building -----------------------------------------------------------------------------------------------

    def _step(self, kind: str, node: Node, batch: int, hosts: Iterable[str] = ()) -> Step:
        step = self.steps[(kind, node.name, batch)] = Step(node, batch, hosts)
        self.open += 1
        return step

    def _to_undo(self, node: Node, batch: int) -> list[str]:
        """The hosts of a node in a batch that started and whose undo has not ended."""
        if not node.undoable:
            return []
        started = self.live.started.get(node.name)
        if not started:
            return []
        done = self.live.record.seen(node.name).undo
        return [h for h in self._members(node, batch) if h in started and done.get(h) not in states.ENDED]

    def _members(self, node: Node, batch: int) -> Iterable[str]:
        """The hosts of a node in a batch that this rollback is about."""
        if self.hosts is None:
            return node.batches[batch]
        batch_of = self.live.batch_of(node.name)
        return [host for host in self.hosts if batch_of.get(host) == batch]

    def _undo_step(self, node: Node, batch: int) -> Step:
        here = node.runs_on_hosts and batch < len(node.batches)
        hosts = self._to_undo(node, batch) if here else []
        step = self._step("undo", node, batch, hosts)
        undo = self.live.record.seen(node.name).undo
        if undo and here:
            mine = self._members(node, batch)
            step.stuck = {host for host in mine if undo.get(host) in states.BAD}
            step.begun = any(undo.get(host) in (states.RUNNING, states.WAITING) for host in hosts)
            self.touched.update((node.name, host) for host in mine if host in undo)
        self.touched.update((node.name, host) for host in hosts)
        return step

    def _add_batch(self, rollout: str, batch: int) -> list[Step]:
        """The inner graph of one batch, children first."""
        added = []
        for node in reversed(self.live.graph.inner_of(rollout)):
            step = self._undo_step(node, batch)
            for child, _wanted in node.children:
                _order(self.steps[("undo", child, batch)], step)
            added.append(step)
        return added

    def _add_run(self) -> None:
        """The whole run; the batches of a rollout one after another, the last one first."""
        exits: dict[str, Step] = {}
        for node in reversed(self.live.graph.top_level()):
            if node.kind == "rollout":
                begin, exits[node.name] = self._add_rollout(node)
            else:
                begin = exits[node.name] = self._undo_step(node, 0)
            for child, _wanted in node.children:
                _order(exits[child], begin)

    def _add_rollout(self, node: Node) -> tuple[Step, Step]:
        gate = first = self._step("begin", node, -1)
        for batch in sorted(self._begun_batches(node), reverse=True):
            inner = self._add_batch(node.name, batch)
            following = self._step("begin", node, batch)
            for step in inner:
                _order(gate, step)
                _order(step, following)
            gate = following
        return first, gate

    def _begun_batches(self, node: Node) -> set[int]:
        """The batches in which something started, in this run or in the one it goes on from."""
        found = set(self.live.record.seen(node.name).lanes)
        for inner in self.live.graph.inner_of(node.name):
            if inner.runs_on_hosts and inner.batches:
                batch_of = self.live.batch_of(inner.name)
                found.update(batch_of[host] for host in self.live.started.get(inner.name, ()) if host in batch_of)
        return found

    # --- walking ------------------------------------------------------------------------------------------------

    def _settle(self, steps: list[Step]) -> None:
        """Complete every step that has nothing to do, and collect those that may start."""
        queue = list(steps)
        for step in queue:
            if step.hosts:
                self._hold_back(step)
            if step.left == 0:
                self.open -= 1
                for following in step.before:
                    following.stuck |= step.stuck
                    following.after -= 1
                    if following.after == 0:
                        queue.append(following)
            elif not step.begun:
                self.startable[_place(step)] = step
                insort(self._order, _place(step))

    def _hold_back(self, step: Step) -> None:
        """Skip the hosts of a step that are stuck; all of them when a host it does not know of is."""
        if not step.stuck or step.begun:
            return
        foreign = step.stuck - set(step.node.batches[step.batch])
        held = list(step.hosts) if foreign else [host for host in step.hosts if host in step.stuck]
        if held:
            who = ", ".join(sorted(foreign or set(held)))
            why = f"not undone: what came after it could not be undone on {who}"
            self.live.emit("undo", node=step.node.name, hosts=held, state=states.SKIPPED, why=why)
            step.hosts = tuple(host for host in step.hosts if host not in set(held))
            step.left = len(step.hosts)

    @property
    def undid(self) -> bool:
        """True when there was anything to undo."""
        return bool(self.touched)

    @property
    def failed(self) -> bool:
        """True when something in the scope of this rollback was not undone, or not with success."""
        nodes = self.live.record.nodes
        return any(nodes[name].undo.get(host) != states.SUCCESSFUL for name, host in self.touched)

    def slice_of(self, step: Step) -> str:
        """The slice of the step's executions: its batch, and from the second rollback on the rollback's number."""
        return str(step.batch + 1) if self.number == 0 else f"{step.batch + 1}.{self.number + 1}"

    def starts(self) -> Iterator[Execution]:
        """The undo executions that may start now, the last of the graph first."""
        run = self.live.record.run["id"]
        for place in self._order:
            step = self.startable[place]
            slice_ = self.slice_of(step)
            key = f"{run}/{step.node.name}/{slice_}/{UNDO}/1"
            yield Execution(key, step.node.name, slice_, step.batch, UNDO, 1, step.hosts, step.node.timeout)

    def step_of(self, execution: Execution) -> Optional[Step]:
        """The step of this plan that an execution carries out, or None when it belongs to another rollback."""
        step = self.steps.get(("undo", execution.node, execution.batch))
        return step if step is not None and step.hosts and self.slice_of(step) == execution.slice else None

    def started(self, step: Step) -> None:
        """The step's execution has started."""
        if self.startable.pop(_place(step), None) is not None:
            del self._order[bisect_left(self._order, _place(step))]
        step.begun = True

    def ended(self, step: Step, hosts: Iterable[str], bad: Iterable[str]) -> None:
        """Hosts of a step have ended their undo, the ``bad`` ones without success."""
        step.left -= len(list(hosts))
        step.stuck.update(bad)
        if step.left == 0:
            self._settle([step])

    def stop(self, why: str) -> None:
        """Give up what has not begun: its hosts' undo is skipped."""
        for step in self.steps.values():
            if step.hosts and not step.begun and step.left:
                self.live.emit("undo", node=step.node.name, hosts=list(step.hosts), state=states.SKIPPED, why=why)
        self.startable, self._order = {}, []
        self.open = 0


def _place(step: Step) -> Place:
    """Where a step stands among those that may start: the last node and the last batch first."""
    return (-step.node.index, -step.batch)


def _order(first: Step, then: Step) -> None:
    """``then`` waits for ``first``."""
    first.before.append(then)
    then.after += 1
