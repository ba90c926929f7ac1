# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims: a row per unit of work, written before its handler begins, which makes starts at-most-once.

Whoever inserts the row may run the unit; nobody else ever may. A row without an end that an earlier process wrote is a
unit which that process did not finish. A cancelled unit is a row that has an end and was never claimed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

_TABLE = sa.Table(
    "claims",
    sa.MetaData(),
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.Float),
    sa.Column("ended_at", sa.Float),
    sa.Index("claims_open", "boot", sqlite_where=sa.text("ended_at IS NULL")),
)
_C = _TABLE.c
_THIS = sa.and_(_C.task == sa.bindparam("of_task"), _C.key == sa.bindparam("of_key"))
# As text, for SQLAlchemy compiles the ON CONFLICT of a dialect anew at every call.
_INSERT = sa.text(
    "INSERT INTO claims (task, key, boot, claimed_at, ended_at) VALUES (:task, :key, :boot, :claimed_at, :ended_at)"
    " ON CONFLICT DO NOTHING"
)
_END = sa.update(_TABLE).where(_THIS, _C.ended_at.is_(None)).values(ended_at=sa.bindparam("now"))
_OF_EARLIER = sa.and_(_C.ended_at.is_(None), _C.boot != sa.bindparam("this_boot"))
_SETTLE = sa.update(_TABLE).where(_THIS, _OF_EARLIER).values(ended_at=sa.bindparam("now"))
_RELEASE = sa.delete(_TABLE).where(_THIS, _OF_EARLIER)
_FORGET = sa.delete(_TABLE).where(_THIS)


class Claims:
    """The claims in a database, as one process (a *boot*) sees them."""

    def __init__(self, database: sa.Engine, boot: str) -> None:
        self._database = database
        self._boot = boot

    def create(self) -> None:
        """Make the table where there is none."""
        _TABLE.metadata.create_all(self._database)

    def claim(self, task: str, key: str) -> bool:
        """True: the unit is ours to run, and nobody's ever again."""
        row = {"task": task, "key": key, "boot": self._boot, "claimed_at": time.time(), "ended_at": None}
        return self._write(_INSERT, row)

    def end(self, task: str, key: str) -> None:
        """Write that our unit has ended."""
        self._write(_END, {"of_task": task, "of_key": key, "now": time.time()})

    def refuse(self, task: str, key: str) -> bool:
        """See to it that nobody runs the unit; False when somebody claimed it before."""
        row = {"task": task, "key": key, "boot": self._boot, "claimed_at": None, "ended_at": time.time()}
        if self._write(_INSERT, row):
            return True
        with self._database.connect() as connection:
            query = sa.select(_C.claimed_at).where(_THIS)
            return connection.execute(query, {"of_task": task, "of_key": key}).scalar_one() is None

    def interrupted(self) -> list[tuple[str, str]]:
        """Task and key of what earlier boots began and did not end, in the order in which they began."""
        query = sa.select(_C.task, _C.key).where(_OF_EARLIER).order_by(_C.claimed_at)
        with self._database.connect() as connection:
            return [(row.task, row.key) for row in connection.execute(query, {"this_boot": self._boot})]

    def settle(self, task: str, key: str) -> bool:
        """Write the end of an interrupted unit; False when it is none."""
        return self._write(_SETTLE, {"of_task": task, "of_key": key, "this_boot": self._boot, "now": time.time()})

    def release(self, task: str, key: str) -> bool:
        """Let an interrupted unit be claimed once more; False when it is none."""
        return self._write(_RELEASE, {"of_task": task, "of_key": key, "this_boot": self._boot})

    def ended(self, task: str, key: str) -> bool | None:
        """None: nobody claimed the unit; otherwise whether it has an end."""
        query = sa.select(_C.ended_at).where(_THIS)
        with self._database.connect() as connection:
            row = connection.execute(query, {"of_task": task, "of_key": key}).one_or_none()
        return None if row is None else row.ended_at is not None

    def forget(self, units: Iterable[tuple[str, str]]) -> None:
        """Drop the rows of units that nobody will queue again."""
        rows = [{"of_task": task, "of_key": key} for task, key in units]
        if rows:
            with self._database.begin() as connection:
                connection.execute(_FORGET, rows)

    def _write(self, statement: sa.Executable, values: Mapping[str, object]) -> bool:
        with self._database.begin() as connection:
            return bool(connection.execute(statement, values).rowcount)
