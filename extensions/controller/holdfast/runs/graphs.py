# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a run was launched with to the graph that the conductor works on.

A native workflow is one that people drew: its nodes are templates, approvals and other workflows, each an *item* node
of the graph that runs on the one pseudo host ``localhost``. A bundle is compiled by the core, with its hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Approval
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import LOCALHOST, Edge, Graph, Node
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import secrets_source
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch

NATIVE = "native"
BUNDLE = "bundle"
UNLIMITED = 1_000_000
"""Nodes of a native workflow start as soon as their parents allow it; the slots are the engine's business."""


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


class Opened(NamedTuple):
    """What a conductor is made of beside its record: the graph, and what its conditions may use.

    ``secrets`` are the texts that nothing which is kept or shown may hold.
    """

    graph: Graph
    context: dict[str, Any]
    secrets: tuple[str, ...] = ()


def opened(kind: str, document: Mapping[str, Any], run_id: str, answers: Mapping[str, Any]) -> Opened:
    """From a launch document to the graph of a run. ``answers`` are the secret ones, in clear."""
    if kind == NATIVE:
        return Opened(native_graph(document), {})
    launch = Launch.from_data(document)
    launch = replace(launch, fields={**launch.fields, **answers}) if answers else launch
    named = secrets_source.read()
    secrets = (*launch.secret_answers(), *sorted(secret_texts(named)))
    return Opened(launch.graph(run_id, named), launch.context(run_id, named), secrets)
