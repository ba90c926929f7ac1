# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and collections that a project requires, installed beside it by ``ansible-galaxy``."""

from __future__ import annotations

import configparser
import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from holdfast.projects.access import write
from holdfast.projects.errors import ProjectError
from holdfast.projects.process import Programs

COLLECTIONS, ROLES = "requirements_collections", "requirements_roles"
_NAMES = ("requirements.yml", "requirements.yaml")
_STAMP = "installed"


@dataclass(frozen=True)
class Server:
    """A Galaxy server of an organization."""

    url: str
    token: str = ""
    auth_url: str = ""


@dataclass(frozen=True)
class Galaxy:
    """Where roles and collections come from, and whether they are installed at all."""

    servers: Sequence[Server] = ()
    roles: bool = True
    collections: bool = True
    ignore_certificates: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """True when there is anything to install from."""
        return bool(self.servers) and (self.roles or self.collections)


def required(tree: Path) -> dict[str, list[Path]]:
    """The files of a project that name roles and collections: in a folder of theirs, and one for both at its root."""
    root = _first(tree, tree)
    keys = _keys(root) if root is not None else frozenset()
    found: dict[str, list[Path]] = {}
    for kind, folder in ((ROLES, "roles"), (COLLECTIONS, "collections")):
        files = [_first(tree, tree / folder), root if folder in keys else None]
        if any(files):
            found[kind] = [path for path in files if path is not None]
    return found


def _first(tree: Path, folder: Path) -> Path | None:
    """The requirements file in a folder of the project."""
    for name in _NAMES:
        path = folder / name
        if path.is_file() and path.resolve().is_relative_to(tree.resolve()):
            return path
    return None


def _keys(path: Path) -> frozenset[str]:
    """What a file names: a list is one of roles, as it was once written."""
    try:
        with path.open(encoding="utf-8") as file:
            found = yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ProjectError(f"{path.name} cannot be read: {error}") from None
    if isinstance(found, list):
        return frozenset({"roles"})
    return frozenset(found) if isinstance(found, dict) else frozenset()


def install(
    tree: Path, kept: Path, galaxy: Galaxy, programs: Programs, private: Path, env: Mapping[str, str],
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Install what the project at ``tree`` requires into ``kept``, unless it is there. Raises ProjectError."""
    wanted = {kind: paths for kind, paths in required(tree).items() if _is_on(galaxy, kind)}
    for kind in (ROLES, COLLECTIONS):
        if kind not in wanted:
            shutil.rmtree(kept / kind, ignore_errors=True)
    if not wanted:
        return
    if not galaxy.enabled:
        say("The project requires roles or collections, and its organization has no Galaxy credentials: none installed")
        return
    stamp = _stamp(wanted, galaxy)
    if (kept / _STAMP).is_file() and (kept / _STAMP).read_text(encoding="utf-8") == stamp:
        say("The roles and collections that the project requires are installed already")
        return
    (kept / _STAMP).unlink(missing_ok=True)
    config = private / "galaxy.cfg"
    write(config, _config(galaxy))
    variables = {**env, **galaxy.environment, "ANSIBLE_CONFIG": str(config), "ANSIBLE_NOCOLOR": "1"}
    for kind, paths in wanted.items():
        _install(kind, paths, tree, kept, lambda what: programs.run(what, tree, variables), say)
    (kept / _STAMP).write_text(stamp, encoding="utf-8")


def _is_on(galaxy: Galaxy, kind: str) -> bool:
    return galaxy.roles if kind == ROLES else galaxy.collections


def _install(
    kind: str, paths: Sequence[Path], tree: Path, kept: Path, run: Callable[[list[str]], tuple[int, str]],
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Install what files name into a new folder, and put that into the place of the old one."""
    what = "role" if kind == ROLES else "collection"
    new, old = kept / f"{kind}.new", kept / f"{kind}.old"
    for folder in (new, old):
        shutil.rmtree(folder, ignore_errors=True)
    new.mkdir(mode=0o755)
    for path in paths:
        relative = path.relative_to(tree)
        say(f"Install the {what}s that {relative} names")
        status, said = run([_program(), what, "install", "--force", "-r", str(path), "-p", str(new)])
        if status != 0:
            last = next((line for line in reversed(said.splitlines()) if line.strip()), f"status {status}")
            raise ProjectError(f"the {what}s that {relative} names could not be installed: {last}")
    if (kept / kind).exists():
        (kept / kind).rename(old)
    new.rename(kept / kind)
    shutil.rmtree(old, ignore_errors=True)


def _program() -> str:
    beside = Path(sys.executable).parent / "ansible-galaxy"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("ansible-galaxy")
    if not found:
        raise ProjectError("ansible-galaxy was not found; it comes with ansible-core")
    return found


def _stamp(wanted: Mapping[str, list[Path]], galaxy: Galaxy) -> str:
    """What was installed from where, as a checksum."""
    digest = hashlib.sha256(json.dumps([server.url for server in galaxy.servers]).encode())
    for kind, paths in sorted(wanted.items()):
        for path in paths:
            digest.update(f"\0{kind}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _config(galaxy: Galaxy) -> str:
    """The settings of ansible-galaxy: its servers with their tokens, which stand in no variable and no argument."""
    parser = configparser.RawConfigParser()
    names = [f"server{number}" for number in range(len(galaxy.servers))]
    parser["galaxy"] = {"server_list": ",".join(names), "ignore_certs": str(galaxy.ignore_certificates)}
    for name, server in zip(names, galaxy.servers, strict=True):
        values: dict[str, Any] = {"url": server.url, "token": server.token, "auth_url": server.auth_url}
        parser[f"galaxy_server.{name}"] = {key: str(value).replace("\n", " ") for key, value in values.items() if value}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
