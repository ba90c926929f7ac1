# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines, sessions and what every model shares.

Two databases: the main one, and one of its own for what jobs say (events and lines of output), which grows fast and
is read by job only. With SQLite both are files in WAL mode; writers stand in line for one lock, readers never wait.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import DateTime, Engine, Integer, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import JSON, TypeDecorator

from holdfast.db import patterns

log = logging.getLogger("holdfast.db")
_WORDS = re.compile(r"\w+")
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


def now() -> dt.datetime:
    """This moment, in UTC."""
    return dt.datetime.now(dt.timezone.utc)


class UtcDateTime(TypeDecorator[dt.datetime]):
    """A moment: aware and in UTC on both sides, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """To UTC; without its zone where the database knows none."""
        if value is None:
            return None
        value = value.astimezone(dt.timezone.utc)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, _dialect: Any) -> dt.datetime | None:
        """Aware again."""
        return value.replace(tzinfo=dt.timezone.utc) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Models of the main database.

    No id is ever given twice: who remembers one, as the activity stream does, must not come upon another object.
    """

    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        table = cls.__dict__.get("__table__")
        if table is None:
            return
        key = list(table.primary_key)
        if len(key) == 1 and isinstance(key[0].type, Integer):
            table.dialect_kwargs["sqlite_autoincrement"] = True


class EventsBase(DeclarativeBase):
    """Models of the events' database."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dt.datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


class Stamped:
    """What nearly every object has."""

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[dt.datetime] = mapped_column(default=now)
    modified: Mapped[dt.datetime | None] = mapped_column(default=now)


reads: ContextVar[set[str] | None] = ContextVar("reads", default=None)
"""The tables read so far while answering the current request; None where nobody wants to know."""


class Generations:
    """How often each table has been written since the start: what an answer that was kept is judged by."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}
        self._guard = threading.Lock()
        self.total = 0

    def bump(self, tables: frozenset[str] | set[str]) -> None:
        """These tables have been written."""
        with self._guard:
            self.total += 1
            for table in tables:
                self._count[table] = self._count.get(table, 0) + 1

    def snapshot(self) -> Mapping[str, int]:
        """How often each table has been written so far."""
        with self._guard:
            return dict(self._count)

    def of(self, tables: frozenset[str]) -> tuple[int, ...]:
        """The state of these tables, in the order of the set."""
        return tuple(self._count.get(table, 0) for table in tables)


class Database:
    """The two databases of one controller.

    ``url`` is SQLAlchemy's; ``events_url`` is where events go (the same database where it is no SQLite file).
    """

    def __init__(self, url: str, events_url: str) -> None:
        self.engine = _engine(url)
        self.events_engine = self.engine if events_url == url else _engine(events_url)
        self.generations = Generations()
        self._write = threading.RLock()
        self._events_write = threading.Lock()
        names = frozenset(Base.metadata.tables) | frozenset(EventsBase.metadata.tables)
        self._names = names
        for engine in dict.fromkeys((self.engine, self.events_engine)):
            event.listen(engine, "before_cursor_execute", self._watch)

    @classmethod
    def at(cls, folder: Path) -> Self:
        """The SQLite databases in a folder."""
        return cls(f"sqlite:///{folder / 'controller.db'}", f"sqlite:///{folder / 'events.db'}")

    def _watch(self, conn: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool) -> None:
        """Note which tables are read for an answer, and which ones a transaction writes."""
        patterns.begin()
        if statement.startswith(_WRITES):
            tables = _tables(statement, self._names)
            written = conn.info.setdefault("written", set())
            written.update(tables)
            if statement.startswith("DELETE"):
                written.update(*(_deleted_with(table) for table in tables))
            return
        seen = reads.get()
        if seen is not None:
            seen.update(_tables(statement, self._names))

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database and writes nothing."""
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def writing(self, unseen: bool = False) -> Iterator[Session]:
        """A session whose changes are committed together at the end, or not at all.

        With SQLite writers stand in line. ``unseen`` changes are those that no answer shows: none is made anew for
        them. See ``after_commit`` and ``in_turn`` for calls to make once the changes are there for everybody.
        """
        sqlite = self.engine.dialect.name == "sqlite"
        guard = self._write if sqlite else contextlib.nullcontext()
        with guard, Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"immediate": True})
            calls: list[Callable[[], object]] = []
            turn: list[Callable[[], object]] = []
            session.info.update(after_commit=calls, in_turn=turn)
            yield session
            session.flush()
            written = session.connection().info.pop("written", set())
            session.commit()
            if not unseen:  # before anything else, which may fail: what is committed is seen
                self.generations.bump(written)
            for call in turn:
                call()
        for call in calls:
            _make(call)

    @contextlib.contextmanager
    def events(self, write: bool = False) -> Iterator[Session]:
        """A session on the events' database; with ``write`` it commits at the end."""
        guard = self._events_write if write and self.events_engine.dialect.name == "sqlite" else None
        with (
            guard or contextlib.nullcontext(),
            Session(self.events_engine, expire_on_commit=False, autoflush=False) as session,
        ):
            if write:
                session.connection(execution_options={"immediate": True})
            yield session
            if write:
                session.flush()
                written = session.connection().info.pop("written", set())
                session.commit()
                self.generations.bump(written)

    def create(self) -> None:
        """Make all tables, for tests; a served controller migrates instead."""
        Base.metadata.create_all(self.engine)
        EventsBase.metadata.create_all(self.events_engine)

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()
        self.events_engine.dispose()


