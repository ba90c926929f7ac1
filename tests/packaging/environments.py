# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fresh virtual environments of any Python that this machine has, and programs run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: settings of the developer's environment that must not reach a fresh one
_OURS = ("ANSIBLE_", "HOLDFAST_", "PYTHON", "VIRTUAL_ENV")


class Environment:
    """A virtual environment. `run` starts one of its programs with nothing of this checkout in sight."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
        self.home.mkdir()

    @property
    def bin(self) -> Path:
        return self.folder / "venv" / "bin"

    def run(
        self, program: str, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in its empty folder; the result holds stdout and stderr in one."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        variables["PATH"] = f"{self.bin}{os.pathsep}{variables['PATH']}"
        variables["ANSIBLE_HOME"] = str(self.home / ".ansible")
        variables["HOLDFAST_HOME"] = str(self.home / "holdfast")
        command = [str(self.bin / program), *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=cwd or self.home,
            env={**variables, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def succeed(self, program: str, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run a program that has to end well; return what it printed."""
        done = self.run(program, *arguments, env=env)
        assert done.returncode == 0, f"{program} {' '.join(map(str, arguments))}\n{done.stdout}"
        return done.stdout

    def install(self, *requirements: str | Path) -> None:
        """Install with pip."""
        self.succeed("python", "-m", "pip", "install", "--quiet", "--no-compile", *requirements)


def find_interpreter(version: str) -> str:
    """Return a real interpreter of this version, such as "3.10"; skip the test where there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    managed = [str(path / "bin" / f"python{version}") for path in sorted(root.glob(f"versions/{version}.*"))]
    for candidate in (*managed, shutil.which(f"python{version}")):
        if (
            candidate
            and subprocess.run([candidate, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode
            == 0
        ):
            return candidate
    pytest.skip(f"Python {version} with venv is not on this machine")


def copy_of_the_tree(destination: Path) -> Path:
    """Copy the repository's own files to a new folder, so that building leaves nothing behind in the checkout."""
    subprocess.run(["python3", str(REPOSITORY / "scripts" / "copy_tree.py"), str(destination)], check=True)
    return destination


def last_lines(text: str, count: int = 30) -> Sequence[str]:
    """Return the end of a program's output, for a message."""
    return text.splitlines()[-count:]
