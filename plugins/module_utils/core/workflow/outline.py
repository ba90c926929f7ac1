# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph of a bundle before any launch: nodes and edges, without hosts and batches."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Component
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.compile import edge
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record


def outline(bundle: Bundle, catalog: Catalog) -> Graph:
    """The graph of a sound bundle for people to look at; nothing can be run by it, for no node has a host."""
    nodes: list[Node] = []
    for component in bundle.components:
        outer = _node(component, "", catalog)
        nodes.append(outer)
        if component.rollout is not None:
            inner = [_node(part, f"{component.name}.", catalog) for part in component.rollout.components]
            outer.inner = tuple(node.name for node in inner)
            nodes += inner
    return Graph(
        nodes,
        name=bundle.name,
        on_failure=bundle.on_failure,
        rollback_scope=bundle.rollback_scope,
        host_flow=bundle.host_flow,
        on_cancel=bundle.on_cancel,
        max_parallel=bundle.max_parallel,
    )


def _node(component: Component, prefix: str, catalog: Catalog) -> Node:
    item = catalog.items.get(component.item) if component.kind == "item" else None
    return Node(
        name=prefix + component.name,
        kind="manual" if item is not None and item.mode == "manual" else component.kind,
        item=item,
        batches=((),),
        parents=tuple(edge(need, prefix) for need in component.needs),
        join=component.join,
        when=component.when,
        retries=component.retries,
        timeout=component.timeout,
        approval=component.approval,
        rollout=prefix[:-1],
        description=component.description or (item.title if item is not None else ""),
    )


def minutes_recovered(graph: Graph, record: Record) -> float:
    """The minutes that a person would have needed by hand for what a run did: every host of every node that ended
    well and was not undone. What was copied from an earlier run is that run's.
    """
    total = 0.0
    for entry in record.executions.values():
        node = graph.nodes.get(entry["node"])
        if node is None or node.item is None or entry["action"] != DO or entry.get("copied"):
            continue
        results = entry.get("results") or {entry["state"]: entry["hosts"]}
        undone = record.node(node.name).undo
        hosts = [host for host in results.get(states.SUCCESSFUL, ()) if undone.get(host) != states.SUCCESSFUL]
        total += node.item.manual_minutes * len(hosts)
    return total
