# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things: what is built once in a cache, what lives while a lab is up below /run."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.commands import LabError

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = Path(__file__).resolve().parent / "files"
RUNNING = Path("/run/holdfast-lab")
"""One folder for each lab that is up: keys, sockets, logs, inventory. The disks of its hosts are in memory."""


def cache() -> Path:
    """What is built once: ``$XDG_CACHE_HOME/holdfast-lab``, or ``/var/cache/holdfast-lab``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "holdfast-lab"


def lab_folder(name: str) -> Path:
    """The folder of the lab of this name. Raises LabError for what cannot be a name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise LabError(f"a lab cannot be called {name!r}: lower-case letters, digits and dashes, at most 31")
    return RUNNING / name


def lab_lock(name: str) -> Path:
    """The file that is locked while a lab of this name is up."""
    return RUNNING / f".{name}.lock"


def network_lock(number: int) -> Path:
    """The file that is locked while a lab uses the networks of this number."""
    return RUNNING / f".network-{number}.lock"


def groups(name: str) -> str:
    """What the control groups of a lab begin with; a dot and the name of a host follow."""
    return f"holdfast-lab-{name}"


def lab_names() -> list[str]:
    """The labs that have a folder: those that are up, and those that were killed."""
    return sorted(path.name for path in RUNNING.iterdir() if path.is_dir()) if RUNNING.is_dir() else []


def try_lock(path: Path, wait: bool = False) -> int | None:
    """Lock a file and return its descriptor, or None if somebody has it; the kernel frees it with its last owner."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the folder was removed as the last lab went down
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        os.close(descriptor)  # whoever had it has removed the file: what is locked now is nobody's


def unlock(path: Path, descriptor: int) -> None:
    """Remove the file of a lock that one has, and let go."""
    path.unlink(missing_ok=True)
    os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, after everybody who has it."""
    descriptor = try_lock(path, wait=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
