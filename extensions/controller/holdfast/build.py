# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a controller together from its settings."""

from __future__ import annotations

import os
from collections.abc import Callable

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

from holdfast.api.registry import Registry
from holdfast.api.resources import declare
from holdfast.auth.secrets import SecretBox, key_of
from holdfast.context import Controller
from holdfast.db.base import Database
from holdfast.db.migrate import migrate
from holdfast.engine.port import Engine
from holdfast.settings import Settings


def build(
    settings: Settings,
    make_engine: Callable[[Settings], Engine] | None = None,
    tell_password: Callable[[str], None] = lambda _password: None,
) -> Controller:
    """A controller that is ready to begin: its database migrated and seeded, its catalog synced.

    ``make_engine`` replaces the engine on DBOS, for tests. ``tell_password`` is given the password that the first start
    makes up for the user admin.
    """
    os.makedirs(settings.home, mode=0o700, exist_ok=True)
    home.private_folder(settings.folder)
    database = Database.at(settings.folder) if not settings.database_url else _database(settings)
    migrate(database)
    controller = Controller(
        settings=settings,
        database=database,
        registry=Registry(),
        secrets=SecretBox(key_of(settings.secret_key.get_secret_value(), settings.folder)),
        engine=(make_engine or _dbos)(settings),
    )
    declare(controller.registry)
    _assemble(controller, tell_password)
    return controller


def _assemble(controller: Controller, tell_password: Callable[[str], None]) -> None:
    """Seed what every controller has, and join the parts to each other."""
    from holdfast import catalog_sync, housekeeping, seed
    from holdfast.jobs import attach as attach_jobs
    from holdfast.projects import attach as attach_projects
    from holdfast.runs import attach as attach_runs

    seed.seed(controller, tell_password)
    attach_jobs(controller)
    attach_projects(controller)
    housekeeping.attach(controller)
    attach_runs(controller)
    catalog_sync.attach(controller)
    controller.on_begin.append(controller.engine.start)
    controller.on_end.append(lambda: controller.engine.stop(8.0))


def _dbos(settings: Settings) -> Engine:
    from holdfast.engine.dbos_engine import DbosEngine

    return DbosEngine(f"sqlite:///{settings.folder / 'engine.db'}", settings.job_slots)


def _database(settings: Settings) -> Database:
    """The database that the settings name; beside a SQLite file, events go into one of their own."""
    url = settings.database_url
    return Database(url, f"sqlite:///{settings.folder / 'events.db'}" if url.startswith("sqlite") else url)
