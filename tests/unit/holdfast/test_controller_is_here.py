# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says in the summary when the controller's tests were left out."""

from __future__ import annotations

import pytest

from tests.unit.holdfast.conftest import controller_can_run


def test_the_controller_is_tested_here() -> None:
    if not controller_can_run:
        pytest.skip(
            "the controller's tests were left out: it needs Python 3.11 and `pip install 'holdfast[controller]'`"
        )
    __import__("holdfast.build")
