# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of workflows: the launch, every change of the record, and the executions under way."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.db.base import Base, now


class Run(Base):
    """One run: what the conductor needs to go on with it at any time.

    ``launch`` is the launch document (a bundle's, or the graph of a native workflow), without secrets; it may be large,
    and is read only when it is asked for.
    """

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    workflow_job_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(16))
    launch: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    created: Mapped[dt.datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1)


class RunChange(Base):
    """One change of a run's record, in order: the journal."""

    __tablename__ = "run_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64), index=True)
    change: Mapped[dict[str, Any]] = mapped_column(JSON)


class Execution(Base):
    """One start of one node: the claim that makes it happen at most once. ``id`` is the execution's id."""

    __tablename__ = "executions"
    __table_args__ = (Index("executions_run", "run_id", "ended"),)
    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[int | None] = mapped_column(index=True)
    ended: Mapped[dt.datetime | None]
    why: Mapped[str] = mapped_column(Text, default="")
