# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's rollouts by another front door: launched on a served controller, over its API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from holdfast.db.base import Database
from holdfast.db.models import Run, RunChange
from sqlalchemy import select

from tests.served import Served

from .conftest import CLIENTS, PAUSE, Stage, Watch

from load import Load, Report  # isort: skip

WORKFLOW = "Rolling deploy"


class Controlled(NamedTuple):
    """How one rollout ended: the workflow job and its nodes as clients see them, the record, what clients met."""

    job: dict[str, Any]
    nodes: list[dict[str, Any]]
    record: Record
    report: Report
    versions: dict[str, str]


def bring_inventory(served: Served, file: Path) -> int:
    """The lab's inventory on the controller; its id."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    inventory = int(served.call("POST", "/api/v2/inventories/", {"name": "Lab", "organization": 1})["id"])
    for name, group in data.items():
        body = {"name": name, "variables": json.dumps(group.get("vars") or {})}
        made = served.call("POST", f"/api/v2/inventories/{inventory}/groups/", body)["id"]
        for host, variables in (group.get("hosts") or {}).items():
            own = {"name": host, "variables": json.dumps(variables or {})}
            served.call("POST", f"/api/v2/groups/{made}/hosts/", own)
    return inventory


def roll_out(stage: Stage, served: Served, inventory: int, version: str) -> tuple[Controlled, Watch]:
    """Launch the bundle while clients ask, and wait for its end."""
    workflow = served.only(f"/api/v2/workflow_job_templates/?name={WORKFLOW.replace(' ', '%20')}")
    answers = {"pool": "app", "version": version, "notify_url": stage.notices.url}
    with Watch(stage.lab) as watch, Load(stage.lab.url, CLIENTS, PAUSE) as load:
        body = {"inventory": inventory, "extra_vars": answers}
        launched = served.call("POST", workflow["related"]["launch"], body)
        job = served.wait(launched["url"], patience=1200.0)
    nodes = served.call("GET", f"{job['url']}workflow_nodes/?page_size=200")["results"]
    record = _record(served.home, job["id"])
    return Controlled(job, nodes, record, load.report, stage.lab.versions()), watch


def _record(home: Path, job: int) -> Record:
    """The record of a workflow job's run, folded from the journal in the controller's database."""
    database = Database.at(home / "controller")
    try:
        with database.reading() as session:
            run_id = session.scalar(select(Run.id).where(Run.workflow_job_id == job))
            query = select(RunChange.change).where(RunChange.run_id == run_id).order_by(RunChange.id)
            return Record.replay(session.scalars(query))
    finally:
        database.close()
