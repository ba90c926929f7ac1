# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot is about: also where there was nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import model
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import RHEL
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole
from hypothesis import given
from hypothesis import strategies as st

KEY = b"k" * 32


def taken(**sections: dict[str, Any]) -> Snapshot:
    notes = about.notes({"files": ["/etc/x"]})
    return Snapshot("web1", "rhel", 1.0, sections, {"units": "no systemd"}, {}, notes)


def test_a_section_without_an_item_is_still_one_that_was_read() -> None:
    snapshot = taken(files={"/etc/x": "a"}, firewall={})
    stored = part(snapshot, RHEL, KEY)
    assert about.sections_of(snapshot) == about.sections_of(stored.view) == ("files", "firewall", "units")
    again = about.only(whole(stored.view, stored.secrets), ("files", "firewall"))
    assert (again.sections, again.gaps) == ({"files": {"/etc/x": "a"}, "firewall": {}}, {})
    assert about.options_of(stored.view) == {"files": ["/etc/x"]}
    assert about.options_of(Snapshot("web1", "rhel", 1.0, {})) == {}


_ITEMS = st.dictionaries(st.text("ab/", min_size=1, max_size=3), st.text("xy \n", max_size=5), max_size=2)
_SECTIONS = st.dictionaries(st.sampled_from(["files", "firewall", "mounts", "sysctl"]), _ITEMS)


@given(_SECTIONS, _SECTIONS)
def test_what_was_read_comes_out_of_a_manifest_and_what_is_gone_or_new_in_it_differs(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]
) -> None:
    parted = [part(Snapshot("web1", "rhel", at, each, {"units": "no systemd"}), RHEL, KEY)
              for at, each in ((1.0, old), (2.0, new))]  # fmt: skip
    texts = [{place: item.text for place, item in each.view.items.items()} for each in parted]
    written = [json.loads(json.dumps(model.manifest(each.view))) for each in parted]
    before, after = (model.view_of(written[at], texts[at]) for at in (0, 1))
    assert [before, after] == [each.view for each in parted]
    assert [whole(view, each.secrets).sections for view, each in ((before, parted[0]), (after, parted[1]))] == [
        old,
        new,
    ]
    assert (before.digest == after.digest) is (old == new)
    difference = compare(before, after, RHEL)
    both = [name for name in old if name in new]
    expected = {Place(name, item) for name in both for item in {*old[name], *new[name]}
                if old[name].get(item) != new[name].get(item)}  # fmt: skip
    assert {change.place for change in difference.changes} == expected
    assert set(difference.unread) == {"units", *(set(old) ^ set(new))}


def test_of_a_section_that_only_one_is_about_nothing_is_said() -> None:
    old, new = (part(taken(**each), RHEL, KEY).view for each in ({"files": {"/etc/x": "a"}}, {"sysctl": {}}))
    assert compare(old, new, RHEL).render() == [
        "! files was not compared: only the first of the two snapshots is about it",
        "! sysctl was not compared: only the second of the two snapshots is about it",
        "! units was not compared: no systemd",
    ]


def test_what_is_not_asked_for_is_left_out() -> None:
    view = part(taken(files={"/etc/x": "a"}, sysctl={"vm.swappiness": "1"}), RHEL, KEY).view
    narrow = about.narrowed(view, ["sysctl"])
    assert {place.section for place in narrow.items} == {"sysctl"} and narrow.gaps == {}
    assert about.narrowed(view, ["units"]).gaps == {"units": "no systemd"}
    other = part(taken(sysctl={}), RHEL, KEY).view
    assert about.common(view, other) == ("sysctl", "units")


def test_notes_do_not_count_as_state() -> None:
    noted = taken(files={"/etc/x": "a"})
    plain = replace(noted, notes={})
    assert part(noted, RHEL, KEY).view.digest == part(plain, RHEL, KEY).view.digest


def test_options_that_are_no_data() -> None:
    with pytest.raises(HoldfastError, match="options must be plain data"):
        about.notes({"files": {1, 2}})
