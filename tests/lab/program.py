# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is a machine of its own: a process in a namespace with its own addresses.

The load balancer and the repository are programs, and so is a double of what cannot run here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.commands import LabError, tail, wait_until


class Program:
    """Starts and ends a command in the namespace of its name."""

    def __init__(self, name: str, command: Sequence[str], log: Path, answers: Callable[[], bool]) -> None:
        self.name = name
        self._command = ("ip", "netns", "exec", name, *command)
        self._log = log
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> str:
        """Whether it runs."""
        return "up" if self._process is not None and self._process.poll() is None else "down"

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.state == "down":
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self) -> None:
        """Return once it answers. Raises LabError when it ends, or takes too long."""
        wait_until(self._answers_or_ended, 30, f"{self.name} runs but does not answer")
        if self.state == "down":
            raise LabError(f"{self.name} ended at once; the end of its log:\n{tail(self._log)}")

    def serve(self) -> None:
        """Start it and return once it answers. Raises LabError."""
        self.start()
        self.wait()

    def stop(self) -> None:
        """End it without asking, unless it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers_or_ended(self) -> bool:
        return self.state == "down" or self._answers()
