# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an exported project: what stands in them, and how they come into a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import AwxMap, awx_map_of
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.awx_project import Change, Settings
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog

REPOSITORY = Path(__file__).resolve().parents[5]
#: by such a line AWX takes a file for a playbook
LOOKS_LIKE_A_PLAYBOOK = re.compile(r"^\s*-?\s*(hosts|(ansible\.builtin\.)?import_playbook):", re.MULTILINE)


class _Loader(yaml.SafeLoader):
    """YAML with Ansible's tag for text that is no template."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@pytest.fixture(scope="module", params=["shipped", "examples"])
def mapped(request: pytest.FixtureRequest) -> AwxMap:
    """The shipped catalog, and the examples that use every key."""
    folders = None if request.param == "shipped" else [REPOSITORY / "tests" / "catalog" / "examples"]
    catalog, problems = load_catalog(folders)
    assert problems == []
    return awx_map_of(catalog)


def test_documents_are_the_same_after_the_way_through_files(mapped: AwxMap, tmp_path: Path) -> None:
    awx_project.write(tmp_path, awx_project.project_files(mapped, Settings()))
    catalog, problems = load_catalog([tmp_path / "catalog"])
    assert problems == []
    assert catalog.items == mapped.catalog.items
    assert catalog.bundles == mapped.catalog.bundles


def test_awx_finds_the_playbooks_and_nothing_else(mapped: AwxMap) -> None:
    files = awx_project.project_files(mapped, Settings())
    found = {path for path, text in files.items() if LOOKS_LIKE_A_PLAYBOOK.search(text)}
    assert found == {"import.yml", *(spec.playbook for spec in mapped.templates)}


def test_objects_are_read_as_they_are_meant(mapped: AwxMap) -> None:
    files = awx_project.project_files(mapped, Settings())
    assert yaml.load(files["awx/objects.yml"], _Loader) == awx_project.objects(mapped)


def test_settings_reach_the_import(mapped: AwxMap) -> None:
    settings = Settings("Ops {{ x }}", "P", "Inv", ("c1",), "EE", "https://x/y.git", "main", version="1.2.3")
    files = awx_project.project_files(mapped, settings)
    read = yaml.load(files["awx/settings.yml"], _Loader)
    assert read["awx_organization"] == "Ops {{ x }}"
    assert '!unsafe "Ops {{ x }}"' in files["awx/settings.yml"], "a name is no template"
    assert (read["awx_credentials"], read["awx_scm_branch"]) == (["c1"], "main")
    collections = yaml.safe_load(files["collections/requirements.yml"])["collections"]
    assert {"name": "holdfast.ops", "version": ">=1.2.3"} in collections
    assert not any(one["name"].startswith("ansible.") for one in collections)


def test_the_modules_are_those_of_the_collection(mapped: AwxMap) -> None:
    def modules(text: str) -> set[str]:
        return set(re.findall(r"(awx\.awx|ansible\.controller)\.", text))

    for collection in ("awx.awx", "ansible.controller"):
        files = awx_project.project_files(mapped, Settings(collection=collection))
        assert modules(files["import.yml"]) == modules(files["awx/outdated_nodes.yml"]) == {collection}


def test_the_readme_tells_what_awx_does_otherwise(mapped: AwxMap) -> None:
    readme = awx_project.project_files(mapped, Settings())["README.md"]
    for name, lines in awx_project.differences(mapped):
        assert f"### {name}\n" in readme
        assert all(f"- {line}\n" in readme for line in lines)


def test_the_same_catalog_gives_the_same_bytes(mapped: AwxMap) -> None:
    catalog = mapped.catalog
    turned = type(catalog)(dict(reversed(catalog.items.items())), dict(reversed(catalog.bundles.items())))
    assert awx_project.project_files(awx_map_of(turned), Settings()) == awx_project.project_files(mapped, Settings())


# --- the folder --------------------------------------------------------------------------------------------------


def changed(changes: list[Change]) -> dict[str, str]:
    return {path: what for path, what in changes if what != awx_project.SAME}


def test_only_what_differs_is_written_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    assert changed(awx_project.write(tmp_path, {"a.yml": "1", "b/c.yml": "2"})) == {"a.yml": "new", "b/c.yml": "new"}
    before = (tmp_path / "a.yml").stat().st_mtime_ns
    assert changed(awx_project.write(tmp_path, {"a.yml": "1", "b/c.yml": "3"})) == {"b/c.yml": "changed"}
    assert (tmp_path / "a.yml").stat().st_mtime_ns == before
    assert changed(awx_project.write(tmp_path, {"a.yml": "1"})) == {"b/c.yml": "removed"}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in (
        ["a.yml", awx_project.MANIFEST],
        [awx_project.MANIFEST, "a.yml"],
    )


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert changed(awx_project.plan(folder, {"a.yml": "1"})) == {"a.yml": "new"}
    assert not folder.exists()


def test_nobodys_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "other.yml").write_text("mine too")
    with pytest.raises(HoldfastError, match=r"holds files that no export has written: README\.md"):
        awx_project.write(tmp_path, {"README.md": "ours", "a.yml": "1"})
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "a.yml").exists()
    awx_project.write(tmp_path, {"a.yml": "1"})
    awx_project.write(tmp_path, {})
    assert (tmp_path / "other.yml").read_text() == "mine too"


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("{", "is no list of exported files"),
        (json.dumps({"files": ["../x"]}), "names files outside of the folder"),
        (json.dumps({"files": ["/etc/x"]}), "names files outside of the folder"),
        (json.dumps([]), "is no list of exported files"),
    ],
)
def test_a_damaged_manifest_removes_nothing(tmp_path: Path, manifest: str, says: str) -> None:
    (tmp_path / "x").write_text("")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / awx_project.MANIFEST).write_text(manifest)
    with pytest.raises(HoldfastError, match=says):
        awx_project.write(tmp_path / "project", {})
    assert (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HoldfastError, match="file"):
        awx_project.write(tmp_path / "file", {"a/b.yml": "1"})
