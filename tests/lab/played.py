# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays on machines of the lab, run by ansible-playbook, and their results as data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import yaml

SETTINGS = {
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    "ANSIBLE_SHOW_CUSTOM_STATS": "1",
    "NO_PROXY": "127.0.0.1",
}

Step = Union[dict[str, Any], str]
"""A task, or the name of a role of this collection."""


@dataclass(frozen=True)
class Played:
    """How a play ended on one host."""

    host: str
    status: int
    document: dict[str, Any]

    @property
    def results(self) -> list[tuple[str, dict[str, Any]]]:
        """Each task's name and result, in order."""
        tasks = [task for play in self.document["plays"] for task in play["tasks"]]
        return [(task["task"]["name"], task["hosts"][self.host]) for task in tasks if self.host in task["hosts"]]

    @property
    def last(self) -> dict[str, Any]:
        """The last result."""
        return self.results[-1][1]

    @property
    def counts(self) -> dict[str, int]:
        """The host's line of the recap."""
        return dict(self.document["stats"][self.host])

    @property
    def outputs(self) -> dict[str, Any]:
        """What ``set_stats`` left behind."""
        return dict(self.document["global_custom_stats"])

    def result(self, task: str) -> dict[str, Any]:
        """The last result of a task of this name."""
        return [result for name, result in self.results if name == task][-1]


def play(
    inventory: Path,
    host: str,
    steps: tuple[Step, ...],
    folder: Path,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
    **more: Any,
) -> Played:
    """Run tasks and roles, one after another, in one play; ``more`` are extra variables.

    ``environment``: what it has besides that of this process.
    """
    tasks = [
        step if isinstance(step, dict) else {"name": step, "include_role": {"name": f"holdfast.ops.{step}"}}
        for step in steps
    ]
    playbook = folder / "play.yml"
    whole = [{"hosts": host, "gather_facts": False, "tasks": tasks}]
    playbook.write_text(yaml.safe_dump(whole), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(inventory)]
    command += ["-e", json.dumps(more), *(["--check"] if check else [])]
    done = subprocess.run(
        command,
        env={**os.environ, **SETTINGS, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    begin = done.stdout.find("{")
    assert begin >= 0, done.stdout + done.stderr
    return Played(host, done.returncode, json.loads(done.stdout[begin:]))
