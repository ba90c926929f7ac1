# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflow templates: a bundle as nodes and edges of AWX.

Each component of the bundle is a node. An item and a rollout are job nodes with a template of their own, an approval
and work by hand are approval nodes. Where somebody only looks at a failure, one more node makes the workflow end as
failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names, parts
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.degradations import degradations_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.gate import FAILURE, SUCCESS, edge_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.model import (
    APPROVAL,
    JOB,
    NodeSpec,
    TemplateSpec,
    WorkflowSpec,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.templates import (
    described,
    end_template,
    node_template_of,
    survey_of,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Bundle, Catalog, Component
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import outline


def workflow_of(bundle: Bundle, catalog: Catalog) -> WorkflowSpec:
    """The workflow template of a sound bundle. Raises ProblemsFound for one that AWX cannot carry out at all."""
    problems = parts.problems_of(bundle, catalog)
    if problems:
        raise ProblemsFound(problems)
    graph = outline(bundle, catalog)
    found = degradations_of(bundle, catalog)
    nodes, templates = _nodes(bundle, catalog, graph)
    engine = f"The template {names.template(names.ENGINE, bundle.name)} does all that in one job."
    return WorkflowSpec(
        name=names.template(names.WORKFLOW, bundle.name),
        bundle=bundle.name,
        description=f"{described([bundle.title, bundle.description], found)}\n{engine}",
        labels=bundle.labels,
        survey=survey_of(bundle.fields, names.title(bundle.name), bundle.description),
        nodes=nodes,
        templates=templates,
        degradations=found,
    )


# --- nodes -------------------------------------------------------------------------------------------------------


@dataclass
class _Edges:
    """Where the edges of one node lead."""

    success: list[str] = field(default_factory=list)
    failure: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)

    def add(self, edge: str, child: str) -> None:
        getattr(self, edge).append(child)


def _nodes(bundle: Bundle, catalog: Catalog, graph: Graph) -> tuple[tuple[NodeSpec, ...], tuple[TemplateSpec, ...]]:
    edges = _edges(bundle)
    watched = _only_watched(bundle, graph)
    for name in watched:
        edges[name].add(FAILURE, names.END_NODE)
    by_name = {component.name: component for component in bundle.components}
    nodes, templates = [], []
    for node in graph.top_level():
        component = by_name[node.name]
        if node.kind in ("approval", "manual"):
            nodes.append(_approval_node(bundle, catalog, component, edges[node.name]))
        else:
            template = node_template_of(bundle, catalog, component)
            templates.append(template)
            nodes.append(_job_node(component, template, edges[node.name]))
    if watched:
        templates.append(end_template())
        nodes.append(NodeSpec(names.END_NODE, JOB, names.END_FAILED, description=templates[-1].description))
    return tuple(nodes), tuple(templates)


def _edges(bundle: Bundle) -> dict[str, _Edges]:
    edges = {component.name: _Edges() for component in bundle.components}
    for component in bundle.components:
        for need in component.needs:
            edges[need.node].add(edge_of(need), component.name)
    return edges


def _only_watched(bundle: Bundle, graph: Graph) -> list[str]:
    """The components whose failure AWX would take for handled because somebody looks at it, and nobody handles."""
    handled = {name for name, node in graph.nodes.items() if node.handled}
    watched = {
        need.node
        for component in bundle.components
        for need in component.needs
        if need.states and edge_of(need) != SUCCESS
    }
    return [component.name for component in bundle.components if component.name in watched - handled]


def _job_node(component: Component, template: TemplateSpec, edges: _Edges) -> NodeSpec:
    return NodeSpec(
        identifier=component.name,
        kind=JOB,
        template=template.name,
        item=component.item,
        description=template.description,
        all_parents_must_converge=_converges(component),
        success=tuple(edges.success),
        failure=tuple(edges.failure),
        always=tuple(edges.always),
    )


def _approval_node(bundle: Bundle, catalog: Catalog, component: Component, edges: _Edges) -> NodeSpec:
    approval, item = component.approval, catalog.items.get(component.item)
    if approval is not None:
        says, timeout = [component.description, approval.message], approval.timeout
    else:
        says = [component.description or (item.title if item else ""), item.instructions if item else ""]
        says += [f"Asked is {item.assignee}."] if item and item.assignee else []
        timeout = component.timeout
    return NodeSpec(
        identifier=component.name,
        kind=APPROVAL,
        template=names.template(names.NODE, bundle.name, component.name),
        item=component.item,
        description=described(says, ()),
        timeout=round(timeout or 0),
        all_parents_must_converge=_converges(component),
        success=tuple(edges.success),
        failure=tuple(edges.failure),
        always=tuple(edges.always),
    )


def _converges(component: Component) -> bool:
    return component.join == "all" and len(component.needs) > 1
