# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a launch would do, before it does anything: waves, hosts, locks, approvals, undo and the critical path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node

MOST_HOSTS = 6


class PlannedNode(NamedTuple):
    """One node in the plan. ``wave`` counts from 1; ``seconds`` is its past duration, or None when unknown."""

    name: str
    kind: str
    wave: int
    batches: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...]
    when: str
    locks: tuple[str, ...]
    undo: str
    note: str
    seconds: Optional[float]
    inner: tuple[Any, ...] = ()
    breaker: str = ""


class Plan(NamedTuple):
    """The plan of a launch; ``critical_path`` are names, ``seconds`` its length as far as durations are known."""

    name: str
    nodes: tuple[PlannedNode, ...]
    locks: tuple[str, ...]
    policy: str
    critical_path: tuple[str, ...]
    seconds: Optional[float]


def plan(graph: Graph, past: Optional[Mapping[str, float]] = None) -> Plan:
    """The plan of a graph; ``past`` gives the seconds that nodes took before, by name."""
    known = past or {}
    waves: dict[str, int] = {}
    for node in graph.nodes.values():
        waves[node.name] = 1 + max((waves[edge.parent] for edge in node.parents), default=0)
    nodes = tuple(_planned(graph, node, waves, known) for node in graph.top_level())
    path, seconds = _critical_path(graph, known)
    policy = f"on failure: {graph.on_failure}"
    if graph.on_failure == "rollback":
        policy += f" (scope: {graph.rollback_scope})"
    policy += f"; hosts go {'each by its own' if graph.per_host else 'together'}"
    policy += f"; at most {graph.max_parallel} executions at once"
    return Plan(graph.name, nodes, graph.locks, policy, path, seconds)


def _planned(graph: Graph, node: Node, waves: Mapping[str, int], past: Mapping[str, float]) -> PlannedNode:
    inner = tuple(_planned(graph, one, waves, past) for one in graph.inner_of(node.name)) if node.inner else ()
    batches = node.batches
    if node.inner:
        batches = graph.nodes[node.inner[0]].batches
    return PlannedNode(
        node.name,
        node.kind,
        waves[node.name],
        batches,
        tuple(edge.parent for edge in node.parents),
        node.when,
        node.locks,
        _undo(node),
        _note(node),
        past.get(node.name),
        inner,
        f"asks breaker {node.breaker.target}, else {node.breaker.on_open}" if node.breaker is not None else "",
    )


def _undo(node: Node) -> str:
    """How the node is undone, for people."""
    if node.item is None or node.kind == "rollout":
        return ""
    compensation = node.item.compensation
    if compensation is None:
        return "no undo"
    if compensation.action is None:
        return f"nothing to undo: {compensation.none_reason}"
    verified = ", then verified" if compensation.verify else ""
    return f"undo by {compensation.action.name}{verified}"


def _note(node: Node) -> str:
    notes = []
    if node.approval is not None:
        rule = node.approval
        notes.append(f"{rule.quorum} approval{'s' if rule.quorum > 1 else ''}{', four eyes' if rule.four_eyes else ''}")
        if rule.timeout is not None:
            notes.append(f"after {durations.render(rule.timeout)}: {rule.on_timeout}")
    if node.kind == "manual" and node.item is not None:
        notes.append(f"by hand{': ' + node.item.assignee if node.item.assignee else ''}")
    if node.retries.count:
        notes.append(f"up to {node.retries.count} more attempts ({node.retries.only})")
    if node.timeout is not None:
        notes.append(f"timeout {durations.render(node.timeout)}")
    if node.join == "any" and len(node.parents) > 1:
        notes.append("any parent suffices")
    if node.failure_path:
        notes.append("only on failure")
    if node.kind == "rollout":
        notes.append(f"at most {node.max_failed} failed host{'' if node.max_failed == 1 else 's'}")
    return "; ".join(notes)


def _seconds(graph: Graph, node: Node, past: Mapping[str, float]) -> Optional[float]:
    """What a node takes, in seconds; a rollout takes its inner critical path once per batch."""
    if node.kind != "rollout":
        return past.get(node.name)
    inner = _longest(graph, graph.inner_of(node.name), past)[1]
    return None if inner is None else inner * len(graph.nodes[node.inner[0]].batches)


def _longest(graph: Graph, nodes: list[Node], past: Mapping[str, float]) -> tuple[list[str], Optional[float]]:
    """The longest way through nodes in topological order, failure paths left out; None when nothing is known."""
    best: dict[str, tuple[float, list[str]]] = {}
    known = False
    for node in nodes:
        if node.failure_path:
            continue
        seconds = _seconds(graph, node, past)
        known = known or seconds is not None
        before = max((best[e.parent] for e in node.parents if e.parent in best), key=lambda b: b[0], default=(0.0, []))
        best[node.name] = (before[0] + (seconds or 0.0), [*before[1], node.name])
    if not best:
        return [], None
    length, path = max(best.values(), key=lambda entry: (entry[0], len(entry[1])))
    return path, length if known else None


def _critical_path(graph: Graph, past: Mapping[str, float]) -> tuple[tuple[str, ...], Optional[float]]:
    path, seconds = _longest(graph, graph.top_level(), past)
    return tuple(path), seconds


def render(planned: Plan) -> Iterator[str]:
    """The plan as lines for people."""
    yield f"Plan of {planned.name} ({planned.policy})"
    if planned.locks:
        yield f"  locks: {', '.join(planned.locks)}"
    for wave in sorted({node.wave for node in planned.nodes}):
        yield f"  wave {wave}"
        for node in [one for one in planned.nodes if one.wave == wave]:
            yield from _lines(node, "    ")
    if planned.critical_path:
        length = f": about {durations.render(planned.seconds)}" if planned.seconds is not None else ""
        yield f"  critical path: {' → '.join(planned.critical_path)}{length}"


def _lines(node: PlannedNode, indent: str) -> Iterator[str]:
    about = [node.note, node.undo, f"when {node.when}" if node.when else "", node.breaker]
    if node.locks:
        about.append(f"locks {', '.join(node.locks)}")
    tail = "; ".join(part for part in about if part)
    where = f" on {_hosts(node.batches[0])}" if node.kind == "item" and node.batches and not node.inner else ""
    if node.inner:
        where = f" in {len(node.batches)} batch{'' if len(node.batches) == 1 else 'es'}"
    yield f"{indent}{node.name}{where}{' - ' + tail if tail else ''}"
    for number, batch in enumerate(node.batches if node.inner else (), start=1):
        yield f"{indent}  batch {number}: {_hosts(batch)}"
    for inner in node.inner:
        yield from _inner_line(inner, node.name, f"{indent}  ")


def _inner_line(node: PlannedNode, rollout: str, indent: str) -> Iterator[str]:
    bare = node._replace(name=node.name[len(rollout) + 1 :], batches=())
    arrow = f"{', '.join(n[len(rollout) + 1 :] for n in node.needs)} → " if node.needs else ""
    for line in _lines(bare, ""):
        yield f"{indent}each: {arrow}{line}"


def _hosts(hosts: tuple[str, ...]) -> str:
    if not hosts:
        return "no host within the limit"
    more = len(hosts) - MOST_HOSTS
    return ", ".join(hosts[:MOST_HOSTS]) + (f" and {more} more" if more > 0 else "")
