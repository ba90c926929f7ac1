# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edges between the nodes of a workflow: shown for many nodes at once, and made without circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import find_cycle
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field
from holdfast.db.models import WorkflowJobNode, WorkflowJobTemplateNode
from holdfast.db.models.links import (
    job_always,
    job_failure,
    job_success,
    template_always,
    template_failure,
    template_success,
)

DRAWN: Mapping[str, Table] = {
    "success_nodes": template_success,
    "failure_nodes": template_failure,
    "always_nodes": template_always,
}
"""The edges of workflows."""
RUN: Mapping[str, Table] = {"success_nodes": job_success, "failure_nodes": job_failure, "always_nodes": job_always}
"""The edges of workflow jobs."""
EDGES = tuple(DRAWN)
CYCLE = {"Error": "Cycle detected."}
TWICE = {"Error": "Relationship not allowed."}
OTHER = {"Error": "Cannot link nodes of two workflows."}


def find_edges(call: Call, rows: Sequence[Any]) -> Mapping[int, Any]:
    """Look the edges of these nodes up, for the fields that show them. Shows nothing itself."""
    for model, tables in ((WorkflowJobTemplateNode, DRAWN), (WorkflowJobNode, RUN)):
        ids = [row.id for row in rows if isinstance(row, model)]
        for name, table in tables.items() if ids else ():
            found: dict[int, list[int]] = {one: [] for one in ids}
            query = select(table.c.left_id, table.c.right_id).where(table.c.left_id.in_(ids))
            for parent, child in call.session.execute(query.order_by(table.c.right_id)):
                found[parent].append(child)
            for row in rows:
                call.cache["edges", model, name, row.id] = found.get(row.id, [])
    return {}


def _ids(name: str) -> Any:
    return lambda call, row: call.cache["edges", type(row), name, row.id]


EDGE_FIELDS = tuple(Field(name, "field", read_only=True, filterable=False, value=_ids(name)) for name in EDGES)


def on_attach(edge: str) -> Any:
    """What is judged when ``edge`` is made from one node to another."""

    def attach(call: Call, parent: Any, child: Any, _data: dict[str, Any]) -> bool:
        check(call.session, parent, child, edge)
        return False

    return attach


def check(session: Session, parent: Any, child: Any, edge: str) -> None:
    """Refuse an edge to another workflow, a second one between the same nodes, and whatever closes a circle."""
    if parent.id == child.id:
        raise Invalid(CYCLE)
    if parent.workflow_job_template_id != child.workflow_job_template_id:
        raise Invalid(OTHER)
    nodes = select(WorkflowJobTemplateNode.id).where(
        WorkflowJobTemplateNode.workflow_job_template_id == parent.workflow_job_template_id
    )
    children: dict[str, list[str]] = {}
    for name, table in DRAWN.items():
        for left, right in session.execute(select(table).where(table.c.left_id.in_(nodes))):
            if (left, right) == (parent.id, child.id) and name != edge:
                raise Invalid(TWICE)
            children.setdefault(str(left), []).append(str(right))
    children.setdefault(str(parent.id), []).append(str(child.id))
    if find_cycle(children):
        raise Invalid(CYCLE)
