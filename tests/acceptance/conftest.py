# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts for real: a HAProxy, processes that serve, clients that ask all the time, and the front doors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import read_changes

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "demo"))

import lab as demo_lab  # noqa: E402
import run as demo_run  # noqa: E402

CLIENTS, PAUSE = 90, 1.2
"""Every third client asks for two seconds: thirty, so that no server is ever without one in flight."""


def by_playbook(inventory: Path, bundle: str, fields: Mapping[str, Any], *more: str) -> list[str]:
    """``ansible-playbook holdfast.ops.run``."""
    given = ["-e", f"workflow={bundle}", "-e", json.dumps({"fields": fields}), *more]
    return demo_run.by_playbook(inventory, *given)


def by_command(inventory: Path, bundle: str, fields: Mapping[str, Any]) -> list[str]:
    """``holdfast run --plain``."""
    return [*holdfast("run", bundle, "--plain"), "-i", str(inventory), "--fields", json.dumps(fields)]


def holdfast(*arguments: str) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "holdfast.cli", *arguments]


class Done(NamedTuple):
    """One execution as it ended."""

    node: str
    action: str
    hosts: tuple[str, ...]
    state: str
    copied: bool


class Stage(demo_run.Demo):
    """The demo's lab and front door, with more clients, bundles of one's own and somebody who watches HAProxy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CLIENTS, PAUSE)
        self.catalog = folder / "catalog"
        self.catalog.mkdir(parents=True)

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(
            filter(None, [str(REPOSITORY / "extensions" / "controller"), os.environ.get("PYTHONPATH")])
        )
        more = {"HOLDFAST_CATALOG": str(self.catalog), "PYTHONPATH": path, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "500"}
        return {**super().environment(), **more}

    def variant(self, name: str, **orchestration: Any) -> dict[str, Any]:
        """The shipped bundle with another name and other ``orchestration``; further changes are for the caller."""
        shipped = REPOSITORY / "workflows" / "bundles" / "rolling-deploy.yml"
        bundle: dict[str, Any] = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        bundle["metadata"]["name"] = name
        bundle["orchestration"].update(orchestration)
        self.keep(bundle)
        return bundle

    def keep(self, bundle: dict[str, Any]) -> None:
        """Put a bundle into the catalog."""
        (self.catalog / f"{bundle['metadata']['name']}.yml").write_text(yaml.safe_dump(bundle, sort_keys=False))

    def begin_at(self, version: str) -> None:
        """The lab anew, with this version on every host."""
        self.lab.up(version)

    def go(
        self, version: str, launch: demo_run.Launch = by_playbook, bundle: str = demo_run.BUNDLE, **more: Any
    ) -> tuple[demo_run.Outcome, Watch]:
        """Roll out, watched."""
        with Watch(self.lab) as watch:
            outcome = self.roll_out(version, launch, bundle, **more)
        return outcome, watch

    def record(self, outcome: demo_run.Outcome) -> Record:
        """The record, folded from the journal and the same as the one that was kept."""
        record = Record.replay(read_changes(outcome.record / "events.jsonl"))
        assert json.loads((outcome.record / "record.json").read_text())["record"] == json.loads(
            json.dumps(record.to_dict())
        )
        return record

    def shown(self, outcome: demo_run.Outcome) -> str:
        """What ``holdfast runs show`` says of a run."""
        command = holdfast("runs", "show", outcome.record.name)
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=True).stdout


class Watch:
    """Looks at HAProxy all the time.

    ``least_up``: the fewest servers that were up at any look. ``drains``: (server, requests in flight) for each server
    that was seen to leave the traffic, in order. ``seen``: every state of every server, in order.
    """

    def __init__(self, lab: demo_lab.Lab) -> None:
        self.least_up = len(lab.names)
        self.drains: list[tuple[str, int]] = []
        self.seen: dict[str, list[str]] = defaultdict(list)
        self._lab = lab
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._end.wait(0.02):
            servers = self._lab.servers()
            self.least_up = min(self.least_up, sum(row["status"].startswith("UP") for row in servers.values()))
            for name, row in servers.items():
                state = row["status"].split()[0]
                before = self.seen[name][-1:]
                if before != [state]:
                    self.seen[name].append(state)
                if before == ["UP"] and state == "DRAIN":
                    self.drains.append((name, int(row["scur"])))

    def assert_drained(self, *servers: str) -> None:
        """These were drained, in this order, each while it had requests to finish."""
        assert [server for server, _in_flight in self.drains] == list(servers)
        assert all(in_flight > 0 for _server, in_flight in self.drains), self.drains


def executions(record: Record) -> list[Done]:
    """Every execution in the order of the starts."""
    return [
        Done(e["node"], e["action"], tuple(e["hosts"]), e["state"], bool(e.get("copied")))
        for e in record.executions.values()
    ]


def undone(record: Record) -> list[tuple[str, tuple[str, ...]]]:
    """What was undone with success: (node, hosts), in order."""
    return [(e.node, e.hosts) for e in executions(record) if e.action == "undo" and e.state == "successful"]


def assert_nothing_lost(outcome: demo_run.Outcome) -> None:
    """Every request was answered, and there were many, of both kinds."""
    assert outcome.report.lost == []
    assert outcome.report.slow_answered > 50
    assert outcome.report.answered - outcome.report.slow_answered > 500


def wait_for(what: str, condition: Any, patience: float = 120.0) -> Any:
    """Wait until a condition is true and return it; a test that waits in vain says for what."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three servers with version 1 behind a real HAProxy."""
    if not shutil.which("haproxy", path=demo_lab.PATH):
        pytest.skip(demo_lab.HAPROXY_MISSING)
    made = Stage(tmp_path_factory.mktemp("stage"))
    try:
        made.begin_at("1")
        yield made
    finally:
        made.close()
