# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node of a workflow AWX 24.6.1 runs next, and how the workflow ends: its rules, without its jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import NodeSpec, WorkflowSpec

NOT_RUN = "do_not_run"
SUCCESSFUL, FAILED, ERROR = "successful", "failed", "error"
BAD = (FAILED, ERROR, "canceled")


def play(spec: WorkflowSpec, job: Callable[[NodeSpec, list[str]], str]) -> dict[str, str]:
    """The status of every node, ``do_not_run`` for one that AWX does not start.

    ``job`` runs a node and says with which status it ended; it is told the names of its parents.
    """
    ended: dict[str, str] = {}
    for node in spec.nodes:
        parents = {parent.identifier: edge(parent, node) for parent in spec.nodes if edge(parent, node)}
        starts = _starts(node, {name: (ended[name], kind) for name, kind in parents.items()})
        ended[node.identifier] = job(node, list(parents)) if starts else NOT_RUN
    return ended


def edge(parent: NodeSpec, child: NodeSpec) -> str:
    """The kind of the edge from one node to another, "" when there is none."""
    return next((kind for kind in ("success", "failure", "always") if child.identifier in getattr(parent, kind)), "")


def _starts(node: NodeSpec, parents: Mapping[str, tuple[str, str]]) -> bool:
    if not parents:
        return True
    leads = [_leads(status, kind) for status, kind in parents.values()]
    if not node.all_parents_must_converge:
        return any(leads)
    if any(status == NOT_RUN for status, _kind in parents.values()):
        return False
    # AWX looks at successful and failed parents; one in error or canceled keeps nobody from running.
    looked_at = [_leads(status, kind) for status, kind in parents.values() if status in (SUCCESSFUL, FAILED)]
    return any(leads) and all(looked_at)


def _leads(status: str, kind: str) -> bool:
    return status != NOT_RUN and kind in ("always", "success" if status == SUCCESSFUL else "failure")


def failed(spec: WorkflowSpec, ended: Mapping[str, str]) -> bool:
    """Whether AWX shows the workflow as failed: a node ended badly that has neither a failure nor an always edge."""
    return any(ended[node.identifier] in BAD and not node.failure and not node.always for node in spec.nodes)
