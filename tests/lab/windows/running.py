# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double as a process, for tests: started, described for an inventory, and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .control import Control

REPOSITORY = Path(__file__).resolve().parents[3]


class Double:
    """A running double. Use it with ``with``; ``control`` sets its faults and reads its state.

    With a ``certificate`` and its key it speaks HTTPS.
    """

    def __init__(self, folder: Path, name: str = "win1", certificate: tuple[Path, Path] | None = None) -> None:
        self.name, self.host, self.port = name, "127.0.0.1", 0
        self._socket, self._certificate = folder / f"{name}.sock", certificate
        self._process: subprocess.Popen[str] | None = None
        self.control = Control(self._socket)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [sys.executable, "-m", "tests.lab.windows", "--host", self.host, "--port", str(self.port)]
        command += ["--name", self.name.upper(), "--control", str(self._socket)]
        if self._certificate:
            command += ["--certificate", str(self._certificate[0]), "--key", str(self._certificate[1])]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        if not words:
            raise RuntimeError(f"the Windows double '{self.name}' did not start; its errors stand above")
        self.port = int(words[-1])

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def variables(self, transport: str = "basic") -> dict[str, Any]:
        """Its variables for an inventory."""
        return {
            "ansible_connection": "winrm",
            "ansible_host": self.host,
            "ansible_port": self.port,
            "ansible_user": "ansible",
            "ansible_password": os.environ.get("WINDOWS_DOUBLE_PASSWORD", "Secret1!"),
            "ansible_winrm_scheme": "https" if self._certificate else "http",
            "ansible_winrm_transport": transport,
            "ansible_winrm_proxy": None,
        }

    def __enter__(self) -> Double:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
