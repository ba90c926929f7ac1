# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of the databases: what the revisions make is what the models say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the controller is not installed")

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.db import models
from holdfast.db.base import Base, Database, EventsBase
from holdfast.db.migrate import current, is_current, migrate, newest, table
from sqlalchemy import select, text


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path)
    migrate(database)
    yield database
    database.close()


def test_revisions_make_what_the_models_say(database: Database) -> None:
    """A difference means that a revision is missing: scripts/migration.py writes it."""
    for engine, base, which in (
        (database.engine, Base, "main"),
        (database.events_engine, EventsBase, "events"),
    ):
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": table(which)})
            assert compare_metadata(context, base.metadata) == []


def test_migrating_again_does_nothing(database: Database) -> None:
    with database.writing() as session:
        session.add(models.User(username="ada"))
    migrate(database)
    assert is_current(database.engine, "main") and is_current(database.events_engine, "events")
    with database.reading() as session:
        assert session.scalars(select(models.User.username)).all() == ["ada"]


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table('main')} SET version_num = '9999'"))
    with pytest.raises(HoldfastError, match=r"newer Holdfast \(revision 9999, this one knows"):
        migrate(database)


def test_an_empty_database_has_no_revision(tmp_path: Path) -> None:
    database = Database.at(tmp_path)
    assert current(database.engine, "main") == ""
    assert newest("main") >= "0001"
    database.close()
