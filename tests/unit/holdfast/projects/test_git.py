# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects from real git repositories: branches, tags, commits, refspecs, submodules, credentials, other branches."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from holdfast.projects import access, git, urls
from holdfast.projects.access import Credential
from holdfast.projects.errors import Cancelled, ProjectError
from holdfast.projects.git import Repository, Wanted
from holdfast.projects.process import Programs, environment

from .sources import PLAYBOOK, Origin, serve_git, web


def ignore(_text: str) -> None:
    pass


class Place:
    """Where a repository is checked out in a test."""

    def __init__(self, folder: Path, origin: Origin | None = None) -> None:
        self.folder = folder
        self.origin = origin or Origin(folder / "origin")
        self.tree = folder / "tree"
        self.private = folder / "private"
        self.private.mkdir()
        self.steps: list[str] = []
        self.over = False

    def repository(self, url: str = "", credential: Credential | None = None) -> Repository:
        source = urls.source("git", url or self.origin.url, (self.folder,))
        programs = Programs(ignore, lambda: self.over)
        env = environment(self.private, {})
        if credential is not None:
            env.update(access.for_git(source, credential, self.private, self.folder / "known_hosts"))
        return Repository(self.tree, source, programs, env, (self.folder,))

    def update(self, branch: str = "", **more: object) -> str:
        return self.repository().update(Wanted(branch, **more), self.steps.append)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_default_branch_and_what_comes_after(place: Place) -> None:
    first = place.origin.commit(site__yml=PLAYBOOK)
    assert place.update() == first
    assert (place.tree / "site.yml").read_text() == PLAYBOOK
    assert place.steps == [f"Fetch the default branch from {place.origin.url}", f"Check out {first}"]
    second = place.origin.commit(other__yml=PLAYBOOK)
    assert place.update() == second
    assert (place.tree / "other.yml").is_file()
    log = subprocess.run(["git", "log", "--oneline"], cwd=place.tree, capture_output=True, text=True, check=True)
    assert len(log.stdout.splitlines()) == 1  # without history


def test_branches_tags_and_commits(place: Place) -> None:
    first = place.origin.commit(a__yml="one")
    place.origin.git("tag", "-a", "v1", "-m", "one")
    place.origin.git("branch", "release/1")
    second = place.origin.commit(a__yml="two")
    for branch, commit in (("v1", first), ("main", second), ("release/1", first), (second, second), (first, first)):
        assert place.update(branch) == commit
    assert place.update(second[:10]) == second
    with pytest.raises(ProjectError, match="couldn't find remote ref nope"):
        place.update("nope")
    with pytest.raises(ProjectError, match="is no branch"):
        place.update("--upload-pack=touch x")
    assert place.repository().head() == second


def test_a_short_commit_of_the_past_is_searched(place: Place) -> None:
    first = place.origin.commit(a__yml="one")
    place.origin.commit(a__yml="two")
    place.update("main")
    assert place.update(first[:8]) == first
    with pytest.raises(ProjectError, match="git fetch"):
        place.update("0123456789")


def test_a_refspec_brings_what_is_no_branch(place: Place) -> None:
    place.origin.commit(a__yml="one")
    place.origin.git("checkout", "--quiet", "-b", "change")
    change = place.origin.commit(a__yml="two")
    place.origin.git("update-ref", "refs/pull/7/head", change)
    place.origin.git("checkout", "--quiet", "main")
    place.origin.git("branch", "-D", "change")
    refspec = "+refs/pull/*:refs/remotes/origin/pull/*"
    assert place.update("pull/7/head", refspec=refspec) == change
    with pytest.raises(ProjectError, match="is no refspec"):
        place.update("main", refspec="--upload-pack=x")


def test_a_source_that_is_gone_fails_and_leaves_the_files(place: Place) -> None:
    place.tree.mkdir()
    (place.tree / "site.yml").write_text(PLAYBOOK)
    with pytest.raises(ProjectError, match="git fetch"):
        place.update()
    assert (place.tree / "site.yml").read_text() == PLAYBOOK
    first = place.origin.commit(new__yml=PLAYBOOK)
    assert place.update() == first
    assert sorted(os.listdir(place.tree)) == [".git", "new.yml"]
    place.origin.path.rename(place.folder / "elsewhere")
    with pytest.raises(ProjectError, match="git fetch"):
        place.update()  # not the commit that is here already
    assert (place.tree / "new.yml").is_file()


