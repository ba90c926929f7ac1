# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of projects: named as AWX names them, never out of their root, held by one update at a time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from holdfast.projects import listing, places
from holdfast.projects.errors import Cancelled, ProjectError


def test_names() -> None:
    assert places.folder_name(6, "Demo Project") == "_6__demo_project"
    assert places.folder_name(9, "Proj-Git  (é)") == "_9__proj_git_e"
    assert places.folder_name(1, "../../etc") == "_1__etc"


def test_what_is_no_folder(tmp_path: Path) -> None:
    for name in ("", None, ".", "..", "../x", "a/b", "/etc", ".git", "a\0b"):
        with pytest.raises(ProjectError, match="no folder for a project"):
            places.path_of(tmp_path, name)
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(ProjectError, match="is a link"):
        places.path_of(tmp_path, "link")
    assert not places.is_there(tmp_path, "link")
    assert places.changed(tmp_path, "../x") is None


def test_folders_that_manual_projects_may_have(tmp_path: Path) -> None:
    for name in ("b", "a", "used", "_6__x", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert places.unused(tmp_path, ["used", None]) == ["a", "b"]
    assert places.unused(tmp_path / "none", []) == []


def test_only_fetched_files_are_removed(tmp_path: Path) -> None:
    for name in ("manual", "_1__x"):
        (tmp_path / name / "inner").mkdir(parents=True)
    places.kept(tmp_path, "_1__x")
    for name in ("manual", "", None, "_1__x"):
        places.remove(tmp_path, name)
    assert sorted(os.listdir(tmp_path)) == [".holdfast", "manual"]
    assert os.listdir(tmp_path / ".holdfast") == []


def test_an_update_is_alone(tmp_path: Path) -> None:
    order = []
    inside = threading.Event()

    def later() -> None:
        inside.wait(5)
        with places.locked(tmp_path, "_1__x", alone=True):
            order.append("second")

    thread = threading.Thread(target=later)
    thread.start()
    with places.locked(tmp_path, "_1__x", alone=False), places.locked(tmp_path, "_1__x", alone=False):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    with places.locked(tmp_path, "_1__x", alone=True):
        with pytest.raises(Cancelled), places.locked(tmp_path, "_1__x", alone=True, cancelled=lambda: True):
            pass
        busy = pytest.raises(ProjectError, match="still being changed")
        with busy, places.locked(tmp_path, "_1__x", alone=False, patience=0.01):
            pass


def test_playbooks_and_inventories(tmp_path: Path) -> None:
    play = "- hosts: all\n"
    files = {
        "site.yml": play,
        "Other.yaml": "---\n# first\n-   import_playbook: site.yml\n",
        "sub/deep.yml": "- name: x\n  hosts: web\n",
        "vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "bad.yml": "- hosts: [\n",
        "vars.yml": "a: 1\nghosts: 2\n",
        "roles/r/tasks/main.yml": play,
        "tasks/x.yml": play,
        "group_vars/all.yml": play,
        "host_vars/h.yml": play,
        ".github/x.yml": play,
        ".hidden.yml": play,
        "readme.txt": play,
        "hosts": "localhost\n",
        "inv/static": "[web]\nh1\n",
        "inv/what": "#!/bin/sh\n# nothing\n",
        "prod.ini": "x",
        "notes": "* not an inventory\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "out.yml").symlink_to("/etc/passwd")
    assert listing.playbooks(tmp_path) == [
        ".hidden.yml",
        "bad.yml",
        "Other.yaml",
        "site.yml",
        "sub/deep.yml",
        "vault.yml",
    ]
    assert listing.inventories(tmp_path) == ["hosts", "inv/static", "prod.ini"]
