# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a run was launched with to the graph that the conductor works on.

A native workflow is one that people drew: its nodes are templates, approvals and other workflows, each an *item* node
of the graph that runs on the one pseudo host ``localhost``. A bundle is compiled by the core, with its hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Edge, Graph, Node
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import secrets_source
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch

NATIVE = "native"
BUNDLE = "bundle"
UNLIMITED = 1_000_000
"""Nodes of a native workflow start as soon as their parents allow it; the slots are the engine's business."""


def native_document(name: str, nodes: Iterable[Any]) -> dict[str, Any]:
    """The launch document of a native workflow: ``nodes`` are the workflow job's nodes, with their edges."""
    rows = list(nodes)
    known = {row.id: row.node for row in rows}
    parents: dict[str, list[list[str]]] = {row.node: [] for row in rows}
    for row in rows:
        for edge in ("success", "failure", "always"):
            for child in getattr(row, f"{edge}_nodes"):
                parents[known[child.id]].append([row.node, edge])
    return {"name": name, "nodes": [_native_node(row, parents[row.node]) for row in rows]}


def _native_node(row: Any, parents: Sequence[Sequence[str]]) -> dict[str, Any]:
    template = row.unified_job_template
    approval = template is not None and template.type == "workflow_approval_template"
    return {
        "name": row.node,
        "kind": "approval" if approval else "item",
        "join": "all" if row.all_parents_must_converge else "any",
        "parents": [list(parent) for parent in parents],
        "timeout": (template.timeout or None) if approval else None,
    }


def native_graph(document: Mapping[str, Any]) -> Graph:
    """The graph of a native workflow. An interrupted job is told as AWX tells it, and not done again by itself."""
    return Graph(
        [
            Node(
                name=one["name"],
                kind=one["kind"],
                batches=((LOCALHOST,),),
                parents=tuple(Edge(parent, states.EDGES[edge]) for parent, edge in one["parents"]),
                join=one["join"],
                on_lost="fail",
                approval=Approval(timeout=one["timeout"]) if one["kind"] == "approval" else None,
            )
            for one in document["nodes"]
        ],
        name=document["name"],
        max_parallel=UNLIMITED,
    )


def graph_and_context(
    kind: str, document: Mapping[str, Any], run_id: str, answers: Mapping[str, Any]
) -> tuple[Graph, dict[str, Any]]:
    """The graph of a run, and what its conditions may use. ``answers`` are the secret ones, in clear."""
    if kind == NATIVE:
        return native_graph(document), {}
    launch = bundle_launch(document, answers)
    named = secrets_source.read()
    return launch.graph(run_id, named), launch.context(run_id, named)


def bundle_launch(document: Mapping[str, Any], answers: Mapping[str, Any]) -> Launch:
    """The launch of a bundle with its secret answers."""
    launch = Launch.from_data(document)
    return replace(launch, fields={**launch.fields, **answers}) if answers else launch
