# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A graph with its states, drawn as text and as Mermaid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Edge, Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record

SIGNS = {
    states.PENDING: "·",
    states.WAITING: "◔",
    states.RUNNING: "▶",
    states.SUCCESSFUL: "✔",
    states.FAILED: "✘",
    states.ERROR: "✘",
    states.CANCELED: "■",
    states.SKIPPED: "–",
    states.TIMED_OUT: "✘",
    states.LOST: "?",
    states.UNREACHABLE: "✘",
    states.ROLLED_BACK: "↩",
    states.ROLLBACK_FAILED: "✘",
}
"""One sign per state, beside the word, never instead of it."""

_COLOURS = {
    states.SUCCESSFUL: "fill:#d7f0dd,stroke:#2e7d32",
    states.FAILED: "fill:#f9d6d5,stroke:#b3261e",
    states.RUNNING: "fill:#d6e6fb,stroke:#1a5fb4",
    states.SKIPPED: "fill:#eeeeee,stroke:#9e9e9e",
    "undone": "fill:#fdeec7,stroke:#b58900",
}


def node_state(graph: Graph, record: Record, name: str) -> str:
    """One state for a node over all its batches and hosts: what it does now, or the worst of its ends."""
    node = record.nodes.get(name)
    if node is None:
        return states.PENDING
    if not graph.nodes[name].rollout and node.batches.get(0) is not None:
        return node.batches[0]
    seen = list(node.hosts.values()) or list(node.batches.values())
    for active in (states.RUNNING, states.WAITING):
        if active in seen:
            return active
    ended = [state for state in seen if state in states.ENDED]
    return states.worst(ended) if ended else states.PENDING


def undo_state(record: Record, name: str) -> Optional[str]:
    """The state of a node's undo, or None when none began."""
    node = record.nodes.get(name)
    if node is None or not node.undo:
        return None
    if states.RUNNING in node.undo.values():
        return states.RUNNING
    ended = [state for state in node.undo.values() if state in states.ENDED]
    return states.worst(ended) if ended else states.WAITING


def text(graph: Graph, record: Optional[Record] = None) -> Iterator[str]:
    """The graph as lines: every node with its state and what it needs, inner nodes under their rollout."""
    for node in graph.top_level():
        yield _text_line(graph, node, record, "")
        for inner in graph.inner_of(node.name) if node.inner else ():
            yield _text_line(graph, inner, record, "  ")


def _text_line(graph: Graph, node: Node, record: Optional[Record], indent: str) -> str:
    needs = ", ".join(_edge_words(edge, node) for edge in node.parents)
    after = f"  ← {needs}{' (any)' if node.join == 'any' and len(node.parents) > 1 else ''}" if needs else ""
    if record is None:
        return f"{indent}{node.short}{after}"
    state = node_state(graph, record, node.name)
    undone = undo_state(record, node.name)
    undo = f", undo {undone}" if undone else ""
    return f"{indent}{SIGNS[state]} {node.short}: {state}{undo}{after}"


def _edge_words(edge: Edge, node: Node) -> str:
    parent = edge.parent[len(node.rollout) + 1 :] if node.rollout else edge.parent
    word = edge_name(edge)
    return parent if word == "success" else f"{parent} ({word})"


def edge_name(edge: Edge) -> str:
    """``success``, ``failure``, ``always``, or the end states an edge names."""
    for name, ends in states.EDGES.items():
        if edge.states == ends and not edge.observes:
            return name
    return ", ".join(sorted(edge.states))


def mermaid(graph: Graph, record: Optional[Record] = None) -> Iterator[str]:
    """The graph as Mermaid ``flowchart`` source."""
    yield "flowchart LR"
    for node in graph.top_level():
        if node.inner:
            yield f"  subgraph {_id(node.name)}[{_label(graph, node, record)}]"
            for inner in graph.inner_of(node.name):
                yield f"    {_id(inner.name)}[{_label(graph, inner, record)}]"
            yield "  end"
        else:
            yield f"  {_id(node.name)}[{_label(graph, node, record)}]"
    for node in graph.nodes.values():
        for edge in node.parents:
            word = edge_name(edge)
            arrow = "-->" if word == "success" else f'-- "{word}" -->'
            yield f"  {_id(edge.parent)} {arrow} {_id(node.name)}"
    if record is not None:
        yield from _styles(graph, record)


def _label(graph: Graph, node: Node, record: Optional[Record]) -> str:
    words = [node.short]
    if record is not None:
        words.append(node_state(graph, record, node.name))
        undone = undo_state(record, node.name)
        if undone:
            words.append(f"undo {undone}")
    return '"' + "<br/>".join(words) + '"'


def _id(name: str) -> str:
    return "n_" + re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match.group()):x}_", name)


def _styles(graph: Graph, record: Record) -> Iterator[str]:
    for node in graph.nodes.values():
        state = node_state(graph, record, node.name)
        state = states.FAILED if state in states.BAD else state
        if undo_state(record, node.name) == states.SUCCESSFUL:
            state = "undone"
        if state in _COLOURS:
            yield f"  style {_id(node.name)} {_COLOURS[state]}"
