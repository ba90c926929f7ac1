# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A house of its own for every test at the front door: store, inventory and a catalog of harmless items."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import options, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore, read_changes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised

ITEMS = """
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: say}
presentation: {fields: [{name: text, label: Text}]}
fulfillment: {mode: automated, automated: {module: ansible.builtin.command, with: {argv: [echo, $fields.text]}}}
outputs: [{name: stdout}]
compensation: {none: it only talks}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: noop}
fulfillment: {mode: automated, automated: {module: ansible.builtin.debug, with: {msg: done}}}
compensation: {automated: {module: ansible.builtin.debug, with: {msg: undone}}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: fail}
fulfillment: {mode: automated, automated: {module: ansible.builtin.fail, with: {msg: it broke on purpose}}}
compensation: {automated: {module: ansible.builtin.debug, with: {msg: undone}}}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: ping}
fulfillment: {mode: automated, automated: {module: ansible.builtin.ping}}
compensation: {none: it only looks}
---
apiVersion: holdfast.ops/v1
kind: CatalogItem
metadata: {name: wait}
presentation: {fields: [{name: seconds, label: Seconds, type: integer, default: 60}]}
fulfillment:
  mode: automated
  automated: {module: ansible.builtin.command, with: {argv: [sleep, $fields.seconds]}}
compensation: {automated: {module: ansible.builtin.debug, with: {msg: undone}}}
"""
INVENTORY = """
[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
[web]
w1
w2
w3
[db]
d1
"""


class House:
    """One store, one catalog, one inventory; starts workflows in it and reads what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "hosts"
        self.inventory.write_text(INVENTORY.format(python=sys.executable))
        (folder / "catalog").mkdir()
        (folder / "catalog" / "items.yml").write_text(ITEMS)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "ANSIBLE_"))},
            **options.collections_environment(os.environ),
            "HOLDFAST_HOME": str(folder / "home"),
            "HOLDFAST_CATALOG": str(folder / "catalog"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "COLUMNS": "1000",
        }
        self.store = RunsStore(folder / "home")

    def bundle(self, name: str, components: str, **rest: Any) -> str:
        """Write a bundle into the catalog; ``components`` is YAML, ``rest`` more keys as JSON."""
        lines = ["apiVersion: holdfast.ops/v1", "kind: CatalogBundle", f"metadata: {{name: {name}}}"]
        lines += [f"{key}: {json.dumps(value)}" for key, value in rest.items()]
        indented = "\n".join(f"  {line}" for line in components.strip().splitlines())
        (self.folder / "catalog" / f"{name}.yml").write_text("\n".join([*lines, "components:", indented, ""]))
        return name

    def command(self, *arguments: str, playbook: str = "holdfast.ops.run", inventory: bool = True) -> list[str]:
        """The command line of a terminal."""
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        return [program, playbook, *(["-i", str(self.inventory)] if inventory else []), *arguments]

    def ansible(self, *arguments: str, **facts: Any) -> subprocess.CompletedProcess[str]:
        """Run the playbook to its end."""
        command = self.command(*arguments, **facts)
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300
        )

    def launch(self, workflow: str, *arguments: str, **fields: Any) -> subprocess.CompletedProcess[str]:
        """Run a workflow to its end."""
        given = ["-e", json.dumps({"fields": fields})] if fields else []
        return self.ansible("-e", f"workflow={workflow}", *given, *arguments)

    def start(self, workflow: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a workflow and come back."""
        return subprocess.Popen(
            self.command("-e", f"workflow={workflow}", *arguments),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self) -> list[Run]:
        """All runs, the oldest first."""
        return [self.store.get(run_id) for run_id in reversed(self.store.ids())]

    def the_run(self) -> Run:
        """The only run there is."""
        (run,) = self.runs()
        return run

    def record(self, run: Run | None = None) -> Record:
        """The record of a run, folded from its journal and the same as the one kept."""
        found = run or self.the_run()
        record = Record.replay(read_changes(found.journal_path))
        assert facts(found.record()) == facts(record)
        return record


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def in_house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervised]]:
    """Start supervisors from this process, in the house's environment."""
    from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Order

    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    started: list[Supervised] = []

    def start(**order: Any) -> Supervised:
        facts = {"inventory": [str(house.inventory)], "cwd": str(house.folder)}
        started.append(Supervised(Order(options=facts, **order)))
        return started[-1]

    yield start
    for one in started:
        one.cancel()
        one.close()


def wait_for(what: str, condition: Callable[[], Any], patience: float = 60.0) -> Any:
    """Wait until a condition is true and return it; a test that waits in vain says for what."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def played(record: Record) -> list[tuple[str, str]]:
    """Every execution as (node, state), in the order of their starts."""
    return [(entry["node"], entry["state"]) for entry in record.executions.values()]


def left_over(run: Run) -> list[processes.Process]:
    """Processes of a run's plays that still live."""
    return [process for process in processes.find(run.id, run.path) if process.of_play]


def facts(record: Record) -> dict[str, Any]:
    """A record as data, without nodes of which nothing is known."""
    data = record.to_dict()
    return {**data, "nodes": {name: node for name, node in data["nodes"].items() if node}}


def outputs_of(record: Record, node: str) -> dict[str, Any]:
    """What a node reported, over all its batches."""
    return {name: value for batch in record.outputs[node].values() for name, value in batch.items()}
