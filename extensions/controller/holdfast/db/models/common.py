# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small objects that others point to: labels, environments, instances, settings, schedules, notifications."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, Stamped, now
from holdfast.db.models import links
from holdfast.db.models.links import Authored, to_one
from holdfast.db.models.prompts import LaunchPrompts


class Label(Stamped, Authored, Base):
    """A word that templates and jobs are found by."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_name", "organization_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int] = to_one("organizations", on_delete="CASCADE", null=False)
    organization: Mapped[Any] = relationship("Organization")


class ExecutionEnvironment(Stamped, Authored, Base):
    """The image a job would run in; kept and shown, though this controller runs jobs in its own environment."""

    __tablename__ = "execution_environments"
    name: Mapped[str] = mapped_column(String(512), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    image: Mapped[str] = mapped_column(String(1024))
    managed: Mapped[bool] = mapped_column(default=False)
    pull: Mapped[str] = mapped_column(String(16), default="")
    organization_id: Mapped[int | None] = to_one("organizations", on_delete="CASCADE")
    credential_id: Mapped[int | None] = to_one("credentials", circular=True)
    organization: Mapped[Any] = relationship("Organization", foreign_keys=[organization_id])
    credential: Mapped[Any] = relationship("Credential", foreign_keys=[credential_id])


class Instance(Stamped, Base):
    """A controller process of this installation."""

    __tablename__ = "instances"
    hostname: Mapped[str] = mapped_column(String(250), unique=True)
    uuid: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(120), default="")
    node_type: Mapped[str] = mapped_column(String(16), default="hybrid")
    node_state: Mapped[str] = mapped_column(String(16), default="ready")
    enabled: Mapped[bool] = mapped_column(default=True)
    managed_by_policy: Mapped[bool] = mapped_column(default=True)
    capacity_adjustment: Mapped[str] = mapped_column(String(5), default="1.00")
    cpu: Mapped[float] = mapped_column(default=0)
    memory: Mapped[int] = mapped_column(BigInteger, default=0)
    capacity: Mapped[int] = mapped_column(default=0)
    cpu_capacity: Mapped[int] = mapped_column(default=0)
    mem_capacity: Mapped[int] = mapped_column(default=0)
    ip_address: Mapped[str] = mapped_column(String(50), default="")
    managed: Mapped[bool] = mapped_column(default=False)
    last_seen: Mapped[dt.datetime | None] = mapped_column(default=now)
    health_check_started: Mapped[dt.datetime | None]
    last_health_check: Mapped[dt.datetime | None]
    errors: Mapped[str] = mapped_column(Text, default="")
    rampart_groups: Mapped[list[InstanceGroup]] = relationship(
        secondary=links.instance_group_instances, back_populates="instances"
    )


class InstanceGroup(Stamped, Base):
    """Instances under one name."""

    __tablename__ = "instance_groups"
    name: Mapped[str] = mapped_column(String(250), unique=True)
    is_container_group: Mapped[bool] = mapped_column(default=False)
    credential_id: Mapped[int | None] = to_one("credentials")
    max_concurrent_jobs: Mapped[int] = mapped_column(default=0)
    max_forks: Mapped[int] = mapped_column(default=0)
    policy_instance_percentage: Mapped[int] = mapped_column(default=0)
    policy_instance_minimum: Mapped[int] = mapped_column(default=0)
    policy_instance_list: Mapped[list[Any]] = mapped_column(JSON, default=list)
    pod_spec_override: Mapped[str] = mapped_column(Text, default="")
    credential: Mapped[Any] = relationship("Credential", foreign_keys=[credential_id])
    instances: Mapped[list[Instance]] = relationship(
        secondary=links.instance_group_instances, back_populates="rampart_groups"
    )


class Setting(Base):
    """A setting that somebody changed. Secrets are encrypted."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    modified: Mapped[dt.datetime] = mapped_column(default=now)


class Schedule(Stamped, LaunchPrompts, Authored, Base):
    """When a template is to be launched, and with what. Kept and judged; nothing fires yet."""

    __tablename__ = "schedules"
    __table_args__ = (Index("schedules_name", "unified_job_template_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    rrule: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(default=True)
    unified_job_template_id: Mapped[int] = to_one("unified_job_templates", on_delete="CASCADE", null=False)
    inventory_id: Mapped[int | None] = to_one("inventories")
    execution_environment_id: Mapped[int | None] = to_one("execution_environments")
    dtstart: Mapped[dt.datetime | None]
    dtend: Mapped[dt.datetime | None]
    next_run: Mapped[dt.datetime | None]
    unified_job_template: Mapped[Any] = relationship("UnifiedJobTemplate", back_populates="schedules")
    inventory: Mapped[Any] = relationship("Inventory")
    execution_environment: Mapped[Any] = relationship("ExecutionEnvironment")
    labels: Mapped[list[Label]] = relationship(secondary=links.schedule_labels)
    credentials: Mapped[list[Any]] = relationship(
        "Credential", secondary=links.schedule_credentials, order_by=links.schedule_credentials.c.position
    )
    instance_groups: Mapped[list[InstanceGroup]] = relationship(
        secondary=links.schedule_instance_groups, order_by=links.schedule_instance_groups.c.position
    )


class NotificationTemplate(Stamped, Authored, Base):
    """Where to send notices of jobs. Kept and judged; nothing is sent yet."""

    __tablename__ = "notification_templates"
    __table_args__ = (Index("notification_templates_name", "organization_id", "name", unique=True),)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int | None] = to_one("organizations", on_delete="CASCADE")
    notification_type: Mapped[str] = mapped_column(String(32))
    notification_configuration: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    messages: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    organization: Mapped[Any] = relationship("Organization")
    notifications: Mapped[list[Notification]] = relationship(
        back_populates="notification_template", passive_deletes=True, order_by="Notification.id.desc()"
    )


class Notification(Stamped, Base):
    """A notice that was to be sent, and what became of it."""

    __tablename__ = "notifications"
    notification_template_id: Mapped[int] = to_one("notification_templates", on_delete="CASCADE", null=False)
    unified_job_id: Mapped[int | None] = to_one("unified_jobs", on_delete="CASCADE")
    status: Mapped[str] = mapped_column(String(20), default="pending")
    error: Mapped[str] = mapped_column(Text, default="")
    notifications_sent: Mapped[int] = mapped_column(default=0)
    notification_type: Mapped[str] = mapped_column(String(32))
    recipients: Mapped[str] = mapped_column(Text, default="")
    subject: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[Any] = mapped_column(JSON, default=dict)
    notification_template: Mapped[NotificationTemplate] = relationship(back_populates="notifications")
