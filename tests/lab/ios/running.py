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

from tests.lab.windows.control import Control

REPOSITORY = Path(__file__).resolve().parents[3]


class Double:
    """A running double. Use it with ``with``; ``control`` sets its faults and reads its state.

    ``minute``: how many seconds one of its minutes has.
    """

    def __init__(self, folder: Path, name: str = "sw1", minute: float = 60.0) -> None:
        self.name, self.host, self.port, self._minute = name, "127.0.0.1", 0, minute
        self._folder, self._socket = folder, folder / f"{name}.sock"
        self._process: subprocess.Popen[str] | None = None
        self.control = Control(self._socket)

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [sys.executable, "-m", "tests.lab.ios", "--host", self.host, "--port", str(self.port)]
        command += ["--name", self.name, "--control", str(self._socket), "--minute", str(self._minute)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        if not words:
            raise RuntimeError(f"the IOS double '{self.name}' did not start; its errors stand above")
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

    def variables(self) -> dict[str, Any]:
        """Its variables for an inventory. Sessions that outlive a task would carry its silence into the next one."""
        return {
            "ansible_connection": "ansible.netcommon.network_cli",
            "ansible_network_os": "cisco.ios.ios",
            "ansible_network_cli_ssh_type": "libssh",
            "ansible_host": self.host,
            "ansible_port": self.port,
            "ansible_user": "ansible",
            "ansible_password": os.environ.get("IOS_DOUBLE_PASSWORD", "Secret1!"),
            "ansible_host_key_checking": False,
            "ansible_control_path_dir": str(self._folder / "pc"),
            "ansible_connect_timeout": 15,
            "ansible_command_timeout": 10,
        }

    def __enter__(self) -> Double:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
