# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Holdfast keeps what must last, and where its collection lies.

``HOLDFAST_HOME`` (default: the XDG state folder) is this person's own; ``HOLDFAST_STORE`` (default: the home) is the
folder that decides for records and locks together, so that everybody who shares it shares both.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands._bootstrap import ROOT

HOME = "HOLDFAST_HOME"
STORE = "HOLDFAST_STORE"
PRIVATE = 0o700
SHARED = 0o2770
SPOOL = 0o3770
"""Permissions of folders: the owner's, the group's, and the group's with files that only their owners may remove."""


_ODD = ",:\n"


def home(environ: Optional[Mapping[str, str]] = None) -> Path:
    """The state folder of this person; not made here."""
    env = os.environ if environ is None else environ
    named = env.get(HOME, "")
    if named:
        return Path(named).expanduser().absolute()
    base = env.get("XDG_STATE_HOME", "") or "~/.local/state"
    return Path(base).expanduser().absolute() / "holdfast"


def store(environ: Optional[Mapping[str, str]] = None) -> Path:
    """The folder of records and locks; not made here. Addresses, and paths Ansible cannot take, are refused."""
    env = os.environ if environ is None else environ
    named = env.get(STORE, "")
    if "://" in named:
        raise HoldfastError(
            f"{STORE}={named}: this Holdfast reads stores that are folders; name a folder, and name a controller that "
            "keeps breakers in HOLDFAST_BREAKERS_URL"
        )
    path = Path(named).expanduser().absolute() if named else home(env)
    odd = sorted(set(str(path)) & set(_ODD))
    if odd:
        raise HoldfastError(f"{path}: Ansible cannot take files below a folder with {odd[0]!r} in its name as a limit")
    return path


def private_folder(path: Path) -> Path:
    """Make a folder, and the parents that are missing, which only their owner can enter; returns it."""
    try:
        for folder in [*reversed(path.parents), path]:
            if not folder.is_dir():
                folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        raise HoldfastError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def is_shared(store_folder: Path) -> bool:
    """True when the group of a store may write to it: then locks and inboxes are the group's as well."""
    try:
        return bool(store_folder.stat().st_mode & stat.S_IWGRP)
    except OSError:
        return False


def store_folder(store_path: Path, *names: str, mode: int = SHARED) -> Path:
    """Make a folder of a store: private, or with the permissions ``mode`` where the store is shared."""
    path = private_folder(store_path)
    shared = is_shared(path)
    for name in names:
        path = path / name
        fresh = not path.is_dir()
        private_folder(path)
        if fresh and shared:
            path.chmod(mode)
    return path


def _is_collections_layout(root: Path) -> bool:
    return root.parts[-3:] == ("ansible_collections", "holdfast", "ops")


def collections_path() -> Optional[Path]:
    """A folder for ``ANSIBLE_COLLECTIONS_PATH`` in which the collection that this code belongs to is found.

    An installed collection lies in one already. For a clone under another name, a link is kept below the home. None
    when this code comes from a Python package, which holds no playbooks and no roles: then Ansible must find an
    installed collection by itself.
    """
    if not (ROOT / "meta" / "runtime.yml").exists() and not (ROOT / "galaxy.yml").exists():
        return None
    if _is_collections_layout(ROOT):
        return ROOT.parents[2]
    base = private_folder(home() / "collections")
    link = private_folder(base / "ansible_collections" / "holdfast") / "ops"
    if not (link.is_symlink() and Path(os.readlink(link)) == ROOT):
        fresh = link.with_name(f"ops.{os.getpid()}")
        fresh.symlink_to(ROOT)
        fresh.replace(link)
    return base
