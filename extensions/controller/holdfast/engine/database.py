# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue's own SQLite file, and the lock that keeps it to one process."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import try_flock

from holdfast.engine.port import EngineError, EngineInUse

_LOCK_WAIT = 30_000
_PAGE_CACHE = 512
_CONNECTIONS = 4


def path_of(url: str) -> Path:
    """Return the file of an SQLite URL; refuse every other database until several workers can share one."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        shown = parsed.render_as_string(hide_password=True)
        raise EngineError(f"the queue's database is {shown}; it has to be a file: sqlite:////folder/engine.db")
    return Path(str(parsed.database))


def create(path: Path) -> None:
    """Make the file, for its owner alone, where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def connect(path: Path) -> sa.Engine:
    """Return connections to the file: write-ahead log, every commit on the disk before it returns."""
    database = sa.create_engine(sa.URL.create("sqlite", database=str(path)), pool_size=_CONNECTIONS, max_overflow=-1)
    sa.event.listen(database, "connect", _prepare)
    return database


def _prepare(connection: Any, _record: object) -> None:
    # A transaction that will write takes the write lock at its beginning: upgrading a read lock fails without waiting.
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={_LOCK_WAIT}")
    connection.execute("PRAGMA journal_mode=WAL")
    # A claim must outlive a power cut as well, or its unit would run twice.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{_PAGE_CACHE}")
    if sqlite3.sqlite_version_info < (3, 42):
        # From Python 3.12 on DBOS asks for unixepoch('subsec'), which older libraries answer with NULL.
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: str) -> float:
    if modifier != "subsec":
        raise ValueError(f"unixepoch('{modifier}') stands in for 'subsec' only")
    return round(time.time(), 3)


class DatabaseLock:
    """One process at a time: an flock beside the database, let go by the kernel when its holder dies."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say which process has it."""
        path = self._database.with_name(self._database.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not try_flock(descriptor, str(path)):
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                raise EngineInUse(
                    f"{self._database} is in use by process {holder}: one process works with it. "
                    "Stop that one, or give this one a HOLDFAST_HOME of its own"
                )
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
