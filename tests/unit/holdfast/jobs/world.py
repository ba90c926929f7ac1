# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller as it is at its first start, whose queue only notes what is queued: jobs end when a test says so."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from holdfast import housekeeping, projects, seed
from holdfast import jobs as jobs_package
from holdfast.api.registry import Registry
from holdfast.api.resources import declare
from holdfast.app import create_app
from holdfast.auth.secrets import SecretBox
from holdfast.context import Controller
from holdfast.db.base import Database
from holdfast.db.models import UnifiedJob
from holdfast.jobs.service import Jobs
from holdfast.settings import Settings
from sqlalchemy import event

PASSWORD = "a Password of tests"
PLAYBOOK = "---\n- hosts: all\n  gather_facts: false\n  tasks: []\n"


class Queue:
    """An engine that runs nothing."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[str], None]] = {}
        self.queued: list[tuple[str, str]] = []
        self.cancelled: list[tuple[str, str]] = []
        self.left: list[tuple[str, str]] = []
        self.settled: dict[tuple[str, str], bool] = {}

    running: frozenset[str] = frozenset()

    def register(self, task: str, handler: Callable[[str], None]) -> None:
        self.handlers[task] = handler

    def enqueue(self, task: str, key: str) -> None:
        self.queued.append((task, key))

    def schedule(self, task: str, key: str, at: float) -> None:
        raise AssertionError(f"nothing of jobs is timed: {task} {key} {at}")

    def cancel(self, task: str, key: str) -> bool:
        self.cancelled.append((task, key))
        return True

    def interrupted(self) -> list[tuple[str, str]]:
        return list(self.left)

    def settle(self, task: str, key: str, *, again: bool = False) -> None:
        self.settled[task, key] = again

    def start(self) -> None: ...

    def stop(self, patience: float) -> None: ...


class World:
    """A controller and what a test does with it. Paths are below the prefix."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, admin_password=PASSWORD)
        os.makedirs(settings.folder)
        database = Database.at(settings.folder)
        database.create()
        registry = Registry()
        declare(registry)
        self.queue = Queue()
        self.controller = Controller(settings, database, registry, SecretBox("a key for tests only"), self.queue)
        seed.seed(self.controller)
        jobs_package.attach(self.controller)
        projects.attach(self.controller)
        housekeeping.attach(self.controller)
        folder = settings.projects / "plays"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("site.yml", "other.yml"):
            (folder / name).write_text(PLAYBOOK)
        self.client = TestClient(create_app(self.controller), follow_redirects=False)
        self.client.auth = ("admin", PASSWORD)
        self._numbers = iter(range(1, 10_000))
        self.organization = self.post("organizations/", name="Org")["id"]
        self.inventory = self.post("inventories/", name="Inv", organization=self.organization)["id"]
        self.hosts = {
            name: self.post("hosts/", name=name, inventory=self.inventory)["id"] for name in ("one", "two", "three")
        }
        body = {"name": "Plays", "organization": self.organization, "local_path": "plays"}
        self.project = self.post("projects/", **body)["id"]

    @property
    def jobs(self) -> Jobs:
        """The service."""
        found: Jobs = self.controller.services["jobs"]
        return found

    def name(self) -> str:
        """A name that nothing has."""
        return f"thing {next(self._numbers)}"

    def send(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """An answer."""
        return self.client.request(method, f"/api/v2/{path}", json=body, **more)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        answer = self.send("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        """The JSON of what was made."""
        answer = self.send("POST", path, body)
        assert answer.status_code in (200, 201, 202, 204), (path, answer.text)
        return answer.json() if answer.content else None

    def refused(self, path: str, body: Any, status: int = 400, method: str = "POST") -> Any:
        """The JSON of a refusal."""
        answer = self.send(method, path, body)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    def template(self, **more: Any) -> int:
        """A new job template."""
        body = {"name": self.name(), "inventory": self.inventory, "project": self.project, "playbook": "site.yml"}
        found: int = self.post("job_templates/", **{**body, **more})["id"]
        return found

    def credential(self, kind: str, **inputs: Any) -> int:
        """A new credential of the managed type of this name."""
        types = self.get(f"credential_types/?name={kind}")["results"]
        body = {"name": self.name(), "organization": self.organization, "credential_type": types[0]["id"]}
        found: int = self.post("credentials/", **body, inputs=inputs)["id"]
        return found

    def label(self) -> int:
        """A new label."""
        found: int = self.post("labels/", name=self.name(), organization=self.organization)["id"]
        return found

    def launch(self, template: int, **body: Any) -> int:
        """A new job."""
        found: int = self.post(f"job_templates/{template}/launch/", **body)["id"]
        return found

    def begin(self, job: int) -> None:
        """Have a job run, as its handler would."""
        assert self.jobs.runner.begin(job)

    def end(self, job: int, status: str = "successful") -> None:
        """Have a job end."""
        with self.controller.database.writing() as session:
            row = session.get(UnifiedJob, job)
            assert row is not None
            self.jobs.dispatcher.end(session, row, status)

    def run(self, template: int, status: str = "successful", **body: Any) -> int:
        """A job that has run."""
        job = self.launch(template, **body)
        self.begin(job)
        self.end(job, status)
        return job

    def row(self, job: int) -> UnifiedJob:
        """The row of a job, with what it holds."""
        with self.controller.database.reading() as session:
            found = session.get(UnifiedJob, job)
            assert found is not None
            session.expunge(found)
            return found

    def is_queued(self, job: int) -> bool:
        """Whether a job was given to the queue."""
        return ("job", str(job)) in self.queue.queued

    @contextmanager
    def queries(self) -> Iterator[list[str]]:
        """The statements of the threads that answer requests meanwhile."""
        found: list[str] = []
        lock = threading.Lock()

        def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            with lock:
                found.append(statement)

        engines = {self.controller.database.engine, self.controller.database.events_engine}
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        try:
            yield found
        finally:
            for engine in engines:
                event.remove(engine, "before_cursor_execute", note)

    def close(self) -> None:
        """Let go of the database."""
        self.controller.database.close()
