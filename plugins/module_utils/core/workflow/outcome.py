# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ends, and how to say it to the person who has to act on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record


class Failure(NamedTuple):
    """One bad end: of a node (as ``undo-<node>`` when it was its undo) on a host ("" for the node itself)."""

    node: str
    host: str
    state: str
    message: str


def of(graph: Graph, record: Record) -> tuple[str, str]:
    """State and explanation of a run in which nothing is left to do."""
    undone = any(entry["action"] == UNDO for entry in record.executions.values())
    rollbacks = record.rollbacks
    if any(entry["state"] == states.FAILED for entry in rollbacks):
        return states.ROLLBACK_FAILED, _why_rollback_failed(record)
    if undone and any(not entry["tolerated"] for entry in rollbacks):
        first = next(entry for entry in rollbacks if not entry["tolerated"])
        return states.ROLLED_BACK, str(first["because"])
    if record.cancel is not None:
        return states.CANCELED, f"canceled by {record.cancel['by']}"
    failure = next(unhandled(graph, record), None)
    if failure is not None:
        return states.FAILED, f"{failure.name} {_state(record, failure)}{_first_word(record, failure)}"
    return states.SUCCESSFUL, ""


def unhandled(graph: Graph, record: Record) -> Iterator[Node]:
    """The nodes of the bundle that ended badly and whose failure no edge handles."""
    for node in graph.top_level():
        if _state(record, node) in states.BAD and not node.handled:
            yield node


def _state(record: Record, node: Node) -> str:
    return record.node(node.name).batches.get(0, states.PENDING)


def _first_word(record: Record, node: Node) -> str:
    why = record.node(node.name).why
    if why.get(""):
        return f": {why['']}"
    hosts = record.node(node.name).hosts
    first = next((host for host, state in hosts.items() if state in states.BAD), None)
    if first is None:
        return ""
    return f" on {first}: {why[first]}" if why.get(first) else f" on {first}"


def _why_rollback_failed(record: Record) -> str:
    parts = [f"undo of {f.node[5:]} {f.state} on {f.host}: {f.message}" for f in failures(record) if _is_undo(f)]
    return "; ".join(parts) or "the rollback was stopped before its end"


def _is_undo(failure: Failure) -> bool:
    return failure.node.startswith("undo-")


def failures(record: Record) -> list[Failure]:
    """Every bad end in the record, by the order of its executions, then nodes that ended badly without one."""
    found = []
    for entry in record.executions.values():
        if entry["state"] not in states.BAD:
            continue
        name = f"undo-{entry['node']}" if entry["action"] == UNDO else str(entry["node"])
        results = entry.get("results") or {entry["state"]: entry["hosts"]}
        for state, hosts in results.items():
            if state in states.BAD:
                messages = entry.get("messages", {})
                found += [Failure(name, host, state, messages.get(host, "")) for host in hosts]
    executed = {failure.node for failure in found}
    for name, node in record.nodes.items():
        if name in executed:
            continue
        found += [Failure(name, host, s, node.why.get(host, "")) for host, s in node.hosts.items() if s == states.ERROR]
        bad = [state for state in node.batches.values() if state in states.BAD]
        if bad and not node.hosts:
            found.append(Failure(name, "", states.worst(bad), node.why.get("", "")))
    return found


def undone(record: Record) -> dict[str, list[str]]:
    """What was undone with success: node → hosts."""
    found = {}
    for name, node in record.nodes.items():
        hosts = [host for host, state in node.undo.items() if state == states.SUCCESSFUL]
        if hosts:
            found[name] = hosts
    return found


def not_undone(record: Record) -> dict[str, dict[str, str]]:
    """What a rollback could not undo and people must look at: node → host → why."""
    found: dict[str, dict[str, str]] = {}
    for name, node in record.nodes.items():
        for host, state in node.undo.items():
            if state != states.SUCCESSFUL:
                found.setdefault(name, {})[host] = node.undo_why.get(host, "") or state
    return found


def untouched(graph: Graph, record: Record) -> list[str]:
    """The hosts of the graph on which no execution ever started, in the order of the graph."""
    touched = {host for entry in record.executions.values() for host in entry["hosts"]}
    seen: dict[str, None] = {}
    for node in graph.nodes.values():
        if node.runs_on_hosts:
            seen.update(dict.fromkeys(node.hosts))
    return [host for host in seen if host not in touched]


def not_reached(graph: Graph, record: Record) -> dict[str, list[str]]:
    """For each rollout that began: its hosts on which nothing inside it ever started."""
    touched: dict[str, set[str]] = {}
    for entry in record.executions.values():
        rollout = graph.nodes[entry["node"]].rollout if entry["node"] in graph.nodes else ""
        touched.setdefault(rollout, set()).update(entry["hosts"])
    found = {}
    for node in graph.top_level():
        if node.inner and record.node(node.name).lanes:
            rest = [host for host in graph.nodes[node.inner[0]].hosts if host not in touched.get(node.name, set())]
            if rest:
                found[node.name] = rest
    return found


def next_step(record: Record) -> Optional[str]:
    """What the person should do now, or None after a success."""
    run = record.run["id"]
    if record.state == states.SUCCESSFUL or not record.ended:
        return None
    if record.state == states.ROLLBACK_FAILED:
        return f"repair the hosts named above, then resume run {run}: it goes on with the undo"
    if record.state == states.ROLLED_BACK:
        return "everything in the scope of the rollback is as it was; correct the cause and launch again"
    return f"correct the cause, then resume run {run}: what succeeded is not repeated"
