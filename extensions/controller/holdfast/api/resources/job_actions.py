# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with jobs: cancelled, deleted, launched again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid, NotAllowed
from holdfast.api.registry import Action, Field, is_superuser
from holdfast.api.resources.job_parts import around_of, find_around
from holdfast.api.resources.job_template_launch import launched
from holdfast.db.base import after_commit, now
from holdfast.db.models import Host, Job, JobHostSummary, UnifiedJob, UnifiedJobTemplate
from holdfast.jobs import event_store, idempotency, relaunching
from holdfast.jobs.credential_rows import all_passwords_needed
from holdfast.jobs.states import ACTIVE, NEW

RUNNING_JOB = "Cannot delete running job resource."
RUNNING_WORKFLOW = "Cannot delete job resource when associated workflow job is running."
EVENTS_MISSING = "Job has not finished processing events."
NO_COUNTS = "Relaunch by host status not available until job finishes running."
STILL_RUNNING = "Wait until job finishes before retrying on {status} hosts."
NO_STATS = "Cannot retry on {status} hosts, playbook stats not available."
NO_HOSTS = "Cannot relaunch because previous job had 0 {status} hosts."
NO_PROJECT = "Job Template Project is missing or undefined."
NO_INVENTORY = "Job Template Inventory is missing or undefined."
MISSING_PASSWORDS = "Missing passwords needed to start: {names}"
ALL, FAILED = "all", "failed"
HOSTS = Field(
    "hosts",
    "choice",
    choices=((ALL, "No change to job limit"), (FAILED, "All failed and unreachable hosts")),
    default=ALL,
)


def may_cancel(call: Call, row: Any) -> bool:
    """May the user cancel this job?"""
    access: Any = call.controller.registry.of_row(row).access
    return bool(access.may_cancel(call, row))


def _show_cancel(_call: Call, row: UnifiedJob) -> Reply:
    return Reply(body={"can_cancel": row.status in ACTIVE})


def _cancel_job(call: Call, row: UnifiedJob) -> None:
    call.controller.services["jobs"].cancel_in(call.session, row)


def cancel_action(title: str, cancel: Callable[[Call, Any], None] = _cancel_job) -> Action:
    """``cancel`` of a kind of job; ``cancel`` is how that is done to one that has not ended."""

    def post(call: Call, row: UnifiedJob) -> Reply:
        if not is_superuser(call) and not may_cancel(call, row):
            raise Forbidden()
        if row.status not in ACTIVE:
            raise NotAllowed(call.method)
        cancel(call, row)
        return Reply(202)

    return Action({"GET": _show_cancel, "POST": post}, title=f"{title} Cancel")


def refuse_deletion(call: Call, row: UnifiedJob) -> Reply | None:
    """A job that runs is not deleted, nor one whose workflow runs; its events go with it."""
    find_around(call, [row])
    around = around_of(row)
    if around is not None and around.status in ACTIVE:
        raise Forbidden(RUNNING_WORKFLOW)
    if row.status in ACTIVE and row.status != NEW:
        raise Forbidden(RUNNING_JOB)
    fresh = row.finished is not None and now() < row.finished + dt.timedelta(minutes=1)
    if not row.event_processing_finished and fresh:
        raise Invalid({"error": EVENTS_MISSING})
    database, job_id = call.controller.database, row.id
    after_commit(call.session, lambda: event_store.forget(database, [job_id]))
    _let_go(call.session, job_id)
    return None


def _let_go(session: Session, job_id: int) -> None:
    """Nothing points to a job that is gone: neither its template nor the hosts that it was the last one of."""
    for name in ("last_job_id", "current_job_id"):
        pointing = getattr(UnifiedJobTemplate, name) == job_id
        session.execute(update(UnifiedJobTemplate).where(pointing).values({name: None}))
    nothing = {"last_job_id": None, "last_job_host_summary_id": None, "last_job_failed": False}
    session.execute(update(Host).where(Host.last_job_id == job_id).values(nothing))


# --- relaunch ---------------------------------------------------------------------------------------------------------


def _show_relaunch(call: Call, row: Job) -> Reply:
    counts: Any = NO_COUNTS
    if row.status not in ACTIVE:
        counts = {status: len(_hosts(call, row, status)) for status in (ALL, FAILED)}
    passwords = all_passwords_needed(row.credentials, call.controller.secrets)
    return Reply(body={"passwords_needed_to_start": passwords, "retry_counts": counts})


def _hosts(call: Call, row: Job, status: str) -> list[str]:
    """The names of the job's hosts, of all or of those that failed, in the order of their names."""
    query = select(Host.name).join(JobHostSummary, JobHostSummary.host_id == Host.id)
    query = query.where(JobHostSummary.job_id == row.id)
    if status == FAILED:
        query = query.where(JobHostSummary.failed.is_(True))
    return list(call.session.scalars(query.order_by(Host.name)))


def _relaunch(call: Call, row: Job) -> Reply:
    access: Any = call.controller.registry.of_row(row).access
    if not access.may_start(call, row):
        raise Forbidden()
    what = f"jobs/{row.id}/relaunch"
    known = idempotency.known(call, what)
    if known is not None:
        return _relaunched(call, known, replayed=True)
    status, passwords = _clean(call, row, call.data)
    limit = None if status == ALL else _limit(call, row, status)
    job = relaunching.relaunch(call, row, passwords, limit)
    idempotency.remember(call, job, what, {})
    return _relaunched(call, job)


def _relaunched(call: Call, job: UnifiedJob, replayed: bool = False) -> Reply:
    reply = launched(call, job, {}, replayed)
    reply.body.pop("ignored_fields")
    return reply


def _clean(call: Call, row: Job, body: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Which hosts, and the passwords; raises Invalid in AWX's words."""
    errors: dict[str, Any] = {}
    status = body.get("hosts", ALL)
    if status is None:
        status = ALL
    if status not in (ALL, FAILED):
        errors["hosts"] = [f'"{status}" is not a valid choice.']
    given = body.get("credential_passwords")
    given = {**body, **(given if isinstance(given, Mapping) else {})}
    needed = all_passwords_needed(row.credentials, call.controller.secrets)
    missing = [name for name in needed if not given.get(name)]
    if missing:
        errors["credential_passwords"] = [MISSING_PASSWORDS.format(names=", ".join(missing))]
    if errors:
        raise Invalid(errors)
    if row.project is None:
        raise Invalid({"errors": [NO_PROJECT]})
    if row.inventory is None or row.inventory.pending_deletion:
        raise Invalid({"errors": [NO_INVENTORY]})
    return str(status), {name: str(given[name]) for name in needed}


def _limit(call: Call, row: Job, status: str) -> str:
    """The hosts of a job that failed, as a limit."""
    if row.status in ACTIVE:
        raise Invalid({"hosts": STILL_RUNNING.format(status=status)})
    summaries = select(func.count(JobHostSummary.id)).where(JobHostSummary.job_id == row.id)
    if row.host_status_counts is None and not call.session.scalar(summaries):
        raise Invalid({"hosts": NO_STATS.format(status=status)})
    names = _hosts(call, row, status)
    if not names:
        raise Invalid({"hosts": NO_HOSTS.format(status=status)})
    return ",".join(names)


RELAUNCH = Action(
    {"GET": _show_relaunch, "POST": _relaunch},
    title="Job Relaunch",
    fields=(HOSTS, Field("credential_passwords", "json", required=True)),
)
