# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as plays reach them: this machine, of which only files of the test are read, and two that do not answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel_choices import FILES
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

SECRET = "S3cretOfTheFile"


class Stage:
    """A folder that stands for a host's files, an inventory, and an archive."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, folder / "store"
        self.file = folder / "etc" / "app.conf"
        self.file.parent.mkdir()
        self.file.write_text(f"password={SECRET}\nlevel=1\n")
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        nobody = {
            "ansible_connection": "ssh",
            "ansible_host": "192.0.2.1",
            "ansible_ssh_common_args": "-oConnectTimeout=1",
        }
        switch = {"ansible_connection": "ansible.netcommon.network_cli", "ansible_network_os": "cisco.ios.ios",
                  "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "x", "ansible_password": "y",
                  "ansible_network_cli_ssh_type": "libssh"}  # fmt: skip
        hosts = {"here": here, "nobody": nobody, "switch": switch}
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        self.environment = {**os.environ, "HOLDFAST_STORE": str(self.store), "ANSIBLE_NOCOLOR": "1",
                            "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": str(folder / "pc")}  # fmt: skip
        self.options = {"files": [str(self.file)], "without": list(FILES)}

    def act(self, host: str, module: str, *more: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        """Run one action on a host; what Ansible wrote, and the result."""
        kept = self.folder / "result.json"
        goes_on = {"ignore_errors": True, "ignore_unreachable": True}
        tasks: list[dict[str, Any]] = [
            {f"holdfast.ops.{module}": arguments, "register": "found", **goes_on},
            {"ansible.builtin.copy": {"dest": str(kept), "content": "{{ found | to_json }}"}, "check_mode": False,
             "delegate_to": "here"},
        ]  # fmt: skip
        (self.folder / "play.yml").write_text(yaml.safe_dump([{"hosts": host, "gather_facts": False, "tasks": tasks}]))
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, "-i", self.folder / "inventory.yml", self.folder / "play.yml", "--diff", *more]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        assert kept.exists() and SECRET not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.stdout, dict(json.loads(kept.read_text()))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_host_is_read_and_what_would_be_restored_is_said(stage: Stage) -> None:
    take = {"sections": ["files"], "options": stage.options, "require_complete": True}
    _output, checked = stage.act("here", "lkg_snapshot", "--check", **take)
    assert checked["snapshot"] is None and checked["complete"] and not Archive(stage.store).snapshots()
    _output, first = stage.act("here", "lkg_snapshot", **take)
    _output, again = stage.act("here", "lkg_snapshot", **take)
    assert (again["digest"], again["same"], again["changed"]) == (first["digest"], True, False)

    stage.file.write_text(f"password={SECRET}\nlevel=2\n")
    output, would = stage.act("here", "lkg_restore", "--check", state=first["snapshot"]["id"])
    assert (would["changed"], would["done"], would["sections"]) == (True, [], ["files"])
    assert "-level=2" in output and "+level=1" in output and "level=2" in stage.file.read_text()

    command = [sys.executable, "-m", "holdfast.cli", "lkg", "restore", "here@last", "--check", "-i",
               str(stage.folder / "inventory.yml")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=stage.environment, check=False)
    assert done.returncode == 0 and "would be restored to" in done.stdout, done.stdout + done.stderr
    assert "+level=1" in done.stdout and SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"options": {"file": []}}, "the platform 'rhel' has no option 'file' (did you mean 'files'?)"),
        ({"platform": "cisco_ios"}, "is not reached by a connection that gives a shell"),
        ({"sections": ["fiels"]}, "has no section 'fiels'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked(stage: Stage, arguments: dict[str, Any], said: str) -> None:
    _output, result = stage.act("here", "lkg_snapshot", **arguments)
    assert result["failed"] and said in result["msg"]


@pytest.mark.parametrize("host", ["nobody", "switch"])
def test_a_host_that_does_not_answer_is_unreachable(stage: Stage, host: str) -> None:
    _output, result = stage.act(host, "lkg_snapshot")
    assert result["unreachable"] and "no answer" in result["msg"], result
    assert not Archive(stage.store).snapshots()
