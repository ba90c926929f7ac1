# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the lab, for its own tests, and what is kept of those that answer a cell of the fault matrix."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.lab import matrix
from tests.lab.fixture import can_have_labs, lab, lab_as_new

__all__ = ["can_have_labs", "lab", "lab_as_new"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep how a test ended."""
    del call
    report = yield
    matrix.record(item, report)
    return report
