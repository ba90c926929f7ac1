# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported project at work: its jobs are real, and as much of AWX around them as a workflow needs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import WorkflowSpec, awx_map_of
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog

from tests.unit.plugins.module_utils.core.awx_map import awx_dag
from tests.unit.plugins.module_utils.core.awx_map.awx_dag import NOT_RUN

from .awx_workflow import Awx, Played

CATALOG = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: say}
presentation:
  fields:
    - {name: text, required: true}
    - {name: count, type: integer, default: 3}
fulfillment:
  automated:
    module: ansible.builtin.debug
    with:
      msg: {text: $fields.text, count: $fields.count, whole: "{{ inventory_hostname }} <{{ holdfast.fields.text }}>"}
compensation:
  automated: {module: ansible.builtin.debug, with: {msg: "undoing {{ holdfast.fields.text }}"}}
  verify: {module: ansible.builtin.assert, with: {that: ["holdfast.fields.text == 'hello'"]}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: report}
presentation: {fields: [{name: value, default: x}]}
fulfillment: {automated: {module: ansible.builtin.set_stats, with: {data: {text: $fields.value, ready: true}}}}
outputs: [{name: text}, {name: ready, type: boolean}]
compensation: {none: it only reports}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: break}
presentation: {fields: [{name: breaks, type: choice, choices: ["yes", "no"], default: "no"}]}
fulfillment:
  automated:
    module: ansible.builtin.assert
    with: {that: ["holdfast.fields.breaks == 'no' or inventory_hostname != 'w1'"]}
compensation: {none: there is nothing to undo}
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: talk-a-lot}
presentation:
  fields:
    - {name: text, required: true}
    - {name: pool, required: true}
    - {name: go, type: choice, choices: ["yes", "no"], default: "yes"}
    - {name: breaks, type: choice, choices: ["yes", "no"], default: "no"}
components:
  first: {item: report, fields: {value: $fields.text}}
  maybe: {item: break, needs: [first], when: fields.go == 'yes', hosts: $fields.pool}
  after-it: {item: say, needs: [maybe], hosts: $fields.pool, fields: {text: $outputs.first.text}}
  roll:
    needs: [first, {node: maybe, states: [successful, skipped]}]
    rollout:
      hosts: $fields.pool
      batch: 1
      components:
        a: {item: report, when: outputs.first.ready, fields: {value: $outputs.first.text}}
        b: {item: say, needs: [a], fields: {text: $outputs.a.text}}
  last: {item: say, needs: [roll], fields: {text: $outputs.roll.a.text}}
  tell: {item: say, needs: [{node: maybe, states: [failed]}], fields: {text: it broke}}
