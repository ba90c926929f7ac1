# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories, hosts, groups, and how hosts fared in jobs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, String, Text, func, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from holdfast.db.base import Base, Stamped
from holdfast.db.models import links
from holdfast.db.models.links import Authored, to_one


class Inventory(Stamped, Authored, Base):
    """Hosts and groups under one name. ``variables`` is text, YAML or JSON, kept as given.

    ``total_hosts`` and the other counts at the end of this module are there for filters. ``constructed`` holds what a
    constructed inventory is made with; it and ``host_filter`` are kept, and not evaluated yet.
    """

    __tablename__ = "inventories"
    __table_args__ = (Index("inventories_name", "organization_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int | None] = to_one("organizations", on_delete="CASCADE")
    kind: Mapped[str] = mapped_column(String(32), default="")
    host_filter: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[str] = mapped_column(Text, default="")
    pending_deletion: Mapped[bool] = mapped_column(default=False)
    prevent_instance_group_fallback: Mapped[bool] = mapped_column(default=False)
    constructed: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    organization: Mapped[Any] = relationship("Organization")
    labels: Mapped[list[Any]] = relationship("Label", secondary=links.inventory_labels)
    instance_groups: Mapped[list[Any]] = relationship("InstanceGroup", secondary=links.inventory_instance_groups)
    input_inventories: Mapped[list[Inventory]] = relationship(
        secondary=links.inventory_inputs,
        primaryjoin="Inventory.id == inventory_inputs.c.left_id",
        secondaryjoin="Inventory.id == inventory_inputs.c.right_id",
        order_by=links.inventory_inputs.c.position,
    )
    hosts: Mapped[list[Host]] = relationship(back_populates="inventory", passive_deletes=True)
    groups: Mapped[list[Group]] = relationship(back_populates="inventory", passive_deletes=True)


class Host(Stamped, Authored, Base):
    """A host of an inventory."""

    __tablename__ = "hosts"
    __table_args__ = (Index("hosts_name", "inventory_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    inventory_id: Mapped[int] = to_one("inventories", on_delete="CASCADE", null=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    instance_id: Mapped[str] = mapped_column(String(1024), default="")
    variables: Mapped[str] = mapped_column(Text, default="")
    last_job_id: Mapped[int | None]
    last_job_host_summary_id: Mapped[int | None]
    last_job_failed: Mapped[bool] = mapped_column(default=False)
    ansible_facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ansible_facts_modified: Mapped[dt.datetime | None]
    inventory: Mapped[Inventory] = relationship(back_populates="hosts")
    groups: Mapped[list[Group]] = relationship(secondary=links.host_groups, back_populates="hosts")
    last_job: Mapped[Any] = relationship("Job", primaryjoin="foreign(Host.last_job_id) == UnifiedJob.id", viewonly=True)
    last_job_host_summary: Mapped[Any] = relationship(
        "JobHostSummary", primaryjoin="foreign(Host.last_job_host_summary_id) == JobHostSummary.id", viewonly=True
    )
    job_host_summaries: Mapped[list[Any]] = relationship(
        "JobHostSummary", primaryjoin="Host.id == foreign(JobHostSummary.host_id)", viewonly=True
    )


class Group(Stamped, Authored, Base):
    """A group of an inventory; groups may hold groups, without circles."""

    __tablename__ = "groups"
    __table_args__ = (Index("groups_name", "inventory_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    inventory_id: Mapped[int] = to_one("inventories", on_delete="CASCADE", null=False)
    variables: Mapped[str] = mapped_column(Text, default="")
    inventory: Mapped[Inventory] = relationship(back_populates="groups")
    hosts: Mapped[list[Host]] = relationship(secondary=links.host_groups, back_populates="groups")
    children: Mapped[list[Group]] = relationship(
        secondary=links.group_children,
        primaryjoin="Group.id == group_children.c.left_id",
        secondaryjoin="Group.id == group_children.c.right_id",
        back_populates="parents",
    )
    parents: Mapped[list[Group]] = relationship(
        secondary=links.group_children,
        primaryjoin="Group.id == group_children.c.right_id",
        secondaryjoin="Group.id == group_children.c.left_id",
        back_populates="children",
    )


class JobHostSummary(Stamped, Base):
    """How one host fared in one job."""

    __tablename__ = "job_host_summaries"
    __table_args__ = (Index("job_host_summaries_job", "job_id", "host_name", unique=True),)
    job_id: Mapped[int] = to_one("unified_jobs", on_delete="CASCADE", null=False)
    host_id: Mapped[int | None] = to_one("hosts")
    constructed_host_id: Mapped[int | None]
    host_name: Mapped[str] = mapped_column(String(1024))
    changed: Mapped[int] = mapped_column(default=0)
    dark: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    ok: Mapped[int] = mapped_column(default=0)
    processed: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    ignored: Mapped[int] = mapped_column(default=0)
    rescued: Mapped[int] = mapped_column(default=0)
    failed: Mapped[bool] = mapped_column(default=False)
    job: Mapped[Any] = relationship("Job")
    host: Mapped[Any] = relationship("Host")


def _of_inventory(model: type[Host | Group], *wanted: ColumnElement[bool]) -> Any:
    """How many hosts or groups an inventory has, for filters; views count for many inventories at once."""
    count = select(func.count(model.id)).where(model.inventory_id == Inventory.id, *wanted)
    return column_property(count.correlate_except(model).scalar_subquery(), deferred=True)


Inventory.total_hosts = _of_inventory(Host)
Inventory.total_groups = _of_inventory(Group)
Inventory.hosts_with_active_failures = _of_inventory(Host, Host.last_job_failed.is_(True))
Inventory.has_active_failures = column_property(
    select(Host.id)
    .where(Host.inventory_id == Inventory.id, Host.last_job_failed.is_(True))
    .correlate_except(Host)
    .exists(),
    deferred=True,
)
