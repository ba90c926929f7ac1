# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One controller: everything its parts share, made once and handed to them; there are no globals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.api.registry import Registry
from holdfast.auth.secrets import SecretBox
from holdfast.db.base import Database
from holdfast.settings import Settings

if TYPE_CHECKING:
    from holdfast.engine.port import Engine


@dataclass
class Controller:
    """The parts of one controller.

    ``services`` holds what parts of the house give to others by name (``jobs``, ``runs``, ``projects``), so that
    declarations need not import them. ``on_begin`` and ``on_end`` are called, in order and in reverse, around the
    time in which it serves.
    """

    settings: Settings
    database: Database
    registry: Registry
    secrets: SecretBox
    engine: Engine
    services: dict[str, Any] = field(default_factory=dict)
    on_begin: list[Callable[[], object]] = field(default_factory=list)
    on_end: list[Callable[[], object]] = field(default_factory=list)
    started: bool = False

    def begin(self) -> None:
        """Begin to take work."""
        for call in self.on_begin:
            call()
        self.started = True

    def end(self) -> None:
        """Stop taking work, and let go of everything."""
        self.started = False
        for call in reversed(self.on_end):
            call()
        self.database.close()
