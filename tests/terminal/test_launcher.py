# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher with real plays: what ends with an execution, what is spared, what is left on disk."""

from __future__ import annotations

import errno
import os
import queue
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import (
    ExecutionEnd,
    LaunchContext,
    Launcher,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions

from .conftest import House, wait_for

ONE = Execution("run-1/a/1/do/1", "a", "1", 0, "do", 1, ("w1",), None)


class Bench:
    """One launcher in a house, and what it reports."""

    def __init__(self, house: House) -> None:
        self.folder = house.folder / "run-1"
        options = RunOptions(inventory=(str(house.inventory),), cwd=str(house.folder))
        self.heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.launcher = Launcher(LaunchContext("run-1", self.folder, options), self.heard.put)

    def start(self, command: str) -> None:
        action = Action("module", "ansible.builtin.shell")
        self.launcher.start(ONE, ExecutionInputs(action, {"cmd": command}, {}))

    def end(self) -> ExecutionEnd:
        while True:
            found = self.heard.get(timeout=60)
            if isinstance(found, ExecutionEnd):
                return found

    def commands(self) -> list[str]:
        return [one.command for one in processes.find("run-1", self.folder)]


@pytest.fixture
def bench(house: House, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    return Bench(house)


def test_what_a_play_said_stays_and_what_it_was_given_goes(bench: Bench) -> None:
    bench.start("echo hello")
    assert bench.end().results["w1"].state == states.SUCCESSFUL
    folder = bench.folder / "executions" / "a" / "1" / "do" / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["ended", "output.txt", "process.json"]
    assert "changed: [w1]" in (folder / "output.txt").read_text()


@pytest.mark.skipif(not processes.has_proc(), reason="needs /proc")
@pytest.mark.parametrize("reason", ["cancel", "timeout"])
def test_an_ended_execution_takes_everything_with_it_but_services(bench: Bench, reason: str) -> None:
    bench.start("(setsid nohup sleep 61 >/dev/null 2>&1 &); trap '' TERM; sleep 62; sleep 63")
    wait_for("the command runs", lambda: "sleep 62" in bench.commands() and "sleep 61" in bench.commands())
    bench.launcher.cancel(ONE.id, reason)
    end = bench.end()
    assert end.ended_for == reason
    assert end.results["w1"].state == (states.CANCELED if reason == "cancel" else states.TIMED_OUT)
    assert [one.command for one in end.left.spared] == bench.commands() == ["sleep 61"]
    os.kill(end.left.spared[0].pid, 9)


def test_a_play_nobody_can_listen_to_any_more_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bench.launcher, "_take", full)
    bench.start("sleep 64")
    result = bench.end().results["w1"]
    assert (result.state, result.message.rpartition(": ")[2]) == (states.ERROR, "No space left on device")
    assert bench.commands() == []
    assert bench.launcher.running == frozenset()


def test_every_host_of_a_mistaken_play_is_in_error(bench: Bench) -> None:
    bench.launcher.start(ONE, ExecutionInputs(Action("module", "holdfast.ops.nothing_of_this_name"), {}, {}))
    result = bench.end().results["w1"]
    assert result.state == states.ERROR
    assert "nothing_of_this_name" in result.message
    assert Path(bench.folder / "executions" / "a" / "1" / "do" / "1" / "private").exists() is False