"""
INVENTORY = """
[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
[web]
w1
w2
"""


@pytest.fixture()
def awx(tmp_path: Path) -> Awx:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "all.yml").write_text(CATALOG)
    catalog, problems = load_catalog([tmp_path / "documents"])
    assert problems == []
    mapped = awx_map_of(catalog)
    awx_project.write(tmp_path / "project", awx_project.project_files(mapped, awx_project.Settings()))
    (tmp_path / "hosts").write_text(INVENTORY.format(python=sys.executable))
    return Awx(tmp_path / "project", mapped, tmp_path / "hosts", tmp_path / "jobs")


def failed(awx: Awx, ended: dict[str, Played]) -> bool:
    return awx_dag.failed(the_workflow(awx), {name: played.status for name, played in ended.items()})


def the_workflow(awx: Awx) -> WorkflowSpec:
    return awx.mapped.workflows[0]


def states(ended: dict[str, Played]) -> dict[str, str]:
    """What AWX shows of each node, and behind it what the node says of itself where that is something else."""
    shown = {}
    for name, played in ended.items():
        marker = next(iter(played.artifacts.values()), {}).get("state", played.status)
        shown[name] = played.status if marker == played.status else f"{played.status}/{marker}"
    return shown


def test_an_item_says_what_it_was_asked_to_say(awx: Awx, tmp_path: Path) -> None:
    evil = f"{{{{ lookup('pipe', 'touch {tmp_path}/never') }}}} [1]"
    done = awx.job("Say", {"text": evil, "count": 5})
    assert done.status == "successful", done.output
    assert f'"text": "{evil}"' in done.output
    assert '"count": 5' in done.output
    assert f'"whole": "localhost <{evil}>"' in done.output
    assert not (tmp_path / "never").exists()


def test_answers_are_text_where_people_wrote_text(awx: Awx) -> None:
    for text in ("2.10", "yes", "[1, 2]"):
        done = awx.job("Say", {"text": text})
        assert f'"text": "{text}"' in done.output, done.output


def test_an_undo_plays_on_the_limit_and_is_verified(awx: Awx) -> None:
    done = awx.job("Say (undo)", {"text": "hello"}, limit="web")
    assert done.status == "successful", done.output
    assert done.output.count('"msg": "undoing hello"') == 2
    assert awx.job("Say (undo)", {"text": "goodbye"}, limit="web").status == "failed"


def test_wrong_answers_end_a_job_before_it_touches_anything(awx: Awx) -> None:
    done = awx.job("Say", {"count": "many"})
    assert done.status == "failed"
    assert "'text' value missing" in done.output
    assert "Value many for 'count' expected to be an integer." in done.output
    assert "ansible.builtin.debug" not in done.output


def test_a_workflow_does_what_the_bundle_says(awx: Awx, tmp_path: Path) -> None:
    evil = f"{{{{ lookup('pipe', 'touch {tmp_path}/never') }}}} é"
    ended = awx.workflow(the_workflow(awx), {"text": evil, "pool": "web"})
    assert states(ended) == {
        "first": "successful",
        "maybe": "successful",
        "after-it": "successful",
        "roll": "successful",
        "last": "successful",
        "tell": NOT_RUN,
        "(failed)": NOT_RUN,
    }
    assert ended["first"].artifacts["holdfast_node_first"]["outputs"] == {"text": evil, "ready": True}
    assert ended["roll"].artifacts["holdfast_node_roll"]["outputs"]["a"]["text"] == evil
    for name in ("after-it", "last"):
        assert json.dumps(evil, ensure_ascii=False) in ended[name].output
    for batch in ("[batch 1 of 2] on w1", "[batch 2 of 2] on w2"):
        assert batch in ended["roll"].output
    assert not (tmp_path / "never").exists()
    assert not failed(awx, ended)


def test_what_a_condition_skips_is_skipped_to_the_end(awx: Awx) -> None:
    ended = awx.workflow(the_workflow(awx), {"text": "hello", "pool": "web", "go": "no"})
    assert states(ended) == {
        "first": "successful",
        "maybe": "successful/skipped",
        "after-it": "successful/skipped",
        "roll": "successful",
        "last": "successful",
        "tell": NOT_RUN,
        "(failed)": NOT_RUN,
    }
    assert "skipped: the condition is false: fields.go == 'yes'" in ended["maybe"].output
    assert "skipped: maybe is skipped, and this needs its success" in ended["after-it"].output
    assert not failed(awx, ended)


def test_a_failure_that_is_only_told_of_stays_one(awx: Awx) -> None:
    ended = awx.workflow(the_workflow(awx), {"text": "hello", "pool": "web", "breaks": "yes"})
    assert states(ended) == {
        "first": "successful",
        "maybe": "failed/started",
        "after-it": NOT_RUN,
        "roll": NOT_RUN,
        "last": NOT_RUN,
        "tell": "successful",
        "(failed)": "failed",
    }
    assert "it broke" in ended["tell"].output
    assert failed(awx, ended)


def test_the_engine_runs_all_of_it_in_one_job(awx: Awx) -> None:
    done = awx.job("Talk a lot (engine)", {"text": "{{ 1 + 1 }}", "pool": "web", "go": "no"})
    assert done.status == "successful", done.output
    for line in ("✔ first successful", "✔ roll successful", "✔ last successful"):
        assert line in done.output
