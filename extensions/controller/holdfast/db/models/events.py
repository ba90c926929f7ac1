# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What jobs say: one row for each event, in a database of their own."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.db.base import EventsBase, now


class JobEvent(EventsBase):
    """One event of a job or of a project update (``job_id`` is the unified job's id).

    ``stdout`` holds the lines from ``start_line`` on, up to before ``end_line``.
    """

    __tablename__ = "job_events"
    __table_args__ = (
        Index("job_events_counter", "job_id", "counter", unique=True),
        Index("job_events_line", "job_id", "start_line"),
        Index("job_events_parent", "job_id", "parent_uuid"),
        Index("job_events_uuid", "job_id", "uuid"),
        Index("job_events_host", "host_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int]
    counter: Mapped[int]
    event: Mapped[str] = mapped_column(String(64))
    event_data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    failed: Mapped[bool] = mapped_column(default=False)
    changed: Mapped[bool] = mapped_column(default=False)
    uuid: Mapped[str] = mapped_column(String(64), default="")
    parent_uuid: Mapped[str] = mapped_column(String(64), default="")
    host_id: Mapped[int | None]
    host_name: Mapped[str] = mapped_column(String(1024), default="")
    play: Mapped[str] = mapped_column(String(1024), default="")
    playbook: Mapped[str] = mapped_column(String(1024), default="")
    task: Mapped[str] = mapped_column(String(1024), default="")
    role: Mapped[str] = mapped_column(String(1024), default="")
    stdout: Mapped[str] = mapped_column(Text, default="")
    start_line: Mapped[int] = mapped_column(default=0)
    end_line: Mapped[int] = mapped_column(default=0)
    verbosity: Mapped[int] = mapped_column(default=0)
    created: Mapped[dt.datetime] = mapped_column(default=now)
    modified: Mapped[dt.datetime] = mapped_column(default=now)
