# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Windows double for every test, and plays that are run on it by ansible-playbook; several at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.at_once import AtOnce, chosen
from tests.lab.played import Played, Step, play

from .running import Double


class Stage:
    """A double, and plays on it, with a store of their own in ``folder``."""

    def __init__(self, double: Double, folder: Path) -> None:
        self.double, self.control, self.folder = double, double.control, folder
        self.environment = {"HOLDFAST_STORE": str(folder / "store")}

    def play(self, *steps: Step, check: bool = False, transport: str = "basic", **more: Any) -> Played:
        """Run tasks and roles in one play; ``more`` are extra variables."""
        inventory = self.write_inventory(transport)
        return play(inventory, self.double.name, steps, self.folder, check, self.environment, **more)

    def write_inventory(self, transport: str = "basic") -> Path:
        """Write an inventory with the double in it; returns its path."""
        inventory = self.folder / "inventory.yml"
        hosts = {self.double.name: self.double.variables(transport)}
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        return inventory


def require_windows() -> None:
    """Skips where the double cannot be spoken to."""
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    pytest.importorskip("ansible_collections.ansible.windows", reason="the collection ansible.windows is not here")


Scenario = Callable[[Stage], None]


def on_its_own(test: Scenario, begin: Scenario = lambda _stage: None) -> Callable[[Path], None]:
    """A scenario on a double of its own, in a folder of its own below a place; ``begin`` comes before it."""

    def run(place: Path) -> None:
        folder = place / test.__name__[:30]
        folder.mkdir(exist_ok=True)
        with Double(folder) as double:
            stage = Stage(double, folder)
            begin(stage)
            test(stage)

    return run


def four_at_once(
    scenarios: Mapping[str, Callable[[Path], None]],
    folders: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[AtOnce[Path]]:
    """The scenarios of a file that were chosen, four at a time."""
    require_windows()
    made = AtOnce(scenarios, [folders.mktemp("place") for _number in range(4)])
    made.start(chosen([item.name for item in request.session.items], scenarios))
    yield made
    made.finish()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A double that was just switched on."""
    require_windows()
    with Double(tmp_path) as double:
        yield Stage(double, tmp_path)
