# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab for tests: ``from tests.lab.fixture import lab, lab_as_new`` in a conftest.py, or in a module of tests.

Where there can be no lab the test is skipped, and says why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab import requirements, rootfs
from tests.lab.lab import Lab


@pytest.fixture(scope="session")
def can_have_labs() -> None:
    """Skips where there can be no lab; installs packages and builds images where they are all that is missing."""
    reasons = requirements.reasons(lambda _line: None)
    if not reasons:
        try:
            rootfs.ensure(lambda _line: None)
        except rootfs.NoMirror as error:
            reasons = [str(error)]
    if reasons:
        pytest.skip(" ".join(reasons))


@pytest.fixture(scope="session")
def lab(can_have_labs: None) -> Iterator[Lab]:
    """A lab with three hosts, for all tests of this process; it ends with the process, however that ends."""
    with Lab(f"test-{os.getpid()}") as made:
        yield made


@pytest.fixture
def lab_as_new(lab: Lab) -> Lab:
    """The same, as it was when it had come up: every host at version 1, no faults, version 2 offered."""
    lab.reset()
    return lab
