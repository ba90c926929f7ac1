# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running job says, on its way into the databases: its start into one, its events into the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from holdfast.db.base import Database, now
from holdfast.db.models import JobEvent, UnifiedJob
from holdfast.jobs.batches import Rows
from holdfast.jobs.child import JobEnd, JobStart

_AT_ONCE = 500
PLAY, TASK = "playbook_on_play_start", "playbook_on_task_start"


class EventStore:
    """The sink of one job. ``hosts`` are the ids of its hosts by name."""

    def __init__(self, database: Database, job_id: int, hosts: Mapping[str, int]) -> None:
        self._database = database
        self._job_id = job_id
        self._hosts = hosts

    def started(self, start: JobStart) -> None:
        """Write what is run, where and with which environment."""
        values = {"job_args": json.dumps(start.job_args), "job_cwd": start.job_cwd, "job_env": start.job_env}
        with self._database.writing() as session:
            session.execute(update(UnifiedJob).where(UnifiedJob.id == self._job_id).values(**values))

    def events(self, rows: Rows) -> None:
        """Write a batch of events."""
        moment = now()
        for row in rows:
            row["job_id"] = self._job_id
            row["host_id"] = self._hosts.get(row["host_name"])
            row["modified"] = moment
        with self._database.events(write=True) as session:
            session.execute(insert(JobEvent), rows)

    def mark(self, end: JobEnd) -> None:
        """Mark the events above failures and changes, once all are there."""
        marks = (("failed", end.failed_parents), ("changed", end.changed_parents))
        if not any(uuids for _name, uuids in marks):
            return
        with self._database.events(write=True) as session:
            for name, uuids in marks:
                for some in _portions(sorted(uuids)):
                    mine = (JobEvent.job_id == self._job_id, JobEvent.uuid.in_(some))
                    session.execute(update(JobEvent).where(*mine).values({name: True}))


def _portions(uuids: list[str]) -> Iterable[list[str]]:
    return (uuids[start : start + _AT_ONCE] for start in range(0, len(uuids), _AT_ONCE))


def counts(session: Session, job_id: int) -> dict[str, int]:
    """How many plays and tasks a job has begun; for one that runs, as what has ended says it itself."""
    query = select(JobEvent.event, func.count()).where(JobEvent.job_id == job_id, JobEvent.event.in_((PLAY, TASK)))
    found = {row[0]: row[1] for row in session.execute(query.group_by(JobEvent.event))}
    return {"play_count": found.get(PLAY, 0), "task_count": found.get(TASK, 0)}


def forget(database: Database, job_ids: Iterable[int]) -> None:
    """Delete the events of jobs that are no more."""
    with database.events(write=True) as session:
        session.execute(delete(JobEvent).where(JobEvent.job_id.in_(list(job_ids))))
