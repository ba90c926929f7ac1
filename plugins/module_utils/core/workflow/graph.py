# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph of one launch: nodes, edges, hosts and batches, all known before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval, Item, Retries
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states

LOCALHOST = "localhost"
WAIT, FALLBACK = "wait", "fallback"
"""Ways to go on when a breaker refuses, besides those of failures: stop and rollback."""


class CycleFound(HoldfastError):
    """The nodes of ``path`` need each other in a circle."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"cycle: {' → '.join(self.path)}")


class Edge(NamedTuple):
    """An edge to a parent; it is met when the parent ends in one of ``states``.

    An edge that names its states (``observes``) only looks on: it does not make a failure of the parent handled.
    """

    parent: str
    states: frozenset[str]
    observes: bool = False

    @property
    def on_failure_only(self) -> bool:
        """True when success of the parent does not meet the edge but a bad end does."""
        return states.SUCCESSFUL not in self.states and bool(self.states & states.BAD)


class NodeBreaker(NamedTuple):
    """The breaker that is asked before each start of a node: its target, and what is done when it refuses.

    ``on_open``: stop, rollback, fallback or wait. ``policy``: None leaves the breaker's own.
    """

    target: str
    on_open: str = "stop"
    policy: Optional[Policy] = None

    @property
    def name(self) -> str:
        """What ``held`` calls it while the node has to wait for it; no lock is called so."""
        return f"breaker {self.target}"


@dataclass(eq=False)
class Node:
    """One node as the conductor needs it.

    ``kind`` is item, manual, approval or rollout. ``batches`` are the hosts in lanes: one lane for a node of the
    bundle, one for each batch inside a rollout. Nodes that run on no host (approval, manual, rollout) have lanes
    without meaning for hosts: a rollout's own lane count is ``len(batches)`` of its inner nodes. ``rollout`` is
    the rollout that the node belongs to, or "". ``timeout`` and ``retries.backoff`` are seconds. ``fallback_of`` are
    the nodes of which a breaker must have refused for this one to run. Derived by the
    graph: ``children``, each with the states that its edges from here wait for, ``handled`` (a bad end has an edge
    to follow) and ``failure_path`` (it runs only after a bad end).
    """

    name: str
    kind: str = "item"
    item: Optional[Item] = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    batches: tuple[tuple[str, ...], ...] = ((LOCALHOST,),)
    parents: tuple[Edge, ...] = ()
    join: str = "all"
    when: str = ""
    retries: Retries = field(default_factory=Retries)
    timeout: Optional[float] = None
    locks: tuple[str, ...] = ()
    on_lost: str = "retry"
    approval: Optional[Approval] = None
    rollout: str = ""
    inner: tuple[str, ...] = ()
    max_failed: int = 0
    description: str = ""
    breaker: Optional[NodeBreaker] = None
    fallback_of: tuple[str, ...] = ()
    # derived by Graph
    index: int = 0
    children: tuple[tuple[str, tuple[frozenset[str], ...]], ...] = ()
    handled: bool = False
    failure_path: bool = False

    @property
    def short(self) -> str:
        """The name without its rollout: ``drain`` of ``web.drain``."""
        return self.name[len(self.rollout) + 1 :] if self.rollout else self.name

    @property
    def runs_on_hosts(self) -> bool:
        """True when executions carry the node out; False for approvals, manual items and rollouts."""
        return self.kind == "item"

    @property
    def undoable(self) -> bool:
        """True when the node's item says how it is undone."""
        item = self.item
        return item is not None and item.compensation is not None and item.compensation.action is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts of the node, batch after batch."""
        return tuple(host for batch in self.batches for host in batch)


class Graph:
    """Nodes in topological order with their derived facts; raises CycleFound, or KeyError for a dangling edge.

    ``on_failure``, ``rollback_scope``, ``host_flow``, ``on_cancel`` and ``max_parallel`` are the bundle's
    orchestration; ``locks`` are names of things that no other run may touch meanwhile.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        *,
        name: str = "workflow",
        on_failure: str = "stop",
        rollback_scope: str = "batch",
        host_flow: str = "together",
        on_cancel: str = "stop",
        max_parallel: int = 10,
        locks: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.on_failure = on_failure
        self.rollback_scope = rollback_scope
        self.per_host = host_flow == "per_host"
        self.on_cancel = on_cancel
        self.max_parallel = max_parallel
        self.locks = tuple(locks)
        by_name = {node.name: node for node in nodes}
        self.nodes: dict[str, Node] = {name: by_name[name] for name in _sorted(by_name)}
        self._derive()
        self.roots: tuple[str, ...] = tuple(n.name for n in self.nodes.values() if not n.rollout and not n.parents)

    def _derive(self) -> None:
        children: dict[str, dict[str, list[frozenset[str]]]] = {name: {} for name in self.nodes}
        for index, node in enumerate(self.nodes.values()):
            node.index = index
            for edge in node.parents:
                parent = self.nodes[edge.parent]
                children[edge.parent].setdefault(node.name, []).append(edge.states)
                parent.handled = parent.handled or _handles(edge, node)
            ways = [e.on_failure_only or self.nodes[e.parent].failure_path for e in node.parents]
            node.failure_path = bool(ways) and (all(ways) if node.join == "any" else any(ways))
        for name, links in children.items():
            self.nodes[name].children = tuple((child, tuple(wanted)) for child, wanted in links.items())
        for node in self.nodes.values():
            node.inner = tuple(sorted(node.inner, key=lambda inner: self.nodes[inner].index))

    def top_level(self) -> list[Node]:
        """The nodes of the bundle itself, without those inside rollouts, in topological order."""
        return [node for node in self.nodes.values() if not node.rollout]

    def inner_of(self, rollout: str) -> list[Node]:
        """The nodes inside a rollout, in topological order."""
        return [self.nodes[name] for name in self.nodes[rollout].inner]


def _handles(edge: Edge, child: Node) -> bool:
    """True when a bad end of the parent is dealt with by this edge.

    Inside a rollout an ``always`` edge is not enough: a notice after every host must not switch off the budget.
    """
    if edge.observes or not edge.states & states.BAD:
        return False
    return not child.rollout or edge.on_failure_only


def _sorted(nodes: Mapping[str, Node]) -> list[str]:
    """Names in an order in which parents stand before children, an inner node after its rollout."""
    missing: dict[str, int] = {}
    children: dict[str, list[str]] = {name: [] for name in nodes}
    for name, node in nodes.items():
        before = [edge.parent for edge in node.parents] + ([node.rollout] if node.rollout else [])
        missing[name] = len(before)
        for parent in before:
            children[parent].append(name)
    order = [name for name, count in missing.items() if count == 0]
    for name in order:
        for child in children[name]:
            missing[child] -= 1
            if missing[child] == 0:
                order.append(child)
    if len(order) < len(nodes):
        raise CycleFound(find_cycle({name: [e.parent for e in node.parents] for name, node in nodes.items()}))
    return order


def find_cycle(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle as names, first and last the same (``[a, b, a]``, in running order), or [] when there is none.

    ``parents`` maps each node to those it needs; names it does not hold are passed over.
    """
    done: set[str] = set()
    for start in parents:
        trail: list[str] = []
        on_trail: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                trail.pop()
                on_trail.discard(name)
                done.add(name)
            elif name in on_trail:
                return [name, *reversed(trail[trail.index(name) :])]
            elif name not in done and name in parents:
                trail.append(name)
                on_trail.add(name)
                stack.append((name, True))
                stack.extend((parent, False) for parent in parents[name])
    return []
