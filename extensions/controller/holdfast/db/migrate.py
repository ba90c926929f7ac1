# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the databases to the newest schema.

Alembic is only loaded when there is something to do, and in a child process: it takes memory that a controller never
needs again.
"""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import Engine, inspect, text

from holdfast.db.base import Database

FOLDER = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Upgrade both databases to their newest revisions. Raises HoldfastError for one made by a newer Holdfast."""
    for engine, which in ((database.engine, "main"), (database.events_engine, "events")):
        if not is_current(engine, which):
            engine.dispose()  # a connection must not be shared with a child
            if threading.active_count() > 1:
                upgrade(engine, which)  # a fork would take over locks that other threads hold
            else:
                _upgrade_in_child(engine, which)


def _upgrade_in_child(engine: Engine, which: str) -> None:
    child = multiprocessing.get_context("fork").Process(target=upgrade, args=(engine, which))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise HoldfastError(f"the schema of {shown(engine)} could not be brought up to date; see above")


def shown(engine: Engine) -> str:
    """A database's address without its password."""
    return engine.url.render_as_string(hide_password=True)


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


def is_current(engine: Engine, which: str) -> bool:
    """Whether a database has the newest schema."""
    wanted, found = newest(which), current(engine, which)
    if found > wanted:
        raise HoldfastError(
            f"the database {shown(engine)} was made by a newer Holdfast (revision {found}, this one knows {wanted}); "
            "start that one, or restore a backup"
        )
    return found == wanted


def upgrade(engine: Engine, which: str) -> None:
    """Upgrade one database, in this process."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(FOLDER).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", f"{folder}/{which}")
    config.attributes.update(engine=engine, which=which)
    command.upgrade(config, "head")
