# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller with workflows, asked over HTTP; its jobs end when a test says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from holdfast.db.models import Job
from holdfast.runs import attach
from sqlalchemy import select

from tests.unit.holdfast.jobs.world import World


class House(World):
    """What tests of workflows do with a controller."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        attach(self.controller)

    def workflow(self, **more: Any) -> int:
        """A new workflow job template."""
        body = {"name": self.name(), "organization": self.organization, "allow_simultaneous": True}
        return int(self.post("workflow_job_templates/", **{**body, **more})["id"])

    def node(self, workflow: int, template: int | None, identifier: str = "", **more: Any) -> int:
        """A new node of a workflow."""
        body: dict[str, Any] = {"workflow_job_template": workflow, "unified_job_template": template, **more}
        if identifier:
            body["identifier"] = identifier
        return int(self.post("workflow_job_template_nodes/", **body)["id"])

    def edge(self, parent: int, word: str, child: int) -> None:
        self.post(f"workflow_job_template_nodes/{parent}/{word}_nodes/", id=child)

    def question(self, node: int, **more: Any) -> int:
        """Have a node ask something."""
        path = f"workflow_job_template_nodes/{node}/create_approval_template/"
        return int(self.post(path, **{"name": "Go on?", **more})["id"])

    def start(self, workflow: int, **body: Any) -> int:
        """A new workflow job."""
        return int(self.post(f"workflow_job_templates/{workflow}/launch/", **body)["workflow_job"])

    def nodes(self, job: int) -> dict[str, Any]:
        """The nodes of a workflow job by identifier."""
        found = self.get(f"workflow_jobs/{job}/workflow_nodes/")["results"]
        return {one["identifier"]: one for one in found}

    def play(self, bad: Iterable[str] = ()) -> None:
        """Let every job come to its end; those of templates whose names are in ``bad`` fail."""
        while self.queue.queued:
            task, key = self.queue.queued.pop(0)
            if task != "job":
                self.queue.handlers[task](key)
            elif self.jobs.runner.begin(int(key)):
                self.end(int(key), "failed" if self._name(int(key)) in set(bad) else "successful")

    def _name(self, job_id: int) -> str:
        with self.controller.database.reading() as session:
            return str(session.scalar(select(Job.name).where(Job.id == job_id)))

    def person(self, **roles_on: tuple[str, int]) -> tuple[str, str]:
        """Somebody new, who holds roles: ``role=(resource, id)``."""
        name, password = self.name().replace(" ", "-"), "a Password of theirs"
        user = self.post("users/", username=name, password=password)["id"]
        for role, (resource, key) in roles_on.items():
            role_id = self.get(f"{resource}/{key}/")["summary_fields"]["object_roles"][role]["id"]
            self.post(f"users/{user}/roles/", id=role_id)
        return name, password
