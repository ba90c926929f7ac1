# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's tarball, without the Python package, on the oldest and on the newest tested ansible-core."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging.environments import REPOSITORY, Environment, find_interpreter

pytestmark = pytest.mark.slow

#: one item, which does nothing, and a bundle of it
CATALOG = {
    "items/nothing.yml": """
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: nothing, version: 1.0.0, title: Nothing, owner: tests}
fulfillment: {mode: automated, automated: {module: ansible.builtin.debug, with: {msg: here}}}
""",
    "bundles/nothing.yml": """
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: do-nothing, version: 1.0.0, title: Do nothing, owner: tests}
components:
  first: {item: nothing}
  second: {item: nothing, needs: [first]}
""",
}


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from the checkout as it lies there, with its environments and caches, which must stay out."""
    folder = tmp_path_factory.mktemp("tarball")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    command = [str(galaxy), "collection", "build", "--output-path", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return next(folder.glob("holdfast-ops-*.tar.gz"))


@pytest.fixture(scope="module", params=[("3.10", "2.16"), ("3.12", "2.19")], ids=["core-2.16", "core-2.19"])
def environment(request: pytest.FixtureRequest, tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    python, core = request.param
    made = Environment(tmp_path_factory.mktemp(f"core-{core}"), find_interpreter(python))
    made.install(f"ansible-core=={core}.*", "-r", REPOSITORY / "meta/ee-requirements.txt")
    # Without the dependencies: Galaxy may be out of reach, and nothing here needs them.
    made.succeed("ansible-galaxy", "collection", "install", "--no-deps", "--offline", tarball)
    return made


def test_what_it_holds(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
    tops = {name.split("/")[0] for name in names}
    expected = {"FILES.json", "LICENSE", "MANIFEST.json", "README.md", "bindep.txt", "changelogs", "docs", "meta"}
    assert tops - {"CHANGELOG.rst", "inventories", "extensions"} == expected | {
        "playbooks",
        "plugins",
        "roles",
        "workflows",
    }
    assert "plugins/module_utils/core/workflow/conductor.py" in names
    assert [name for name in names if name.startswith("extensions/controller") or "__pycache__" in name] == []


def test_the_core_and_the_hands_import(environment: Environment) -> None:
    ops = "ansible_collections.holdfast.ops.plugins"
    code = f"import {ops}.module_utils.core.workflow.conductor, {ops}.plugin_utils.hands.supervisor"
    environment.succeed("python", "-c", code, env={"PYTHONPATH": str(environment.home / ".ansible" / "collections")})


def test_its_documentation_is_found(environment: Environment) -> None:
    assert "holdfast.ops.workflow" in environment.succeed("ansible-doc", "--list", "holdfast.ops")


def test_a_run_from_the_terminal(environment: Environment) -> None:
    for name, text in CATALOG.items():
        path = environment.home / "catalog" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), encoding="utf-8")
    catalog = {"HOLDFAST_CATALOG": str(environment.home / "catalog")}
    arguments = ["holdfast.ops.run", "-i", "localhost,", "-c", "local"]
    printed = environment.succeed("ansible-playbook", *arguments, "-e", "workflow=do-nothing", env=catalog)
    assert "successful" in printed
    unknown = environment.run("ansible-playbook", *arguments, "-e", "workflow=do-nothin", env=catalog)
    assert unknown.returncode != 0 and "do-nothing" in unknown.stdout
    assert os.listdir(environment.home / "holdfast" / "runs") != []
