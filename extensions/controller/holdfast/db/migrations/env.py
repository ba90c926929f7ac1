# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alembic's way in: upgrades the database that ``holdfast.db.migrate`` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from holdfast.db.base import Base, EventsBase, UtcDateTime
from holdfast.db.migrate import table


def render(kind: str, item: Any, _context: Any) -> Any:
    """How a revision writes our own type."""
    return "UtcDateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


which = context.config.attributes["which"]
with context.config.attributes["engine"].connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata if which == "main" else EventsBase.metadata,
        version_table=table(which),
        render_as_batch=True,
        render_item=render,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
