# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A theater and something to draw with."""

from __future__ import annotations

from pathlib import Path

import pytest

from .drawn import Drawing
from .theater import Theater


@pytest.fixture
def theater(tmp_path: Path) -> Theater:
    return Theater(tmp_path)


@pytest.fixture
def drawing(theater: Theater) -> Drawing:
    return Drawing(theater)
