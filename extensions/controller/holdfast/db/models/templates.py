# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be launched: one table, as all kinds share their ids; each kind is a class of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from holdfast.db.base import Base, Stamped
from holdfast.db.models import links
from holdfast.db.models.links import WORD, Authored, to_one


class UnifiedJobTemplate(Stamped, Authored, Base):
    """A job template, workflow, project, approval or system job template.

    ``catalog_key`` names the catalog document that owns it (``item/NAME``, ``bundle/NAME``), None for what people
    made; ``catalog`` holds what of it the catalog last wrote, to tell people's changes apart.
    """

    __tablename__ = "unified_job_templates"
    __table_args__ = (Index("templates_name", "type", "organization_id", "name"),)
    type: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(512), index=True)
    description: Mapped[str] = mapped_column(Text, default="")
    organization_id: Mapped[int | None] = to_one("organizations")
    execution_environment_id: Mapped[int | None] = to_one("execution_environments")
    status: Mapped[str] = mapped_column(String(32), default="never updated")
    current_job_id: Mapped[int | None]
    last_job_id: Mapped[int | None]
    last_job_run: Mapped[dt.datetime | None]
    last_job_failed: Mapped[bool] = mapped_column(default=False)
    next_job_run: Mapped[dt.datetime | None]
    next_schedule_id: Mapped[int | None]
    catalog_key: Mapped[str | None] = mapped_column(String(300), unique=True)
    catalog: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    organization: Mapped[Any] = relationship("Organization")
    execution_environment: Mapped[Any] = relationship("ExecutionEnvironment", foreign_keys=[execution_environment_id])
    labels: Mapped[list[Any]] = relationship("Label", secondary=links.template_labels)
    credentials: Mapped[list[Any]] = relationship(
        "Credential", secondary=links.template_credentials, order_by=links.template_credentials.c.position
    )
    instance_groups: Mapped[list[Any]] = relationship(
        "InstanceGroup",
        secondary=links.template_instance_groups,
        order_by=links.template_instance_groups.c.position,
    )
    notification_templates_started: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.template_notify_started
    )
    notification_templates_success: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.template_notify_success
    )
    notification_templates_error: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.template_notify_error
    )

    schedules: Mapped[list[Any]] = relationship(
        "Schedule", back_populates="unified_job_template", passive_deletes=True, order_by="Schedule.id"
    )
    current_job: Mapped[Any] = relationship(
        "UnifiedJob", primaryjoin="foreign(UnifiedJobTemplate.current_job_id) == UnifiedJob.id", viewonly=True
    )
    last_job: Mapped[Any] = relationship(
        "UnifiedJob", primaryjoin="foreign(UnifiedJobTemplate.last_job_id) == UnifiedJob.id", viewonly=True
    )
    next_schedule: Mapped[Any] = relationship(
        "Schedule", primaryjoin="foreign(UnifiedJobTemplate.next_schedule_id) == Schedule.id", viewonly=True
    )
    unifiedjob_unified_jobs: Mapped[list[Any]] = relationship(
        "UnifiedJob", foreign_keys="UnifiedJob.unified_job_template_id", viewonly=True
    )

    # Columns that several kinds have; each kind's class says which are its own. Of the words that are prompts, a
    # workflow has None where nobody said anything.
    scm_branch: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    timeout: Mapped[int] = mapped_column(default=0)
    limit: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    job_tags: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    skip_tags: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    extra_vars: Mapped[str] = mapped_column(Text, default="")
    survey_enabled: Mapped[bool] = mapped_column(default=False)
    survey_spec: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    allow_simultaneous: Mapped[bool] = mapped_column(default=False)
    inventory_id: Mapped[int | None] = to_one("inventories")
    webhook_service: Mapped[str] = mapped_column(String(16), default="")
    webhook_key: Mapped[str] = mapped_column(Text, default="")
    webhook_credential_id: Mapped[int | None] = to_one("credentials")
    custom_virtualenv: Mapped[str | None] = mapped_column(String(100))
    ask_scm_branch_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_variables_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_limit_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_tags_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_skip_tags_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_inventory_on_launch: Mapped[bool] = mapped_column(default=False)
    ask_labels_on_launch: Mapped[bool] = mapped_column(default=False)

    # All columns are in one table; a list of many kinds reads them all at once.
    __mapper_args__ = {
        "polymorphic_on": "type",
        "polymorphic_identity": "unified_job_template",
        "with_polymorphic": "*",
    }

    @declared_attr
    @classmethod
    def inventory(cls) -> Mapped[Any]:
        """The inventory of templates that have one."""
        return relationship("Inventory", foreign_keys="UnifiedJobTemplate.inventory_id", viewonly=True)

    @declared_attr
    @classmethod
    def webhook_credential(cls) -> Mapped[Any]:
        """What posts statuses back to where a webhook came from."""
        return relationship("Credential", foreign_keys="UnifiedJobTemplate.webhook_credential_id", viewonly=True)


