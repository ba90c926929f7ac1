# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was launched: one table, as all kinds share their ids; each kind is a class of its own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship, synonym

from holdfast.db.base import Base, Stamped
from holdfast.db.models import links
from holdfast.db.models.links import WORD, Authored, to_one


class UnifiedJob(Stamped, Authored, Base):
    """A job, workflow job, project update or approval.

    ``status`` is AWX's word; what AWX has no word for stands in ``job_explanation``. ``secret_answers`` are survey
    answers and prompts that are secret, encrypted. ``prompts`` is what the launch gave beyond the template, for a
    relaunch. ``interrupted``: the controller was killed while it ran. ``idempotency_key`` is the client's, unique for
    each person.
    """

    __tablename__ = "unified_jobs"
    __table_args__ = (
        Index("jobs_template", "unified_job_template_id", "status"),
        Index("jobs_project", "project_id", "type", "status"),
        Index("jobs_status", "status"),
        Index("jobs_finished", "finished"),
        Index("jobs_idempotency", "created_by_id", "idempotency_key", unique=True),
    )
    type: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(512))
    description: Mapped[str] = mapped_column(Text, default="")
    unified_job_template_id: Mapped[int | None] = to_one("unified_job_templates", index=False)
    organization_id: Mapped[int | None] = to_one("organizations")
    execution_environment_id: Mapped[int | None] = to_one("execution_environments")
    schedule_id: Mapped[int | None]
    launch_type: Mapped[str] = mapped_column(String(20), default="manual")
    status: Mapped[str] = mapped_column(String(20), default="new")
    failed: Mapped[bool] = mapped_column(default=False)
    started: Mapped[dt.datetime | None]
    finished: Mapped[dt.datetime | None]
    canceled_on: Mapped[dt.datetime | None]
    elapsed: Mapped[float] = mapped_column(default=0.0)
    job_args: Mapped[str] = mapped_column(Text, default="")
    job_cwd: Mapped[str] = mapped_column(String(1024), default="")
    job_env: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    job_explanation: Mapped[str] = mapped_column(Text, default="")
    result_traceback: Mapped[str] = mapped_column(Text, default="")
    work_unit_id: Mapped[str | None] = mapped_column(String(255))
    event_processing_finished: Mapped[bool] = mapped_column(default=False)
    cancel_flag: Mapped[bool] = mapped_column(default=False)
    interrupted: Mapped[bool] = mapped_column(default=False)
    execution_node: Mapped[str] = mapped_column(Text, default="")
    controller_node: Mapped[str] = mapped_column(Text, default="")
    instance_group_id: Mapped[int | None] = to_one("instance_groups")
    secret_answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    survey_passwords: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    prompts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    start_args: Mapped[str] = mapped_column(Text, default="")
    dependency_id: Mapped[int | None] = mapped_column(index=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    idempotency: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    request_id: Mapped[str] = mapped_column(String(64), default="")
    unified_job_template: Mapped[Any] = relationship("UnifiedJobTemplate", foreign_keys=[unified_job_template_id])
    organization: Mapped[Any] = relationship("Organization")
    schedule: Mapped[Any] = relationship(
        "Schedule", primaryjoin="foreign(UnifiedJob.schedule_id) == Schedule.id", viewonly=True
    )
    execution_environment: Mapped[Any] = relationship("ExecutionEnvironment", foreign_keys=[execution_environment_id])
    instance_group: Mapped[Any] = relationship("InstanceGroup", foreign_keys=[instance_group_id])
    labels: Mapped[list[Any]] = relationship("Label", secondary=links.job_labels)
    credentials: Mapped[list[Any]] = relationship(
        "Credential", secondary=links.job_credentials, order_by=links.job_credentials.c.position
    )
    instance_groups: Mapped[list[Any]] = relationship(
        "InstanceGroup", secondary=links.job_instance_groups, order_by=links.job_instance_groups.c.position
    )
    unified_job_node: Mapped[Any] = relationship(
        "WorkflowJobNode",
        primaryjoin="and_(foreign(WorkflowJobNode.job_id) == UnifiedJob.id, WorkflowJobNode.earlier.is_(False))",
        uselist=False,
        viewonly=True,
    )

    # Columns that several kinds have. Of the words that are prompts, a workflow has None where nobody said anything.
    extra_vars: Mapped[str] = mapped_column(Text, default="")
    limit: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    job_tags: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    skip_tags: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    scm_branch: Mapped[str] = mapped_column(WORD, default="", nullable=True)
    scm_revision: Mapped[str] = mapped_column(String(1024), default="")
    timeout: Mapped[int] = mapped_column(default=0)
    allow_simultaneous: Mapped[bool] = mapped_column(default=False)
    inventory_id: Mapped[int | None] = to_one("inventories")
    project_id: Mapped[int | None] = to_one("unified_job_templates", index=False)
    webhook_service: Mapped[str] = mapped_column(String(16), default="")
    webhook_guid: Mapped[str] = mapped_column(String(128), default="")
    webhook_credential_id: Mapped[int | None] = to_one("credentials")
    job_type: Mapped[str | None] = mapped_column(String(32))

    # All columns are in one table; a list of many kinds reads them all at once.
    __mapper_args__ = {"polymorphic_on": "type", "polymorphic_identity": "unified_job", "with_polymorphic": "*"}

    @declared_attr
    @classmethod
    def inventory(cls) -> Mapped[Any]:
        """The inventory of jobs that have one."""
        return relationship("Inventory", foreign_keys="UnifiedJob.inventory_id", viewonly=True)

    @declared_attr
    @classmethod
    def project(cls) -> Mapped[Any]:
        """The project of jobs and project updates."""
        return relationship("Project", foreign_keys="UnifiedJob.project_id", viewonly=True)


class Job(UnifiedJob):
    """One run of a job template.

    ``execution_id`` names the execution of a bundle's run that the job carries out, if it does; ``execution`` then
    holds what the play is made of (see ``runs``).
    """

    playbook: Mapped[str | None] = mapped_column(String(1024), default="")
    forks: Mapped[int | None] = mapped_column(default=0)
    verbosity: Mapped[int | None] = mapped_column(default=0)
    force_handlers: Mapped[bool | None] = mapped_column(default=False)
    start_at_task: Mapped[str | None] = mapped_column(String(1024), default="")
    use_fact_cache: Mapped[bool | None] = mapped_column(default=False)
    become_enabled: Mapped[bool | None] = mapped_column(default=False)
    diff_mode: Mapped[bool | None] = mapped_column(default=False)
    job_slice_number: Mapped[int | None] = mapped_column(default=0)
    job_slice_count: Mapped[int | None] = mapped_column(default=1)
    artifacts: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=dict)
    host_status_counts: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    playbook_counts: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    project_update_id: Mapped[int | None]
    execution_id: Mapped[str | None] = mapped_column(String(300), unique=True)
    execution: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    job_template_id: Mapped[int | None] = synonym("unified_job_template_id")
    job_template: Mapped[Any] = relationship(
        "JobTemplate", foreign_keys="UnifiedJob.unified_job_template_id", viewonly=True
    )
    job_host_summaries: Mapped[list[Any]] = relationship("JobHostSummary", viewonly=True)
    project_update: Mapped[Any] = relationship(
        "ProjectUpdate", primaryjoin="foreign(Job.project_update_id) == remote(UnifiedJob.id)", viewonly=True
    )
    __mapper_args__ = {"polymorphic_identity": "job"}


