# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Holdfast adds to plays: the same playbooks by hand and as a workflow, side by side, as a ratio."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

PLAYBOOK = """---
- name: {name}
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Do what is measured
      {task}
"""
TASKS = {
    "no-op": "ansible.builtin.debug: {msg: done}",
    "ten-seconds": "ansible.builtin.command: {cmd: sleep 10}\n      changed_when: false",
}
ITEM = """---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {{name: work}}
fulfillment: {{mode: automated, automated: {{playbook: {playbook}}}}}
compensation: {{none: it is a measurement}}
"""


class Case(NamedTuple):
    """``layers`` of ``width`` nodes each; every node needs all of the layer before."""

    name: str
    width: int
    layers: int
    allowed: float


CASES = (Case("no-op", 2, 10, 1.4), Case("no-op", 4, 6, 1.4), Case("ten-seconds", 4, 3, 1.05))


def _write(folder: Path, case: Case) -> tuple[Path, Path]:
    local = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
    (folder / "hosts").write_text(local)
    playbook = folder / f"{case.name}.yml"
    playbook.write_text(PLAYBOOK.format(name=case.name.capitalize(), task=TASKS[case.name]))
    bundle = folder / f"{case.name}-bundle.yml"
    lines = [
        ITEM.format(playbook=playbook),
        "---\napiVersion: holdfast.ops/v1\nkind: CatalogBundle\nmetadata: {name: measured}\n",
        f"orchestration: {{max_parallel: {case.width}}}\ncomponents:\n",
    ]
    for layer in range(case.layers):
        before = ", ".join(f"n{layer - 1}-{place}" for place in range(case.width)) if layer else ""
        lines += [f"  n{layer}-{place}: {{item: work, needs: [{before}]}}\n" for place in range(case.width)]
    bundle.write_text("".join(lines))
    return playbook, bundle


def _environment(folder: Path) -> dict[str, str]:
    paths = str(REPOSITORY / ".venv" / "collections")
    return {
        **os.environ,
        "HOLDFAST_HOME": str(folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": paths,
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }


def _timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return time.perf_counter() - began


def by_hand(playbook: Path, case: Case, environment: dict[str, str]) -> float:
    """Seconds for the playbooks, layer after layer, ``width`` at a time, each started by ansible-playbook."""
    command = [str(BIN / "ansible-playbook"), "-i", str(playbook.parent / "hosts"), str(playbook)]
    began = time.perf_counter()
    with ThreadPoolExecutor(case.width) as pool:
        for _layer in range(case.layers):
            list(pool.map(lambda _place: _timed(command, environment), range(case.width)))
    return time.perf_counter() - began


def as_workflow(bundle: Path, environment: dict[str, str]) -> float:
    """Seconds for the same as a workflow, from the command line to its exit."""
    command = [str(BIN / "holdfast"), "run", str(bundle), "-i", str(bundle.parent / "hosts"), "--plain"]
    return _timed(command, environment)


def _children_seconds() -> float:
    """CPU seconds of all children that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def what_dominates(playbook: Path, bundle: Path, environment: dict[str, str], nodes: int) -> None:
    """Where the CPU of a no-op playbook goes: Ansible's start, the rest of the play, and what Holdfast adds."""
    marks = [_children_seconds()]
    for command in (
        [str(BIN / "ansible-playbook"), "--version"],
        [str(BIN / "ansible-playbook"), "-i", str(playbook.parent / "hosts"), str(playbook)],
        [str(BIN / "holdfast"), "run", str(bundle), "-i", str(bundle.parent / "hosts"), "--plain"],
    ):
        _timed(command, environment)
        marks.append(_children_seconds())
    start, play, flow = (after - before for before, after in pairwise(marks))
    print(
        f"  what dominates: of {play:.2f} s of CPU for a no-op playbook {start:.2f} s are the start of Ansible itself; "
        f"a workflow of {nodes} adds {(flow - nodes * play) / nodes:+.3f} s to each, its own start and end included"
    )


def report() -> None:
    """Print every ratio; two rounds each, the faster one counts, by hand and workflow in turns."""
    print("overhead (the same playbooks by hand and as a workflow, same parallelism, start and end included)")
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            playbook, bundle = _write(folder, case)
            environment = _environment(folder)
            if case is CASES[0]:
                what_dominates(playbook, bundle, environment, case.width * case.layers)
            rounds = [(by_hand(playbook, case, environment), as_workflow(bundle, environment)) for _round in range(2)]
        hand, flow = (min(times) for times in zip(*rounds, strict=True))
        nodes = case.width * case.layers
        verdict = "" if flow / hand <= case.allowed else f"  ABOVE {case.allowed}"
        print(
            f"  {case.name:<12} {nodes:>3} playbooks, {case.width} at a time: "
            f"by hand {hand:6.2f} s, workflow {flow:6.2f} s, ratio {flow / hand:.2f} (at most {case.allowed}), "
            f"{1000 * (flow - hand) / nodes:+.0f} ms per playbook{verdict}"
        )