class JobTemplate(UnifiedJobTemplate):
    """A playbook with everything that is needed to run it."""

    job_type: Mapped[str | None] = mapped_column(String(16), default="run")
    project_id: Mapped[int | None] = to_one("unified_job_templates")
    playbook: Mapped[str | None] = mapped_column(String(1024), default="")
    forks: Mapped[int | None] = mapped_column(default=0)
    verbosity: Mapped[int | None] = mapped_column(default=0)
    force_handlers: Mapped[bool | None] = mapped_column(default=False)
    start_at_task: Mapped[str | None] = mapped_column(String(1024), default="")
    use_fact_cache: Mapped[bool | None] = mapped_column(default=False)
    host_config_key: Mapped[str | None] = mapped_column(String(1024), default="")
    become_enabled: Mapped[bool | None] = mapped_column(default=False)
    diff_mode: Mapped[bool | None] = mapped_column(default=False)
    job_slice_count: Mapped[int | None] = mapped_column(default=1)
    prevent_instance_group_fallback: Mapped[bool | None] = mapped_column(default=False)
    ask_diff_mode_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_job_type_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_verbosity_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_credential_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_execution_environment_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_forks_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_job_slice_count_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_timeout_on_launch: Mapped[bool | None] = mapped_column(default=False)
    ask_instance_groups_on_launch: Mapped[bool | None] = mapped_column(default=False)
    project: Mapped[Any] = relationship(
        "Project", foreign_keys=[project_id], remote_side="UnifiedJobTemplate.id", viewonly=True
    )
    jobs: Mapped[list[Any]] = relationship("Job", foreign_keys="Job.unified_job_template_id", viewonly=True)
    __mapper_args__ = {"polymorphic_identity": "job_template"}


class Project(UnifiedJobTemplate):
    """Playbooks: a folder on this machine, a git repository or an archive. ``default_environment`` is what jobs use."""

    local_path: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_type: Mapped[str | None] = mapped_column(String(8), default="")
    scm_url: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_refspec: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_clean: Mapped[bool | None] = mapped_column(default=False)
    scm_track_submodules: Mapped[bool | None] = mapped_column(default=False)
    scm_delete_on_update: Mapped[bool | None] = mapped_column(default=False)
    credential_id: Mapped[int | None] = to_one("credentials")
    scm_revision: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_update_on_launch: Mapped[bool | None] = mapped_column(default=False)
    scm_update_cache_timeout: Mapped[int | None] = mapped_column(default=0)
    allow_override: Mapped[bool | None] = mapped_column(default=False)
    default_environment_id: Mapped[int | None] = to_one("execution_environments")
    signature_validation_credential_id: Mapped[int | None] = to_one("credentials")
    playbook_files: Mapped[list[Any] | None] = mapped_column(JSON, default=list)
    inventory_files: Mapped[list[Any] | None] = mapped_column(JSON, default=list)
    credential: Mapped[Any] = relationship("Credential", foreign_keys=[credential_id])
    default_environment: Mapped[Any] = relationship("ExecutionEnvironment", foreign_keys=[default_environment_id])
    signature_validation_credential: Mapped[Any] = relationship(
        "Credential", foreign_keys=[signature_validation_credential_id]
    )
    __mapper_args__ = {"polymorphic_identity": "project"}


class WorkflowJobTemplate(UnifiedJobTemplate):
    """A workflow. One that the catalog owns (``catalog_key``) is a bundle, run by the whole engine."""

    nodes: Mapped[list[Any]] = relationship(
        "WorkflowJobTemplateNode",
        foreign_keys="WorkflowJobTemplateNode.workflow_job_template_id",
        back_populates="workflow_job_template",
        passive_deletes=True,
    )
    notification_templates_approvals: Mapped[list[Any]] = relationship(
        "NotificationTemplate", secondary=links.template_notify_approvals
    )
    __mapper_args__ = {"polymorphic_identity": "workflow_job_template"}


class WorkflowApprovalTemplate(UnifiedJobTemplate):
    """The question that an approval node asks."""

    __mapper_args__ = {"polymorphic_identity": "workflow_approval_template"}


class SystemJobTemplate(UnifiedJobTemplate):
    """Housekeeping: what is old is removed."""

    system_job_type: Mapped[str | None] = mapped_column("system_job_type", String(32), default="")
    __mapper_args__ = {"polymorphic_identity": "system_job_template"}


class InventorySource(UnifiedJobTemplate):
    """Where hosts of an inventory would be read from; kept and shown, nothing is read yet."""

    source: Mapped[str | None] = mapped_column("inventory_source", String(32), default="")
    source_path: Mapped[str | None] = mapped_column(String(1024), default="")
    source_vars: Mapped[str | None] = mapped_column(Text, default="")
    enabled_var: Mapped[str | None] = mapped_column(Text, default="")
    enabled_value: Mapped[str | None] = mapped_column(Text, default="")
    host_filter: Mapped[str | None] = mapped_column(Text, default="")
    overwrite: Mapped[bool | None] = mapped_column(default=False)
    overwrite_vars: Mapped[bool | None] = mapped_column(default=False)
    source_verbosity: Mapped[int | None] = mapped_column(default=1)
    update_on_launch: Mapped[bool | None] = mapped_column(default=False)
    update_cache_timeout: Mapped[int | None] = mapped_column(default=0)
    source_project_id: Mapped[int | None] = to_one("unified_job_templates", on_delete="CASCADE")
    source_project: Mapped[Any] = relationship(
        "Project", foreign_keys=[source_project_id], remote_side="UnifiedJobTemplate.id", viewonly=True
    )
    __mapper_args__ = {"polymorphic_identity": "inventory_source"}
