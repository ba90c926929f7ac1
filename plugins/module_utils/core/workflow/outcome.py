# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ends, and how to say it to the person who has to act on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import FALLBACK, LOCALHOST, Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record


class Failure(NamedTuple):
    """One bad end that still stands: of a node, or of its undo, on a host ("" for the node itself)."""

    node: str
    host: str
    state: str
    message: str
    undo: bool = False

    @property
    def name(self) -> str:
        """The node as people see it: ``undo-<node>`` for its undo."""
        return f"undo-{self.node}" if self.undo else self.node


def of(graph: Graph, record: Record) -> tuple[str, str]:
    """State and explanation of a run in which nothing is left to do."""
    rollbacks = record.rollbacks
    if any(entry["state"] == states.FAILED for entry in rollbacks):
        return states.ROLLBACK_FAILED, _why_rollback_failed(record)
    undone = [entry for entry in rollbacks if entry.get("undone") and not entry["tolerated"]]
    if undone:
        return states.ROLLED_BACK, str(undone[0]["because"])
    if record.cancel is not None:
        return states.CANCELED, f"canceled by {record.cancel['by']}"
    left = [node.name for node in graph.top_level() if _state(record, node) not in states.ENDED]
    if left:
        return states.ERROR, f"the engine left {', '.join(left)} undecided: this is a defect of Holdfast"
    failure = next(unhandled(graph, record), None)
    if failure is not None:
        return states.FAILED, f"{failure.name} {_state(record, failure)}{_first_word(record, failure)}"
    return states.SUCCESSFUL, ""


def unhandled(graph: Graph, record: Record) -> Iterator[Node]:
    """The nodes of the bundle that ended badly and whose failure no edge handles."""
    for node in graph.top_level():
        if _state(record, node) in states.BAD and not node.handled and not _fell_back(graph, record, node):
            yield node


def _fell_back(graph: Graph, record: Record, node: Node) -> bool:
    """True when a breaker refused the node, or one inside it, and its fallback took over: its end is what counts."""
    refused = [graph.nodes[name] for name in (node.name, *node.inner) if record.seen(name).refused]
    return any(one.breaker is not None and one.breaker.on_open == FALLBACK for one in refused)


def _state(record: Record, node: Node) -> str:
    return record.seen(node.name).batches.get(0, states.PENDING)


def _first_word(record: Record, node: Node) -> str:
    known = record.seen(node.name)
    if known.why.get(""):
        return f": {known.why['']}"
    first = next((host for host, state in known.hosts.items() if state in states.BAD), None)
    if first is None:
        return ""
    return f" on {first}: {known.why[first]}" if known.why.get(first) else f" on {first}"


def _why_rollback_failed(record: Record) -> str:
    parts = [f"undo of {f.node} {f.state} on {f.host}: {f.message}" for f in failures(record) if f.undo]
    return "; ".join(parts) or "the rollback was stopped before its end"


def failures(record: Record) -> list[Failure]:
    """Every bad end that stands when the run ends, by the order of the executions; what was healed is left out."""
    found: dict[tuple[str, str, bool], Failure] = {}
    for entry in record.executions.values():
        undo = entry["action"] == UNDO
        known = record.seen(entry["node"])
        now, why = (known.undo, known.undo_why) if undo else (known.hosts, known.why)
        for host in entry["hosts"]:
            state = now.get(host, "")
            if state in states.BAD:
                key = (str(entry["node"]), host, undo)
                found[key] = Failure(entry["node"], host, state, why.get(host, ""), undo)
    for name, node in record.nodes.items():
        for host, state in node.hosts.items():
            if state == states.ERROR or (node.refused and state in states.BAD):
                found.setdefault((name, host, False), Failure(name, host, state, node.why.get(host, "")))
        bad = [state for state in node.batches.values() if state in states.BAD]
        if bad and not node.hosts:
            found[(name, "", False)] = Failure(name, "", states.worst(bad), node.why.get("", ""))
    return list(found.values())


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
    """The hosts of the graph, but for localhost, on which no execution ever started, in the order of the graph."""
    touched = {host for entry in record.executions.values() for host in entry["hosts"]}
    touched.update(host for node in record.nodes.values() for host in node.undo)
    seen: dict[str, None] = {}
    for node in graph.nodes.values():
        if node.runs_on_hosts:
            seen.update(dict.fromkeys(node.hosts))
    return [host for host in seen if host not in touched and host != LOCALHOST]


def not_reached(graph: Graph, record: Record) -> dict[str, list[str]]:
    """For each rollout that began: its hosts on which nothing inside it ever started."""
    touched: dict[str, set[str]] = {}
    for entry in record.executions.values():
        rollout = graph.nodes[entry["node"]].rollout if entry["node"] in graph.nodes else ""
        touched.setdefault(rollout, set()).update(entry["hosts"])
    found = {}
    for node in graph.top_level():
        if node.inner and record.seen(node.name).lanes:
            rest = [host for host in graph.nodes[node.inner[0]].hosts if host not in touched.get(node.name, set())]
            if rest:
                found[node.name] = rest
    return found


def half_way(graph: Graph, record: Record) -> dict[str, list[str]]:
    """Hosts on which a rollout was stopped between its first node and its last: host → what was done there and stays.

    Counted is what could be undone: that a health check ended well leaves nothing behind.
    """
    found: dict[str, list[str]] = {}
    for rollout in graph.top_level():
        inner = [graph.nodes[name] for name in rollout.inner]
        for host in inner[0].hosts if inner else ():
            stands = [node for node in inner if _state_on(record, node, host) == states.SUCCESSFUL]
            left = [node.name for node in stands if node.item and node.item.compensation and not _waived(node)]
            ended = (states.SUCCESSFUL, states.SKIPPED)
            if left and any(_state_on(record, node, host) not in ended for node in inner):
                found.setdefault(host, []).extend(left)
    return found


def _state_on(record: Record, node: Node, host: str) -> str:
    """The state of a host in a node; "" for what was undone, or tried to."""
    known = record.seen(node.name)
    return "" if host in known.undo else known.hosts.get(host, states.PENDING)


def by_hand(graph: Graph, record: Record) -> list[str]:
    """Manual work that was done in a run that was rolled back: nobody but a person can take it back."""
    if not any(entry["scope"] == "run" and entry.get("undone") for entry in record.rollbacks):
        return []
    done = [n for n in graph.nodes.values() if n.kind == "manual" and not _waived(n)]
    return [n.name for n in done if states.SUCCESSFUL in record.seen(n.name).batches.values()]


def _waived(node: Node) -> bool:
    compensation = node.item.compensation if node.item is not None else None
    return compensation is not None and bool(compensation.none_reason)


_NEXT = {
    states.ROLLBACK_FAILED: "repair the hosts named above, then resume run {run}: it goes on with the undo",
    states.ROLLED_BACK: "what was rolled back is as it was; correct the cause, then launch again or resume run {run}",
    states.CANCELED: "resume run {run} to go on where it was stopped; what succeeded is not repeated",
    states.LOST: "resume run {run}: what was interrupted is done again, what had ended is not",
}


def next_step(record: Record) -> Optional[str]:
    """What the person should do now, or None after a success."""
    if record.state == states.SUCCESSFUL or not record.ended:
        return None
    otherwise = "correct the cause, then resume run {run}: what succeeded is not repeated"
    return _NEXT.get(record.state, otherwise).format(run=record.run["id"])
