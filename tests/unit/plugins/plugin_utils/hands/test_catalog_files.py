# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs on disk: search path, precedence, and finding what was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import catalog_files
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import (
    UnknownWorkflow,
    find_bundle,
    load_catalog,
    search_path,
    validate_paths,
)

HEAD = "---\napiVersion: holdfast.ops/v1\nkind: {}\nmetadata: {{name: {}, title: {}}}\n"


def item(name: str, title: str = "none", role: str = "a.b.c") -> str:
    return HEAD.format("CatalogItem", name, title) + f"fulfillment: {{automated: {{role: {role}}}}}\n"


def bundle(name: str, uses: str = "work", title: str = "none") -> str:
    return HEAD.format("CatalogBundle", name, title) + f"components: {{a: {{item: {uses}}}}}\n"


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / (name.replace("__", "/") + ".yml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return root


def said(problems: object) -> str:
    return "\n".join(problem.render() for problem in problems)  # type: ignore[attr-defined]


def test_the_search_path_ends_with_the_shipped_catalog() -> None:
    assert search_path({}) == (catalog_files.SHIPPED,)
    assert search_path({"HOLDFAST_CATALOG": "/a::/b"}) == (Path("/a"), Path("/b"), catalog_files.SHIPPED)


def test_the_shipped_catalog_is_sound() -> None:
    catalog, problems = load_catalog([catalog_files.SHIPPED])
    assert said(problems) == ""
    assert "rolling-deploy" in catalog.bundles


def test_of_equal_names_the_earlier_folder_counts(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", items__w=item("work", "mine"))
    theirs = write(tmp_path / "theirs", w=item("work", "theirs") + item("more"), b=bundle("b"))
    catalog, problems = load_catalog([mine, theirs])
    assert problems == []
    assert (catalog.items["work"].title, sorted(catalog.items)) == ("mine", ["more", "work"])


def test_equal_names_in_one_folder_name_both_files(tmp_path: Path) -> None:
    root = write(tmp_path, a=item("work"), sub__b=item("work"))
    problems = load_catalog([root])[1]
    assert said(problems) == (
        f"{root}/a.yml:4: metadata.name: the item 'work' is also defined in {root}/sub/b.yml:4 (names must differ)\n"
        f"{root}/sub/b.yml:4: metadata.name: the item 'work' is also defined in {root}/a.yml:4 (names must differ)"
    )


def test_an_item_and_a_bundle_may_share_a_name(tmp_path: Path) -> None:
    catalog, problems = load_catalog([write(tmp_path, a=item("work") + bundle("work"))])
    assert (problems, list(catalog.items), list(catalog.bundles)) == ([], ["work"], ["work"])


OTHER = "- hosts: all\n  tasks: []\n"
TEMPLATE = "{{ a }}: {% b %}\n"


def test_other_yaml_is_a_problem_only_when_it_was_named(tmp_path: Path) -> None:
    root = write(tmp_path, play=OTHER, template=TEMPLATE, w=item("work"), empty="")
    rehearsal = write(tmp_path, r="apiVersion: holdfast.ops/v1\nkind: Rehearsal\nbundle: b\n") / "r.yml"
    (root / ".hidden").mkdir()
    write(root / ".hidden", x=item("work"))
    assert load_catalog([root])[1] == []
    assert "a document must be a mapping" in said(load_catalog([], [root / "play.yml"])[1])
    assert "is not YAML" in said(load_catalog([], [root / "template.yml"])[1])
    assert "holds no document" in said(load_catalog([], [root / "empty.yml"])[1])
    assert load_catalog([], [rehearsal])[1] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "apiVersion: holdfast.ops/v2\nkind: CatalogItem\n",
            "'holdfast.ops/v2' is a version that this Holdfast does not",
        ),
        ("apiVersion: 1\nkind: CatalogItem\n", "1 is no version of a Holdfast document (write 'holdfast.ops/v1')"),
        ("kind: CatalogItem\n", "has no 'apiVersion'"),
        ("apiVersion: holdfast.ops/v1\n", "has no 'kind'"),
        (
            "apiVersion: holdfast.ops/v1\nkind: CatalogItm\n",
            "kind: unknown kind 'CatalogItm' (did you mean 'CatalogItem'?)",
        ),
        ("apiVersion: holdfast.ops/v1\nkind: [x]\n", "kind: unknown kind ['x']"),
        ("apiVersion: holdfast.ops/v1\nkind: CatalogItem\na: [\n", "is not YAML"),
    ],
)
def test_what_means_to_be_a_catalog_document_is_judged(tmp_path: Path, text: str, message: str) -> None:
    assert message in said(load_catalog([write(tmp_path, a=text)])[1])


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert "is no folder" in said(load_catalog([tmp_path / "none"])[1])


