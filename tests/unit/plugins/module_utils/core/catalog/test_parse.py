# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From plain data to the model."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import check, model
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import Places, parse_bundle, parse_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape import KINDS
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem
from hypothesis import given
from hypothesis import strategies as st

HEAD = "apiVersion: holdfast.ops/v1\nkind: {}\nmetadata: {{name: x}}\n"
EXAMPLES = Path(__file__).resolve().parents[5] / "catalog" / "examples"


def bundle(text: str) -> model.Bundle:
    problems: list[Problem] = []
    found = parse_bundle(yaml.safe_load(HEAD.format("CatalogBundle") + text), problems)
    assert problems == []
    return found


def item(text: str) -> model.Item:
    problems: list[Problem] = []
    found = parse_item(yaml.safe_load(HEAD.format("CatalogItem") + text), problems)
    assert problems == []
    return found


def test_the_least_item_and_bundle_are_the_models_defaults() -> None:
    action = model.Action("role", "a.b.c")
    assert item("fulfillment: {automated: {role: a.b.c}}") == model.Item("x", action=action)
    assert bundle("components: {a: {item: b}}") == model.Bundle("x", components=(model.Component("a", item="b"),))
    assert bundle("components: {a: {approval: {}}}").components[0] == model.Component(
        "a", "approval", approval=model.Approval()
    )
    rollout = bundle("components: {a: {rollout: {hosts: all, components: {b: {item: c}}}}}").components[0].rollout
    assert rollout == model.Rollout("all", components=(model.Component("b", item="c"),))


def test_every_key_reaches_the_model() -> None:
    text = (EXAMPLES / "every-key-bundle.yml").read_text("utf-8")
    problems: list[Problem] = []
    found = parse_bundle(yaml.safe_load(text), problems)
    preflight, instead, web, api, _manual, sign_off = found.components[:6]
    assert problems == []
    assert (found.version, found.labels, found.locks) == (
        "2.0.0-rc.1",
        ("example",),
        (("pool", "$fields.pool"), ("maintenance",)),
    )
    assert (found.on_failure, found.rollback_scope, found.on_cancel, found.max_parallel) == (
        "rollback",
        "run",
        "rollback",
        4,
    )
    assert preflight.retries == model.Retries(2, "failed_hosts", 10.0)
    assert (preflight.timeout, preflight.on_lost, preflight.hosts) == (300.0, "fail", "$fields.pool")
    assert instead.fallback_of == ("preflight",)
    assert preflight.breaker is not None and preflight.breaker.fallback == "instead"
    assert web.rollout is not None and api.rollout is not None
    assert web.rollout.batch == (1, "25%", "$fields.batch")
    assert (web.rollout.max_failed_hosts, api.rollout.max_failed_percent, api.rollout.batch) == (
        "$fields.budget",
        12.5,
        (2,),
    )
    assert [inner.kind for inner in web.rollout.components] == ["item", "item", "approval"]
    assert sign_off.approval == model.Approval(2, True, 259200.0, "deny", "Please look at the pool.")
    assert sign_off.needs == (model.Need("web"), model.Need("api", states=("successful", "skipped")))


def test_an_item_knows_its_actions_and_its_way_back() -> None:
    found = item(
        "fulfillment: {automated: {module: a.b.c, with: {x: [1]}, become: true, gather_facts: true}}\n"
        "compensation: {automated: {playbook: undo.yml}, verify: {role: a.b.d}}\n"
        "outputs: [{name: url, secret: true}]"
    )
    assert found.action == model.Action("module", "a.b.c", {"x": [1]}, True, True)
    assert found.compensation == model.Compensation(model.Action("playbook", "undo.yml"), model.Action("role", "a.b.d"))
    assert found.outputs == (model.Output("url", secret=True),)
    assert item(
        "fulfillment: {automated: {role: a.b.c}}\ncompensation: {none: why}"
    ).compensation == model.Compensation(none_reason="why")
    manual = item("fulfillment: {mode: manual, manual: {instructions: Do, assignee: me}}")
    assert (manual.mode, manual.action, manual.instructions, manual.assignee) == ("manual", None, "Do", "me")


def test_places_tell_where_things_stand_even_behind_wrong_ones() -> None:
    places, problems = Places(), list[Problem]()
    data = {
        "apiVersion": "holdfast.ops/v1",
        "kind": "CatalogBundle",
        "metadata": {"name": "x"},
        "components": {"a": {"item": "b", "needs": [5, "c", {"node": "d"}]}},
    }
    found = parse_bundle(data, problems, places)
    assert [places.of(need) for need in found.components[0].needs] == [
        ("components", "a", "needs", 1),
        ("components", "a", "needs", 2),
    ]
    assert [problem.path for problem in problems] == [("components", "a", "needs", 0)]


def test_defaults_of_tables_and_model_agree() -> None:
    orchestration = check.clean(KINDS["CatalogBundle"].key("orchestration").shape, {}, (), [])  # type: ignore[union-attr]
    defaults = {field.name: field.default for field in fields(model.Bundle)}
    assert {key: value for key, value in orchestration.items() if key in defaults and defaults[key] != value} == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.booleans(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ["metadata", "presentation", "fulfillment", "outputs", "compensation", "orchestration", "components"]
)


@given(st.dictionaries(KEYS, JSON), JSON)
def test_rubbish_is_told_never_raised(data: Any, other: Any) -> None:
    for value in (data, other):
        for parse in (parse_item, parse_bundle):
            problems: list[Problem] = []
            parse(value, problems)
            assert problems
