# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: each one run of a job template."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from holdfast.api.call import Call
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, Summary
from holdfast.api.resources import access, labels
from holdfast.api.resources.common import AUTHORS, ORGANIZATION_LINK, below, link_to
from holdfast.api.resources.job_actions import RELAUNCH, cancel_action, refuse_deletion
from holdfast.api.resources.job_children import CHILDREN_SUMMARY
from holdfast.api.resources.job_events import EVENTS_OF_JOB
from holdfast.api.resources.job_parts import (
    JOB_FIELDS,
    JOB_LINKS,
    JOB_SUMMARY,
    MAX_INTEGER,
    WEBHOOK_SERVICES,
    credentials_of,
    passwords_needed,
    read_only,
    summarize_jobs,
)
from holdfast.api.resources.job_schedules import CREATE_SCHEDULE
from holdfast.api.resources.job_stdout import stdout_action
from holdfast.auth import policies
from holdfast.db.models import Job, JobHostSummary, Notification
from holdfast.db.models.links import job_credentials
from holdfast.jobs import event_store
from holdfast.jobs.launch_request import JOB_TYPES, VERBOSITIES
from holdfast.jobs.states import ACTIVE

NO_LOG = "_ansible_no_log"
HIDDEN = "$hidden due to Ansible no_log flag$"


def _artifacts(_call: Call, row: Job) -> Any:
    return HIDDEN if (row.artifacts or {}).get(NO_LOG) else row.artifacts or {}


def _playbook_counts(call: Call, row: Job) -> dict[str, int]:
    """How many plays and tasks have begun."""
    if row.status in ACTIVE and row.started is not None:
        with call.controller.database.events() as session:
            return event_store.counts(session, row.id)
    return row.playbook_counts or {"play_count": 0, "task_count": 0}


def _number(name: str) -> Field:
    return read_only(name, "integer", min_value=0, max_value=MAX_INTEGER)


FIELDS: tuple[Field, ...] = (
    *JOB_FIELDS,
    read_only("job_type", "choice", choices=(*JOB_TYPES, ("scan", "Scan"))),
    read_only("inventory", "id", to="inventories"),
    read_only("project", "id", to="projects"),
    read_only("playbook"),
    read_only("scm_branch"),
    _number("forks"),
    read_only("limit"),
    read_only("verbosity", "choice", choices=VERBOSITIES),
    read_only("extra_vars", "json"),
    read_only("job_tags"),
    read_only("force_handlers", "boolean"),
    read_only("skip_tags"),
    read_only("start_at_task"),
    read_only("timeout", "integer", min_value=-MAX_INTEGER - 1, max_value=MAX_INTEGER),
    read_only("use_fact_cache", "boolean"),
    read_only("organization", "id", to="organizations"),
    read_only("job_template", "id", to="job_templates"),
    read_only("passwords_needed_to_start", "field", value=passwords_needed, filterable=False),
    read_only("allow_simultaneous", "boolean"),
    read_only("artifacts", "json", value=_artifacts),
    read_only("scm_revision", label="SCM Revision"),
    read_only("instance_group", "id", to="instance_groups"),
    read_only("diff_mode", "boolean"),
    _number("job_slice_number"),
    _number("job_slice_count"),
    read_only("webhook_service", "choice", choices=WEBHOOK_SERVICES),
    read_only("webhook_credential", "id", to="credentials"),
    read_only("webhook_guid"),
    read_only("host_status_counts", "json", detail=True),
    read_only("playbook_counts", "field", detail=True, value=_playbook_counts, filterable=False),
    read_only("custom_virtualenv", detail=True, value=lambda _call, _row: None, filterable=False),
)


def _summaries(_call: Call, row: Job) -> Select[Any]:
    return select(JobHostSummary).where(JobHostSummary.job_id == row.id)


def notifications_of(_call: Call, row: Any) -> Select[Any]:
    """The notices of a job."""
    return select(Notification).where(Notification.unified_job_id == row.id)


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="jobs",
            type="job",
            model=Job,
            title="Job",
            types={"job": "Playbook Run"},
            fields=FIELDS,
            related=(
                *AUTHORS,
                *below("labels"),
                link_to("inventory", "inventories"),
                link_to("project", "projects"),
                ORGANIZATION_LINK,
                *below("credentials"),
                *JOB_LINKS,
                *below("stdout", "job_events", "job_host_summaries", "activity_stream", "notifications"),
                *below("create_schedule"),
                link_to("job_template", "job_templates"),
                link_to("project_update", "project_updates"),
                link_to("webhook_credential", "credentials"),
                *below("cancel", "relaunch"),
            ),
            summary=(
                Summary("inventory"),
                Summary("project"),
                Summary("project_update"),
                Summary("job_template"),
                Summary("webhook_credential"),
                *JOB_SUMMARY,
                Summary("labels", batch=labels.summary),
                Summary("credentials", batch=credentials_of(job_credentials)),
            ),
            summarize=summarize_jobs,
            sublists={
                "job_events": EVENTS_OF_JOB,
                "job_host_summaries": SubList("job_host_summaries", query=_summaries, title="Job Host Summaries List"),
                "labels": SubList("labels", relation="labels"),
                "credentials": SubList("credentials", relation="credentials"),
                "activity_stream": access.activity_stream("job"),
                "notifications": SubList("notifications", query=notifications_of),
            },
            actions={
                "cancel": cancel_action("Job"),
                "relaunch": RELAUNCH,
                "create_schedule": CREATE_SCHEDULE,
                "stdout": stdout_action("Job"),
                "job_events/children_summary": CHILDREN_SUMMARY,
            },
            access=policies.Jobs(),
            hooks=Hooks(deleting=refuse_deletion),
            list_methods=("GET",),
            detail_methods=("GET", "DELETE"),
        )
    )