def test_another_source_takes_the_place_of_the_first(place: Place) -> None:
    place.origin.commit(a__yml="one", b__yml="b")
    place.update()
    other = Origin(place.folder / "other")
    commit = other.commit(a__yml="two")
    assert place.repository(other.url).update(Wanted(), ignore) == commit
    assert sorted(os.listdir(place.tree)) == [".git", "a.yml"]


def test_local_changes_are_only_discarded_where_that_is_wanted(place: Place) -> None:
    place.origin.commit(a__yml="one")
    place.update()
    (place.tree / "a.yml").write_text("mine")
    place.origin.commit(a__yml="two")
    with pytest.raises(ProjectError, match="was changed where it lies"):
        place.update()
    assert (place.tree / "a.yml").read_text() == "mine"
    (place.tree / "left").write_text("over")
    place.update(clean=True)
    assert (place.tree / "a.yml").read_text() == "two"
    assert not (place.tree / "left").exists()


def test_submodules(place: Place) -> None:
    inner, part = Origin(place.folder / "inner"), Origin(place.folder / "part")
    inner.commit(deep__yml="deep")
    part.commit(part__yml="one")
    part.git("submodule", "--quiet", "add", "../inner", "inner")
    part.commit()
    place.origin.commit(site__yml=PLAYBOOK)
    place.origin.git("submodule", "--quiet", "add", f"file://{place.folder}/part", "lib/part")
    place.origin.commit()
    place.update()
    assert (place.tree / "lib/part/part.yml").read_text() == "one"
    assert (place.tree / "lib/part/inner/deep.yml").read_text() == "deep"
    part.commit(part__yml="two")
    place.update()
    assert (place.tree / "lib/part/part.yml").read_text() == "one"
    place.update(track_submodules=True)
    assert (place.tree / "lib/part/part.yml").read_text() == "two"


@pytest.mark.parametrize("url", ["file:///srv/secret", "/srv/secret", "../../../../srv/secret", "ext::touch x", "-x"])
def test_submodules_come_from_where_projects_may_come_from(place: Place, url: str) -> None:
    place.origin.commit(__gitmodules=f'[submodule "x"]\n\tpath = x\n\turl = {url}\n')
    place.origin.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
    place.origin.git("commit", "--quiet", "-m", "hostile")
    with pytest.raises(ProjectError, match="the submodule"):
        place.update()


def test_every_address_of_a_submodule_is_judged(place: Place) -> None:
    allowed = f"\tpath = x\n\turl = file://{place.folder}/part\n"
    hostile = "\tpath = x\n\turl = file:///srv/secret\n"
    place.origin.commit(__gitmodules=f'[submodule "a"]\n{hostile}[submodule "b"]\n{allowed}')
    with pytest.raises(ProjectError, match="the submodule 'file:///srv/secret'"):
        place.update()


@pytest.mark.parametrize("path", [".", "x/..", ""])
def test_a_submodule_is_not_its_own(place: Place, path: str) -> None:
    Origin(place.folder / "part").commit(a__yml="one")
    line = f"\tpath = {path}\n" if path else ""
    place.origin.commit(__gitmodules=f'[submodule "a"]\n{line}\turl = file://{place.folder}/part\n')
    head = place.origin.commit(a__yml="one")
    assert place.update() == head


def test_a_git_that_was_killed_holds_nothing_up(place: Place) -> None:
    place.origin.commit(a__yml="one")
    place.update()
    for name in ("index.lock", "shallow.lock", "HEAD.lock", "config.lock"):
        (place.tree / ".git" / name).touch()
    head = place.origin.commit(a__yml="two")
    assert place.update() == head
    (place.tree / ".git/shallow.lock").touch()
    place.origin.git("checkout", "--quiet", "-b", "feature")
    feature = place.origin.commit(a__yml="feature")
    assert place.repository().export(Wanted("feature"), place.folder / "there", ignore) == feature


def test_hooks_of_the_tree_do_not_run(place: Place) -> None:
    place.origin.commit(a__yml="one")
    place.update()
    hook = place.tree / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {place.folder}/ran\n")
    hook.chmod(0o755)
    place.origin.commit(a__yml="two")
    place.update()
    assert not (place.folder / "ran").exists()


