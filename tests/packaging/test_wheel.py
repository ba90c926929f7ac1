# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python package, as a wheel and editable: core, hands and the command, without a web framework."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.packaging.environments import Environment, copy_of_the_tree, find_interpreter

pytestmark = pytest.mark.slow

OPS = "ansible_collections.holdfast.ops.plugins"
IMPORTS = f"""
import holdfast.cli, {OPS}.module_utils.core.workflow.conductor, {OPS}.plugin_utils.hands.supervisor, sys
assert "fastapi" not in sys.modules and "ansible" not in sys.modules, "neither is needed to start"
print({OPS}.module_utils.core.workflow.conductor.__file__)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_tree(tmp_path_factory.mktemp("source") / "holdfast")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("wheel"), find_interpreter("3.12"))


@pytest.fixture(scope="module")
def wheel(tree: Path, environment: Environment) -> Path:
    environment.succeed("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tree / "dist", tree)
    return next((tree / "dist").glob("holdfast-*.whl"))


def test_it_holds_every_file_of_core_hands_and_package(wheel: Path, tree: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"ansible_collections/holdfast/ops/{path.relative_to(tree)}" for path in _shared(tree)}
    package = tree / "extensions" / "controller"
    expected |= {str(path.relative_to(package)) for path in (package / "holdfast").rglob("*.py")}
    assert names == expected


def _shared(tree: Path) -> list[Path]:
    folders = (tree / "plugins/module_utils/core", tree / "plugins/plugin_utils/hands")
    return [path for folder in folders for path in folder.rglob("*.py")]


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_it_installs_and_starts(how: str, wheel: Path, tree: Path, environment: Environment) -> None:
    environment.install(
        "--force-reinstall", "--no-deps" if how == "editable" else "--upgrade", *_source(how, wheel, tree)
    )
    where = environment.succeed("python", "-c", IMPORTS).strip()
    assert where.startswith(str(tree if how == "editable" else environment.folder))
    assert environment.run("python", "-c", "import fastapi").returncode != 0
    assert "catalog" in environment.succeed("holdfast", "--help")


def _source(how: str, wheel: Path, tree: Path) -> tuple[str | Path, ...]:
    return (wheel,) if how == "wheel" else ("--editable", tree)
