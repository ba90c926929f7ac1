# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing transactions, and who hears of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from holdfast.db.base import Database, in_turn
from holdfast.db.models import Organization


def test_what_was_committed_is_seen_though_what_follows_it_fails(tmp_path: Path) -> None:
    database = Database.at(tmp_path)
    database.create()
    tables = frozenset(("organizations",))
    before = database.generations.of(tables)

    def fail() -> None:
        raise RuntimeError("after the commit")

    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(Organization(name="there"))
        in_turn(session, fail)
    with database.reading() as session:
        assert session.query(Organization).count() == 1
    assert database.generations.of(tables) != before
    database.close()
