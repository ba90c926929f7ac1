# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the controller with real plays: what Ansible is given, what comes back, and that nothing survives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import options, processes

pytest.importorskip("cryptography", reason="the controller is not installed")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from holdfast.jobs.credentials import CredentialValue
from holdfast.jobs.spec import JobSpec

from tests.unit.holdfast.jobs.jobs import Running, wait_for

SLEEPS = [f"sleep {seconds}.{os.getpid()}" for seconds in (311, 312, 313)]
"""Found again among all the processes of a machine, on which other tests may run as well."""
PLAYS: dict[str, Any] = {
    "site.yml": [
        {
            "name": "the play",
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"name": "say", "debug": {"msg": "{{ who }}, {{ mine }}, {{ colour }}, {{ token }}, {{ sealed }}"}},
                {"name": "look", "command": "printenv MY_TOKEN MY_FILE JOB_ID", "register": "seen"},
                {"name": "keep", "set_stats": {"data": {"answer": 42, "token": "{{ token }}"}}, "run_once": True},
                {"name": "break", "fail": {"msg": "on purpose"}, "when": "inventory_hostname == 'h2'"},
            ],
        }
    ],
    "agent.yml": [{"hosts": "all", "gather_facts": False, "tasks": [{"command": "ssh-add -l"}]}],
    "stubborn.yml": [
        {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [{"shell": f"trap '' TERM; env -i sh -c 'trap \"\" TERM; {SLEEPS[0]}; {SLEEPS[1]}'; {SLEEPS[2]}"}],
        }
    ],
    "big.yml": [{"hosts": "h1", "gather_facts": False, "tasks": [{"debug": {"msg": "{{ 'x' * 800000 }}"}}]}],
}
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
INVENTORY = {
    "all": {"hosts": ["h1"], "children": ["web"], "vars": {"colour": "{{ 'red' | upper }}"}},
    "web": {"hosts": ["h2"]},
    "_meta": {"hostvars": {"h1": LOCAL, "h2": LOCAL}},
}
MINE = CredentialValue(
    "cloud",
    "Mine",
    {"token": "s3cret-token"},
    input_fields=[{"id": "token", "type": "string", "secret": True}],
    injectors={
        "file": {"template": "<{{ token }}>"},
        "env": {"MY_TOKEN": "{{ token }}", "MY_FILE": "{{ tower.filename }}"},
        "extra_vars": {"token": "{{ token }}"},
    },
)


