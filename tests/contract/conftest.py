# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clients and a real controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.clients import Clients, client_environment, collection_is_here
from tests.contract.stage import Stage, prepare
from tests.served import controller

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here takes a served controller and minutes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def clients() -> Clients:
    """The programs that people use against an AWX."""
    return client_environment()


@pytest.fixture(scope="session")
def collection(clients: Clients) -> Clients:
    """The same, where awx.awx is installed as well."""
    if not collection_is_here():
        pytest.skip("awx.awx is not installed; it comes with PyPI's ansible package")
    return clients


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A controller with some objects, for tests that leave these as they are."""
    home: Path = tmp_path_factory.mktemp("served")
    with controller(home, HOLDFAST_PROJECT_FILE_ROOTS=str(home)) as served:
        yield prepare(served)