def test_another_branch_for_one_job(place: Place) -> None:
    place.origin.commit(a__yml="main")
    place.origin.git("checkout", "--quiet", "-b", "feature")
    feature = place.origin.commit(a__yml="feature")
    place.origin.git("checkout", "--quiet", "main")
    place.update()
    for name, branch in (("one", "feature"), ("two", feature)):
        there = place.folder / name
        assert place.repository().export(Wanted(branch), there, ignore) == feature
        assert (there / "a.yml").read_text() == "feature"
        assert not (there / ".git").exists()
    assert (place.tree / "a.yml").read_text() == "main"


def test_a_password_reaches_only_its_host(place: Place) -> None:
    commit = place.origin.commit(a__yml="one")
    credential = Credential("somebody", "s3cret:@/'$x")
    with web(serve_git(place.folder, credential.username, credential.password)) as address:
        with pytest.raises(ProjectError, match=r"terminal prompts disabled|Authentication failed"):
            place.repository(f"{address}/origin").update(Wanted(), ignore)
        place.private.joinpath("username").unlink(missing_ok=True)
        repository = place.repository(f"{address}/origin", credential)
        assert repository.update(Wanted(), ignore) == commit
    kept = "".join(path.read_text("utf-8", "replace") for path in (place.tree / ".git").rglob("*") if path.is_file())
    assert "s3cret" not in kept
    answer = place.private / "answer"
    other = subprocess.run(
        [answer, "Password for 'http://evil.example': "], capture_output=True, text=True, check=False
    )
    assert (other.returncode, other.stdout) == (1, "")
    host = address.removeprefix("http://")
    own = subprocess.run(
        [answer, f"Password for 'http://somebody@{host}': "], capture_output=True, text=True, check=False
    )
    assert own.stdout == credential.password
    assert [path.stat().st_mode & 0o077 for path in place.private.iterdir()] == [0, 0, 0]


def test_a_password_in_the_address_goes_the_same_way(place: Place) -> None:
    commit = place.origin.commit(a__yml="one")
    with web(serve_git(place.folder, "me", "p@ss")) as address:
        url = address.replace("http://", "http://me:p%40ss@") + "/origin"
        repository = place.repository(url, Credential())
        assert repository.update(Wanted(), place.steps.append) == commit
    assert "p%40ss" not in "".join(place.steps) and "me:" not in "".join(place.steps)


def test_ssh_gets_the_key_and_no_other_way_in(tmp_path: Path) -> None:
    source = urls.source("git", "git@example.com:a.git")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open", "-f", tmp_path / "id"], check=True)
    credential = Credential("git", "", (tmp_path / "id").read_text(), "open")
    private = tmp_path / "private"
    private.mkdir()
    command = access.for_git(source, credential, private, tmp_path / "known_hosts")["GIT_SSH_COMMAND"]
    assert "open" not in command.split() and "PRIVATE" not in command
    assert f"IdentityFile={private}/key" in command and "IdentitiesOnly=yes" in command and "-F none" in command
    assert (private / "key").stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", private / "key"], capture_output=True, check=True)
    assert shown.stdout.split()[:2] == (tmp_path / "id.pub").read_bytes().split()[:2]
    assert "IdentityFile=none" in access.for_git(source, Credential(), private, tmp_path / "k")["GIT_SSH_COMMAND"]


def stuck(started: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        started.set()
        handler.connection.settimeout(20)
        handler.rfile.read(1)

    return answer


def test_a_fetch_that_hangs_is_ended(place: Place) -> None:
    place.origin.commit(a__yml="one")
    started = threading.Event()
    with web(stuck(started)) as address:
        began = time.monotonic()
        threading.Thread(target=lambda: (started.wait(5), setattr(place, "over", True))).start()
        with pytest.raises(Cancelled):
            place.repository(f"{address}/origin").update(Wanted(), ignore)
        assert time.monotonic() - began < 4
        source = urls.source("git", f"{address}/origin")
        late = Programs(ignore, lambda: False, time.monotonic() + 0.3)
        with pytest.raises(ProjectError, match="longer than its timeout"):
            git.Repository(place.tree, source, late, environment(place.private, {})).update(Wanted(), ignore)
