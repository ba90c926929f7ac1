# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for the tests of the provider for RHEL: this machine's shell and Python, a folder, and tools that stand in.

The real programs and the real script run. That systemd, nft, rpm and dnf do what these tools do is a test in the lab.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel import Rhel

TOOLS = ("systemctl", "nft", "rpm", "dnf")
_TOOL = Path(__file__).with_name("rhel_tools.py").read_text(encoding="utf-8")
NOTHING: dict[str, Any] = {
    "units": {}, "tables": {}, "packages": [], "owners": {}, "repository": {}, "history": {}, "last": 0, "log": [],
    "moves": 0, "dies_at": 0,
}  # fmt: skip


class Host:
    """The host, and the device through which a provider reaches it."""

    def __init__(self, folder: Path) -> None:
        self.etc = folder / "etc"
        self.work = folder / "bundle"
        self._bin = folder / "bin"
        self._place = folder / "state.json"
        for made in (self.etc, self.work, self._bin):
            made.mkdir()
        for tool in TOOLS:
            self.have(tool)
        self.secret: list[bool] = []
        with self.state() as state:
            state.update(NOTHING)

    def have(self, tool: str, here: bool = True) -> None:
        """Whether the host has a tool."""
        path = self._bin / tool
        path.unlink(missing_ok=True)
        if here:
            path.write_text(f"#!/usr/bin/python3 -IS\n{_TOOL}", encoding="utf-8")
            path.chmod(0o755)

    @contextmanager
    def state(self) -> Iterator[dict[str, Any]]:
        """What the tools know, to look at and to change."""
        found = json.loads(self._place.read_text(encoding="utf-8")) if self._place.exists() else {}
        yield found
        self._place.write_text(json.dumps(found), encoding="utf-8")

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{self._bin}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**os.environ, "PATH": path, "HOLDFAST_TEST_STATE": str(self._place)}

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """As a device: the module ansible.builtin.command."""
        assert module == "ansible.builtin.command"
        self.secret.append(secret)
        done = self._sh(arguments["argv"], self.etc, arguments["stdin"])
        if done.returncode:
            raise HoldfastError(done.stderr.strip() or f"status {done.returncode}")
        return {"stdout": done.stdout, "rc": 0}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError("nothing is written to read a host")

    def snapshot(self, provider: Rhel, *sections: str, **more: Any) -> Snapshot:
        """A snapshot that lacks nothing."""
        taken = take(provider, self, host="h", platform="rhel", now=1.0, sections=sections, **more)
        assert not taken.gaps, taken.gaps
        return taken

    def go_back(self, bundle: Bundle) -> subprocess.CompletedProcess[str]:
        """Run a bundle; what it wrote the last time it was broken off is still there."""
        for name, data in bundle.files.items():
            (self.work / name).write_bytes(data)
        (self.work / "script").write_text(bundle.script, encoding="utf-8")
        return self._sh(["/bin/sh", "script"], self.work, "")

    def _sh(self, command: list[str], folder: Path, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=self._environment, input=given, text=True, capture_output=True, check=False,
            timeout=120,
        )  # fmt: skip
