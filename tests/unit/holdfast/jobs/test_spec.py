# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command and the files of a job."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.jobs.credentials import Injection
from holdfast.jobs.spec import JobSpec, write_command

INVENTORY = {"all": {"hosts": ["ä b"], "vars": {"t": "{{ 1 + 1 }}"}}, "_meta": {"hostvars": {"ä b": {"n": 1}}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "plays").mkdir(parents=True)
    for name in ("site.yml", "plays/web.yml", "-x.yml"):
        (folder / name).write_text("[]")
    return folder


def spec(project: Path, playbook: str = "site.yml", **more: Any) -> JobSpec:
    return JobSpec("job-1", project.parent / "job-1", project, playbook, inventory=INVENTORY, **more)


def command(job: JobSpec, injection: Injection | None = None) -> list[str]:
    return write_command(job, injection or Injection(arguments=("-u", "root")), "/bin/ansible-playbook")


def test_the_command_of_a_plain_job(project: Path) -> None:
    job = spec(project)
    assert command(job) == [
        "/bin/ansible-playbook", "-u", "root", "-i", str(job.private / "inventory" / "hosts"), "site.yml"
    ]  # fmt: skip
    assert [entry.name for entry in job.private.iterdir()] == ["inventory"]


def test_the_command_with_everything(project: Path) -> None:
    job = spec(
        project, "plays/web.yml", limit="web:!db", job_tags="a,b", skip_tags="c", start_at_task="a task", forks=7,
        verbosity=9, job_type="check", diff_mode=True, become_enabled=True, force_handlers=True, extra_vars={"a": 1},
        extra_arguments=("--flush-cache",),
    )  # fmt: skip
    private = job.private
    found = command(
        job, Injection(arguments=("-u", "ann", "--become-password-file", "/f"), extra_vars={"b": "{{ 1 }}"})
    )
    assert found == [
        "/bin/ansible-playbook", "-u", "ann", "--become-password-file", "/f", "--check", "--become", "--diff",
        "--forks=7", "--force-handlers", "-vvvvv", "--skip-tags=c", "--start-at-task=a task", "-l", "web:!db",
        "-t", "a,b", "-e", f"@{private}/credential_vars.yml", "--flush-cache", "-i", f"{private}/inventory/hosts",
        "-e", f"@{private}/extra_vars.yml", "plays/web.yml",
    ]  # fmt: skip
    assert (private / "credential_vars.yml").read_text() == '---\n{\n  "b": !unsafe "{{ 1 }}"\n}\n'
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "extra_vars.yml").stat().st_mode & 0o777 == 0o600


def test_the_inventory_prints_itself(project: Path) -> None:
    job = spec(project)
    path = Path(command(job)[4])
    assert json.loads(subprocess.run([path, "--list"], capture_output=True, check=True).stdout) == INVENTORY
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}


def test_values_given_at_launch_are_no_templates(project: Path) -> None:
    values = {"a": "{{ x }}", "b": ["{{ x }}", {"c": "{{ y }}"}], "d": 1, "e": "{{ z }}", "same": "{{ t }}"}
    job = spec(project, extra_vars=values, trusted_vars={"e": "{{ other }}", "same": "{{ t }}"})
    command(job)
    text = (job.private / "extra_vars.yml").read_text()
    for unsafe in ("{{ x }}", "{{ y }}", "{{ z }}"):
        assert f'!unsafe "{unsafe}"' in text
    assert '"same": "{{ t }}"' in text
    assert text.count("!unsafe") == 4


def test_all_values_may_be_trusted(project: Path) -> None:
    job = spec(project, extra_vars={"a": ["{{ x }}"]}, trust_all_vars=True)
    command(job)
    assert "!unsafe" not in (job.private / "extra_vars.yml").read_text()


def test_jobs_of_another_kind_bring_their_command(project: Path) -> None:
    job = JobSpec("job-1", project.parent / "job-1", project, command=("git", "status"))
    assert command(job) == ["git", "status"]
    assert list(job.private.iterdir()) == []


@pytest.mark.parametrize("limit", ["@/etc/passwd", "web,@hosts", "web:@hosts", "web, @hosts", " @x"])
def test_a_limit_reads_no_file(project: Path, limit: str) -> None:
    with pytest.raises(HoldfastError, match="names a file"):
        command(spec(project, limit=limit))


@pytest.mark.parametrize("limit", ["web", "web:&db,!x", "a@b", "~^web\\d+"])
def test_other_limits_go_through(project: Path, limit: str) -> None:
    assert limit in command(spec(project, limit=limit))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside.yml", "leads out of its project"),
        ("plays/../../outside.yml", "leads out of its project"),
        ("link.yml", "leads out of its project"),
        ("/etc/passwd", "leads out of its project"),
        ("", "leads out of its project"),
        ("plays", "has no playbook 'plays'"),
        ("missing.yml", "has no playbook 'missing.yml'"),
        ("not.a.collection.yml", "has no playbook"),
    ],
)
def test_playbooks_are_in_their_project(project: Path, name: str, said: str) -> None:
    (project.parent / "outside.yml").write_text("[]")
    (project / "link.yml").symlink_to("../outside.yml")
    with pytest.raises(HoldfastError, match=said):
        command(spec(project, name))


def test_playbooks_from_elsewhere(project: Path) -> None:
    assert command(spec(project, "holdfast.ops.run"))[-1] == "holdfast.ops.run"
    own = project.parent / "job-2" / "play.yml"
    own.parent.mkdir()
    own.write_text("[]")
    job = JobSpec("job-1", own.parent, project, str(own))
    assert command(job)[-1] == str(own)


def test_a_playbook_is_never_an_option(project: Path) -> None:
    assert command(spec(project, "-x.yml"))[-1] == "./-x.yml"


@pytest.mark.parametrize("key", ["", "a/b", "job 1", "job\n1"])
def test_keys_are_plain(project: Path, key: str) -> None:
    with pytest.raises(HoldfastError, match="cannot be the key of a job"):
        JobSpec(key, project, project)
