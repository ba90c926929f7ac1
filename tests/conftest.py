# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test stands on: this checkout is holdfast.ops, here and in every program that a test starts."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def _collections_root() -> Path:
    """Return the folder that holds `ansible_collections/holdfast/ops`; make one of links where there is none."""
    if REPOSITORY.parts[-3:] == ("ansible_collections", "holdfast", "ops"):
        return REPOSITORY.parents[2]
    for root in (REPOSITORY / ".venv" / "collections", REPOSITORY / ".cache" / "collections"):
        link = root / "ansible_collections" / "holdfast" / "ops"
        if link.is_dir() and link.resolve() == REPOSITORY:
            return root
    link.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(REPOSITORY)
    return root


def _make_importable(root: Path) -> None:
    """Start Ansible's loader, where Ansible is installed, before anything imports from the collection.

    The order matters: after a plain import of `ansible_collections.*` Ansible's loader finds none of its metadata.
    """
    paths = [str(root), *filter(None, [os.environ.get("ANSIBLE_COLLECTIONS_PATH")])]
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = os.pathsep.join(paths)
    if str(root) not in sys.path:
        sys.path.append(str(root))
    try:
        from ansible.plugins.loader import init_plugin_loader
        from ansible.utils.collection_loader import AnsibleCollectionConfig
    except ImportError:  # the core's own tests also run on a Python without Ansible
        return
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([str(root)])


_make_importable(_collections_root())


with contextlib.suppress(ImportError):
    from hypothesis import settings

    # How long one example takes says more of the machine than of the code.
    settings.register_profile("holdfast", deadline=None)
    settings.load_profile("holdfast")

REAL_PROCESSES = frozenset({"acceptance", "contract", "packaging", "roles", "terminal"})
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