class ProjectUpdate(UnifiedJob):
    """One update of a project from where its playbooks come from."""

    local_path: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_type: Mapped[str | None] = mapped_column(String(8), default="")
    scm_url: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_refspec: Mapped[str | None] = mapped_column(String(1024), default="")
    scm_clean: Mapped[bool | None] = mapped_column(default=False)
    scm_track_submodules: Mapped[bool | None] = mapped_column(default=False)
    scm_delete_on_update: Mapped[bool | None] = mapped_column(default=False)
    credential_id: Mapped[int | None] = to_one("credentials")
    credential: Mapped[Any] = relationship("Credential", foreign_keys=[credential_id])
    __mapper_args__ = {"polymorphic_identity": "project_update"}


class WorkflowJob(UnifiedJob):
    """One run of a workflow. ``run_id`` names the run whose record says everything about it.

    One that holds the slices of a job has the template of that job.
    """

    run_id: Mapped[str | None] = mapped_column(String(64))
    is_sliced_job: Mapped[bool | None] = mapped_column(default=False)
    is_bulk_job: Mapped[bool | None] = mapped_column(default=False)
    resumed_from_id: Mapped[int | None]
    workflow_job_template: Mapped[Any] = relationship(
        "WorkflowJobTemplate", foreign_keys="UnifiedJob.unified_job_template_id", viewonly=True
    )
    nodes: Mapped[list[Any]] = relationship(
        "WorkflowJobNode",
        foreign_keys="WorkflowJobNode.workflow_job_id",
        back_populates="workflow_job",
        passive_deletes=True,
    )
    __mapper_args__ = {"polymorphic_identity": "workflow_job"}

    @property
    def workflow_job_template_id(self) -> int | None:
        """The workflow; None for the slices of a job template, which have none."""
        return None if self.is_sliced_job else self.unified_job_template_id


class WorkflowApproval(UnifiedJob):
    """A question to people within a workflow job."""

    approved_or_denied_by_id: Mapped[int | None] = to_one("users")
    approval_expiration: Mapped[dt.datetime | None]
    timed_out: Mapped[bool | None] = mapped_column(default=False)
    approved_or_denied_by: Mapped[Any] = relationship("User", foreign_keys=[approved_or_denied_by_id])
    __mapper_args__ = {"polymorphic_identity": "workflow_approval"}


class AdHocCommand(UnifiedJob):
    """One module run on hosts of an inventory; kept for AWX's clients, none can be started yet."""

    module_name: Mapped[str | None] = mapped_column(String(1024), default="")
    module_args: Mapped[str | None] = mapped_column(Text, default="")
    __mapper_args__ = {"polymorphic_identity": "ad_hoc_command"}


class SystemJob(UnifiedJob):
    """One run of a management job: housekeeping."""

    __mapper_args__ = {"polymorphic_identity": "system_job"}


class InventoryUpdate(UnifiedJob):
    """One update of an inventory from its source; kept for AWX's clients, none can be started yet."""

    source: Mapped[str | None] = mapped_column("inventory_source", String(32), default="")
    __mapper_args__ = {"polymorphic_identity": "inventory_update"}
