# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that is killed while it fetches a project leaves no process and no secret behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

from tests.unit.holdfast.jobs.jobs import wait_for

from .sources import web


def fetching(address: str) -> list[int]:
    """The processes that have an address on their command line, but the one that a test kills."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            command = Path("/proc", entry, "cmdline").read_bytes() if entry.isdigit() else b""
        except OSError:
            continue
        if address.encode() in command and b"killed.py" not in command:
            found.append(int(entry))
    return found


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")
def test_nothing_is_left(tmp_path: Path) -> None:
    asked, over = threading.Event(), threading.Event()

    def silent(_handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        over.wait(60)

    with web(silent) as address:
        command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(tmp_path), f"{address}/a.git"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        try:
            assert asked.wait(60)
            updates = tmp_path / "controller" / "updates"
            assert fetching(address)
            assert list(updates.glob("*/password"))
            child.kill()
            child.wait()
            wait_for("git ends", lambda: not fetching(address), 20)
            wait_for("the secrets go", lambda: not list(updates.iterdir()), 20)
        finally:
            child.kill()
            child.wait()
            over.set()
