# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsals in files: where bundles are found, and that whatever is wrong is told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.rehearsal_files import Rehearsed, rehearse_file

ITEM = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: step}
fulfillment: {automated: {role: a.b.c}}
"""
BUNDLE = """
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: pair}
presentation: {fields: [{name: size, type: integer, min: 1}]}
components:
  one: {item: step, hosts: web}
  two: {item: step, needs: [one]}
"""
REHEARSAL = """
apiVersion: holdfast.ops/v1
kind: Rehearsal
metadata: {name: r, description: As it should be}
bundle: pair
hosts: {web: [a, b]}
expect: {state: successful, order: [one/1, two/1]}
"""


def play(folder: Path, *documents: str) -> list[Rehearsed]:
    file = folder / "r.yml"
    file.write_text("---".join(documents))
    return list(rehearse_file(file, []))


def told(folder: Path, *documents: str) -> str:
    return "\n".join(problem.render() for one in play(folder, *documents) for problem in one.problems)


def test_a_file_may_hold_everything(tmp_path: Path) -> None:
    (one,) = play(tmp_path, ITEM, BUNDLE, REHEARSAL)
    assert one == Rehearsed("r", "As it should be", str(tmp_path / "r.yml"), 15, ())


def test_items_and_bundles_beside_the_file_and_the_search_path(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "step.yml").write_text(ITEM)
    assert "there is no bundle 'pair'" in told(tmp_path, REHEARSAL)
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "pair.yml").write_text(BUNDLE)
    assert told(tmp_path, REHEARSAL) == ""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "r.yml").write_text(REHEARSAL)
    (found,) = rehearse_file(elsewhere / "r.yml", [tmp_path / "items", tmp_path / "bundles"])
    assert not found.problems


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("bundle: pair", "bundle: pear", "r.yml:18: bundle: there is no bundle 'pear' (did you mean 'pair'?)"),
        (
            "bundle: pair",
            "bundel: pair",
            "r.yml:18: bundel: unknown key 'bundel' in a rehearsal (did you mean 'bundle'?)",
        ),
        ("expect:", "results: {tow: failed}\nexpect:", "results.tow: unknown node 'tow' (did you mean 'two'?)"),
        ("expect:", "results: {one: {c: failed}}\nexpect:", "results.one.c: 'c' is no host of this rehearsal"),
        ("expect:", "results: {one: [{a: {stat: failed}}]}\nexpect:", "results.one[0].a.stat: unknown key 'stat'"),
        ("expect:", "results: {one: {takes: long}}\nexpect:", "results.one.takes: 'long' is not a duration"),
        ("expect:", "results: {one: failled}\nexpect:", "'failled' is not an end state (did you mean 'failed'?)"),
        ("expect:", "events: [{cancel: true}]\nexpect:", "r.yml:20: events[0]: says neither 'at' nor 'after'"),
        ("expect:", "events: [{at: 1s, approv: one}]\nexpect:", "unknown key 'approv'"),
        ("expect:", "fields: {sise: 1}\nexpect:", "fields.sise: there is no question 'sise' (did you mean 'size'?)"),
        ("expect:", "fields: {size: 0}\nexpect:", "fields.size: 'size' value 0 is too small"),
        ("{web: [a, b]}", "{wbe: [a, b]}", "hosts: components.one.hosts of the bundle: host pattern 'web' matches no"),
        ("{state: successful,", "{state: failed,", "r.yml:20: expect.state: expected failed, it was successful"),
        ("[one/1, two/1]", "[two/1]", "r.yml:20: expect.order[0]: expected ['two/1'], started ['one/1']"),
        ("two/1]", "two/1], nodes: {three: failed}", "expect.nodes.three: unknown node 'three'"),
        ("state: successful,", "refused: cycle,", "expect.refused: nothing was refused, expected was 'cycle'"),
        ("v1\nkind: Rehearsal", "v2\nkind: Rehearsal", "is a version that this Holdfast does not read"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, before: str, after: str, says: str) -> None:
    assert before in REHEARSAL
    assert says in told(tmp_path, ITEM, BUNDLE, REHEARSAL.replace(before, after))


def test_a_wrong_bundle_is_told_at_its_own_place_unless_that_is_expected(tmp_path: Path) -> None:
    wrong = BUNDLE.replace("needs: [one]", "needs: [oen]")
    assert "r.yml:13: components.two.needs[0]:" in told(tmp_path, ITEM, wrong, REHEARSAL)
    expected = REHEARSAL.replace("{state: successful, order: [one/1, two/1]}", "{refused: \"did you mean 'one'\"}")
    assert told(tmp_path, ITEM, wrong, expected) == ""


def test_a_wrong_bundle_does_not_trouble_its_neighbours(tmp_path: Path) -> None:
    other = BUNDLE.replace("name: pair", "name: other").replace("needs: [one]", "needs: [oen]")
    assert told(tmp_path, ITEM, other, BUNDLE, REHEARSAL) == ""


def test_a_document_of_no_kind_is_told(tmp_path: Path) -> None:
    strange = REHEARSAL.replace("kind: Rehearsal", "kind: Rehersal")
    assert "kind: unknown kind 'Rehersal'" in told(tmp_path, ITEM, BUNDLE, REHEARSAL, strange)


def test_a_file_without_rehearsals_and_one_that_is_no_yaml(tmp_path: Path) -> None:
    assert "holds no rehearsal" in told(tmp_path, BUNDLE)
    assert "r.yml:2: (document): is not YAML" in told(tmp_path, "a: [\n]]")
    (one,) = rehearse_file(tmp_path / "nowhere.yml", [])
    assert "cannot be read" in one.problems[0].message


def test_a_rehearsal_that_waits_for_ever_says_for_whom(tmp_path: Path) -> None:
    bundle = BUNDLE.replace("two: {item: step, needs: [one]}", "two: {approval: {}, needs: [one]}")
    assert "waits for ever for a decision on two" in told(tmp_path, ITEM, bundle, REHEARSAL)
