# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What running jobs hold on to: it is not deleted under them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from holdfast.api.call import Call
from holdfast.api.errors import Conflict
from holdfast.db.models import UnifiedJob

ACTIVE = ("new", "pending", "waiting", "running")
"""The states of a job that has not ended."""


def refuse_if_running(call: Call, *conditions: ColumnElement[bool]) -> None:
    """Raise Conflict, with the jobs, when any job that meets the conditions has not ended."""
    query = select(UnifiedJob.id, UnifiedJob.type).where(UnifiedJob.status.in_(ACTIVE), *conditions)
    active = [{"id": job.id, "type": job.type} for job in call.session.execute(query.order_by(UnifiedJob.id))]
    if active:
        raise Conflict({"error": "Resource is being used by running jobs.", "active_jobs": active})
