# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lkg_promote, lkg_info and lkg_diff, played by a real ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import archive_key
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored

CHECKS = [{"name": "web", "healthy": True, "target": "GET http://x", "reasons": []}]


def put(store: Path, text: str, at: float) -> Stored:
    archive = Archive(store)
    return archive.put([archive.part(Snapshot("sw1", "cisco_ios", at, {"config": {"running": text}}))])[0]


def play(folder: Path, tasks: list[dict[str, Any]], *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Play tasks on sw1; its status, its output, and what the tasks have registered, by name."""
    results = folder / "results.json"
    names = [task["register"] for task in tasks]
    keep = {
        "ansible.builtin.copy": {"dest": str(results), "content": "{{ found | to_json }}"},
        "vars": {"found": {name: f"{{{{ {name} }}}}" for name in names}},
        "delegate_to": "localhost",
    }
    tasks = [{**task, "ignore_errors": True} for task in tasks]
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "sw1", "gather_facts": False, "tasks": [*tasks, keep]}]))
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {
        "sw1": {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"},
        "localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}}))  # fmt: skip
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "inventory.yml", folder / "play.yml"]
    environment = {**os.environ, "HOLDFAST_STORE": str(folder / "store"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)
    found = json.loads(results.read_text()) if results.exists() else {}
    return done.returncode, done.stdout + done.stderr, found


def test_a_host_that_is_never_connected_to_gets_its_last_known_good_state(tmp_path: Path) -> None:
    store = tmp_path / "store"
    old = put(store, "hostname sw1\nenable secret 9 hunter2hunter2\n", 1000.0)
    new = put(store, "hostname sw1\nenable secret 9 hunter3hunter3\n", 2000.0)
    bad = [{"name": "web", "healthy": False, "reasons": ["status 500"]}]
    promote, diff, info = "holdfast.ops.lkg_promote", "holdfast.ops.lkg_diff", "holdfast.ops.lkg_info"
    tasks: list[dict[str, Any]] = [
        {promote: {"checks": bad}, "register": "refused"},
        {promote: {"checks": CHECKS, "state": old.id, "run": "r1", "reason": "fine"}, "register": "first"},
        {promote: {"checks": CHECKS, "state": old.id}, "register": "again"},
        {promote: {"checks": CHECKS}, "register": "checked", "check_mode": True},
        {diff: {}, "register": "differs", "diff": True},
        {info: {"state": "lkg"}, "register": "told"},
        {info: {"state": "nothing"}, "register": "unknown"},
    ]
    status, output, found = play(tmp_path, tasks)
    assert status == 0, output
    assert found["refused"]["failed"] and "check 'web' is not healthy: status 500" in found["refused"]["msg"]
    assert (found["first"]["changed"], found["first"]["before"]) == (True, "")
    assert (found["again"]["changed"], found["again"]["before"]) == (False, old.id)
    assert (found["checked"]["changed"], found["checked"]["snapshot"]["id"]) == (True, new.id)
    assert Archive(store).find("sw1") == old
    assert not found["differs"]["same"] and found["differs"]["changes"][0]["item"] == "running"
    assert "-enable secret 9 $encrypted$" in output and found["differs"]["changed"]
    assert found["told"]["lkg"]["evidence"]["checks"] == [{"name": "web", "healthy": True, "detail": "GET http://x"}]
    assert found["told"]["lkg"]["evidence"]["reason"] == "fine" and len(found["told"]["snapshots"]) == 2
    assert found["told"]["snapshot"]["items"][0]["text"].startswith("hostname sw1\n")
    assert "sw1 has no snapshot 'nothing'" in found["unknown"]["msg"]
    assert "hunter" not in output + json.dumps(found)


def test_a_key_that_ansible_vault_holds_is_opened_by_the_passwords_of_the_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    monkeypatch.setenv(archive_key.PASSWORD_FILE, str(password))
    put(tmp_path / "store", "hostname sw1\n", 1000.0)
    monkeypatch.delenv(archive_key.PASSWORD_FILE)
    assert (tmp_path / "store/archive.key").read_text().startswith("$ANSIBLE_VAULT")
    task = {"holdfast.ops.lkg_promote": {"checks": CHECKS}, "register": "done"}
    status, output, found = play(tmp_path, [task], "--vault-password-file", str(password))
    assert status == 0 and found["done"]["changed"], output
