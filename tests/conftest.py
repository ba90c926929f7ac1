# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test stands on: this checkout is holdfast.ops, here and in every program that a test starts."""

from __future__ import annotations

import contextlib
import os

import pytest

from tests import importable as _importable  # noqa: F401 - before anything that imports from the collection

with contextlib.suppress(ImportError):
    from hypothesis import settings

    # How long one example takes says more of the machine than of the code.
    settings.register_profile("holdfast", deadline=None)
    settings.load_profile("holdfast")

REAL_PROCESSES = frozenset({"acceptance", "contract", "lab", "packaging", "roles", "terminal"})
"""Folders whose tests run real programs against real time: on a busy machine one of them may need a second try."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Try a test of real processes once more before it counts as failed; the summary names each that needed it."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if REAL_PROCESSES.intersection(item.path.parts):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep runs and locks of the tests out of the home of whoever runs them."""
    os.environ["HOLDFAST_HOME"] = str(tmp_path_factory.mktemp("holdfast-home"))
