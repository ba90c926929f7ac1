# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast export awx``: what it writes, what it says, and that Ansible takes all of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import degradations
from holdfast.cli.app import app
from holdfast.cli.export import mapped_catalog
from typer.testing import CliRunner, Result

REPOSITORY = Path(__file__).resolve().parents[4]
EXAMPLES = REPOSITORY / "tests" / "catalog" / "examples"
PROGRAMS = Path(sys.executable).parent


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["export", "awx", *map(str, arguments)])


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def output_lines(done: Result) -> list[str]:
    return [line.strip() for line in done.output.splitlines()]


@pytest.mark.usefixtures("catalog")
def test_it_writes_a_project_and_says_what_awx_does_otherwise(tmp_path: Path) -> None:
    done = export("--output", tmp_path / "project")
    assert done.exit_code == 0, done.output
    written = files_of(tmp_path / "project")
    for path in ("README.md", "import.yml", "awx/objects.yml", "playbooks/items/step.yml", "catalog/bundles/walk.yml"):
        assert path in written
        assert f"new      {tmp_path / 'project' / path}" in output_lines(done)
    lines = output_lines(done)
    assert "Walk: otherwise than in Holdfast" in lines
    for workflow in mapped_catalog().workflows:
        for one in workflow.degradations:
            assert any(line.startswith(f"{one.feature}") and one.instead in line for line in lines)
            assert one.instead.encode() in written["README.md"]


@pytest.mark.usefixtures("catalog")
def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    project = tmp_path / "project"
    export("--output", project)
    before = files_of(project)
    done = export("--output", project)
    assert files_of(project) == before
    assert f"✔ {project}: {len(before) - 1} unchanged" in output_lines(done)


@pytest.mark.usefixtures("catalog")
def test_a_bundle_that_is_no_more_leaves_nothing_behind(tmp_path: Path) -> None:
    project = tmp_path / "project"
    export("--output", project)
    done = export("--output", project, "--bundle", "walk")
    assert done.exit_code == 0
    left = files_of(project)
    assert "playbooks/bundles/walk.yml" in left
    assert not any("rolling-deploy" in path for path in left)
    assert b"Rolling deploy" not in left["awx/objects.yml"]


@pytest.mark.usefixtures("catalog")
def test_check_writes_nothing(tmp_path: Path) -> None:
    done = export("--output", tmp_path / "project", "--check")
    assert done.exit_code == 0
    assert not (tmp_path / "project").exists()
    assert "would write" in done.output
    assert "Walk: otherwise than in Holdfast" in done.output


def test_a_bundle_by_its_file_brings_the_items_beside_it(catalog: Path, tmp_path: Path) -> None:
    os.environ.pop("HOLDFAST_CATALOG")
    (catalog / "items").mkdir()
    shutil.move(catalog / "items.yml", catalog / "items" / "items.yml")
    done = export("--output", tmp_path / "project", "--bundle", catalog / "walk.yml")
    assert done.exit_code == 0, done.output
    assert "playbooks/items/step.yml" in files_of(tmp_path / "project")


