# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two organizations with people and things in them, and a client for each person."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient
from holdfast.app import create_app
from holdfast.context import Controller

from ..api import conftest as api
from .world import World, make_world

controller = api.controller


@pytest.fixture(scope="module")
def world(controller: Controller) -> World:
    return make_world(controller)


@pytest.fixture(scope="module")
def app(controller: Controller, world: World) -> Iterator[TestClient]:
    with TestClient(create_app(controller), follow_redirects=False) as found:
        yield found


@pytest.fixture(scope="module")
def as_(app: TestClient, world: World) -> Callable[[str], Person]:
    return lambda name: Person(app, world.tokens[name])


class Person:
    """Sends requests with one person's token."""

    def __init__(self, app: TestClient, token: str) -> None:
        self._app = app
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: object = None):
        return self._app.request(method, f"/api/v2/{path}", json=body, headers=self._headers)

    def get(self, path: str):
        return self.ask("GET", path)

    def post(self, path: str, body: object = None):
        return self.ask("POST", path, body if body is not None else {})

    def patch(self, path: str, body: object):
        return self.ask("PATCH", path, body)

    def delete(self, path: str):
        return self.ask("DELETE", path)

    def count(self, path: str) -> int:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["count"])

    def ids(self, path: str) -> list[int]:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["results"]]
