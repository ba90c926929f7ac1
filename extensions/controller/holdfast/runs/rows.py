# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a workflow job's nodes at its start: copied from a drawn workflow, or made of a graph or of parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node
from sqlalchemy import Select, Table, insert, select
from sqlalchemy.orm import Session

from holdfast.db.models import (
    UnifiedJobTemplate,
    WorkflowApprovalTemplate,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplateNode,
    links,
)
from holdfast.jobs.artifacts import SLICE

COPIED = (
    "unified_job_template_id", "inventory_id", "execution_environment_id", "extra_data", "secret_data", "scm_branch",
    "job_type", "job_tags", "skip_tags", "limit", "diff_mode", "verbosity", "forks", "job_slice_count", "timeout",
    "all_parents_must_converge", "identifier",
)  # fmt: skip
"""What a node of a workflow job takes over from the one that it is a copy of."""
_HELD: Mapping[Table, Table] = {
    links.template_node_labels: links.job_node_labels,
    links.template_node_credentials: links.job_node_credentials,
    links.template_node_instance_groups: links.job_node_instance_groups,
}
_EDGES: Mapping[str, tuple[Table, Table]] = {
    "success": (links.template_success, links.job_success),
    "failure": (links.template_failure, links.job_failure),
    "always": (links.template_always, links.job_always),
}
_OF_PARTS = ("job_type", "diff_mode", "verbosity", "forks", "timeout")
Designed = type[WorkflowJobTemplateNode] | type[WorkflowJobNode]


def has_nodes(session: Session, job: WorkflowJob) -> bool:
    """Whether the nodes of a workflow job have been made."""
    query = select(WorkflowJobNode.id).where(WorkflowJobNode.workflow_job_id == job.id)
    return session.scalar(query.limit(1)) is not None


def copy(session: Session, job: WorkflowJob, designed: Designed, owner_id: int) -> None:
    """Make the nodes of a workflow job as those of a workflow, or of the workflow job that it repeats, were."""
    drawn = designed is WorkflowJobTemplateNode
    made: dict[int, WorkflowJobNode] = {}
    for one in session.scalars(_originals(designed, owner_id)):
        row = WorkflowJobNode(workflow_job_id=job.id, **{name: getattr(one, name) for name in COPIED})
        row.node = one.node if isinstance(one, WorkflowJobNode) else one.identifier or f"node-{one.id}"
        if not drawn and SLICE in (one.ancestor_artifacts or {}):
            row.ancestor_artifacts = {SLICE: one.ancestor_artifacts[SLICE]}
        made[one.id] = row
    session.add_all(made.values())
    session.flush()
    ids = {before: row.id for before, row in made.items()}
    for source, target in _HELD.items():
        _copy_links(session, source if drawn else target, target, ids)
    for source, target in _EDGES.values():
        _copy_links(session, source if drawn else target, target, ids, ids)


def _originals(designed: Designed, owner_id: int) -> Select[Any]:
    """The nodes that were designed, without further attempts and what was undone."""
    if designed is WorkflowJobTemplateNode:
        query: Select[Any] = select(WorkflowJobTemplateNode)
        return query.where(WorkflowJobTemplateNode.workflow_job_template_id == owner_id).order_by(designed.id)
    planned = (WorkflowJobNode.workflow_job_id == owner_id, WorkflowJobNode.action == DO, WorkflowJobNode.attempt == 1)
    return select(WorkflowJobNode).where(*planned).order_by(designed.id)


def _copy_links(
    session: Session, source: Table, target: Table, left: Mapping[int, int], right: Mapping[int, int] | None = None
) -> None:
    """Copy the links of some nodes; where ``right`` is given, those to others of them alone."""
    found = session.execute(select(source).where(source.c.left_id.in_(left))).mappings()
    values = [{**one, "left_id": left[one["left_id"]]} for one in found if right is None or one["right_id"] in right]
    if right is not None:
        values = [{**one, "right_id": right[one["right_id"]]} for one in values]
    if values:
        session.execute(insert(target), values)


