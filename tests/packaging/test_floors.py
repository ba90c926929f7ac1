# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The core's own tests on the oldest Python of a managed host, and all unit tests on the oldest ansible-core."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.environments import REPOSITORY, Environment, copy_of_the_tree, find_interpreter, last_lines

pytestmark = pytest.mark.slow

CORE = "tests/unit/plugins/module_utils"
TOOLS = ("pytest", "hypothesis", "jsonschema", "PyYAML")


@pytest.mark.parametrize(
    ("python", "packages", "tests"),
    [
        pytest.param("3.9", (), CORE, id="core-on-3.9-without-ansible"),
        pytest.param("3.10", ("ansible-core==2.16.*", "-e", "."), "tests/unit", id="all-on-3.10-and-core-2.16"),
    ],
)
def test_unit_tests_on_the_floor(python: str, packages: tuple[str, ...], tests: str, tmp_path: Path) -> None:
    tree = copy_of_the_tree(tmp_path / "tree")
    environment = Environment(tmp_path, find_interpreter(python))
    environment.install(*TOOLS, *(str(tree) if name == "." else name for name in packages))
    done = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", tests, cwd=tree)
    assert done.returncode == 0, "\n".join(last_lines(done.stdout, 60))
    assert (REPOSITORY / tests).is_dir()
