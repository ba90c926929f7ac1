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

from tests.unit.plugins.module_utils.core.awx_map import awx_dag


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
        extra = self.work / f"extra-{sum(1 for _unused in self.work.iterdir())}.yml"
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
        """Play a workflow template; ``words`` says of an approval whether it is ``successful`` or ``failed``."""
        ended: dict[str, Played] = {}

        def job(node: NodeSpec, parents: list[str]) -> str:
            handed: dict[str, Any] = {}
            for name in parents:
                played = ended.get(name, Played(awx_dag.NOT_RUN))
                handed.update({**played.ancestors, **played.artifacts})
            if node.kind == "approval":
                played = Played(words[node.identifier])
            else:
                played = self.job(node.template, {"awx_workflow_job_id": 70, **handed, **answers})
            played.ancestors = handed
            ended[node.identifier] = played
            return played.status

        statuses = awx_dag.play(spec, job)
        return {name: ended.get(name, Played(status)) for name, status in statuses.items()}
