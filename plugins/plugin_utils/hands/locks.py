# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between runs: one file each, held with ``flock`` and so let go by the kernel when their holder dies.

A lock's file says who holds it, for people. It is never removed, for removing a file that somebody else has just
opened would make two locks of one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional
from urllib.parse import quote

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

VERSION = 1
_LONGEST = 180


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: a run, since when (seconds since the epoch), by which process on which machine."""

    name: str
    run: str = ""
    since: float = 0.0
    pid: int = 0
    host: str = ""

    def render(self) -> str:
        """For people: ``pool:web (run 20260105-..., since 2026-01-05 13:45:02, process 4711 on ctl1)``."""
        if not self.run:
            return f"{self.name} (its holder did not say who it is)"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.name} (run {self.run}, since {since}, process {self.pid} on {self.host})"


def try_flock(descriptor: int, what: str) -> bool:
    """Take an exclusive lock on an open file without waiting; False when somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise HoldfastError(
            f"cannot lock {what}: {error.strerror}; the store must lie on a file system with flock"
        ) from error
    return True


class Locks:
    """The locks of one run in a store's ``locks`` folder.

    Each lock's file is opened once and kept open; ``opened`` is called with every new descriptor, so that a watcher
    can hold it too and the lock outlives a killed supervisor until its children are gone.
    """

    def __init__(
        self, store: Path, run: str, clock: Callable[[], float], opened: Optional[Callable[[int], None]] = None
    ) -> None:
        self._folder = home.store_folder(store, "locks")
        self._mode = 0o660 if home.is_shared(store) else 0o600
        self._run = run
        self._clock = clock
        self._opened = opened
        self._files: dict[str, int] = {}
        self._held: set[str] = set()

    @property
    def held(self) -> frozenset[str]:
        """The names this run holds."""
        return frozenset(self._held)

    def take(self, name: str) -> Optional[Holder]:
        """Take a lock: None when this run holds it now, else who has it."""
        if name in self._held:
            return None
        descriptor = self._open(name)
        if not try_flock(descriptor, f"'{name}'"):
            return _read(descriptor, name)
        self._held.add(name)
        me = Holder(name, self._run, self._clock(), os.getpid(), socket.gethostname())
        self._write(descriptor, json.dumps({"version": VERSION, **asdict(me)}))
        return None

    def take_all(self, names: tuple[str, ...]) -> Optional[Holder]:
        """Take several locks or none of them: None when all are held, else who has the first that is not free."""
        fresh: list[str] = []
        for name in sorted(set(names)):
            known = name in self._held
            holder = self.take(name)
            if holder is not None:
                for taken in fresh:
                    self.release(taken)
                return holder
            if not known:
                fresh.append(name)
        return None

    def release(self, name: str) -> None:
        """Let a lock go; one that is not held is passed over."""
        if name in self._held:
            self._held.discard(name)
            self._write(self._files[name], "")
            fcntl.flock(self._files[name], fcntl.LOCK_UN)

    def release_all(self) -> None:
        """Let everything go and close the files."""
        for name in list(self._held):
            self.release(name)
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def _open(self, name: str) -> int:
        descriptor = self._files.get(name)
        if descriptor is None:
            path = self._folder / file_name(name)
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, self._mode)
            except OSError as error:
                raise HoldfastError(f"cannot open the lock {path}: {error.strerror}") from error
            self._files[name] = descriptor
            if self._opened is not None:
                self._opened(descriptor)
        return descriptor

    @staticmethod
    def _write(descriptor: int, text: str) -> None:
        """Say who holds the lock. Only people read it, so a full disk does not undo the lock itself."""
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)
        except OSError:
            pass


def _read(descriptor: int, name: str) -> Holder:
    try:
        data = json.loads(os.pread(descriptor, 65536, 0) or b"{}")
        return Holder(name, str(data["run"]), float(data["since"]), int(data["pid"]), str(data["host"]))
    except (ValueError, KeyError, TypeError, OSError):
        return Holder(name)


def file_name(name: str) -> str:
    """A file name for any lock name; long ones are cut and told apart by a digest."""
    safe = quote(name, safe="").replace(".", "%2E")
    if len(safe) > _LONGEST:
        safe = f"{safe[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return f"{safe}.lock"
