# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the databases to the newest schema.

Alembic is only loaded when there is something to do: it costs memory that a controller never needs again.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import Engine, inspect, text

from holdfast.db.base import Database

FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Upgrade both databases to their newest revisions. Raises HoldfastError for one made by a newer Holdfast."""
    _upgrade(database.engine, "main")
    _upgrade(database.events_engine, "events")


def newest(which: str) -> str:
    """The newest revision of a database: revisions are numbered files."""
    return max(path.stem.split("_")[0] for path in (FOLDER / which).glob("[0-9]*.py"))


def table(which: str) -> str:
    """The table that holds a database's revision; two names, for both may lie in one PostgreSQL."""
    return f"schema_version_{which}"


def current(engine: Engine, which: str) -> str:
    """The revision of a database, or "" for an empty one."""
    if not inspect(engine).has_table(table(which)):
        return ""
    with engine.connect() as connection:
        return str(connection.execute(text(f"SELECT version_num FROM {table(which)}")).scalar() or "")


def _upgrade(engine: Engine, which: str) -> None:
    wanted, found = newest(which), current(engine, which)
    if found == wanted:
        return
    if found > wanted:
        raise HoldfastError(
            f"the database {engine.url.render_as_string(hide_password=True)} was made by a newer Holdfast "
            f"(revision {found}, this one knows {wanted}); start that one, or restore a backup"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("version_locations", str(FOLDER / which))
    config.attributes.update(engine=engine, which=which)
    command.upgrade(config, "head")
