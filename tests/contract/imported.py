# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what an export means what a controller has? Works with every controller that speaks AWX's API."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import AwxMap
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import awx_project

from tests.served import BIN


class Api(Protocol):
    """Requests with somebody's rights."""

    def call(self, method: str, path: str) -> Any:
        """The JSON of an answer."""


def import_project(folder: Path, host: str, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Play ``import.yml`` of an exported project against a controller, by the modules of awx.awx."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("CONTROLLER_", "TOWER_"))}
    variables |= {
        "CONTROLLER_HOST": host,
        "CONTROLLER_OAUTH_TOKEN": token,
        "CONTROLLER_VERIFY_SSL": "false",
        "NO_PROXY": "*",
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [str(BIN / "ansible-playbook"), "import.yml", *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def differences(api: Api, mapped: AwxMap) -> list[str]:
    """Everything in which a controller's templates, surveys, labels, nodes and edges differ from an export's."""
    objects = awx_project.objects(mapped)
    found: list[str] = []
    for kind in ("job_templates", "workflow_job_templates"):
        rows = {row["name"]: row for row in _all(api, f"/api/v2/{kind}/")}
        for wanted in objects[f"awx_{kind}"]:
            row = rows.get(wanted["name"])
            found += [f"{wanted['name']}: is not there"] if row is None else _of_template(api, row, wanted)
    for name in {node["workflow"] for node in objects["awx_workflow_nodes"]}:
        wanted_nodes = [node for node in objects["awx_workflow_nodes"] if node["workflow"] == name]
        found += _of_nodes(api, name, wanted_nodes)
    return found


def _all(api: Api, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.call("GET", f"{path}?page_size=200")["results"]
    return rows


def _of_template(api: Api, row: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    apart = {"survey_spec", "labels"}
    found = [
        f"{wanted['name']}: {key} is {row.get(key)!r}, not {value!r}"
        for key, value in wanted.items()
        if key not in apart and row.get(key) != value
    ]
    survey = api.call("GET", row["related"]["survey_spec"])
    if survey != wanted["survey_spec"]:
        found.append(f"{wanted['name']}: the survey is {survey!r}")
    labels = sorted(label["name"] for label in row["summary_fields"]["labels"]["results"])
    return found + ([f"{wanted['name']}: the labels are {labels}"] if labels != sorted(wanted["labels"]) else [])


def _of_nodes(api: Api, workflow: str, wanted: Iterable[Mapping[str, Any]]) -> list[str]:
    row = next(one for one in _all(api, "/api/v2/workflow_job_templates/") if one["name"] == workflow)
    nodes = _all(api, row["related"]["workflow_nodes"])
    names = {node["id"]: node["identifier"] for node in nodes}
    have = {node["identifier"]: _as_wanted(node, names) for node in nodes}
    meant = {node["identifier"]: _plain(node) for node in wanted}
    return [
        f"{workflow}: the node {name} is {have.get(name)}, not {meant.get(name)}"
        for name in sorted({*have, *meant})
        if have.get(name) != meant.get(name)
    ]


def _as_wanted(node: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    template = node["summary_fields"]["unified_job_template"]
    approval = template["unified_job_type"] == "workflow_approval"
    about = {key: template[key] for key in ("name", "description", "timeout")} if approval else template["name"]
    edges = {f"{kind}_nodes": sorted(names[child] for child in node[f"{kind}_nodes"])
             for kind in ("success", "failure", "always")}  # fmt: skip
    return {"runs": about, "all_parents_must_converge": node["all_parents_must_converge"], **edges}


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    edges = {f"{kind}_nodes": sorted(node[f"{kind}_nodes"]) for kind in ("success", "failure", "always")}
    about = node.get("approval_node") or node.get("unified_job_template")
    return {"runs": about, "all_parents_must_converge": node["all_parents_must_converge"], **edges}
