# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guard makes of an item, and that its document stays what it was."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog import shape_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.document import item_document
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.guarding import CHANGE, as_written
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action, Compensation, Item
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.parse import parse_item
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import execution_inputs
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_GUARD
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.model_codec import from_data, to_data

HEAD = "apiVersion: holdfast.ops/v1\nkind: CatalogItem\nmetadata: {name: site}\n"
ROLE = "fulfillment: {automated: {role: a.b.site, with: {site_url: $fields.url}, become: true}}\n"
ASKS = "presentation: {fields: [{name: url, default: http://x/}]}\n"
OF_THE_ITEM = {"role", "tasks", "module", "vars", "gather_facts", "host", "labels", "returns"}


def document(text: str) -> Any:
    return yaml.safe_load(HEAD + text)


def item(text: str) -> Item:
    problems: list[Problem] = []
    found = parse_item(document(text), problems)
    assert problems == []
    return found


def test_a_role_is_played_by_the_guard_and_undone_by_a_restore() -> None:
    found = item(ASKS + ROLE + "guard: lkg")
    assert found.action == Action(
        "module", "holdfast.ops.lkg_guard",
        {"role": "a.b.site", "vars": {"site_url": "$fields.url"}, "gather_facts": False,
         "labels": [CHANGE, "item:site"]},
        True,
    )  # fmt: skip
    restore = {"label": CHANGE, "run": "{{ holdfast.request.run }}"}
    assert found.compensation == Compensation(Action("module", "holdfast.ops.lkg_restore", restore, True))
    assert [(output.name, output.type) for output in found.outputs] == [("lkg", "dict")]
    assert as_written(found).action == Action("role", "a.b.site", {"site_url": "$fields.url"}, True)


def test_a_module_is_played_too_and_what_it_returns_is_reported() -> None:
    found = item(
        "fulfillment: {automated: {module: a.b.config, with: {lines: [x]}}}\noutputs: [{name: saved}]\n"
        "guard: {lkg: {timer: 120, promote: false, probes: [{name: up, port: 22}]}}"
    )
    assert found.action is not None
    assert found.action.args == {
        "module": "a.b.config", "vars": {"lines": ["x"]}, "gather_facts": False, "timer": 120, "promote": False,
        "probes": [{"name": "up", "port": 22}], "labels": [CHANGE, "item:site"], "returns": ["saved"],
    }  # fmt: skip
    assert [output.name for output in found.outputs] == ["saved", "lkg"]


def test_a_compensation_of_its_own_stays() -> None:
    found = item(ASKS + ROLE + "guard: lkg\ncompensation: {automated: {role: a.b.back}}")
    assert found.compensation == Compensation(Action("role", "a.b.back"))
    assert item(ASKS + ROLE + "guard: lkg\ncompensation: {none: why}").compensation == Compensation(none_reason="why")


def test_every_option_of_the_action_that_is_not_the_items_can_be_given() -> None:
    (_short, long) = shape_item.GUARD.cases
    options = long.key("lkg").shape  # type: ignore[union-attr]
    assert {key.name for key in options.keys} == set(LKG_GUARD) - OF_THE_ITEM  # type: ignore[union-attr]


def test_a_document_and_a_stored_launch_keep_it() -> None:
    for guard in ("lkg", "{lkg: {timer: 90, options: {files: [/etc/x]}}}"):
        for undo in ("", "compensation: {none: why}\n", "compensation: {automated: {role: a.b.back}}\n"):
            text = f"{ASKS}{ROLE}outputs: [{{name: saved}}]\n{undo}guard: {guard}"
            found = item(text)
            assert parse_item(item_document(found), []) == found
            assert from_data(Item, to_data(found)) == found
            written = item_document(found)
            assert written["guard"] == document(text)["guard"]
            assert ("compensation" in written, len(written["outputs"])) == (bool(undo), 1)


def test_what_no_guard_can_play_is_left_as_it_is() -> None:
    found = item("fulfillment: {automated: {playbook: a.b.site}}\nguard: lkg")
    assert (found.action, found.outputs, found.compensation) == (Action("playbook", "a.b.site"), (), None)
    assert parse_item(item_document(found), []) == found


def test_answers_reach_the_change_and_its_probes_and_the_undo_knows_its_label() -> None:
    found = item(ASKS + ROLE + "guard: {lkg: {probes: [{name: up, url: $fields.url}]}}")
    graph = Graph([Node("web", item=found, fields={"url": "http://h/{{ x }}"}, batches=(("h1",),))])
    record = Record()
    record.run.update(id="r2", origin="r1")

    def inputs(action: str) -> dict[str, Any]:
        return execution_inputs(
            graph, record, Execution("r2/web/1/x/1", "web", "1", 0, action, 1, ("h1",), None), {}
        ).args

    done = inputs("do")
    assert done["vars"] == {"site_url": "http://h/{{ x }}"} and done["probes"][0]["url"] == "http://h/{{ x }}"
    assert {type(one).__name__ for one in (done["vars"]["site_url"], done["probes"][0]["url"])} == {"Unsafe"}
    assert inputs("undo")["label"] == done["labels"][0] == CHANGE
