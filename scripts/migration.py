# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a new revision of a database's schema from what the models say: migration.py main|events MESSAGE."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from holdfast.db.base import Database
from holdfast.db.migrate import FOLDER, upgrade


def main() -> int:
    """Write the revision; the database to compare with is made of the revisions so far."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("main", "events"):
        print(__doc__, file=sys.stderr)
        return 2
    which, message = sys.argv[1:]
    importlib.import_module("holdfast.db.models")  # what the models say is known once they are loaded
    with tempfile.TemporaryDirectory() as folder:
        database = Database.at(Path(folder))
        engine = database.engine if which == "main" else database.events_engine
        known = sorted((FOLDER / which).glob("[0-9]*.py"))
        if known:
            upgrade(engine, which)
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(FOLDER / which))
        config.attributes.update(engine=engine, which=which)
        number = f"{len(known) + 1:04}"
        command.revision(config, message, autogenerate=True, rev_id=number, version_path=str(FOLDER / which))
    return 0


if __name__ == "__main__":
    sys.exit(main())
