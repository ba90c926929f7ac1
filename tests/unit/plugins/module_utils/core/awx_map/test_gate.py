# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job finds out about its node: every case that AWX's status hides from it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import names
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map.gate import Gate, marker_of, markers_in
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.conditions import ConditionError

from .conftest import catalog_of

PARENTS = "a: {item: report}\nb: {item: look}\nask: {approval: {}, needs: [a]}\n"


def decide(child: str, when: str = "", **states: str) -> tuple[bool, str]:
    """The verdict on the component ``child``, which is this, with these markers of its parents."""
    catalog = catalog_of(f"{PARENTS}child: {{item: look, needs: {child}{when}}}")
    markers = {name: marker_of(state, {}) for name, state in states.items()}
    scopes: dict[str, Any] = {"fields": {}, "outputs": {"a": {"url": "x"}}}
    return Gate(catalog.bundles["it"], catalog, markers, scopes).decide("child")


@pytest.mark.parametrize(
    ("needs", "states", "runs"),
    [
        # all of them
        ("[a, b]", {"a": "successful", "b": "successful"}, True),
        ("[a, b]", {"a": "successful", "b": "skipped"}, False),
        ("[a, b]", {"a": "successful", "b": "started"}, False),  # b was broken off in error: AWX passes over it
        ("[a, b]", {"a": "successful"}, False),  # b never began: AWX passes over it
        ("[a, {node: b, edge: failure}]", {"a": "successful", "b": "started"}, True),
        ("[a, {node: b, edge: failure}]", {"a": "successful"}, True),  # b failed before its first task
        ("[a, {node: b, edge: always}]", {"a": "successful", "b": "skipped"}, False),
        ("[{node: a, states: [successful, skipped]}]", {"a": "skipped"}, True),
        ("[{node: a, states: [successful, skipped]}]", {"a": "successful"}, True),
        ("[{node: a, states: [failed, skipped]}]", {"a": "started"}, True),
        ("[a]", {"a": "skipped"}, False),
        # what people said AWX has looked at
        ("[ask]", {"a": "successful"}, True),
        ("[ask]", {"a": "skipped"}, False),  # nobody would have been asked
    ],
)
def test_all_joins(needs: str, states: dict[str, str], runs: bool) -> None:
    assert decide(needs, **states)[0] is runs


@pytest.mark.parametrize(
    ("needs", "states", "runs"),
    [
        ("[a, b]", {"a": "skipped", "b": "successful"}, True),
        ("[a, b]", {"a": "skipped", "b": "skipped"}, False),
        ("[a, b]", {"a": "skipped", "b": "started"}, False),
        ("[a, {node: b, edge: failure}]", {"a": "skipped", "b": "started"}, True),
        ("[a, {node: b, edge: failure}]", {"a": "skipped"}, True),  # b was started, and never came to its first task
        ("[{node: a, edge: failure}, {node: b, edge: failure}]", {}, True),  # one failed before its first task
        ("[{node: a, edge: failure}, {node: b, edge: failure}]", {"a": "started"}, True),
        ("[a, ask]", {"a": "successful"}, True),
        ("[ask, {node: b, edge: failure}]", {"a": "successful"}, True),
        ("[ask, b]", {"a": "successful", "b": "skipped"}, False),  # nobody knows what was said: do no harm
        ("[{node: ask, states: [failed, skipped]}, a]", {"a": "skipped"}, True),
    ],
)
def test_any_joins(needs: str, states: dict[str, str], runs: bool) -> None:
    assert decide(needs, ", join: any", **states)[0] is runs


def test_an_all_join_that_has_run_tells_that_its_parents_were_started() -> None:
    """``fix`` follows what people refused, and left no marker: it was not started, or it never began to work."""
    catalog = catalog_of(
        "ask: {approval: {}}\n"
        "fix: {item: look, needs: [{node: ask, edge: failure}]}\n"
        "both: {item: look, needs: [{node: ask, edge: failure}, fix]}\n"
        "child: {item: look, needs: [both, {node: fix, edge: failure}], join: any}\n"
    )
    skipped = {"both": marker_of("skipped", {})}
    assert Gate(catalog.bundles["it"], catalog, skipped, {}).decide("child").runs


def test_a_condition_is_looked_at_last() -> None:
    done = {"a": "successful"}
    assert decide("[a]", ", when: outputs.a.url == 'x'", **done) == (True, "")
    assert decide("[a]", ", when: 1 == 2", **done) == (False, "the condition is false: 1 == 2")
    assert "skipped" in decide("[a]", ", when: 1 == 2", a="skipped")[1]
    with pytest.raises(ConditionError):
        decide("[a]", ", when: outputs.a.url > 3", **done)


def test_why_is_said_for_people() -> None:
    assert decide("[a]", a="skipped")[1] == "a is skipped, and this needs its success"
    assert decide("[a, b]", a="successful", b="started")[1] == "b ended badly, and this needs its success"
    assert decide("[a, b]", a="successful")[1] == "b ended badly, and this needs its success"
    assert decide("[{node: a, states: [failed]}]", a="skipped")[1] == "a is skipped, and this needs failed"


def test_only_what_is_a_marker_counts() -> None:
    good = {"state": "successful", "outputs": {"url": "x"}}
    variables = {names.marker("a"): good, names.marker("b"): "rubbish", names.marker("c"): {"state": 3}, "version": 2}
    assert markers_in(variables) == {"a": good}
