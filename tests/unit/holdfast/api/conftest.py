# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller with everything declared and nothing that runs: a database, the API, and somebody signed in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient
from holdfast.api.registry import Registry
from holdfast.api.resources import declare
from holdfast.app import create_app
from holdfast.auth import passwords, roles
from holdfast.auth.secrets import SecretBox
from holdfast.context import Controller
from holdfast.db.base import Database
from holdfast.db.models import Organization, User
from holdfast.settings import Settings


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    home = tmp_path_factory.mktemp("home")
    os.makedirs(home / "controller")
    database = Database.at(home / "controller")
    database.create()
    registry = Registry()
    declare(registry)
    made = Controller(
        settings=Settings(home=home),
        database=database,
        registry=registry,
        secrets=SecretBox("a key for tests only"),
        engine=cast(Any, SimpleNamespace(running=frozenset())),
    )
    with database.writing() as session:
        session.add(User(username="admin", is_superuser=True, password=passwords.make("pw")))
        organization = Organization(name="Default")
        session.add(organization)
        session.flush()
        roles.make(session, "organization", organization.id)
    yield made
    database.close()


@pytest.fixture(scope="module")
def client(controller: Controller) -> Iterator[TestClient]:
    with TestClient(create_app(controller), follow_redirects=False) as found:
        found.auth = ("admin", "pw")
        yield found