@pytest.mark.usefixtures("catalog")
def test_settings_are_those_of_the_command(tmp_path: Path) -> None:
    arguments = ["--organization", "Ops", "--inventory", "Inv", "--credential", "a", "--credential", "b"]
    arguments += ["--scm-url", "https://x/y.git", "--scm-branch", "main", "--collection", "ansible.controller"]
    project = tmp_path / "project"
    assert export("--output", project, *arguments).exit_code == 0
    settings = (project / "awx" / "settings.yml").read_text()
    for line in ("awx_organization: Ops", "awx_inventory: Inv", "  - a\n  - b", "awx_scm_branch: main"):
        assert line in settings
    assert "ansible.controller.job_template:" in (project / "import.yml").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bundle", "wlak"], "no workflow 'wlak' (did you mean 'walk'?)"),
        (["--collection", "awx"], "--collection awx: must be one of awx.awx, ansible.controller"),
        (["--scm-branch", "main"], "--scm-branch needs --scm-url"),
        (["--organization", " "], "--organization must not be blank"),
    ],
)
@pytest.mark.usefixtures("catalog")
def test_what_is_wrong_is_said_and_nothing_written(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = export("--output", tmp_path / "project", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert not (tmp_path / "project").exists()


def test_a_damaged_catalog_is_not_exported(catalog: Path, tmp_path: Path) -> None:
    (catalog / "walk.yml").write_text((catalog / "walk.yml").read_text().replace("on_failure", "on_failur"))
    done = export("--output", tmp_path / "project")
    assert done.exit_code == 2
    assert "walk.yml" in done.stderr
    assert "did you mean 'on_failure'?" in done.stderr


def test_somebody_elses_folder_is_left_alone(catalog: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").write_text("mine")
    done = export("--output", project)
    assert done.exit_code == 2
    assert "holds files that no export has written: README.md" in done.stderr
    assert (project / "README.md").read_text() == "mine"


def test_an_export_is_never_found_as_a_catalog(catalog: Path, tmp_path: Path) -> None:
    for output in (catalog, catalog / "project", tmp_path):
        done = export("--output", output)
        assert done.exit_code == 2
        assert f"the catalog {catalog} would hold what is exported of it" in done.stderr


def test_what_cannot_be_a_workflow_is_still_a_job(catalog: Path, tmp_path: Path) -> None:
    reports = "outputs: [{name: key, secret: true}]\npresentation: {fields: [{name: x}]}\n"
    (catalog / "items.yml").write_text((catalog / "items.yml").read_text() + reports)
    reads = "after: {item: step, fields: {x: $outputs.before.key},"
    walk = (catalog / "walk.yml").read_text()
    (catalog / "walk.yml").write_text(walk.replace("after: {item: step,", reads))
    done = export("--output", tmp_path / "project", "--bundle", "walk")
    assert done.exit_code == 0, done.output
    assert "walk: cannot be a workflow of AWX; its template (engine) runs it" in done.output
    assert "components.after: reads 'before.key', which is a secret output" in done.output
    assert "playbooks/bundles/walk.yml" in files_of(tmp_path / "project")
    assert not (tmp_path / "project" / "playbooks" / "nodes").exists()


# --- Ansible takes it --------------------------------------------------------------------------------------------


def ansible(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "False", "NO_COLOR": "1"}
    return subprocess.run(
        [str(PROGRAMS / program), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture()
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project of the shipped catalog and of the examples, with the playbook that an example names by its path."""
    pytest.importorskip("ansible_collections.awx.awx", reason="the modules of awx.awx come with PyPI's ansible")
    monkeypatch.setenv("HOLDFAST_CATALOG", str(EXAMPLES))
    done = export("--output", tmp_path)
    assert done.exit_code == 0, done.output
    (tmp_path / "playbooks" / "undo.yml").write_text("---\n- name: Undo\n  hosts: all\n  tasks: []\n")
    return tmp_path


def test_ansible_takes_every_playbook(everything: Path) -> None:
    playbooks = sorted(str(path.relative_to(everything)) for path in everything.glob("playbooks/**/*.yml"))
    assert len(playbooks) > 30
    done = ansible("ansible-playbook", everything, "--syntax-check", "import.yml", *playbooks)
    assert done.returncode == 0, done.stdout
    assert all(f"playbook: {path}" in done.stdout for path in playbooks)


def test_ansible_finds_something_wrong_where_there_is(everything: Path) -> None:
    broken = everything / "import.yml"
    broken.write_text(broken.read_text().replace("awx.awx.project:", "awx.awx.projekt:"))
    assert ansible("ansible-playbook", everything, "--syntax-check", "import.yml").returncode != 0


@pytest.mark.slow
def test_ansible_lint_has_nothing_to_say(everything: Path) -> None:
    done = ansible("ansible-lint", everything, "--offline", "--profile", "production", "--strict")
    assert done.returncode == 0, done.stdout


# --- the manual --------------------------------------------------------------------------------------------------


def test_the_manual_has_the_table_of_degradations() -> None:
    manual = (REPOSITORY / "docs" / "export.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", manual, re.MULTILINE)
    assert rows == [(name, feature.means, feature.instead) for name, feature in degradations.FEATURES.items()]
