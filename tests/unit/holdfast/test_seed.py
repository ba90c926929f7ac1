# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller has from its first start on, and what later starts leave alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from holdfast.api.registry import Registry
from holdfast.auth import passwords
from holdfast.auth.secrets import SecretBox
from holdfast.context import Controller
from holdfast.db import models as m
from holdfast.db.base import Database
from holdfast.seed import seed
from holdfast.seeds import credential_types
from holdfast.settings import Settings
from pydantic import SecretStr
from sqlalchemy import func, select


class Starts:
    """Starts of controllers on one folder, one after another."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._made: list[Controller] = []

    def __call__(self, **more: Any) -> Controller:
        settings = Settings(home=self.home, node_name=more.pop("node_name", "node1"), **more)
        settings.folder.mkdir(exist_ok=True)
        database = Database.at(settings.folder)
        if not (settings.folder / "controller.db").exists():
            database.create()
        controller = Controller(
            settings=settings,
            database=database,
            registry=Registry(),
            secrets=SecretBox("a key for tests only"),
            engine=cast(Any, SimpleNamespace()),
        )
        self._made.append(controller)
        return controller

    def close(self) -> None:
        for controller in self._made:
            controller.database.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder after its first start, and the password that was made up."""
    starts = Starts(tmp_path_factory.mktemp("first"))
    told: list[str] = []
    seed(starts(), told.append)
    starts.close()
    assert len(told) == 1
    return starts.home, told[0]


@pytest.fixture
def make(first: tuple[Path, str], tmp_path: Path) -> Iterator[Starts]:
    """Starts on a copy of that folder."""
    shutil.copytree(first[0], tmp_path / "home")
    found = Starts(tmp_path / "home")
    yield found
    found.close()


def _names(controller: Controller, model: type[Any], name: str = "name") -> dict[int, str]:
    with controller.database.reading() as session:
        return {row.id: getattr(row, name) for row in session.scalars(select(model).order_by(model.id))}


def _counts(controller: Controller) -> dict[str, int]:
    with controller.database.reading() as session:
        tables = m.Organization.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_a_password_is_made_up_where_none_is_given(make: Starts, first: tuple[Path, str]) -> None:
    password = first[1]
    assert len(password) >= 20
    with make().database.reading() as session:
        admin = session.get_one(m.User, 1)
        assert (admin.username, admin.is_superuser) == ("admin", True)
        assert passwords.verify(password, admin.password)
        assert password not in admin.password
    told: list[str] = []
    seed(make(), told.append)
    assert told == [], "it is said once"


def test_a_password_that_could_not_be_told_does_not_count(tmp_path: Path) -> None:
    starts = Starts(tmp_path)

    def ended(_password: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        seed(starts(), ended)
    told: list[str] = []
    seed(starts(), told.append)
    with starts().database.reading() as session:
        assert passwords.verify(told[0], session.get_one(m.User, 1).password)
    starts.close()


def test_a_password_that_is_given_is_taken_once(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    told: list[str] = []
    seed(starts(admin_password=SecretStr("first")), told.append)
    seed(starts(admin_password=SecretStr("second")), told.append)
    assert told == []
    with starts().database.reading() as session:
        kept = session.get_one(m.User, 1).password
    starts.close()
    assert passwords.verify("first", kept)
    assert not passwords.verify("second", kept)


def test_objects_have_the_ids_that_clients_know(make: Starts) -> None:
    controller = make()
    assert _names(controller, m.Organization) == {1: "Default"}
    assert _names(controller, m.Inventory) == {1: "Demo Inventory"}
    assert _names(controller, m.Host) == {1: "localhost"}
    assert _names(controller, m.Credential) == {1: "Demo Credential", 2: "Ansible Galaxy"}
    assert _names(controller, m.UnifiedJobTemplate) == {
        1: "Cleanup Job Details",
        2: "Cleanup Activity Stream",
        4: "Cleanup Expired Sessions",
        5: "Cleanup Expired OAuth 2 Tokens",
        6: "Demo Project",
        7: "Demo Job Template",
    }
    assert _names(controller, m.Instance, "hostname") == {1: "node1"}
    assert _names(controller, m.InstanceGroup) == {1: "controlplane", 2: "default"}
    types = _names(controller, m.CredentialType)
    assert (types[1], types[19], len(types)) == (
        "Machine",
        "Ansible Galaxy/Automation Hub API Token",
        len(credential_types.MANAGED),
    )
    singletons = {name for name in _names(controller, m.Role, "singleton_name").values() if name}
    assert singletons == {"system_administrator", "system_auditor"}


def test_the_demo_template_can_run(make: Starts) -> None:
    controller = make()
    with controller.database.reading() as session:
        template = session.get_one(m.JobTemplate, 7)
        folder = controller.settings.projects / (template.project.local_path or "")
        assert [one.name for one in template.credentials] == ["Demo Credential"]
        assert template.inventory_id == 1
    play = yaml.safe_load((folder / template.playbook).read_text())
    assert play[0]["hosts"] == "all"


def test_later_starts_change_nothing_that_people_did(make: Starts) -> None:
    controller = make()
    before = _counts(controller)
    seed(make())
    assert _counts(controller) == before
    with controller.database.writing() as session:
        session.delete(session.get_one(m.JobTemplate, 7))
        session.get_one(m.Inventory, 1).name = "renamed"
        uuid = session.get_one(m.Setting, "INSTALL_UUID").value
    file = controller.settings.projects / "_6__demo_project" / "hello_world.yml"
    file.write_text("[]\n")
    seed(make())
    assert 7 not in _names(controller, m.UnifiedJobTemplate)
    assert _names(controller, m.Inventory) == {1: "renamed"}
    assert file.read_text() == "[]\n"
    with controller.database.reading() as session:
        assert session.get_one(m.Setting, "INSTALL_UUID").value == uuid


def test_built_in_types_are_what_this_version_says(make: Starts) -> None:
    controller = make()
    with controller.database.writing() as session:
        row = session.get_one(m.CredentialType, 1)
        row.name, row.inputs = "old", {"fields": []}
        session.delete(session.get_one(m.CredentialType, 3))
    seed(make())
    assert _names(controller, m.CredentialType)[1] == "Machine"
    assert _names(controller, m.CredentialType)[3] == "Vault"


def test_this_instance_goes_by_its_name_of_today(make: Starts) -> None:
    controller = make()
    seed(make(node_name="node2"))
    with controller.database.reading() as session:
        row = session.get_one(m.Instance, 1)
        assert (row.hostname, row.version) == ("node2", "24.6.1")
        assert row.capacity > 0
        assert row.memory > 0
