# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of bundles on the lab through the terminal's front door, while customers ask; and what came of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run, RunsStore

from tests.lab.lab import HOSTS, Lab
from tests.lab.places import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "demo"))

import evidence
from load import Load, Report

BUNDLE = "integrated-maintenance"
CLIENTS, PAUSE = 16, 0.3
PATIENCE = 180.0
"""Seconds after which something that a test waits for will not come any more."""


Found = TypeVar("Found")


class Outcome(NamedTuple):
    """How a run ended, what it said, its record, and what the customers saw."""

    status: int
    words: str
    record: Record
    report: Report

    def outputs(self, node: str, name: str) -> dict[str, Any]:
        """An output by host, over all batches of a node."""
        return evidence.outputs(self.record, node, name)

    def done(self, action: str) -> list[tuple[str, tuple[str, ...]]]:
        """What was done or undone with success: (node, hosts), in the order of the starts."""
        return [
            (one["node"], tuple(one["hosts"]))
            for one in self.record.executions.values()
            if one["action"] == action and one["state"] == "successful"
        ]

    def message(self, node: str, host: str, undo: bool = False) -> str:
        """Why a node, or its undo, failed on a host."""
        known = self.record.seen(node)
        return str((known.undo_why if undo else known.why).get(host, ""))

    @property
    def time_to_restore(self) -> float:
        """Seconds between the first failed health check and a service that has all its hosts again: of app1."""
        return evidence.seconds_to_restore(self.record)["app1"]


class Running:
    """A run that goes on, and customers that ask meanwhile: its own, unless there are some. They leave at the end."""

    def __init__(self, stage: Stage, words: list[str], load: Load | None = None) -> None:
        self._store = RunsStore(stage.home)
        self._before = set(self._store.ids())
        self._home = stage.home
        self.load = load or Load(stage.lab.url, stage.clients, PAUSE)
        self._open = load is None
        self._output = stage.home.parent / "output.txt"
        with self._output.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                stage.command(*words),
                env=stage.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Running:
        if self._open:
            self.load.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.load.stop()
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    @property
    def words(self) -> str:
        """What it has said so far."""
        return self._output.read_text(encoding="utf-8")

    @property
    def run(self) -> Run | None:
        """The run, once there is one."""
        fresh = [one for one in self._store.ids() if one not in self._before]
        return self._store.get(fresh[0]) if fresh else None

    def until(self, node: str, host: str, *states: str) -> None:
        """Wait until a node's work on a host is in one of these states."""

        def there() -> bool:
            run = self.run
            return run is not None and any(
                one["node"] == node and one["action"] == "do" and host in one["hosts"] and one["state"] in states
                for one in run.record().executions.values()
            )

        self.wait_for(f"{node} on {host}: {' or '.join(states)}", there)

    def wait_for(self, what: str, condition: Callable[[], Found]) -> Found:
        """Wait while the run goes on until a condition is true, and return what it gave."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert self._process.poll() is None, f"the run ended before this came: {what}\n{self.words}"
            assert time.monotonic() < deadline, f"waited in vain: {what}\n{self.words}"
            time.sleep(0.05)
        return found

    def kill_supervisor(self) -> None:
        """Kill the supervisor, and wait until its watcher has ended what it had started."""
        run = self.run
        assert run is not None
        os.kill(supervisor_of(self._home), signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while run.is_alive() or self._process.poll() is None:
            assert time.monotonic() < deadline, "it lives on"
            time.sleep(0.05)

    def end(self) -> Outcome:
        """Wait for the end of the run, let the customers go, and tell."""
        status = self._process.wait()
        self.load.stop()
        run = self.run
        assert run is not None, self.words
        return Outcome(status, self.words, run.record(), self.load.report)


class Stage:
    """The lab, the command line, and a catalog for bundles of one's own."""

    def __init__(self, lab: Lab, folder: Path, clients: int = CLIENTS) -> None:
        self.lab, self.home, self.catalog, self.clients = lab, folder / "home", folder / "catalog", clients
        self.catalog.mkdir()
        # The collections' folder too: another checkout may be the one that is installed.
        collections = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0]
        paths = [collections, str(REPOSITORY / "extensions" / "controller"), os.environ.get("PYTHONPATH", "")]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "HOLDFAST_HOME": str(self.home),
            "HOLDFAST_CATALOG": str(self.catalog),
            "COLUMNS": "500",
        }

    def command(self, *words: str) -> list[str]:
        """A command line of ``holdfast``."""
        return [sys.executable, "-m", "holdfast.cli", *words]

    def start(self, bundle: str = BUNDLE, **fields: Any) -> Running:
        """Start a bundle while customers ask."""
        return Running(self, ["run", bundle, "--plain", "-i", str(self.lab.inventory), "--fields", json.dumps(fields)])

    def run(self, bundle: str = BUNDLE, **fields: Any) -> Outcome:
        """Run a bundle to its end while customers ask."""
        with self.start(bundle, **fields) as running:
            return running.end()

    def resume(self, load: Load | None = None) -> Outcome:
        """Go on with the last run, to the end, while customers ask: new ones, or those who do already."""
        words = ["run", "--resume", "last", "--plain", "-i", str(self.lab.inventory)]
        with Running(self, words, load) as running:
            return running.end()

    def holdfast(self, *words: str) -> str:
        """What another command says; it must succeed."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def packages(self, *hosts: str) -> dict[str, list[str]]:
        """The packages of hosts, of all when none is named."""
        return {host: sorted(self.lab.ssh(host, "rpm", "-qa").stdout.split()) for host in hosts or HOSTS}

    def versions(self, *hosts: str) -> dict[str, str]:
        """The version of the application that is installed."""
        asked = "rpm -q --queryformat %{VERSION} shopfront"
        return {host: self.lab.ssh(host, asked).stdout for host in hosts or HOSTS}

    def boots(self) -> dict[str, str]:
        """The boot id of every host."""
        return {host: self.lab.boot_id(host) for host in HOSTS}

    def in_traffic(self) -> list[str]:
        """The servers that HAProxy sends requests to."""
        return [name for name, row in self.lab.servers().items() if row["status"] == "UP"]


def assert_nothing_lost(report: Report, least: int = 500) -> None:
    """Every request was answered, and there were many, of both kinds."""
    assert report.lost == []
    assert report.slow_answered > least / 20
    assert report.answered > least


def supervisor_of(home: Path) -> int:
    """The process id of the supervisor that works for this home, its watcher left aside."""
    found: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.joinpath("cmdline").read_bytes().split(b"\0")[-2:-1] != [b"supervise"]:
                continue
            if f"HOLDFAST_HOME={home}".encode() in process.joinpath("environ").read_bytes().split(b"\0"):
                status = process.joinpath("stat").read_text(encoding="utf-8")
                found[int(process.name)] = int(status.rpartition(")")[2].split()[1])
        except OSError:
            continue
    (pid,) = [pid for pid, parent in found.items() if parent not in found]
    return pid
