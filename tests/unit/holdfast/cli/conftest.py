# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs made without a play: graphs, records and stores for the tests of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.rehearsal import Performance, Stage
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import find_bundle
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch, checked_answers
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Journal, Run, RunsStore

ITEM = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: step, manual_minutes: 5}
fulfillment: {mode: automated, automated: {role: example.test.step}}
compensation: {automated: {role: example.test.unstep}}
"""
WALK = """
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: walk, title: Walk a pool}
presentation:
  fields:
    - {name: version, required: true, min: 1}
    - {name: batch, type: integer, default: 1, min: 1}
    - {name: token, type: password}
orchestration: {on_failure: rollback, rollback_scope: batch}
components:
  before: {item: step, hosts: web}
  web:
    needs: [before]
    rollout:
      hosts: web
      batch: $fields.batch
      components:
        drain: {item: step}
        deploy: {item: step, needs: [drain]}
        health: {item: step, needs: [deploy]}
  sign_off: {approval: {message: Is it fine?}, needs: [web]}
  after: {item: step, needs: [sign_off]}
"""


@pytest.fixture()
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with the bundle ``walk``, and a home of its own."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "items.yml").write_text(ITEM)
    (folder / "walk.yml").write_text(WALK)
    monkeypatch.setenv("HOLDFAST_CATALOG", str(folder))
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOLDFAST_STORE", raising=False)
    return folder


def launch(hosts: int, **fields: Any) -> Launch:
    """A launch of ``walk`` on so many hosts."""
    bundle, whole, file = find_bundle("walk")
    answers = checked_answers(bundle, {"version": "2", **fields})
    names = [f"app{number}" for number in range(1, hosts + 1)]
    return Launch(bundle, whole, file, answers, {"web": names}, requested_by="alice")


def perform(found: Launch, script: Mapping[str, Any]) -> Performance:
    """Play a launch with made-up results."""
    graph = found.graph("rehearsal")
    return Stage(graph, {"requested_by": "alice", **script}, found.context("rehearsal", {})).play()


def stored(home: Path, script: str, hosts: int = 3, keep: int | None = None, **fields: Any) -> Run:
    """A run in the store with the journal of a made-up performance, or the first ``keep`` changes of it."""
    found = launch(hosts, **fields)
    run = RunsStore(home).create(1_700_000_000.0)
    run.write_launch(found.to_data())
    journal = Journal(run.journal_path)
    changes = perform(found, yaml.safe_load(script)).journal[:keep]
    for change in changes:
        text = yaml.safe_load(yaml.safe_dump(change).replace("rehearsal", run.id))
        journal.append([{**text, "at": 1_700_000_000.0 + text["at"]}])
    journal.close()
    (run.path / "lock").touch()
    return run
