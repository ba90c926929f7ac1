# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of workflows: the terminal's very conductor, each event a transaction of the controller's database."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from holdfast.context import Controller
from holdfast.db.models import Run, WorkflowJob


def attach(controller: Controller) -> None:
    """Join the runs to a controller: its services ``runs``, ``workflows`` and ``bundles``."""
    from holdfast.runs.bundles import Bundles
    from holdfast.runs.graphs import BUNDLE, NATIVE
    from holdfast.runs.native import Native
    from holdfast.runs.service import Kind, Runs
    from holdfast.runs.workflows import TASK, Workflows

    def answers_of(session: Session, run: Run) -> dict[str, Any]:
        job = session.get(WorkflowJob, run.workflow_job_id)
        return controller.secrets.open_all(job.secret_answers) if job is not None else {}

    kinds: dict[str, Kind] = {NATIVE: Native(controller)}
    runs = Runs(controller, kinds, answers_of)
    bundles = kinds[BUNDLE] = Bundles(controller, runs.store)
    workflows = Workflows(controller, runs)
    controller.services.update(runs=runs, workflows=workflows, bundles=bundles)
    controller.services["jobs"].on_end += [runs.job_ended, workflows.ended]
    controller.engine.register(TASK, workflows.prepare)
    controller.on_begin += [runs.alarms.start, runs.recover, workflows.recover]
    controller.on_end.append(runs.alarms.stop)
