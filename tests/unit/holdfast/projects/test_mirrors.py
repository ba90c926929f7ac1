# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects are fetched from the mirrors that the git configuration of the controller's user names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from holdfast.projects import git, mirrors, urls
from holdfast.projects.errors import ProjectError
from holdfast.projects.git import Repository, Wanted
from holdfast.projects.process import Programs, environment

from .sources import PLAYBOOK, Origin


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    path = folder / "gitconfig"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))


def repository(folder: Path, url: str) -> Repository:
    private = folder / "private"
    private.mkdir()
    programs = Programs(lambda _line: None, lambda: False)
    return git.Repository(folder / "tree", urls.source("git", url), programs, environment(private, {}))


def test_a_mirror_in_a_folder_is_fetched_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin(tmp_path / "mirror" / "team" / "play")
    commit = origin.commit(site__yml=PLAYBOOK)
    configure(monkeypatch, tmp_path, f'[url "{tmp_path}/mirror/"]\n insteadOf = https://git.example.invalid/\n')
    fetched = repository(tmp_path, "https://git.example.invalid/team/play").update(Wanted(), lambda _step: None)
    assert fetched == commit
    assert (tmp_path / "tree" / "site.yml").is_file()


def test_addresses_without_a_mirror_are_asked_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, tmp_path, f'[url "{tmp_path}/mirror/"]\n insteadOf = https://other.example.invalid/\n')
    with pytest.raises(ProjectError, match=r"git\.example\.invalid"):
        repository(tmp_path, "https://git.example.invalid/team/play").update(Wanted(), lambda _step: None)


def test_nothing_else_of_the_configuration_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        '[url "https://mirror.example/"]\n insteadOf = https://git.example/\n'
        '[url "https://joe:s3cret@mirror.example/"]\n insteadOf = https://private.example/\n'
        "[core]\n sshCommand = evil\n[credential]\n helper = store\n"
    )
    configure(monkeypatch, tmp_path, text)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert mirrors.settings() == ["url.https://mirror.example/.insteadof=https://git.example/"]
    assert not mirrors.are_local(mirrors.settings())


def test_without_a_configuration_there_are_none(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    assert mirrors.settings(environ) == []
