# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Windows double for every test, and plays that are run on it by ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .running import Double

SETTINGS = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    "ANSIBLE_SHOW_CUSTOM_STATS": "1",
    "NO_PROXY": "127.0.0.1",
}


@dataclass(frozen=True)
class Played:
    """How a play ended on the double."""

    status: int
    document: dict[str, Any]

    @property
    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """Each task's name and result, in order."""
        tasks = [task for play in self.document["plays"] for task in play["tasks"]]
        return [(task["task"]["name"], task["hosts"]["win1"]) for task in tasks if "win1" in task["hosts"]]

    @property
    def last(self) -> dict[str, Any]:
        """The last result."""
        return self.results[-1][1]

    @property
    def counts(self) -> dict[str, int]:
        """The host's line of the recap."""
        return dict(self.document["stats"]["win1"])

    @property
    def outputs(self) -> dict[str, Any]:
        """What ``set_stats`` left behind."""
        return dict(
            (self.document.get("global_custom_stats") or {}).get("_run") or self.document["global_custom_stats"]
        )

    def result(self, module: str) -> dict[str, Any]:
        """The last result of a task of this name."""
        return [result for name, result in self.results if name == module][-1]


class Stage:
    """A double, and plays on it."""

    def __init__(self, double: Double, folder: Path) -> None:
        self.double, self.control, self._folder = double, double.control, folder

    def play(self, *steps: dict[str, Any] | str, check: bool = False, transport: str = "basic", **more: Any) -> Played:
        """Run tasks (mappings) and roles of this collection (names), one after another, in one play."""
        tasks = [
            step if isinstance(step, dict) else {"name": step, "include_role": {"name": f"holdfast.ops.{step}"}}
            for step in steps
        ]
        inventory, playbook = self._folder / "inventory.yml", self._folder / "play.yml"
        hosts = {"win1": self.double.variables(transport)}
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        playbook.write_text(
            yaml.safe_dump([{"hosts": "win1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8"
        )
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(inventory)]
        command += ["-e", json.dumps(more), *(["--check"] if check else [])]
        done = subprocess.run(
            command,
            env={**os.environ, **SETTINGS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        begin = done.stdout.find("{")
        assert begin >= 0, done.stdout + done.stderr
        return Played(done.returncode, json.loads(done.stdout[begin:]))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A double that was just switched on."""
    pytest.importorskip("winrm", reason="the Windows double is spoken to by pywinrm")
    pytest.importorskip("ansible_collections.ansible.windows", reason="the collection ansible.windows is not here")
    with Double(tmp_path) as double:
        yield Stage(double, tmp_path)
