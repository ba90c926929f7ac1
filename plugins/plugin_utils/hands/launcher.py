# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launches executions: each a child play in a thread, ended on demand, its end put where the supervisor waits."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, options, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import PlayChild, prepare
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import PlayFiles, write_play
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.results import Events


class ExecutionEnd(NamedTuple):
    """An execution has ended. ``ended_for``: "" (by itself), ``cancel`` or ``timeout``.

    ``adds_up``: what was reported of the run is added to what other plays report, unless one takes the other's place.
    """

    execution_id: str
    results: dict[str, HostResult]
    outputs: dict[str, Any]
    ended_for: str = ""
    left: processes.Ended = processes.Ended()
    adds_up: bool = True


class Heard(NamedTuple):
    """Something a play said meanwhile. ``kind``: ``task`` (one begins) or ``output`` (a line)."""

    execution_id: str
    kind: str
    text: str


@dataclass
class LaunchContext:
    """What all executions of a run share. ``arguments`` point children at the run's secret files."""

    run_id: str
    run_folder: Path
    options: RunOptions
    arguments: tuple[str, ...] = ()
    implicit_localhost: bool = True
    check: bool = False
    mask: Optional[Mask] = None

    def masked(self, value: Any) -> Any:
        """The value without the run's secrets."""
        return value if self.mask is None else self.mask.apply(value)


@dataclass
class _Child:
    """One execution under way."""

    execution: Execution
    folder: Path
    events: Events
    ended_for: str = ""
    ender: Optional[threading.Thread] = None
    left: processes.Ended = field(default_factory=processes.Ended)


class Launcher:
    """Runs the executions of one run. ``report`` gets ExecutionEnd and Heard, from any thread."""

    def __init__(self, context: LaunchContext, report: Callable[[Any], None]) -> None:
        self._context = context
        self._report = report
        self._children: dict[str, _Child] = {}
        self._guard = threading.Lock()
        self._environment = options.child_environment(context.options)
        self._program = options.ansible_playbook()

    @property
    def running(self) -> frozenset[str]:
        """The ids of executions under way."""
        with self._guard:
            return frozenset(self._children)

    def start(self, execution: Execution, inputs: ExecutionInputs, outputs: Iterable[str] = ()) -> None:
        """Start an execution; its end is reported later. ``outputs`` are those its item promises."""
        folder = self._context.run_folder.joinpath("executions", *execution.id.split("/")[1:])
        child = _Child(execution, folder, Events(outputs))
        with self._guard:
            self._children[execution.id] = child
        name = f"execution {execution.id}"
        threading.Thread(target=self._run, args=(child, inputs), name=name, daemon=True).start()

    def cancel(self, execution_id: str, reason: str) -> None:
        """End an execution; its end is reported with this reason. One that has ended is passed over."""
        with self._guard:
            child = self._children.get(execution_id)
            if child is None or child.ended_for:
                return
            child.ended_for = reason
            child.ender = threading.Thread(target=self._end, args=(child,), name=f"end {execution_id}", daemon=True)
            child.ender.start()

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these too from now on: secrets that a play reported."""
        mask = self._context.mask
        self._context.mask = Mask(secrets) if mask is None else mask.plus(secrets)

    def _end(self, child: _Child) -> None:
        child.left = processes.end(self._context.run_id, self._context.run_folder, child.execution.id)

    # --- in the execution's thread ------------------------------------------------------------------------------

    def _run(self, child: _Child, inputs: ExecutionInputs) -> None:
        hosts = child.execution.hosts
        try:
            results, outputs = self._play(child, inputs)
        except HoldfastError as error:
            results, outputs = dict.fromkeys(hosts, HostResult(states.ERROR, str(error))), {}
        except OSError as error:
            why = f"cannot work in {error.filename or child.folder}: {error.strerror or error}"
            results, outputs = dict.fromkeys(hosts, HostResult(states.ERROR, why)), {}
        except Exception as error:  # whatever breaks here must end the execution, not leave it running for ever
            why = f"{type(error).__name__}: {error}"
            results, outputs = dict.fromkeys(hosts, HostResult(states.ERROR, why)), {}
        if child.ender is not None:
            child.ender.join()
        with self._guard:
            del self._children[child.execution.id]
            reason = child.ended_for
        if reason:
            state = states.TIMED_OUT if reason == "timeout" else states.CANCELED
            results = {h: results[h] if reason == "cancel" and _told(results[h]) else HostResult(state) for h in hosts}
        masked = {host: HostResult(r.state, self._context.masked(r.message)) for host, r in results.items()}
        told = {} if reason else outputs
        self._report(ExecutionEnd(child.execution.id, masked, told, reason, child.left, child.events.adds_up))

    def _play(self, child: _Child, inputs: ExecutionInputs) -> tuple[dict[str, HostResult], dict[str, Any]]:
        context, execution = self._context, child.execution
        home.private_folder(child.folder)
        try:
            cwd = context.options.cwd or os.getcwd()
            files = write_play(child.folder, execution, inputs, cwd, context.implicit_localhost)
            if child.ended_for:
                return dict.fromkeys(execution.hosts, HostResult(states.CANCELED)), {}
            code = self._run_child(child, files, cwd)
        finally:
            processes.note_end(child.folder)
            shutil.rmtree(child.folder / "private", ignore_errors=True)
        results = child.events.results(execution.hosts, code, files.marked)
        return results, child.events.outputs(inputs.action.kind == "module" or inputs.plays_module)

    def _run_child(self, child: _Child, files: PlayFiles, cwd: str) -> int:
        context = self._context
        arguments = [*context.options.arguments(), *context.arguments, *files.arguments]
        if context.check:
            arguments += ["--check", "--diff"]
        environment = {**self._environment, processes.RUN: context.run_id, processes.EXECUTION: child.execution.id}
        config = prepare(child.folder / "private", files.playbook, environment, cwd)
        config.command = [self._program, *arguments, "--", files.playbook]
        with open(child.folder / "output.txt", "w", encoding="utf-8", opener=_private_opener) as output:
            return PlayChild(
                config,
                started=lambda pid: processes.write_down(child.folder, pid),
                taken=lambda event: self._take(child, event, output),
                broken=lambda: self._end(child),
            ).run()

    def _take(self, child: _Child, event: Mapping[str, Any], output: Any) -> None:
        before = child.events.current_task
        child.events.take(event)
        if child.events.current_task != before:
            self._report(Heard(child.execution.id, "task", self._context.masked(child.events.current_task)))
        text = event.get("stdout")
        if text:
            shown = self._context.masked(str(text))
            output.write(f"{shown}\n")
            output.flush()
            if self._context.options.verbosity:
                self._report(Heard(child.execution.id, "output", shown))


def _told(result: HostResult) -> bool:
    """True when a host's result was known before its play was ended."""
    return result.state in (states.FAILED, states.UNREACHABLE)


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