def test_all_problems_come_sorted_by_file_and_line(tmp_path: Path) -> None:
    root = write(tmp_path, b=bundle("x", "wrk") + "surprise: 1\n", a=item("work", role="short") + bundle("y", "work"))
    problems = load_catalog([root])[1]
    assert [(Path(problem.file).name, problem.line) for problem in problems] == [
        ("a.yml", 5),
        ("b.yml", 5),
        ("b.yml", 6),
    ]


# --- finding -----------------------------------------------------------------------------------------------------


def test_a_bundle_is_found_by_name_or_path(tmp_path: Path) -> None:
    root = write(tmp_path / "catalog", items__w=item("work"), bundles__b=bundle("b"))
    by_name, by_path = find_bundle("b", [root]), find_bundle(str(root / "bundles" / "b.yml"), [])
    assert by_name.bundle == by_path.bundle
    assert by_path.file == str(root / "bundles" / "b.yml")
    assert list(by_path.catalog.items) == ["work"], "the items beside its folder belong to it"


def test_a_loose_file_brings_its_items_and_itself_first(tmp_path: Path) -> None:
    root = write(tmp_path / "catalog", w=item("work", "theirs"), b=bundle("b", title="theirs"))
    loose = write(tmp_path / "loose", b=bundle("b", title="mine"), items__w=item("work", "mine"))
    found = find_bundle(loose / "b.yml", [root])
    assert (found.bundle.title, found.catalog.items["work"].title) == ("mine", "mine")
    assert (
        find_bundle(write(tmp_path, alone=bundle("alone")) / "alone.yml", [root]).catalog.items["work"].title
        == "theirs"
    )


def test_an_unknown_workflow_names_the_nearest_and_where_was_searched(tmp_path: Path) -> None:
    root = write(tmp_path, w=item("work"), b=bundle("rolling"))
    with pytest.raises(UnknownWorkflow, match=rf"no workflow 'roling' \(did you mean 'rolling'\?\); searched: {root}"):
        find_bundle("roling", [root])
    with pytest.raises(UnknownWorkflow, match=r"no workflow 'zzz' \(known: rolling\)"):
        find_bundle("zzz", [root])
    with pytest.raises(UnknownWorkflow, match=r"no workflow file .*bb.yml \(did you mean '.*/b.yml'\?\)"):
        find_bundle(str(root / "bb.yml"), [root])
    with pytest.raises(UnknownWorkflow, match="there is no folder"):
        find_bundle("nowhere/at/all.yml", [root])


def test_an_unreadable_file_is_named_when_a_workflow_is_missing(tmp_path: Path) -> None:
    root = write(tmp_path, b=bundle("b") + "x: [\n")
    with pytest.raises(UnknownWorkflow, match=r"unreadable: .*b\.yml:\d+: \(document\): is not YAML"):
        find_bundle("b", [root])


def test_only_its_own_problems_stop_a_bundle(tmp_path: Path) -> None:
    root = write(tmp_path, good=item("work") + bundle("good"), bad=bundle("bad", "nothing"))
    assert find_bundle("good", [root]).bundle.name == "good"
    with pytest.raises(ProblemsFound, match="unknown item 'nothing'"):
        find_bundle("bad", [root])


def test_a_broken_item_stops_the_bundle_that_uses_it(tmp_path: Path) -> None:
    root = write(tmp_path, w=item("work", role="short"), b=bundle("b"))
    with pytest.raises(
        ProblemsFound, match=r"w\.yml:5: fulfillment\.automated\.role: 'short' is not a fully qualified"
    ):
        find_bundle("b", [root])


def test_a_file_must_hold_one_bundle(tmp_path: Path) -> None:
    root = write(tmp_path, none=item("work"), two=item("work") + bundle("b") + bundle("c"), wrong="a: 1\n")
    for name, message in (("none", "holds no bundle"), ("two", "holds the bundles b, c"), ("wrong", "apiVersion")):
        with pytest.raises(ProblemsFound, match=message):
            find_bundle(root / f"{name}.yml", [])


def test_validating_paths_tells_of_these_only(tmp_path: Path) -> None:
    root = write(tmp_path / "catalog", w=item("work"), bad=item("Bad"))
    loose = write(tmp_path / "loose", b=bundle("b", "wrk")) / "b.yml"
    assert said(validate_paths([loose], [root])[1]) == (
        f"{loose}:5: components.a.item: unknown item 'wrk' (did you mean 'work'?)"
    )
    assert "'Bad' is not a name" in said(validate_paths([root], [])[1])
