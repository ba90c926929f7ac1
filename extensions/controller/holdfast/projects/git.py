# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project from a git repository: fetched as shallow as it can be, checked out as asked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.projects import mirrors
from holdfast.projects.errors import ProjectError
from holdfast.projects.process import Programs
from holdfast.projects.urls import Source, is_branch, is_refspec, source

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_FULL = re.compile(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "safe.directory=*",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
    "http.followRedirects=initial",
)


@dataclass(frozen=True)
class Wanted:
    """What is to be checked out."""

    branch: str = ""
    refspec: str = ""
    clean: bool = False
    track_submodules: bool = False


class Repository:
    """The repository of a project and its working tree.

    ``env`` are the variables of git, among them those that let it reach the source. ``file_roots`` are the folders
    below which repositories on this machine may lie.
    """

    def __init__(
        self, tree: Path, source: Source, programs: Programs, env: Mapping[str, str], file_roots: Sequence[Path] = ()
    ) -> None:
        self._tree = tree
        self._source = source
        self._programs = programs
        self._file_roots = file_roots
        self._config = (*_CONFIG, *mirrors.settings())
        local = source.scheme == "file" or mirrors.are_local(self._config)
        protocols = ["https", "http", "ssh", "git", *(["file"] if local else [])]
        self._env = {
            **env,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        }

    def update(self, wanted: Wanted, say: Callable[[str], None]) -> str:
        """Fetch and check out what is wanted; returns the commit. Raises ProjectError or Cancelled."""
        check(wanted)
        self._prepare()
        say(f"Fetch {wanted.branch or 'the default branch'} from {self._source.plain}")
        commit = self._fetch(wanted)
        say(f"Check out {commit}")
        self._check_out(commit, wanted)
        self._submodules(self._tree, self._source.plain, wanted, say)
        return self.head()

    def head(self) -> str:
        """The commit that is checked out, "" for none."""
        status, said = self._git("rev-parse", "--verify", "--quiet", "HEAD")
        return said.strip() if status == 0 else ""

    def export(self, wanted: Wanted, destination: Path, say: Callable[[str], None]) -> str:
        """Check out something else than what the working tree holds, elsewhere; returns the commit."""
        check(wanted)
        self._prepare()
        commit = self._have(wanted.branch) if _FULL.fullmatch(wanted.branch) else ""
        commit = commit or self._fetch(wanted)
        self._must("worktree", "prune")
        self._must("worktree", "add", "--force", "--detach", "--", str(destination), commit)
        self._submodules(destination, self._source.plain, wanted, say)
        (destination / ".git").unlink(missing_ok=True)
        self._must("worktree", "prune")
        return commit

    # --- parts ----------------------------------------------------------------------------------------------------

    def _git(self, *arguments: str, folder: Path | None = None) -> tuple[int, str]:
        config = [text for one in self._config for text in ("-c", one)]
        return self._programs.run(["git", *config, *arguments], folder or self._tree, self._env, quiet=True)

    def _must(self, *arguments: str, folder: Path | None = None) -> str:
        status, said = self._git(*arguments, folder=folder)
        if status != 0:
            raise ProjectError(f"git {arguments[0]}: {_short(said) or f'ended with status {status}'}")
        return said

    def _prepare(self) -> None:
        """A repository whose origin is the source. Files that lie there stay until others have been fetched."""
        if not (self._tree / ".git").is_dir():
            self._tree.mkdir(mode=0o755, exist_ok=True)
            self._must("init", "--quiet")
        self._unlock()
        self._must("config", "--local", "remote.origin.url", self._source.plain)

    def _unlock(self) -> None:
        """Remove the locks of a git that was killed: whoever is here has the files alone, and git waits for none."""
        for folder, folders, names in os.walk(self._tree / ".git"):
            folders[:] = [name for name in folders if name != "objects"]
            for name in names:
                if name.endswith(".lock"):
                    Path(folder, name).unlink(missing_ok=True)

    def _fetch(self, wanted: Wanted) -> str:
        """Fetch what is wanted; returns its commit."""
        for refspec in wanted.refspec.split():
            status, said = self._fetch_one(refspec)
            if status != 0:
                raise ProjectError(f"git fetch {refspec}: {said}")
        branch = wanted.branch or "HEAD"
        status, said = self._fetch_one(branch)
        if status == 0:
            return self._must("rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
        found = self._have(f"refs/remotes/origin/{branch}") if wanted.refspec else ""
        if not found and _COMMIT.fullmatch(branch):
            found = self._have(branch) or self._search(branch)
        if not found:
            raise ProjectError(f"git fetch: {said or f'there is no {branch}'}")
        return found

    def _fetch_one(self, what: str) -> tuple[int, str]:
        """Fetch without history; with it from who gives nothing less."""
        plain = ("fetch", "--quiet", "--force", "--no-tags")
        status, said = self._git(*plain, "--depth", "1", "origin", what)
        if status != 0 and "shallow" in said:
            status, said = self._git(*plain, "origin", what)
        return status, _short(said)

    def _search(self, commit: str) -> str:
        """A commit that the other side does not give by itself is among all that it has."""
        self._git("fetch", "--quiet", "--unshallow", "origin")
        self._must("fetch", "--quiet", "--force", "--tags", "origin", _ALL_BRANCHES)
        return self._have(commit)

    def _have(self, name: str) -> str:
        """The commit of a name that is here already, "" for none."""
        status, said = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return said.split()[-1] if status == 0 and said.split() else ""

    def _check_out(self, commit: str, wanted: Wanted) -> None:
        first = not self.head()
        if not (first or wanted.clean) and self._must("status", "--porcelain", "--untracked-files=no").strip():
            raise ProjectError(
                "the project was changed where it lies; let the update discard local changes (scm_clean), or undo them"
            )
        self._must("checkout", "--quiet", "--force", "--detach", commit)
        if first or wanted.clean:
            self._must("clean", "-ffd", "--quiet")

    def _submodules(self, tree: Path, base: str, wanted: Wanted, say: Callable[[str], None]) -> None:
        """Check out the submodules of a working tree that was fetched from ``base``, and theirs."""
        if not (tree / ".gitmodules").is_file():
            return
        say("Update submodules")
        modules = self._modules(tree)
        urls = {path: self._allowed(base, url) for path, url in modules}
        self._must("submodule", "--quiet", "sync", folder=tree)
        latest = ("--remote",) if wanted.track_submodules else ()
        self._must("submodule", "--quiet", "update", "--init", "--force", *latest, folder=tree)
        for path, url in urls.items():
            inner = tree / path
            below = inner.resolve() != tree.resolve() and inner.resolve().is_relative_to(tree.resolve())
            if below and not inner.is_symlink():
                self._submodules(inner, url, wanted, say)

    def _modules(self, tree: Path) -> list[tuple[str, str]]:
        """The path and the address of each submodule; several may name one path, and git takes any of them."""
        said = self._must("config", "--file", ".gitmodules", "--null", "--get-regexp", r"\.(path|url)$", folder=tree)
        found: dict[str, dict[str, str]] = {}
        for entry in said.split("\0"):
            key, _unused, value = entry.strip("\n").partition("\n")
            name, _unused, kind = key.rpartition(".")
            if kind:
                found.setdefault(name, {})[kind] = value
        return [(one.get("path", ""), one["url"]) for one in found.values() if "url" in one]

    def _allowed(self, base: str, url: str) -> str:
        """The address of a submodule as a whole. Raises ProjectError for one that projects may not be fetched from."""
        if url.startswith(("./", "../")):
            if not base.startswith("file://"):
                return f"{base}/{url}"
            url = f"file://{os.path.normpath(base.removeprefix('file://') + '/' + url)}"
        try:
            return source("git", url, self._file_roots).plain
        except ValueError as error:
            raise ProjectError(f"the submodule {url!r}: {error}") from None


_ALL_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"


def _short(said: str) -> str:
    """The last lines of what a program said."""
    return "\n".join(said.strip().splitlines()[-20:])


def check(wanted: Wanted) -> None:
    """Raise ProjectError for a branch or refspec that git would take for something else."""
    if not is_branch(wanted.branch):
        raise ProjectError(f"{wanted.branch!r} is no branch, tag or commit")
    if not is_refspec(wanted.refspec):
        raise ProjectError(f"{wanted.refspec!r} is no refspec")
