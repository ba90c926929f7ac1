# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported catalog, imported by the modules of awx.awx: everything is there, once, and it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import AwxMap, awx_map_of
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.catalog_files import load_catalog

from tests.contract.clients import collection_is_here
from tests.contract.imported import differences, import_project
from tests.served import Served, controller

CATALOG = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: say, labels: [talk], description: "It says {{ something }}."}
presentation:
  fields: [{name: text, required: true}, {name: many, type: multiselect, choices: [a, b], default: [a]}]
fulfillment: {automated: {module: ansible.builtin.debug, with: {msg: $fields.text}}}
compensation: {none: it only talks}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: report}
presentation: {fields: [{name: value, default: x}]}
fulfillment: {automated: {module: ansible.builtin.set_stats, with: {data: {text: $fields.value}}}}
outputs: [{name: text}]
compensation: {none: it only reports}
---
apiVersion: holdfast.ops/v1
kind: CatalogBundle
metadata: {name: small-talk, title: Small talk, labels: [talk, small]}
presentation:
  fields: [{name: text, required: true, min: 2}, {name: go, type: choice, choices: ["yes", "no"], default: "yes"}]
components:
  first: {item: report, fields: {value: $fields.text}}
  maybe: {item: say, needs: [first], when: fields.go == 'yes'}
  last: {item: say, needs: [first, JOINED], join: all, fields: {text: $outputs.first.text}}
  ask: {approval: {message: Was it nice?, timeout: 1h}, needs: [maybe]}
  told: {item: say, needs: [{node: last, states: [failed]}]}
"""
JOINED = "{node: maybe, states: [successful, skipped]}"


def export(folder: Path, text: str) -> AwxMap:
    documents = folder / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    (documents / "all.yml").write_text(text)
    catalog, problems = load_catalog([documents])
    assert problems == []
    mapped = awx_map_of(catalog)
    awx_project.write(
        folder / "projects" / "holdfast", awx_project.project_files(mapped, awx_project.Settings(inventory="Nothing"))
    )
    return mapped


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A controller without a catalog of its own."""
    if not collection_is_here():
        pytest.skip("awx.awx is not installed; it comes with PyPI's ansible package")
    with controller(tmp_path_factory.mktemp("imported"), catalog=False) as served:
        yield served


def changed(output: str, task: str) -> list[str]:
    """What a task of the import changed."""
    told = output.partition(f"TASK [{task}]")[2].partition("TASK [")[0]
    return re.findall(r"^changed: \[localhost\] => \(item=(.*)\)", told, re.MULTILINE)


def test_an_export_is_imported_once_and_runs(empty: Served) -> None:
    project = empty.projects / "holdfast"
    empty.call("POST", "/api/v2/inventories/", {"name": "Nothing", "organization": 1})
    mapped = export(empty.home, CATALOG.replace("JOINED", JOINED))
    done = import_project(project, empty.url, empty.token)
    assert done.returncode == 0, done.stdout
    assert differences(empty, mapped) == []

    ran = launch(empty, text="{{ 1 + 1 }}", go="no")
    assert ran["status"] == "successful", ran
    nodes = {one["identifier"]: one for one in empty.call("GET", ran["related"]["workflow_nodes"])["results"]}
    assert "{{ 1 + 1 }}" in stdout(empty, nodes["last"])
    assert "skipped: the condition is false: fields.go == 'yes'" in stdout(empty, nodes["maybe"])
    assert nodes["told"]["do_not_run"] is True

    less = export(empty.home, CATALOG.replace(", JOINED", "").replace("  told:", "  tell:"))
    done = import_project(project, empty.url, empty.token)
    assert done.returncode == 0, done.stdout
    assert changed(done.stdout, "Labels") == []
    assert changed(done.stdout, "Job templates") == ["Small talk: tell"], "what is the same is left as it is"
    # A node that is no more is removed, and one that no longer waits for all its parents is made anew.
    assert differences(empty, less) == []
    assert differences(empty, mapped), "what is compared can differ"


def launch(served: Served, **answers: str) -> dict[str, object]:
    """Launch the workflow, approve what it asks, and wait for its end."""
    template = served.only("/api/v2/workflow_job_templates/?name=Small+talk")
    job = served.call("POST", template["related"]["launch"], {"extra_vars": answers})
    for _unused in range(60):
        for row in served.call("GET", "/api/v2/workflow_approvals/?status=pending")["results"]:
            served.call("POST", f"/api/v2/workflow_approvals/{row['id']}/approve/", {})
        try:
            return served.wait(f"/api/v2/workflow_jobs/{job['id']}/", patience=2.0)
        except AssertionError:
            continue
    raise AssertionError(f"workflow job {job['id']} has not ended")


def stdout(served: Served, node: dict[str, object]) -> str:
    """What the job of a node printed."""
    text = served.call("GET", f"/api/v2/jobs/{node['job']}/stdout/?format=json")
    return str(text["content"])
