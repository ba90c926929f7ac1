# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a workflow job's nodes at its start: copied from a drawn workflow, or made from a bundle's graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node
from sqlalchemy.orm import Session

from holdfast.db.models import WorkflowJob, WorkflowJobNode, WorkflowJobTemplateNode

COPIED = (
    "unified_job_template_id", "inventory_id", "execution_environment_id", "extra_data", "secret_data", "scm_branch",
    "job_type", "job_tags", "skip_tags", "limit", "diff_mode", "verbosity", "forks", "job_slice_count", "timeout",
    "all_parents_must_converge", "identifier",
)  # fmt: skip
"""What a node of a workflow job takes over from that of its template."""


def copy_nodes(
    session: Session, job: WorkflowJob, designed: Iterable[WorkflowJobTemplateNode | WorkflowJobNode]
) -> list[WorkflowJobNode]:
    """The nodes of a workflow job as they were drawn, or as they were in the job that is done again."""
    originals = list(designed)
    rows: dict[int, WorkflowJobNode] = {}
    for one in originals:
        row = WorkflowJobNode(workflow_job=job, **{name: getattr(one, name) for name in COPIED})
        row.node = one.node if isinstance(one, WorkflowJobNode) else one.identifier or f"node-{one.id}"
        row.labels, row.credentials = list(one.labels), list(one.credentials)
        row.instance_groups = list(one.instance_groups)
        session.add(row)
        rows[one.id] = row
    session.flush()
    for one in originals:
        for name in ("success_nodes", "failure_nodes", "always_nodes"):
            getattr(rows[one.id], name).extend(rows[child.id] for child in getattr(one, name) if child.id in rows)
    session.flush()
    return list(rows.values())


def bundle_nodes(
    session: Session, job: WorkflowJob, graph: Graph, template_of: Callable[[Node], int | None]
) -> list[WorkflowJobNode]:
    """The nodes of a bundle's run: one row for each node, inside a rollout one for each batch.

    A rollout itself has none: what leads to it leads to its first batch, what follows it follows its last one.
    """
    rows: dict[tuple[str, int], WorkflowJobNode] = {}
    for node in graph.nodes.values():
        if node.kind == "rollout":
            continue
        for batch in range(_batches(graph, node)):
            row = WorkflowJobNode(
                workflow_job=job,
                unified_job_template_id=template_of(node),
                node=node.name,
                batch=batch,
                identifier=node.name if batch == 0 else f"{node.name}/{batch + 1}",
                all_parents_must_converge=node.join == "all",
                limit=",".join(node.batches[batch])[:1000]
                if node.runs_on_hosts and batch < len(node.batches)
                else None,
            )
            session.add(row)
            rows[(node.name, batch)] = row
    session.flush()
    for (name, batch), row in rows.items():
        node = graph.nodes[name]
        for edge in node.parents:
            for parent in _ends(graph, edge.parent, batch):
                _link(rows[parent], row, edge)
        if node.rollout and not node.parents:
            for parent, edge in _before(graph, node, batch):
                _link(rows[parent], row, edge)
    session.flush()
    return list(rows.values())


def _batches(graph: Graph, node: Node) -> int:
    if not node.rollout:
        return 1
    return max((len(inner.batches) for inner in graph.inner_of(node.rollout)), default=0)


def _ends(graph: Graph, name: str, batch: int) -> list[tuple[str, int]]:
    """What a parent is in rows: itself, or the last nodes of the last batch of a rollout."""
    node = graph.nodes[name]
    if node.kind != "rollout":
        return [(name, batch if node.rollout else 0)]
    last = max((len(inner.batches) for inner in graph.inner_of(name)), default=0) - 1
    return [(leaf, last) for leaf in _leaves(graph, name)] if last >= 0 else []


def _leaves(graph: Graph, rollout: str) -> list[str]:
    inner = graph.nodes[rollout].inner
    return [name for name in inner if not any(child in inner for child, _ in graph.nodes[name].children)]


def _before(graph: Graph, node: Node, batch: int) -> list[tuple[tuple[str, int], Edge]]:
    """What comes before the first nodes of a batch: the batch before it, or what the rollout waits for."""
    if batch:
        return [((leaf, batch - 1), Edge(leaf, states.EDGES["success"])) for leaf in _leaves(graph, node.rollout)]
    return [(parent, edge) for edge in graph.nodes[node.rollout].parents for parent in _ends(graph, edge.parent, 0)]


def _link(parent: WorkflowJobNode, child: WorkflowJobNode, edge: Edge) -> None:
    """Draw an edge as AWX can show it: success, failure or, for anything else, always."""
    name = "success_nodes" if edge.states == states.EDGES["success"] else "always_nodes"
    if edge.on_failure_only:
        name = "failure_nodes"
    children: list[Any] = getattr(parent, name)
    if child not in children:
        children.append(child)
