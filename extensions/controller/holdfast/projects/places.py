# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where projects lie: one folder each, right below one root, and beside them what is kept for them.

::

    <root>/<name>/                        a manual project: somebody else puts the files there
    <root>/_<id>__<name>/                 the files of a project from a repository or an archive
    <root>/.holdfast/_<id>__<name>/       its lock, and the roles and collections that it requires
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

from holdfast.projects.errors import Cancelled, ProjectError

KEPT = ".holdfast"
_POLL = 0.05


def slug(name: str) -> str:
    """A name as part of a folder's name: letters, digits and underscores."""
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^\w\s-]", "", text)
    return re.sub(r"[-\s]+", "-", words).strip("-_").replace("-", "_")


def folder_name(project_id: int, name: str) -> str:
    """The name of the folder of a project that is fetched from somewhere."""
    return f"_{project_id}__{slug(name)}"[:200]


def unused(root: Path, used: Iterable[str | None]) -> list[str]:
    """The folders that a manual project may still have."""
    taken = set(used)
    try:
        with os.scandir(root) as entries:
            found = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(name for name in found if not name.startswith((".", "_")) and name not in taken)


def path_of(root: Path, name: str | None) -> Path:
    """The folder of this name, whether it is there or not. Raises ProjectError for one that is not right below root."""
    if not name or name != os.path.basename(name) or name in (".", "..") or name.startswith(".") or "\0" in name:
        raise ProjectError(f"{name!r} is no folder for a project: a single name is, below {root}")
    path = root / name
    if path.is_symlink():
        raise ProjectError(f"{path} is a link; a project is a folder of its own right below {root}")
    return path


def is_there(root: Path, name: str | None) -> bool:
    """True when the folder of a project is there."""
    try:
        return path_of(root, name).is_dir()
    except ProjectError:
        return False


def changed(root: Path, name: str | None) -> dt.datetime | None:
    """When the folder was changed last, None for one that is not there."""
    try:
        seconds = path_of(root, name).stat().st_mtime
    except (ProjectError, OSError):
        return None
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def kept(root: Path, name: str) -> Path:
    """The folder of what is kept for a project; it is made where it is not there yet."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.private_folder(home.private_folder(root / KEPT) / path_of(root, name).name)


@contextlib.contextmanager
def locked(
    root: Path, name: str, *, alone: bool, cancelled: Callable[[], bool] = lambda: False, patience: float = 3600.0
) -> Iterator[None]:
    """Hold the files of a project: many may read them at the same time, who changes them is ``alone``.

    Raises Cancelled, or ProjectError when the files are not to be had.
    """
    descriptor = os.open(kept(root, name) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        kind = (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, kind)
                break
            except BlockingIOError:
                pass
            if cancelled():
                raise Cancelled("cancelled while it waited for another update of the project")
            if time.monotonic() > end:
                raise ProjectError(f"the files of the project are still being changed after {patience:.0f} s")
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def remove(root: Path, name: str | None) -> None:
    """Delete the files of a project that was fetched from somewhere, and what is kept for it."""
    if name and name.startswith("_"):
        for path in (path_of(root, name), root / KEPT / name):
            shutil.rmtree(path, ignore_errors=True)