def document(session: Session, job: WorkflowJob) -> dict[str, Any]:
    """The launch document of a drawn workflow: what its graph is made of."""
    query = select(
        WorkflowJobNode.id,
        WorkflowJobNode.node,
        WorkflowJobNode.all_parents_must_converge,
        UnifiedJobTemplate.type,
        UnifiedJobTemplate.timeout,
    ).outerjoin(UnifiedJobTemplate, UnifiedJobTemplate.id == WorkflowJobNode.unified_job_template_id)
    found = session.execute(query.where(WorkflowJobNode.workflow_job_id == job.id).order_by(WorkflowJobNode.id)).all()
    names = {row.id: row.node for row in found}
    parents: dict[int, list[list[str]]] = {}
    for edge, (_drawn, table) in _EDGES.items():
        for parent, child in session.execute(select(table).where(table.c.left_id.in_(names))):
            parents.setdefault(child, []).append([names[parent], edge])
    asks = {row.id for row in found if row.type == WorkflowApprovalTemplate.__mapper__.polymorphic_identity}
    nodes = [
        {
            "name": row.node,
            "kind": "approval" if row.id in asks else "item",
            "join": "all" if row.all_parents_must_converge else "any",
            "parents": parents.get(row.id, []),
            "timeout": (row.timeout or None) if row.id in asks else None,
        }
        for row in found
    ]
    return {"name": job.name, "nodes": nodes}


def slices(
    session: Session, job: WorkflowJob, template: UnifiedJobTemplate, accepted: Mapping[str, Any], count: int
) -> None:
    """Make a node for each part of a job; what was prompted for and the workflow job cannot say stands in each."""
    own = {
        name: accepted[name] for name in ("job_type", "diff_mode", "verbosity", "forks", "timeout") if name in accepted
    }
    environment = accepted.get("execution_environment")
    for number in range(1, count + 1):
        row = WorkflowJobNode(
            workflow_job_id=job.id,
            unified_job_template_id=template.id,
            execution_environment_id=environment.id if environment is not None else None,
            node=f"slice-{number}",
            identifier=f"slice-{number}",
            ancestor_artifacts={SLICE: number},
            **own,
        )
        for name in ("labels", "credentials", "instance_groups"):
            getattr(row, name).extend(accepted.get(name) or ())
        session.add(row)
    session.flush()


def keep_jobs(session: Session, job: WorkflowJob, old: WorkflowJob, stand: Collection[str]) -> None:
    """Give nodes that stand from an earlier workflow job the jobs that did them there."""
    query = select(WorkflowJobNode).where(WorkflowJobNode.node.in_(stand), WorkflowJobNode.action == DO)
    before: dict[tuple[str, int], WorkflowJobNode] = {}
    for row in session.scalars(query.where(WorkflowJobNode.workflow_job_id == old.id).order_by(WorkflowJobNode.id)):
        if row.job_id is not None:
            before[row.node, row.batch] = row
    for row in session.scalars(query.where(WorkflowJobNode.workflow_job_id == job.id)).all():
        known = before.get((row.node, row.batch))
        if known is not None:
            row.job_id, row.earlier = known.job_id, True
            row.ancestor_artifacts = known.ancestor_artifacts
    session.flush()


def bundle_nodes(session: Session, job: WorkflowJob, graph: Graph, template_of: Callable[[Node], int | None]) -> None:
    """Make the nodes of a bundle's run: one row for each node, inside a rollout one for each batch.

    A rollout itself has none: what leads to it leads to its first batch, what follows it follows its last one.
    """
    rows: dict[tuple[str, int], WorkflowJobNode] = {}
    for node in graph.nodes.values():
        if node.kind == "rollout":
            continue
        for batch in range(_batches(graph, node)):
            row = WorkflowJobNode(
                workflow_job_id=job.id,
                unified_job_template_id=template_of(node),
                node=node.name,
                batch=batch,
                identifier=node.name if batch == 0 else f"{node.name}/{batch + 1}",
                all_parents_must_converge=node.join == "all",
                limit=",".join(node.batches[batch]) if node.runs_on_hosts and batch < len(node.batches) else None,
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
    return [name for name in inner if not any(child in inner for child, _unused in graph.nodes[name].children)]


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
