# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for tests of providers: this machine's shell and Python, a folder, and tools that stand in.

The scripts of providers and bundles are the real ones. What the real tools do is a test in the lab.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole


class LinuxHost:
    """The host, and the device through which a provider reaches it. ``asked`` has every module with its ``secret``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, bool]] = []
        self._bin = folder / "bin"
        self._bin.mkdir()
        (self._bin / "python3").symlink_to(sys.executable)

    def tool(self, name: str, script: str) -> Path:
        """Let it have a program; ``$STATE`` is the host's folder."""
        path = self._bin / name
        path.write_text(f"#!/bin/sh\nSTATE={self.folder}\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def log(self) -> list[str]:
        """What the tools have written down, and forget it."""
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def _do(self, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        path = f"{self._bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = {**os.environ, "PATH": path, "LC_ALL": "C"}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, errors="surrogateescape", check=False,
            stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """As the port says, for commands alone."""
        assert module == "ansible.builtin.command" and set(arguments) == {"argv"}
        self.asked.append((module, secret))
        done = self._do(arguments["argv"], self.folder)
        if done.returncode:
            raise HoldfastError(done.stderr.strip() or f"status {done.returncode}")
        return {"rc": 0, "stdout": done.stdout}

    def run_bundle(self, bundle: Bundle) -> tuple[int, list[str]]:
        """Run a bundle in a folder of its own; returns its status and its lines."""
        work = self.folder / "bundle"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for name, data in bundle.files.items():
            (work / name).write_bytes(data)
        (self.folder / "script").write_text(bundle.script, encoding="utf-8", errors="surrogateescape")
        done = self._do(["/bin/sh", str(self.folder / "script")], work)
        assert done.stderr == "", done.stderr
        return done.returncode, done.stdout.splitlines()

    def take(self, provider: Any) -> Snapshot:
        """A snapshot as the archive gives it back."""
        (platform,) = provider.declaration.platforms
        taken = take(provider, self, host="h1", platform=platform, now=1.0)
        assert not taken.gaps, taken.gaps
        assert all(secret for _module, secret in self.asked)
        return whole(*part(taken, platform_named(platform), b"k" * 32))
