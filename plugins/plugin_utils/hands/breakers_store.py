# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breakers of a store: one SQLite file, ``breakers.db``, that everybody who shares the store reads and writes.

Each word to a breaker is one transaction that holds the only write lock from reading to writing, so however many
processes speak at once no report is lost and no trial is given out twice. The clock is read inside: moments in the file
follow one another. What changes nothing (asking a closed breaker) takes no lock at all.

Writers stand in line at a lock of the kernel's (``breakers.queue``), for SQLite lets them sleep and try again, which
takes several times as long when many write. Only the order is the kernel's: that one writes at a time is SQLite's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, TypeVar

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import keeping, model, rules, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

FILE = "breakers.db"
QUEUE = "breakers.queue"
SCHEMA = 1
PATIENCE = 10.0
"""Seconds to wait for the write lock; it is held for less than a millisecond at a time."""
PAUSE = 0.005
_TABLE = "CREATE TABLE IF NOT EXISTS breakers (target TEXT PRIMARY KEY, state TEXT NOT NULL, data TEXT NOT NULL)"

T = TypeVar("T")
Change = Callable[[Breaker, float], tuple[Breaker, T]]
"""From a breaker and the moment to the breaker after it, and what to tell."""


class Breakers(keeping.Breakers):
    """All breakers of a store; several threads may share one, and a forked child opens the file anew."""

    def __init__(self, store: Path, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.path = store / FILE
        self._clock = clock
        self._database: Optional[sqlite3.Connection] = None
        self._queue = -1
        self._one = threading.Lock()
        _ALIVE.add(self)

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def now(self) -> float:
        """The moment by this machine's clock."""
        return self._clock()

    def say(self, target: str, word: Word, policy: Optional[Policy] = None) -> Heard:
        """Say a word to a breaker, in one transaction."""

        def hears(breaker: Breaker, now: float) -> tuple[Breaker, Heard]:
            heard = words.hear(breaker, now, word, policy)
            return heard.breaker, heard

        return self.change(target, hears)

    def get(self, target: str) -> Optional[Breaker]:
        """A breaker as it is now; None when nothing was ever said to it."""
        model.new(target)  # a target that cannot be is told before one that is not there
        found = self._read(target) if self.path.exists() else None
        return rules.at(found, self._clock()) if found else None

    def list(self) -> list[Breaker]:
        """All breakers as they are now, by target."""
        if not self.path.exists():
            return []
        with self._one, self._explained():
            rows = self._connection().execute("SELECT data FROM breakers ORDER BY target").fetchall()
        now = self._clock()
        return [rules.at(self._decoded(row[0]), now) for row in rows]

    # --- one transaction ----------------------------------------------------------------------------------------

    def change(self, target: str, change: Change[T]) -> T:
        """Apply a change to a breaker, made when it is not there yet, in one transaction; what the change tells."""
        fresh = model.new(target)

        def whole(found: Optional[Breaker]) -> tuple[Breaker, T]:
            return change(fresh if found is None else found, self._clock())

        found = self._read(target)
        if found is not None:
            after, told = whole(found)
            if after == found:
                return told
        with self._one, self._explained(), self._writing() as database:
            found = self._decoded_row(database, target)
            after, told = whole(found)
            if after != found:
                row = (target, after.state, json.dumps(after.to_dict(), separators=(",", ":")))
                database.execute("INSERT OR REPLACE INTO breakers VALUES (?, ?, ?)", row)
        return told

    def shut(self) -> None:
        """Close the file."""
        with self._one:
            self._shut()

    def _shut(self) -> None:
        if self._database is not None:
            self._database.close()
            os.close(self._queue)
            self._database, self._queue = None, -1

    def before_fork(self) -> None:
        """Nothing open may go through a fork: SQLite in the child would believe in locks that the child has not."""
        self._one.acquire()
        self._shut()

    def after_fork(self) -> None:
        """Each side opens the file anew when it needs it."""
        self._one.release()

    def __del__(self) -> None:
        self.shut()

    def _read(self, target: str) -> Optional[Breaker]:
        with self._one, self._explained():
            return self._decoded_row(self._connection(), target)

    def _decoded_row(self, database: sqlite3.Connection, target: str) -> Optional[Breaker]:
        row = database.execute("SELECT data FROM breakers WHERE target = ?", (target,)).fetchone()
        return None if row is None else self._decoded(row[0])

    def _decoded(self, text: str) -> Breaker:
        try:
            data = json.loads(text)
        except ValueError as error:
            raise HoldfastError(f"{self.path}: a breaker is no JSON: {error}") from error
        return Breaker.from_dict(data)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The write lock from the first look to the last word; a crash in between leaves everything as it was."""
        database = self._connection()
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            _patiently(lambda: database.execute("BEGIN IMMEDIATE"))
            yield database
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HoldfastError(f"cannot use the breakers in {self.path}: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            home.store_folder(self.store)
            mode = 0o660 if home.is_shared(self.store) else 0o600
            queue = _made(self.store / QUEUE, mode)
            try:
                self._database = self._opened(queue, mode)
            except BaseException:
                os.close(queue)
                raise
            self._queue = queue
        return self._database

    def _opened(self, queue: int, mode: int) -> sqlite3.Connection:
        """The file, made where there is none. In line: closing a file that SQLite has locked would let its lock go."""
        fcntl.flock(queue, fcntl.LOCK_EX)
        try:
            if not self.path.exists():
                os.close(_made(self.path, mode))  # SQLite gives its companions (-wal, -shm) the same permissions
            database = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                _patiently(lambda: self._prepare(database))
            except BaseException:
                database.close()
                raise
            return database
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)

    def _prepare(self, database: sqlite3.Connection) -> None:
        """WAL, so that looking never waits; a commit survives the death of its process without a sync of its own."""
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA):
            raise HoldfastError(f"{self.path} has format {version}; this Holdfast reads format {SCHEMA}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_TABLE)
            database.execute(f"PRAGMA user_version = {SCHEMA}")
            database.execute("COMMIT")


_ALIVE: weakref.WeakSet[Breakers] = weakref.WeakSet()
_FORKING: list[Breakers] = []


def _before_fork() -> None:
    for breakers in list(_ALIVE):
        breakers.before_fork()
        _FORKING.append(breakers)


def _after_fork() -> None:
    while _FORKING:
        _FORKING.pop().after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


def _made(path: Path, mode: int) -> int:
    """A file, open, made with these permissions where it is not there."""
    try:
        with contextlib.suppress(FileExistsError):
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            os.fchmod(made, mode)
            return made
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise HoldfastError(f"cannot open {path}: {error.strerror or error}") from error


def _patiently(attempt: Callable[[], Any]) -> None:
    """Try until the file is free: somebody may write to it who does not stand in line (a first opening, sqlite3)."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            attempt()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE)
