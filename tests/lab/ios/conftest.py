# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh IOS double for every test, with minutes of one second, and plays that are run on it by ansible-playbook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.played import Played, Step, play

from .running import Double


class Stage:
    """A double, and plays on it."""

    def __init__(self, double: Double, folder: Path) -> None:
        self.double, self.control, self._folder = double, double.control, folder

    def play(self, *steps: Step, check: bool = False, **more: Any) -> Played:
        """Run tasks in one play; ``more`` are extra variables."""
        inventory = self._folder / "inventory.yml"
        inventory.write_text(
            yaml.safe_dump({"all": {"hosts": {self.double.name: self.double.variables()}}}), encoding="utf-8"
        )
        return play(inventory, self.double.name, steps, self._folder, check, **more)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A double that was just switched on."""
    pytest.importorskip("asyncssh", reason="the IOS double speaks ssh by asyncssh")
    pytest.importorskip("pylibsshext", reason="network_cli speaks ssh by ansible-pylibssh")
    pytest.importorskip("ansible_collections.cisco.ios", reason="the collection cisco.ios is not here")
    with Double(tmp_path, minute=1) as double:
        yield Stage(double, tmp_path)