def vault(name: str, password: str) -> CredentialValue:
    fields = [{"id": "vault_password", "secret": True}, {"id": "vault_id"}]
    return CredentialValue("vault", "Vault", {"vault_password": password, "vault_id": name}, input_fields=fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    for name, plays in PLAYS.items():
        (tmp_path / "project" / name).write_text(json.dumps(plays))
    return tmp_path


def job(folder: Path, playbook: str, *credentials: CredentialValue, **more: Any) -> Running:
    spec = JobSpec("job-9", folder / "job-9", folder / "project", playbook, inventory=INVENTORY, **more)
    return Running(spec, credentials)


def seal(folder: Path, label: str, password: str, text: str) -> str:
    """Text encrypted with ansible-vault."""
    (folder / "password").write_text(password)
    program = str(Path(options.ansible_playbook()).with_name("ansible-vault"))
    command = [program, "encrypt_string", "--encrypt-vault-id", label, "--vault-id", f"{label}@{folder}/password", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_job_as_awx_would_run_it(folder: Path) -> None:
    group_vars = folder / "project" / "group_vars"
    group_vars.mkdir()
    (group_vars / "all.yml").write_text("sealed: " + seal(folder, "prod", "vault pw", "opened"))
    running = job(
        folder,
        "site.yml",
        vault("dev", "another pw"),
        vault("prod", "vault pw"),
        MINE,
        extra_vars={"who": "{{ 6 * 7 }}", "mine": "{{ 6 * 8 }}"},
        trusted_vars={"mine": "{{ 6 * 8 }}"},
        environment={"JOB_ID": "9"},
        diff_mode=True,
    )
    end = running.end()
    sink = running.sink
    assert (end.status, end.explanation) == ("failed", "")
    said = [row["event_data"]["res"]["msg"] for row in sink.named("runner_on_ok") if row["task"] == "say"]
    assert said == ["{{ 6 * 7 }}, 48, RED, $encrypted$, opened"] * 2
    looked = [row["event_data"]["res"]["stdout_lines"] for row in sink.named("runner_on_ok") if row["task"] == "look"]
    assert [[line[0], line[2]] for line in looked] == [["$encrypted$", "9"]] * 2
    assert end.artifacts == {"answer": 42, "token": "$encrypted$"}
    assert "s3cret-token" not in repr(sink.rows)
    summaries = end.host_summaries
    counts = {host: (row["ok"], row["changed"], row["failures"]) for host, row in summaries.items()}
    assert counts == {"h1": (3, 1, 0), "h2": (2, 1, 1)}
    assert [host for host, row in summaries.items() if row["failed"]] == ["h2"]
    assert end.host_status_counts == {"changed": 1, "failures": 1}
    assert (end.play_count, end.task_count, end.emitted_events) == (1, 4, len(sink.rows))
    assert end.start.job_args[:3] == ["ansible-playbook", "-u", "root"]
    assert end.start.job_env["MY_TOKEN"] == "**********"
    assert not (folder / "job-9").exists()


def test_events_form_awxs_tree(folder: Path) -> None:
    values = {"who": "a", "mine": "b", "sealed": "c"}
    running = job(folder, "site.yml", MINE, extra_vars=values, environment={"JOB_ID": "9"})
    end = running.end()
    rows = running.sink.rows
    by_uuid = {row["uuid"]: row for row in rows}
    assert [row["counter"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        if row["event"].startswith("runner_"):
            task = by_uuid[row["parent_uuid"]]
            assert (task["event"], task["task"]) == ("playbook_on_task_start", row["task"])
            assert (row["playbook"], row["play"]) == ("site.yml", "the play")
            assert row["host_name"] in ("h1", "h2")
    assert {by_uuid[one]["task"] for one in end.failed_parents} == {"break"}
    assert {by_uuid[one]["task"] for one in end.changed_parents} == {"look"}
    assert [row["failed"] for row in running.sink.named("playbook_on_stats")] == [True]
    lines = [(row["start_line"], row["end_line"], row["stdout"].count("\n")) for row in rows if row["stdout"]]
    assert all(end - start >= breaks for start, end, breaks in lines)
    ok = next(row for row in running.sink.named("runner_on_ok") if row["task"] == "say")
    assert ok["stdout"].startswith("\x1b[0;32mok: [h")
    assert "\r\n" in ok["stdout"]


def test_a_playbook_that_cannot_be_read_fails(folder: Path) -> None:
    (folder / "project" / "bad.yml").write_text("- hosts: all\n  tasks: 7")
    running = job(folder, "bad.yml")
    assert running.end().status == "failed"
    assert "tasks" in running.sink.text


def test_results_that_are_too_big_are_left_out(folder: Path) -> None:
    running = job(folder, "big.yml")
    assert running.end().status == "successful"
    (row,) = running.sink.named("runner_on_ok")
    assert row["event_data"]["res"] == {}
    assert len(row["stdout"]) > 800_000


def test_passwords_are_given_in_files(folder: Path) -> None:
    inputs = {"username": "ann", "password": "pw 1", "become_method": "su", "become_password": "pw 2"}
    fields = [{"id": name, "secret": "password" in name} for name in inputs]
    running = job(folder, "big.yml", CredentialValue("ssh", "Machine", inputs, input_fields=fields), verbosity=1)
    end = running.end()
    assert end.status == "successful"
    assert end.start.job_args[1:3] == ["-u", "ann"]
    assert {"--connection-password-file", "--become-password-file"} <= set(end.start.job_args)
    assert "pw 1" not in repr(end)


@pytest.mark.skipif(not shutil.which("ssh-agent"), reason="needs OpenSSH")
def test_keys_are_in_an_agent(folder: Path) -> None:
    lock = serialization.BestAvailableEncryption(b"open")
    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, lock).decode()
    inputs = {"username": "ann", "ssh_key_data": text, "ssh_key_unlock": "open"}
    fields = [{"id": "ssh_key_data", "secret": True}, {"id": "ssh_key_unlock", "secret": True}]
    running = job(folder, "agent.yml", CredentialValue("ssh", "Machine", inputs, input_fields=fields), limit="h1")
    assert running.end().status == "successful"
    (row,) = running.sink.named("runner_on_ok")
    assert "ED25519" in row["event_data"]["res"]["stdout"]
    assert not [one for one in processes.PROC.glob("[0-9]*/cmdline") if _says(one, b"ssh-agent for " + bytes(folder))]


def _says(path: Path, text: bytes) -> bool:
    try:
        return text in path.read_bytes()
    except OSError:
        return False


def commands() -> list[str]:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")
@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_stubborn_job_ends_within_three_seconds(folder: Path, how: str) -> None:
    running = job(folder, "stubborn.yml", limit="h1", timeout=20 if how == "timeout" else 0).start()
    wait_for("the command runs", lambda: SLEEPS[0] in commands())
    begin = time.monotonic()
    if how == "cancel":
        running.run.cancel()
    end = running.end()
    assert time.monotonic() - begin < (3 if how == "cancel" else 24)
    assert end.status == ("canceled" if how == "cancel" else "failed")
    assert end.host_summaries == {}
    assert not set(SLEEPS) & set(commands())
    assert not any(str(folder) in line for line in commands())


CONTROLLER = """
import json, sys, threading
from pathlib import Path
from holdfast.jobs.child import JobRun
from holdfast.jobs.guard import Guard
from holdfast.jobs.spec import JobSpec
class Sink:
    def started(self, start): pass
    def events(self, rows): pass
folder = Path(sys.argv[1])
spec = JobSpec("job-9", folder / "job-9", folder / "project", "stubborn.yml", inventory=json.loads(sys.argv[2]))
JobRun(spec, [], Sink(), Guard()).run()
"""


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")
def test_nothing_survives_a_killed_controller(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    one_host = {**INVENTORY, "web": {}}
    command = [sys.executable, "-c", CONTROLLER, str(folder), json.dumps(one_host)]
    with subprocess.Popen(command, env=environment) as controller:
        wait_for("the command runs", lambda: SLEEPS[0] in commands())
        controller.send_signal(signal.SIGKILL)
    wait_for("its job ends", lambda: SLEEPS[0] not in commands(), seconds=5)
    wait_for("its files go", lambda: not (folder / "job-9").exists(), seconds=5)
    assert not any(str(folder) in line for line in commands())
