# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles run for real: by ansible-playbook, with real processes and, where traffic matters, a real HAProxy."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.insert(0, str(DEMO))

import lab as demo_lab  # noqa: E402

SETTINGS = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_LOCALHOST_WARNING": "0"}


@dataclass(frozen=True)
class Played:
    """How a play ended."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """How many tasks changed something, over all hosts."""
        return sum(int(count) for count in re.findall(r"changed=(\d+)", self.output))

    @property
    def words(self) -> str:
        """The output on one line, for messages that were wrapped."""
        return " ".join(self.output.split())


def play_role(
    inventory: Path, role: str, variables: dict[str, Any], hosts: str, check: bool = False, folder: Path | None = None
) -> Played:
    """Run one role on hosts; the variables are given as Holdfast gives them, as extra variables."""
    play = [{"hosts": hosts, "gather_facts": False, "roles": [{"role": f"holdfast.ops.{role}"}]}]
    playbook = (folder or inventory.parent) / f"play-{role}.yml"
    playbook.write_text(yaml.safe_dump(play), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(inventory)]
    command += ["-e", json.dumps(variables), *(["--check", "--diff"] if check else [])]
    done = subprocess.run(
        command,
        env={**os.environ, **SETTINGS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Played(done.returncode, done.stdout)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo_lab.Lab]:
    """Two servers with version 1 behind a real HAProxy."""
    if not shutil.which("haproxy", path=demo_lab.PATH):
        pytest.skip(demo_lab.HAPROXY_MISSING)
    with demo_lab.Lab(tmp_path_factory.mktemp("lab") / "l", names=("app1", "app2")) as running:
        yield running


class Host:
    """One host without a load balancer, and the service ``app`` that a role puts on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "opt"
        self.pid_file = folder / "app.pid"
        self.port = demo_lab.free_ports(1)[0]
        self.inventory = folder / "inventory.yml"
        self.python = sys.executable
        demo_lab.write_source(folder / "source")
        command = f"{self.python} {{{{ deploy_service_link }}}}/app.py"
        where = f"--pid-file {self.pid_file}"
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": self.python,
            "deploy_service_name": "app",
            "deploy_service_root": str(self.root),
            "deploy_service_repository": str(folder / "source"),
            "deploy_service_ref": "v{version}",
            "deploy_service_manager": "command",
            "deploy_service_start": f"{command} start --port {self.port} {where} --log {folder}/app.log",
            "deploy_service_stop": f"{command} stop {where}",
            "deploy_service_status": f"{command} status {where}",
        }
        self.inventory.write_text(yaml.safe_dump({"all": {"hosts": {"h1": variables}}}), encoding="utf-8")

    def play(self, action: str, version: str = "", check: bool = False, run: str = "", **more: Any) -> Played:
        """One action of the role; ``run`` is the id of the Holdfast run that asks, if one does."""
        variables: dict[str, Any] = {"deploy_service_action": action, "deploy_service_version": version, **more}
        if run:
            variables["holdfast"] = {"request": {"run": run, "origin": run}}
        return play_role(self.inventory, "deploy_service", variables, "h1", check)

    def deploy(self, version: str, **more: Any) -> Played:
        """Deploy, which must succeed."""
        played = self.play("deploy", version, **more)
        assert played.status == 0, played.output
        return played

    def link(self, name: str = "current") -> str:
        """The version that a link points at."""
        path = self.root / name
        return os.path.basename(os.readlink(path)) if path.is_symlink() else ""

    @property
    def pid(self) -> int:
        """The process that serves, or 0."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            os.kill(pid, 0)
        except (OSError, ValueError):
            return 0
        return pid

    @property
    def serving(self) -> str:
        """The version that really answers, or "" when nothing does."""
        import urllib.request

        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return ""

    def tree(self) -> dict[str, Any]:
        """Everything below the service's folder, to compare."""
        found: dict[str, Any] = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file():
                found[str(path)] = path.read_bytes()
        return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host with nothing on it yet."""
    made = Host(tmp_path)
    yield made
    if made.pid:
        os.kill(made.pid, signal.SIGKILL)
