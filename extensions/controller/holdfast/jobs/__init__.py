# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: launched, queued, run in child processes, and everything that is kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.context import Controller


def attach(controller: Controller) -> None:
    """Join jobs to a controller: its services ``jobs`` and ``mask``."""
    from holdfast.jobs import service

    service.attach(controller)
