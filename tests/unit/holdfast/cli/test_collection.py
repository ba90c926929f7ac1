# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection is looked for, and what is said when it is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from holdfast.cli.collection import require_collection


def installed(folder: Path, mark: str = "MANIFEST.json") -> Path:
    found = folder / "ansible_collections" / "holdfast" / "ops"
    found.mkdir(parents=True)
    (found / mark).touch()
    return found


@pytest.fixture(autouse=True)
def _only_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``pip install`` alone: the hands lie in no collection."""
    monkeypatch.setattr(home, "collections_path", lambda: None)
    for name in ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.chdir(tmp_path)


def test_its_own_collection_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "collections_path", lambda: tmp_path)
    assert require_collection() == tmp_path / "ansible_collections" / "holdfast" / "ops"


def test_the_default_places(tmp_path: Path) -> None:
    found = installed(tmp_path / "me" / ".ansible" / "collections")
    assert require_collection() == found


def test_the_variable_and_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = installed(tmp_path / "one"), installed(tmp_path / "other")
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\ncollections_path = /nowhere:{tmp_path}/other\n")
    assert require_collection() == other
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", f"/nowhere:{tmp_path}/one")
    assert require_collection() == one


def test_a_part_of_it_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path / "part", "README.md")
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path / "part"))
    with pytest.raises(HoldfastError, match=r"ansible-galaxy collection install holdfast-ops-\*\.tar\.gz"):
        require_collection()
