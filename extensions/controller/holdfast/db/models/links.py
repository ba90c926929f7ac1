# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that only link two others, and the few words every model says often."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, Table, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from holdfast.db.base import Base

WORD = Text().evaluates_none()
"""The type of a prompt that is a word; None is kept, and not taken for the default."""


def link(name: str, left: str, right: str, ordered: bool = False) -> Table:
    """A many-to-many table ``name`` between tables ``left`` and ``right``; ``ordered`` keeps a position."""
    extra = [Column("position", Integer, nullable=False, default=0, server_default="0")] if ordered else []
    return Table(
        name,
        Base.metadata,
        Column("left_id", ForeignKey(f"{left}.id", ondelete="CASCADE"), primary_key=True),
        Column("right_id", ForeignKey(f"{right}.id", ondelete="CASCADE"), primary_key=True, index=True),
        *extra,
    )


def to_one(
    target: str, *, on_delete: str = "SET NULL", null: bool = True, circular: bool = False, index: bool = True
) -> Any:
    """The column of a reference to another table (``target`` is the table's name).

    ``circular``: that table refers to this one too, so the constraint is added when both are there. ``index`` is false
    where an index of several columns begins with this one.
    """
    key = ForeignKey(f"{target}.id", ondelete=on_delete, use_alter=circular)
    return mapped_column(key, nullable=null, index=index)


class Authored:
    """Who made an object and who changed it last."""

    @declared_attr
    @classmethod
    def created_by_id(cls) -> Mapped[int | None]:
        """The maker."""
        return mapped_column(ForeignKey("users.id", ondelete="SET NULL", use_alter=True, name=None))

    @declared_attr
    @classmethod
    def modified_by_id(cls) -> Mapped[int | None]:
        """Who changed it last."""
        return mapped_column(ForeignKey("users.id", ondelete="SET NULL", use_alter=True, name=None))

    @declared_attr
    @classmethod
    def created_by(cls) -> Mapped[Any]:
        """The maker."""
        keys: list[Any] = [cls.created_by_id]
        return relationship("User", foreign_keys=keys, viewonly=True)

    @declared_attr
    @classmethod
    def modified_by(cls) -> Mapped[Any]:
        """Who changed it last."""
        keys: list[Any] = [cls.modified_by_id]
        return relationship("User", foreign_keys=keys, viewonly=True)


# Which labels, credentials and instance groups a thing has. The order of instance groups and credentials counts.
template_labels = link("template_labels", "unified_job_templates", "labels")
template_credentials = link("template_credentials", "unified_job_templates", "credentials", ordered=True)
template_instance_groups = link("template_instance_groups", "unified_job_templates", "instance_groups", ordered=True)
job_labels = link("job_labels", "unified_jobs", "labels")
job_credentials = link("job_credentials", "unified_jobs", "credentials", ordered=True)
job_instance_groups = link("job_instance_groups", "unified_jobs", "instance_groups", ordered=True)
inventory_labels = link("inventory_labels", "inventories", "labels")
inventory_instance_groups = link("inventory_instance_groups", "inventories", "instance_groups", ordered=True)
inventory_inputs = link("inventory_inputs", "inventories", "inventories", ordered=True)
organization_instance_groups = link("organization_instance_groups", "organizations", "instance_groups", ordered=True)
organization_galaxy = link("organization_galaxy_credentials", "organizations", "credentials", ordered=True)
instance_group_instances = link("instance_group_instances", "instance_groups", "instances")
host_groups = link("host_groups", "groups", "hosts")
group_children = link("group_children", "groups", "groups")
template_node_labels = link("template_node_labels", "workflow_job_template_nodes", "labels")
template_node_credentials = link(
    "template_node_credentials", "workflow_job_template_nodes", "credentials", ordered=True
)
template_node_instance_groups = link(
    "template_node_instance_groups", "workflow_job_template_nodes", "instance_groups", ordered=True
)
job_node_labels = link("job_node_labels", "workflow_job_nodes", "labels")
job_node_credentials = link("job_node_credentials", "workflow_job_nodes", "credentials", ordered=True)
job_node_instance_groups = link("job_node_instance_groups", "workflow_job_nodes", "instance_groups", ordered=True)
schedule_labels = link("schedule_labels", "schedules", "labels")
schedule_credentials = link("schedule_credentials", "schedules", "credentials", ordered=True)
schedule_instance_groups = link("schedule_instance_groups", "schedules", "instance_groups", ordered=True)
template_success = link("template_success_nodes", "workflow_job_template_nodes", "workflow_job_template_nodes")
template_failure = link("template_failure_nodes", "workflow_job_template_nodes", "workflow_job_template_nodes")
template_always = link("template_always_nodes", "workflow_job_template_nodes", "workflow_job_template_nodes")
job_success = link("job_success_nodes", "workflow_job_nodes", "workflow_job_nodes")
job_failure = link("job_failure_nodes", "workflow_job_nodes", "workflow_job_nodes")
job_always = link("job_always_nodes", "workflow_job_nodes", "workflow_job_nodes")
template_notify_started = link("template_notify_started", "unified_job_templates", "notification_templates")
template_notify_success = link("template_notify_success", "unified_job_templates", "notification_templates")
template_notify_error = link("template_notify_error", "unified_job_templates", "notification_templates")
template_notify_approvals = link("template_notify_approvals", "unified_job_templates", "notification_templates")
organization_notify_started = link("organization_notify_started", "organizations", "notification_templates")
organization_notify_success = link("organization_notify_success", "organizations", "notification_templates")
organization_notify_error = link("organization_notify_error", "organizations", "notification_templates")
organization_notify_approvals = link("organization_notify_approvals", "organizations", "notification_templates")