def after_commit(session: Session, call: Callable[[], object]) -> None:
    """Have a call made once the changes of this writing session are there for everybody."""
    session.info["after_commit"].append(call)


def in_turn(session: Session, call: Callable[[], object]) -> None:
    """Have a short call made once the changes are committed, and before the next writer has its turn."""
    session.info["in_turn"].append(call)


def _make(call: Callable[[], object]) -> None:
    """Make a call that follows a commit. Its fault is its own: everything is committed, and other calls wait."""
    try:
        call()
    except Exception:
        log.exception("what follows a commit went wrong")


def roll_back(session: Session) -> None:
    """Drop the changes of a session, and the calls that were to follow them."""
    session.rollback()
    for name in ("after_commit", "in_turn"):
        session.info.get(name, []).clear()


@contextlib.contextmanager
def attempt(session: Session) -> Iterator[None]:
    """A part of a writing transaction that may fail alone: its changes and the calls it asked for are dropped then."""
    calls = (session.info["after_commit"], session.info["in_turn"])
    lengths = [len(one) for one in calls]
    try:
        with session.begin_nested():
            yield
    except BaseException:
        for one, length in zip(calls, lengths, strict=True):
            del one[length:]
        raise


@functools.lru_cache(maxsize=4096)
def _tables(statement: str, names: frozenset[str]) -> frozenset[str]:
    """The tables a statement may touch: every word of it that names one."""
    return names.intersection(_WORDS.findall(statement))


@functools.cache
def _deleted_with(name: str) -> frozenset[str]:
    """The tables in which the database itself deletes rows or clears references with rows of another."""
    found: set[str] = set()
    deleted, todo = {name}, [name]
    while todo:
        one = todo.pop()
        for table in Base.metadata.tables.values():
            rules = {key.ondelete for key in table.foreign_keys if key.column.table.name == one}
            if rules & {"CASCADE", "SET NULL"}:
                found.add(table.name)
            if "CASCADE" in rules and table.name not in deleted:
                deleted.add(table.name)
                todo.append(table.name)
    return frozenset(found)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=20, max_overflow=10, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=30,
        hide_parameters=True,  # what is written may be nobody's business, and errors go into logs and jobs
        connect_args={"check_same_thread": False, "timeout": 30},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say when transactions begin
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000",
                   "cache_size=-8000", "temp_store=MEMORY"):  # fmt: skip
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("REGEXP", 2, patterns.search, deterministic=True)
    connection.create_function("unicode_lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> str | None:
    """SQLite's own knows ASCII alone."""
    return None if value is None else str(value).lower()


def _begin_sqlite(connection: Any) -> None:
    options: Mapping[str, Any] = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")
