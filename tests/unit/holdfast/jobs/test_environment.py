# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a job: what it is given, and what it must not see."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from holdfast.jobs.credentials import Injection
from holdfast.jobs.environment import inherit_nothing_else, job_environment
from holdfast.jobs.leftovers import mark_of
from holdfast.jobs.spec import JobSpec

CONTROLLER = {
    "PATH": "/bin",
    "HOME": "/home/x",
    "LANG": "de_DE.UTF-8",
    "HTTPS_PROXY": "http://proxy",
    "HOLDFAST_SECRET_KEY": "k",
    "HOLDFAST_RUN": "outer",
    "ANSIBLE_CONFIG": "/etc/mine.cfg",
    "ANSIBLE_VAULT_PASSWORD_FILE": "/etc/vault",
    "SSH_AUTH_SOCK": "/run/agent",
    "ANSIBLE_COLLECTIONS_PATH": "/site",
}


@pytest.fixture(autouse=True)
def _own_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "collections_path", lambda: Path("/own"))


def environment(tmp_path: Path, injection: Injection | None = None, environ: Any = None, **more: Any) -> dict[str, str]:
    job = JobSpec("job-1", tmp_path / "job-1", tmp_path, "site.yml", **more)
    return job_environment(job, injection or Injection(), tmp_path / "s", CONTROLLER if environ is None else environ)


def test_a_job_sees_nothing_of_the_controllers_secrets(tmp_path: Path) -> None:
    found = environment(tmp_path)
    same = {name for name, value in CONTROLLER.items() if found.get(name) == value}
    assert same == {"PATH", "HOME", "LANG", "HTTPS_PROXY"}
    assert found["HOLDFAST_RUN"] == found["HOLDFAST_EXECUTION"] == mark_of(tmp_path / "job-1")


def test_what_awx_sets(tmp_path: Path) -> None:
    found = environment(tmp_path, environ={})
    assert found["LANG"] == "C.UTF-8"
    assert found["AWX_PRIVATE_DATA_DIR"] == str(tmp_path / "job-1" / "private")
    assert found["ANSIBLE_SSH_CONTROL_PATH_DIR"] == str(tmp_path / "s" / "cp")
    assert (found["ANSIBLE_HOST_KEY_CHECKING"], found["ANSIBLE_FORCE_COLOR"]) == ("False", "True")
    assert found["MAX_EVENT_RES"] == "700000"


def test_who_wins(tmp_path: Path) -> None:
    injection = Injection(env={"A": "credential", "B": "credential"})
    found = environment(tmp_path, injection, environment={"A": "job", "C": "job", "ANSIBLE_HOST_KEY_CHECKING": "True"})
    assert (found["A"], found["B"], found["C"]) == ("credential", "credential", "job")
    assert found["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert environment(tmp_path, environment={"HOLDFAST_RUN": "x"})["HOLDFAST_RUN"] == mark_of(tmp_path / "job-1")


def test_search_paths_of_a_project_with_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncollections_path = ./colls:/opt/%c\nroles_path = roles\n")
    found = environment(tmp_path, collections_path=(Path("/cache/c"),), roles_path=(Path("/cache/r"),))
    usual = "~/.ansible/collections:/usr/share/ansible/collections"
    assert found["ANSIBLE_COLLECTIONS_PATH"] == f"/cache/c:./colls:/opt/%c:/own:/site:{usual}"
    assert found["ANSIBLE_ROLES_PATH"].startswith("/cache/r:roles:~/.ansible/roles:")
    found = environment(tmp_path, environment={"ANSIBLE_COLLECTIONS_PATH": "/job"})
    assert found["ANSIBLE_COLLECTIONS_PATH"] == f"/job:/own:/site:{usual}"


def test_the_path_of_collections_is_set_without_a_collection_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "collections_path", lambda: None)
    (tmp_path / "ansible.cfg").write_text("this is no configuration")
    usual = "~/.ansible/collections:/usr/share/ansible/collections"
    assert environment(tmp_path, environ={})["ANSIBLE_COLLECTIONS_PATH"] == usual


def test_what_ansible_runner_adds_stays() -> None:
    runner = {"ANSIBLE_STDOUT_CALLBACK": "awx_display", "AWX_ISOLATED_DATA_DIR": "/x"}
    config = SimpleNamespace(env={**CONTROLLER, **runner, "A": "1"})
    inherit_nothing_else(config, {"A": "1", "PATH": "/bin", "ANSIBLE_FORCE_COLOR": "True"})
    assert config.env == {"A": "1", "PATH": "/bin", **runner, "ANSIBLE_FORCE_COLOR": "True"}
