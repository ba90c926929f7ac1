# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a controller together from its settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home

from holdfast.api.registry import Registry
from holdfast.api.resources import declare
from holdfast.auth.secrets import SecretBox, key_of
from holdfast.context import Controller
from holdfast.db.base import Database

if TYPE_CHECKING:
    from holdfast.engine.port import Engine
from holdfast.settings import Settings


def build(settings: Settings, engine: Engine) -> Controller:
    """A controller whose database is ready for use."""
    os.makedirs(settings.home, mode=0o700, exist_ok=True)
    home.private_folder(settings.folder)
    database = Database.at(settings.folder) if not settings.database_url else _database(settings)
    registry = Registry()
    controller = Controller(
        settings=settings,
        database=database,
        registry=registry,
        secrets=SecretBox(key_of(settings.secret_key.get_secret_value(), settings.folder)),
        engine=engine,
    )
    declare(registry)
    return controller


def _database(settings: Settings) -> Database:
    """The database that the settings name; beside a SQLite file, events go into one of their own."""
    url = settings.database_url
    return Database(url, f"sqlite:///{settings.folder / 'events.db'}" if url.startswith("sqlite") else url)
