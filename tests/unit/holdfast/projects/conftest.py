# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole controller whose queue is worked off when a test says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient
from holdfast.app import create_app
from holdfast.build import build
from holdfast.context import Controller
from holdfast.db import models as m
from holdfast.engine.port import Engine, Handler
from holdfast.settings import Settings
from pydantic import SecretStr

from .sources import Origin

V2 = "/api/v2"


class HandEngine:
    """Keeps what is queued until ``work`` is called."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.queue: list[tuple[str, str]] = []
        self.running: frozenset[str] = frozenset()

    def register(self, task: str, handler: Handler) -> None:
        self.handlers[task] = handler

    def enqueue(self, task: str, key: str) -> None:
        self.queue.append((task, key))

    def schedule(self, task: str, key: str, at: float) -> None:
        """Nothing here waits for a time."""

    def cancel(self, task: str, key: str) -> bool:
        waiting = (task, key) in self.queue
        self.queue = [one for one in self.queue if one != (task, key)]
        return waiting

    def interrupted(self) -> list[tuple[str, str]]:
        return []

    def settle(self, task: str, key: str, *, again: bool = False) -> None:
        """Nothing is ever interrupted."""

    def start(self) -> None:
        """It works when it is told to."""

    def stop(self, patience: float) -> None:
        """Nothing runs by itself."""

    def work(self) -> None:
        """Do everything that is queued."""
        while self.queue:
            task, key = self.queue.pop(0)
            self.handlers[task](key)


@dataclass
class World:
    """The controller, a client signed in as admin, and a folder for repositories."""

    controller: Controller
    client: TestClient
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def engine(self) -> HandEngine:
        return cast(HandEngine, self.controller.engine)

    @property
    def projects(self) -> Path:
        return self.controller.settings.projects

    def origin(self) -> Origin:
        """A repository of its own."""
        return Origin(self.folder / f"origin{next(self._numbers)}")

    def post(self, path: str, body: dict[str, Any] | None = None, status: int = 201) -> dict[str, Any]:
        answer = self.client.post(path if path.startswith("/") else f"{V2}/{path}", json=body or {})
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def get(self, path: str) -> Any:
        answer = self.client.get(path if path.startswith("/") else f"{V2}/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def project(self, **body: Any) -> dict[str, Any]:
        """Make a project; its first update is done, where it has one."""
        made = self.post("projects/", {"name": f"project {next(self._numbers)}", "organization": 1, **body})
        self.engine.work()
        return cast(dict[str, Any], self.get(made["url"]))

    def update(self, project: dict[str, Any]) -> dict[str, Any]:
        """Update a project, to the end."""
        made = self.post(project["related"]["update"], status=202)
        self.engine.work()
        return cast(dict[str, Any], self.get(made["url"]))

    def last_update(self, project: dict[str, Any]) -> dict[str, Any]:
        return cast(dict[str, Any], self.get(self.get(project["url"])["related"]["last_update"]))

    def stdout(self, update: dict[str, Any]) -> str:
        answer = self.client.get(f"{update['related']['stdout']}?format=txt")
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    origins = tmp_path_factory.mktemp("origins")
    settings = Settings(home=home, admin_password=SecretStr("pw"), project_file_roots=str(origins), log_level="ERROR")
    controller = build(settings, lambda _settings: cast(Engine, HandEngine()))
    with controller.database.writing() as session:  # nothing is fetched from anywhere but this machine
        session.get_one(m.Organization, 1).galaxy_credentials = []
    with TestClient(create_app(controller), follow_redirects=False) as client:
        client.auth = ("admin", "pw")
        yield World(controller, client, origins)
