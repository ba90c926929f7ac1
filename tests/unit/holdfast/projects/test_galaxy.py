# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and collections that a project requires, installed by the real ``ansible-galaxy`` without a Galaxy."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from holdfast.projects import galaxy
from holdfast.projects.errors import ProjectError
from holdfast.projects.galaxy import Galaxy, Server
from holdfast.projects.process import Programs, environment

SERVERS = (Server("https://galaxy.invalid/", token="t0ken"),)


class Place:
    def __init__(self, folder: Path) -> None:
        self.tree, self.kept, self.private = (folder / name for name in ("tree", "kept", "private"))
        for path in (self.tree, self.kept, self.private):
            path.mkdir()
        self.said: list[str] = []

    def install(self, **more: object) -> None:
        for path in self.private.glob("galaxy.cfg"):
            path.unlink()
        programs = Programs(self.said.append, lambda: False)
        wanted = Galaxy(**{"servers": SERVERS, **more})  # type: ignore[arg-type]
        galaxy.install(
            self.tree, self.kept, wanted, programs, self.private, environment(self.private, {}), self.said.append
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_is_required(place: Place) -> None:
    (place.kept / galaxy.ROLES).mkdir()
    place.install()
    assert place.said == [] and os.listdir(place.kept) == []


def role(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, text in (("r/meta/main.yml", "galaxy_info: {}\ndependencies: []\n"), ("r/tasks/main.yml", "[]\n")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            file.addfile(info, io.BytesIO(text.encode()))
    return path


def test_a_role_is_installed_once(place: Place, tmp_path: Path) -> None:
    archive = role(tmp_path / "r.tar.gz")
    (place.tree / "roles").mkdir()
    (place.tree / "roles/requirements.yml").write_text(f"- src: file://{archive}\n  name: mine\n")
    place.install()
    assert (place.kept / galaxy.ROLES / "mine/tasks/main.yml").is_file()
    assert place.said[0] == "Install the roles that roles/requirements.yml names"
    config = place.private / "galaxy.cfg"
    assert config.stat().st_mode & 0o777 == 0o600 and "t0ken" in config.read_text()
    place.said.clear()
    place.install()
    assert place.said == ["The roles and collections that the project requires are installed already"]
    (place.tree / "roles/requirements.yml").unlink()
    place.install()
    assert not (place.kept / galaxy.ROLES).exists()


def test_what_cannot_be_installed_leaves_what_was(place: Place, tmp_path: Path) -> None:
    archive = role(tmp_path / "r.tar.gz")
    (place.tree / "requirements.yml").write_text(f"roles:\n  - src: file://{archive}\n    name: mine\n")
    place.install()
    (place.tree / "requirements.yml").write_text("roles:\n  - src: file:///nowhere.tar.gz\n    name: other\n")
    with pytest.raises(ProjectError, match=r"the roles that requirements.yml names could not be installed"):
        place.install()
    assert os.listdir(place.kept / galaxy.ROLES) == ["mine"]


def test_switched_off_or_without_a_server(place: Place) -> None:
    (place.tree / "collections").mkdir()
    (place.tree / "collections/requirements.yml").write_text("collections:\n  - name: a.b\n")
    place.install(collections=False)
    assert place.said == []
    place.install(servers=())
    assert place.said[0].endswith("has no Galaxy credentials: none installed")


def test_which_files_count(place: Place) -> None:
    (place.tree / "requirements.yaml").write_text("collections: []\n")
    assert galaxy.required(place.tree) == {galaxy.COLLECTIONS: [place.tree / "requirements.yaml"]}
    (place.tree / "requirements.yml").write_text("[]\n")
    assert galaxy.required(place.tree) == {galaxy.ROLES: [place.tree / "requirements.yml"]}
    (place.tree / "requirements.yml").write_text("{")
    with pytest.raises(ProjectError, match=r"requirements.yml cannot be read"):
        galaxy.required(place.tree)
    (place.tree / "requirements.yml").unlink()
    (place.tree / "requirements.yml").symlink_to("/etc/hostname")
    assert galaxy.COLLECTIONS in galaxy.required(place.tree)
