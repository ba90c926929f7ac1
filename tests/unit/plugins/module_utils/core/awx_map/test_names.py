# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in AWX: no two things have the same, and each leads back."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
OF_JOBS = st.one_of(
    st.tuples(st.sampled_from([names.ITEM, names.UNDO, names.ENGINE]), NAMES, st.just("")),
    st.tuples(st.just(names.NODE), NAMES, NAMES),
    st.just((names.END, "", "")),
)


@pytest.mark.parametrize(
    ("kind", "name", "component", "shown"),
    [
        (names.WORKFLOW, "rolling-deploy", "", "Rolling deploy"),
        (names.ENGINE, "rolling-deploy", "", "Rolling deploy (engine)"),
        (names.NODE, "rolling-deploy", "in_place", "Rolling deploy: in_place"),
        (names.ITEM, "drain", "", "Drain"),
        (names.UNDO, "drain", "", "Drain (undo)"),
        (names.ITEM, "a_b-c", "", "A_b c"),
        (names.ITEM, "odd--one-", "", "Odd--one-"),
        (names.END, "", "", "Holdfast: end as failed"),
    ],
)
def test_what_things_are_called(kind: str, name: str, component: str, shown: str) -> None:
    assert names.template(kind, name, component) == shown
    assert names.named(shown, kind == names.WORKFLOW) == (kind, name, component)


@given(OF_JOBS)
def test_a_job_template_leads_back(thing: tuple[str, str, str]) -> None:
    assert names.named(names.template(*thing)) == thing


@given(OF_JOBS, OF_JOBS)
def test_no_two_things_share_a_name_or_a_playbook(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    same = one == other
    assert (names.template(*one) == names.template(*other)) is same
    assert (names.playbook(*one) == names.playbook(*other)) is same


@given(NAMES)
def test_titles_lead_back_and_keep_no_space_at_an_end(name: str) -> None:
    assert names.name_of(names.title(name)) == name
    assert names.title(name).strip() == names.title(name)


@given(NAMES, NAMES)
def test_markers_are_variables_and_lead_back(one: str, other: str) -> None:
    assert names.marker(one).isidentifier()
    assert names.marked(names.marker(one)) == one
    assert (names.marker(one) == names.marker(other)) is (one == other)


@pytest.mark.parametrize("foreign", ["drain", "Drain (redo)", "My: Own", "Ünder", "", "A: b: c", "Drain (undo): x"])
def test_other_peoples_names_stand_for_nothing(foreign: str) -> None:
    assert names.named(foreign) is None


def test_a_workflow_template_is_only_a_bundle() -> None:
    assert names.named("Drain (undo)", workflow=True) is None
    assert names.named(names.END_FAILED, workflow=True) is None
    assert names.marked("version") is None
