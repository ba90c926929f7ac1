# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of workflows: as designed, and as they are in one workflow job."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, Stamped
from holdfast.db.models import links
from holdfast.db.models.links import to_one
from holdfast.db.models.prompts import LaunchPrompts


class Prompts(LaunchPrompts):
    """What a node gives to the launch of its template, and how it stands in its workflow."""

    all_parents_must_converge: Mapped[bool] = mapped_column(default=False)
    identifier: Mapped[str] = mapped_column(String(512), default="")


def _edges(model: str, table: Table, name: str) -> Any:
    left, right = (f"{table.name}.c.{column}" for column in ("left_id", "right_id"))
    ends = (left, right) if name.endswith("_nodes") else (right, left)
    return relationship(
        model,
        secondary=table,
        primaryjoin=f"{model}.id == {ends[0]}",
        secondaryjoin=f"{model}.id == {ends[1]}",
        order_by=f"{model}.id",
        viewonly=not name.endswith("_nodes"),
    )


class WorkflowJobTemplateNode(Stamped, Prompts, Base):
    """A node of a workflow job template; ``success_nodes`` and the like are its children."""

    __tablename__ = "workflow_job_template_nodes"
    __table_args__ = (Index("template_nodes_identifier", "workflow_job_template_id", "identifier", unique=True),)
    workflow_job_template_id: Mapped[int] = to_one("unified_job_templates", on_delete="CASCADE", null=False)
    unified_job_template_id: Mapped[int | None] = to_one("unified_job_templates")
    inventory_id: Mapped[int | None] = to_one("inventories")
    execution_environment_id: Mapped[int | None] = to_one("execution_environments")
    workflow_job_template: Mapped[Any] = relationship(
        "WorkflowJobTemplate", foreign_keys=[workflow_job_template_id], back_populates="nodes"
    )
    unified_job_template: Mapped[Any] = relationship("UnifiedJobTemplate", foreign_keys=[unified_job_template_id])
    inventory: Mapped[Any] = relationship("Inventory")
    execution_environment: Mapped[Any] = relationship("ExecutionEnvironment")
    labels: Mapped[list[Any]] = relationship("Label", secondary=links.template_node_labels)
    credentials: Mapped[list[Any]] = relationship("Credential", secondary=links.template_node_credentials)
    instance_groups: Mapped[list[Any]] = relationship("InstanceGroup", secondary=links.template_node_instance_groups)
    success_nodes: Mapped[list[Any]] = _edges("WorkflowJobTemplateNode", links.template_success, "success_nodes")
    failure_nodes: Mapped[list[Any]] = _edges("WorkflowJobTemplateNode", links.template_failure, "failure_nodes")
    always_nodes: Mapped[list[Any]] = _edges("WorkflowJobTemplateNode", links.template_always, "always_nodes")


class WorkflowJobNode(Stamped, Prompts, Base):
    """A node of a workflow job.

    ``node`` is its name in the run's graph, ``batch``, ``action`` and ``attempt`` say which execution of it the row
    shows: a bundle has a row for each batch, and gets one for each further attempt and each undo. ``earlier``: its job
    was done in the workflow job that this one goes on from.
    """

    __tablename__ = "workflow_job_nodes"
    workflow_job_id: Mapped[int] = to_one("unified_jobs", on_delete="CASCADE", null=False)
    unified_job_template_id: Mapped[int | None] = to_one("unified_job_templates")
    job_id: Mapped[int | None] = to_one("unified_jobs")
    inventory_id: Mapped[int | None] = to_one("inventories")
    execution_environment_id: Mapped[int | None] = to_one("execution_environments")
    do_not_run: Mapped[bool] = mapped_column(default=False)
    ancestor_artifacts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    node: Mapped[str] = mapped_column(String(512), default="")
    batch: Mapped[int] = mapped_column(default=0)
    action: Mapped[str] = mapped_column(String(8), default="do")
    attempt: Mapped[int] = mapped_column(default=1)
    earlier: Mapped[bool] = mapped_column(default=False)
    workflow_job: Mapped[Any] = relationship("WorkflowJob", foreign_keys=[workflow_job_id], back_populates="nodes")
    job: Mapped[Any] = relationship("UnifiedJob", foreign_keys=[job_id])
    unified_job_template: Mapped[Any] = relationship("UnifiedJobTemplate", foreign_keys=[unified_job_template_id])
    inventory: Mapped[Any] = relationship("Inventory")
    execution_environment: Mapped[Any] = relationship("ExecutionEnvironment")
    labels: Mapped[list[Any]] = relationship("Label", secondary=links.job_node_labels)
    credentials: Mapped[list[Any]] = relationship("Credential", secondary=links.job_node_credentials)
    instance_groups: Mapped[list[Any]] = relationship("InstanceGroup", secondary=links.job_node_instance_groups)
    success_nodes: Mapped[list[Any]] = _edges("WorkflowJobNode", links.job_success, "success_nodes")
    failure_nodes: Mapped[list[Any]] = _edges("WorkflowJobNode", links.job_failure, "failure_nodes")
    always_nodes: Mapped[list[Any]] = _edges("WorkflowJobNode", links.job_always, "always_nodes")
