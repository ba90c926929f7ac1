# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could be done now: executions to end, and executions to start, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Cancel, Execution, Start
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.live import Live
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rollbacks import Rollbacks


def deadline(live: Live, execution: Execution) -> float:
    """When an execution with a timeout has to be ended (seconds since the epoch)."""
    started: float = live.record.executions[execution.id]["started"]
    return started + (execution.timeout or 0.0)


def ends_due(live: Live, now: float) -> list[Cancel]:
    """The executions that have to be ended: all but the rolling back after a cancel, and those out of time."""
    found = []
    cancel = live.record.cancel
    for key, execution in live.running.items():
        if cancel is not None and (execution.action == DO or not cancel["rollback"]):
            found.append(Cancel(key, "cancel"))
        elif execution.timeout is not None and now >= deadline(live, execution):
            found.append(Cancel(key, "timeout"))
    return found


def starts(live: Live, rollbacks: Rollbacks, now: float, held: frozenset[str], slots: int) -> list[Start]:
    """Up to ``slots`` starts whose locks are free; ``held`` are locks that other runs hold, and breakers waited for."""
    found: list[Start] = []
    taken = live.locked | held
    for execution in candidates(live, rollbacks, now):
        node = live.graph.nodes[execution.node]
        breaker = node.breaker if execution.action == DO else None
        if breaker is not None and breaker.name in held:
            continue
        locks = node.locks
        if locks:
            if not taken.isdisjoint(locks):
                continue
            taken.update(locks)
        found.append(Start(execution, locks, breaker))
        if len(found) == slots:
            break
    return found


def candidates(live: Live, rollbacks: Rollbacks, now: float) -> Iterator[Execution]:
    """Everything that could start: undo, attempts that are due, then the ready in the order of the graph."""
    run = live.record.run["id"]
    for _number, plan in sorted(rollbacks.plans.items()):
        yield from plan.starts()
    for entry in live.record.retries.values():
        if entry["due"] <= now:
            name, slice_, action, attempt = entry["node"], entry["slice"], entry["action"], entry["attempt"]
            key = f"{run}/{name}/{slice_}/{action}/{attempt}"
            timeout = live.graph.nodes[name].timeout
            yield Execution(key, name, slice_, entry["batch"], action, attempt, tuple(entry["hosts"]), timeout)
    if len(live.ready) == 0 or rollbacks.of_run():
        return
    for lane, hosts in live.ready:
        slice_ = str(lane.batch + 1)
        if lane.host_gates is not None:
            slice_ = f"{slice_}.{lane.record.slices.get(lane.batch, 0) + 1}"
        key = f"{run}/{lane.node.name}/{slice_}/{DO}/1"
        yield Execution(key, lane.node.name, slice_, lane.batch, DO, 1, hosts, lane.node.timeout)
