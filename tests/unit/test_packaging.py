# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways to install Holdfast say the same: galaxy.yml for the collection, pyproject.toml for the package."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")

REPOSITORY = Path(__file__).resolve().parents[2]
OPS = "ansible_collections.holdfast.ops."
#: where each installed package lies in the repository
ROOTS = {
    "holdfast": "extensions/controller/holdfast",
    f"{OPS}plugins.module_utils.core": "plugins/module_utils/core",
    f"{OPS}plugins.plugin_utils.hands": "plugins/plugin_utils/hands",
}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def galaxy() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "galaxy.yml").read_text(encoding="utf-8"))


def _packages_below(name: str, folder: Path) -> set[str]:
    """Return the dotted names of all folders with Python files at and below `folder`."""
    found = {path.parent.relative_to(folder) for path in folder.rglob("*.py")}
    return {".".join([name, *relative.parts]) for relative in found}


def test_the_wheel_lists_every_package(pyproject: dict[str, Any]) -> None:
    expected = set[str]().union(*(_packages_below(name, REPOSITORY / folder) for name, folder in ROOTS.items()))
    assert set(pyproject["tool"]["setuptools"]["packages"]) == expected
    assert pyproject["tool"]["setuptools"]["package-dir"] == ROOTS


def test_every_package_has_an_init() -> None:
    folders = {path.parent for folder in ROOTS.values() for path in (REPOSITORY / folder).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_one_version(pyproject: dict[str, Any], galaxy: dict[str, Any]) -> None:
    assert pyproject["project"]["version"] == galaxy["version"]


def test_one_licence(pyproject: dict[str, Any], galaxy: dict[str, Any]) -> None:
    assert galaxy["license"] == [pyproject["project"]["license"]] == ["GPL-3.0-or-later"]
    assert "license_file" not in galaxy, "galaxy refuses a collection that names both"
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text and "Version 3, 29 June 2007" in text


def test_execution_environments_get_what_the_hands_need(pyproject: dict[str, Any]) -> None:
    environment = yaml.safe_load((REPOSITORY / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    lines = (REPOSITORY / environment["dependencies"]["python"]).read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert (REPOSITORY / environment["dependencies"]["system"]).is_file()
    assert [line for line in requirements if not re.fullmatch(r"[A-Za-z-]+>=[0-9.]+", line)] == [], "only lower bounds"
    names = {re.split("[>=]", line)[0].lower() for line in requirements}
    assert "ansible-core" not in names, "an execution environment brings its own"
    # What only some hosts need (pywinrm) is in an environment for all, and in ours with the lab.
    ours = pyproject["project"]["dependencies"] + pyproject["project"]["optional-dependencies"]["lab"]
    assert names <= {re.split("[>=]", line)[0].lower() for line in ours}


@pytest.mark.parametrize(
    "path",
    [
        "plugins/module_utils/core/problems.py",
        "plugins/plugin_utils/hands/__init__.py",
        "roles/drain/meta/argument_specs.yml",
        "playbooks/run.yml",
        "workflows/bundles/rolling-deploy.yml",
        "meta/runtime.yml",
        "changelogs/changelog.yaml",
        "docs/schema/catalog-item.schema.json",
        "LICENSE",
        "README.md",
        "bindep.txt",
    ],
)
def test_build_ignore_keeps_what_operators_need(galaxy: dict[str, Any], path: str) -> None:
    parents = [path, *(str(parent) for parent in Path(path).parents)]
    hits = [(part, rule) for part in parents for rule in galaxy["build_ignore"] if fnmatch.fnmatch(part, rule)]
    assert hits == []


def test_every_role_is_documented() -> None:
    roles = [path for path in (REPOSITORY / "roles").iterdir() if path.is_dir()]
    wanted = ("README.md", "meta/argument_specs.yml", "meta/main.yml")
    missing = [f"roles/{role.name}/{file}" for role in sorted(roles) for file in wanted if not (role / file).is_file()]
    assert roles and missing == []
