# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot is about: also where there was nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import RHEL
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part, whole

KEY = b"k" * 32


def taken(noted: bool = True, **sections: dict[str, Any]) -> Snapshot:
    notes = about.notes([*sections, "units"], {"files": ["/etc/x"]}) if noted else {}
    return Snapshot("web1", "rhel", 1.0, sections, {"units": "no systemd"}, {}, notes)


def test_a_section_without_an_item_is_still_one_that_was_read() -> None:
    snapshot = taken(files={"/etc/x": "a"}, firewall={})
    stored = part(snapshot, RHEL, KEY)
    assert about.sections_of(snapshot) == about.sections_of(stored.view) == ("files", "firewall", "units")
    again = about.only(whole(stored.view, stored.secrets), ("files", "firewall"))
    assert (again.sections, again.gaps) == ({"files": {"/etc/x": "a"}, "firewall": {}}, {})
    assert about.options_of(stored.view) == {"files": ["/etc/x"]}


def test_where_nothing_was_noted_the_items_tell() -> None:
    snapshot = taken(False, files={"/etc/x": "a"}, sysctl={"vm.swappiness": "1"})
    view = part(snapshot, RHEL, KEY).view
    assert about.sections_of(snapshot) == about.sections_of(view) == ("files", "sysctl", "units")
    assert about.options_of(view) == {}


def test_what_is_not_asked_for_is_left_out() -> None:
    view = part(taken(files={"/etc/x": "a"}, sysctl={"vm.swappiness": "1"}), RHEL, KEY).view
    narrow = about.narrowed(view, ["sysctl"])
    assert {place.section for place in narrow.items} == {"sysctl"} and narrow.gaps == {}
    assert about.narrowed(view, ["units"]).gaps == {"units": "no systemd"}
    other = part(taken(sysctl={}), RHEL, KEY).view
    assert about.common(view, other) == ("sysctl", "units")


def test_notes_do_not_count_as_state() -> None:
    noted, plain = (part(taken(noted, files={"/etc/x": "a"}), RHEL, KEY).view for noted in (True, False))
    assert noted.digest == plain.digest and noted.notes != plain.notes


def test_options_that_are_no_data() -> None:
    with pytest.raises(HoldfastError, match="options must be plain data"):
        about.notes([], {"files": {1, 2}})
