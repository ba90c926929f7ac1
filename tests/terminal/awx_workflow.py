# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just as much of AWX as a workflow needs: who runs when which job has ended, and what its job is given.

The jobs are real: ansible-playbook plays the playbooks of an exported project. What AWX decides and hands on is done
here as AWX 24.6.1 does it: edges and convergence, artifacts of all ancestors as extra variables, answers of the
workflow over them, and every text marked ``!unsafe``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.awx_map import AwxMap, NodeSpec, WorkflowSpec

NOT_RUN = "do_not_run"


class _Unsafe(yaml.SafeDumper):
    """AWX's way to write extra variables: keys and values of text are ``!unsafe``."""


_Unsafe.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


@dataclass
class Played:
    """How a job ended: its status, what it left behind for later jobs, and what it printed."""

    status: str
    artifacts: dict[str, Any] = field(default_factory=dict)
    ancestors: dict[str, Any] = field(default_factory=dict)
    output: str = ""


@dataclass
class Awx:
    """Plays templates of an exported project on an inventory, with the ansible-playbook in ``bin``."""

    project: Path
    mapped: AwxMap
    inventory: Path
    work: Path
    bin: Path = field(default_factory=lambda: Path(sys.executable).parent)

    def job(self, template: str, variables: Mapping[str, Any], limit: str = "") -> Played:
        """Play one job template."""
        spec = next(one for one in self.mapped.templates if one.name == template)
        self.work.mkdir(exist_ok=True)
        extra = self.work / f"extra-{sum(1 for _ in self.work.iterdir())}.yml"
        given = {"awx_job_id": 7, "awx_user_name": "alice", **variables}
        extra.write_text("".join(yaml.dump({name: value}, None, _Unsafe) for name, value in given.items()))
        command = [str(self.bin / "ansible-playbook"), "-i", str(self.inventory), "-e", f"@{extra}", spec.playbook]
        done = subprocess.run(
            [*command, *(["--limit", limit] if limit else [])],
            cwd=self.project,
            env={**os.environ, "ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        _before, _mark, stats = done.stdout.rpartition("\tRUN: ")
        artifacts = json.JSONDecoder().raw_decode(stats)[0] if stats and _mark else {}
        return Played("failed" if done.returncode else "successful", artifacts, output=done.stdout)

    def workflow(
        self, spec: WorkflowSpec, answers: Mapping[str, Any], words: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, Played]:
        """Play a workflow template; ``words`` says of an approval whether it is ``approved`` or ``denied``."""
        ended: dict[str, Played] = {}
        for node in spec.nodes:
            parents = [(parent, _edge(parent, node)) for parent in spec.nodes if _edge(parent, node)]
            if not self._runs(node, [(ended[parent.identifier].status, edge) for parent, edge in parents]):
                ended[node.identifier] = Played(NOT_RUN)
                continue
            handed: dict[str, Any] = {}
            for parent, _edge_kind in parents:
                handed.update(ended[parent.identifier].ancestors)
                handed.update(ended[parent.identifier].artifacts)
            ended[node.identifier] = self._node(node, handed, answers, words)
            ended[node.identifier].ancestors = handed
        return ended

    def _node(
        self, node: NodeSpec, handed: Mapping[str, Any], answers: Mapping[str, Any], words: Mapping[str, str]
    ) -> Played:
        if node.kind == "approval":
            return Played({"approved": "successful", "denied": "failed"}[words[node.identifier]])
        return self.job(node.template, {"awx_workflow_job_id": 70, **handed, **answers})

    @staticmethod
    def _runs(node: NodeSpec, parents: list[tuple[str, str]]) -> bool:
        met = [
            (status == "successful" and edge in ("success", "always"))
            or (status == "failed" and edge in ("failure", "always"))
            for status, edge in parents
        ]
        return not parents or (all(met) if node.all_parents_must_converge else any(met))


def _edge(parent: NodeSpec, child: NodeSpec) -> str:
    return next((kind for kind in ("success", "failure", "always") if child.identifier in getattr(parent, kind)), "")


def failed(spec: WorkflowSpec, ended: Mapping[str, Played]) -> bool:
    """Whether AWX shows the workflow as failed: a node failed that has neither a failure nor an always edge."""
    return any(
        ended[node.identifier].status == "failed" and not node.failure and not node.always for node in spec.nodes
    )
