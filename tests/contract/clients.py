# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real clients of an AWX, in an environment of their own, and how they are pointed at a controller."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.environments import find_interpreter, last_lines
from tests.served import BIN, Served

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = "3.11"
#: awxkit imports pkg_resources, which setuptools 82 no longer has
REQUIREMENTS = ("awxkit==24.6.1", "setuptools<82", "ansible-rulebook>=1.3,<1.4", "schemathesis>=4,<5")
#: what must not reach a client from whoever runs the tests
_THEIRS = ("ANSIBLE_", "CONTROLLER_", "TOWER_", "AWX", "EDA_")


class Clients:
    """Programs of the environment. Each result holds what was printed; errors go where output goes."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"

    @property
    def python(self) -> Path:
        """The interpreter that has awxkit."""
        return self.bin / "python"

    def run(
        self,
        served: Served,
        command: Sequence[str | Path],
        cwd: Path | None = None,
        token: str = "",
        more: Mapping[str, str] | None = None,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program that finds the controller in its environment: as admin, or with a token."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_THEIRS)}
        variables |= {
            "PATH": os.pathsep.join([str(self.bin), str(BIN), variables["PATH"]]),
            "NO_PROXY": "*",
            "CONTROLLER_HOST": served.url,
            "CONTROLLER_VERIFY_SSL": "false",
            "CONTROLLER_COLOR": "false",
            "ANSIBLE_COLLECTIONS_PATH": variables.get("ANSIBLE_COLLECTIONS_PATH", ""),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        signing = {"CONTROLLER_OAUTH_TOKEN": token} if token else {"CONTROLLER_USERNAME": "admin"}
        if not token:
            signing["CONTROLLER_PASSWORD"] = served.password
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**variables, **signing, **(more or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
            **options,
        )

    def awx(self, served: Served, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """``awx WORDS``."""
        return self.run(served, [self.bin / "awx", *words], **options)

    def succeed(self, served: Served, *words: str, **options: Any) -> str:
        """What ``awx WORDS`` printed; it has to end well."""
        done = self.awx(served, *words, **options)
        assert done.returncode == 0, f"awx {' '.join(words)} ended with {done.returncode}\n{done.stdout}"
        return done.stdout

    def json(self, served: Served, *words: str, **options: Any) -> Any:
        """What ``awx WORDS`` printed, as JSON."""
        return json.loads(self.succeed(served, *words, **options))

    def play(
        self, served: Served, folder: Path, tasks: Sequence[Mapping[str, Any]], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run tasks of awx.awx on this machine, with the Python that has awxkit."""
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": str(self.python)},
            "tasks": list(tasks),
        }
        path = folder / "play.yml"
        path.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        return self.run(served, [BIN / "ansible-playbook", path], cwd=folder, **options)


def client_environment() -> Clients:
    """The environment, made when it is needed for the first time; skips where it cannot be made."""
    key = hashlib.sha256("\n".join((PYTHON, *REQUIREMENTS)).encode()).hexdigest()[:8]
    folder = REPOSITORY / ".cache" / f"clients-{key}"
    stamp = folder / "complete"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            _make(folder)
            stamp.touch()
    return Clients(folder)


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([find_interpreter(PYTHON), "-m", "venv", str(folder)], check=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*map(str, install), *REQUIREMENTS],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip("the clients cannot be installed: " + " ".join(last_lines(done.stdout, 3)))


def collection_is_here() -> bool:
    """Whether awx.awx is in the environment of the tests."""
    program = "import importlib.util as u, sys; sys.exit(u.find_spec('ansible_collections.awx.awx') is None)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
