# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard: how many there are of everything, and how jobs ended day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid
from holdfast.api.registry import Page, Registry
from holdfast.db.base import now
from holdfast.db.models import Host, Inventory, Job, Project, ProjectUpdate, UnifiedJob

DEPRECATED = {"Warning": '299 awx "This resource has been deprecated and will be removed in a future release."'}
_SCM = (("git", "Git"), ("svn", "Subversion"), ("archive", "Remote Archive"))
_PERIODS = {"month": 31, "two_weeks": 14, "week": 7, "day": 1}
_KINDS: Mapping[str, type[UnifiedJob]] = {"playbook_run": Job, "scm_update": ProjectUpdate}


def _visible(call: Call, name: str) -> Select[Any]:
    """The ids of what the user may see of a resource."""
    resource = call.controller.registry.resources[name]
    query = resource.base_query(call) if resource.base_query is not None else select(resource.model)
    condition = resource.access.visible(call)
    return (
        query.with_only_columns(resource.model.id)
        if condition is None
        else (query.with_only_columns(resource.model.id).where(condition))
    )


def count(call: Call, name: str, *conditions: ColumnElement[bool]) -> int:
    """How many objects of a resource the user sees that meet the conditions."""
    query = _visible(call, name).where(*conditions).order_by(None).subquery()
    return call.session.scalar(select(func.count()).select_from(query)) or 0


def _dashboard(call: Call) -> Reply:
    """GET dashboard: how many there are of everything."""
    url = call.url
    shown: dict[str, Any] = {
        "related": {"jobs_graph": url("dashboard", "graphs", "jobs")},
        "inventories": {
            "url": url("inventories"),
            "total": count(call, "inventories"),
            "total_with_inventory_source": 0,
            "job_failed": count(call, "inventories", Inventory.hosts.any(Host.last_job_failed.is_(True))),
            "inventory_failed": 0,
        },
        "inventory_sources": {
            "ec2": {
                "url": f"{url('inventory_sources')}?source=ec2",
                "failures_url": f"{url('inventory_sources')}?source=ec2&status=failed",
                "label": "Amazon EC2",
                "total": 0,
                "failed": 0,
            }
        },
        "groups": {"url": url("groups"), "total": count(call, "groups"), "inventory_failed": 0},
        "hosts": {
            "url": url("hosts"),
            "failures_url": f"{url('hosts')}?last_job_host_summary__failed=True",
            "total": count(call, "hosts"),
            "failed": count(call, "hosts", Host.last_job_failed.is_(True)),
        },
        **_projects(call),
    }
    for name in ("users", "organizations", "teams", "credentials", "job_templates"):
        shown[name] = {"url": url(name), "total": count(call, name)}
    return Reply(body=shown, headers=dict(DEPRECATED))


def _projects(call: Call) -> dict[str, Any]:
    """Projects, all of them and by where they come from."""
    projects, failed_projects = call.url("projects"), Project.last_job_failed.is_(True)
    return {
        "projects": {
            "url": projects,
            "failures_url": f"{projects}?last_job_failed=True",
            "total": count(call, "projects"),
            "failed": count(call, "projects", failed_projects),
        },
        "scm_types": {
            kind: {
                "url": f"{projects}?scm_type={kind}",
                "label": label,
                "failures_url": f"{projects}?scm_type={kind}&last_job_failed=True",
                "total": count(call, "projects", Project.scm_type == kind),
                "failed": count(call, "projects", Project.scm_type == kind, failed_projects),
            }
            for kind, label in _SCM
        },
    }


def _jobs_graph(call: Call) -> Reply:
    """GET dashboard/graphs/jobs: how many jobs ended in which state, for each day."""
    period = call.get("period", "month")
    if period not in _PERIODS:
        raise Invalid({"error": f'Unknown period "{period}"'})
    end = now()
    start = (end - dt.timedelta(days=_PERIODS[period])).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = select(UnifiedJob.status, UnifiedJob.finished).where(
        UnifiedJob.id.in_(_visible(call, "unified_jobs")),
        UnifiedJob.finished >= start,
        UnifiedJob.launch_type != "sync",
    )
    kind = _KINDS.get(call.get("job_type", "all"))
    if kind is not None:
        ended = ended.where(UnifiedJob.type == kind.__mapper__.polymorphic_identity)
    counts: dict[tuple[str, dt.date], int] = {}
    for status, finished in call.session.execute(ended):
        if finished is not None:
            counts[status, finished.date()] = counts.get((status, finished.date()), 0) + 1
    days = [start + dt.timedelta(days=number) for number in range((end - start).days + 1)]
    call.keep = False
    return Reply(
        body={
            "jobs": {
                status: [[day.timestamp(), counts.get((status, day.date()), 0)] for day in days]
                for status in ("successful", "failed", "canceled", "error")
            }
        }
    )


def declare(registry: Registry) -> None:
    """Add the pages."""
    registry.page("dashboard", Page({"GET": _dashboard}, title="Dashboard"))
    registry.page("dashboard/graphs/jobs", Page({"GET": _jobs_graph}, title="Dashboard Jobs Graphs"))
