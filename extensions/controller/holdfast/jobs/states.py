# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of jobs, in AWX's words, and what is told of one job to another."""

from __future__ import annotations

import json
from typing import Any

NEW, PENDING, WAITING, RUNNING = "new", "pending", "waiting", "running"
SUCCESSFUL, FAILED, ERROR, CANCELED = "successful", "failed", "error", "canceled"
ACTIVE = (NEW, PENDING, WAITING, RUNNING)
"""Of jobs that have not ended; all of them can be cancelled."""
QUEUED = (PENDING, WAITING)
"""Of jobs that have not begun."""
BAD = (FAILED, ERROR, CANCELED)

INTERRUPTED = (
    "The controller was killed while this job ran. What it had done by then stays done; nobody knows what else it did."
)


def blamed(verb: str, job: Any) -> str:
    """Why a job did not run because of another one, as AWX says it: ``Previous Task Failed: {...}``."""
    told = {"job_type": job.type, "job_name": job.name, "job_id": str(job.id)}
    return f"Previous Task {verb}: {json.dumps(told)}"
