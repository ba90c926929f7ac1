# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of everything that can be launched, and of everything that was: each row is shown as what it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call
from holdfast.api.registry import Registry, Resource
from holdfast.api.resources.common import STAMPS
from holdfast.api.resources.job_parts import ALL_STATUSES, JOB_FIELDS, read_only
from holdfast.auth import policies
from holdfast.db.models import UnifiedJob, UnifiedJobTemplate

TEMPLATES = (
    ("project", "Project"),
    ("inventory_source", "Inventory Source"),
    ("job_template", "Job Template"),
    ("system_job_template", "System Job Template"),
    ("workflow_job_template", "Workflow Template"),
)
JOBS = (
    ("project_update", "Project Update"),
    ("inventory_update", "Inventory Sync"),
    ("job", "Playbook Run"),
    ("ad_hoc_command", "Command"),
    ("system_job", "Management Job"),
    ("workflow_job", "Workflow Job"),
)


def _templates(_call: Call) -> Select[Any]:
    return select(UnifiedJobTemplate).where(UnifiedJobTemplate.type.in_([name for name, _label in TEMPLATES]))


def _jobs(_call: Call) -> Select[Any]:
    return select(UnifiedJob).where(UnifiedJob.type.in_([name for name, _label in JOBS]))


def declare(registry: Registry) -> None:
    """Add the lists."""
    registry.add(
        Resource(
            name="unified_job_templates",
            type="unified_job_template",
            model=UnifiedJobTemplate,
            title="Unified Job Template",
            types=dict(TEMPLATES),
            fields=(
                *STAMPS,
                read_only("name"),
                read_only("description"),
                read_only("last_job_run", "datetime"),
                read_only("last_job_failed", "boolean"),
                read_only("next_job_run", "datetime"),
                read_only("status", "choice", choices=ALL_STATUSES),
                read_only("execution_environment", "id", to="execution_environments"),
            ),
            access=policies.UnifiedJobTemplates(),
            list_methods=("GET",),
            detail_methods=(),
            base_query=_templates,
            order_by=("name",),
            search_fields=("description", "name", "jobtemplate__playbook"),
        ),
        Resource(
            name="unified_jobs",
            type="unified_job",
            model=UnifiedJob,
            title="Unified Job",
            types=dict(JOBS),
            fields=JOB_FIELDS,
            access=policies.UnifiedJobs(),
            list_methods=("GET",),
            detail_methods=(),
            base_query=_jobs,
            search_fields=("description", "name", "job__playbook"),
        ),
    )
