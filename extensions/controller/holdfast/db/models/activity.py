# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The activity stream: every change and launch with who, when, before and after. Rows are only ever added."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.db.base import Base, now
from holdfast.db.models.links import to_one


class ActivityStream(Base):
    """One entry. ``object1``/``object2`` are types; ``objects`` maps a type to the ids it is about."""

    __tablename__ = "activity_stream"
    __table_args__ = (
        Index("activity_object", "object1", "object1_id"),
        Index("activity_object2", "object2", "object2_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    timestamp: Mapped[dt.datetime] = mapped_column(default=now)
    operation: Mapped[str] = mapped_column(String(16))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    object1: Mapped[str] = mapped_column(String(64), default="")
    object1_id: Mapped[int | None]
    object2: Mapped[str] = mapped_column(String(64), default="")
    object2_id: Mapped[int | None]
    object_association: Mapped[str] = mapped_column(String(128), default="")
    action_node: Mapped[str] = mapped_column(String(512), default="")
    object_type: Mapped[str] = mapped_column(String(128), default="")
    actor_id: Mapped[int | None] = to_one("users")
    deleted_actor: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    request_id: Mapped[str] = mapped_column(String(64), default="")
    actor: Mapped[Any] = relationship("User")
