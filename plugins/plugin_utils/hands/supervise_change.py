# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change under a guard as a process: plays it on one host, ends it in time, and ends it when nobody listens.

A change must not go on once its host may revert, nor when whoever would have proved it is gone. The action plugin
cannot see to that: it is killed without a word, or stands still. So this process does, with a clock of its own, and a
watcher (``watcher``) ends the play should this one be killed too. It is run by ``_bootstrap.py`` as a supervisor is,
takes one order down its stdin, and sends ``heard`` and one ``end`` up its stdout.
"""

from __future__ import annotations

import os
import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Action
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import unsafe
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Execution, HostResult
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import ExecutionInputs
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import breakers, home, inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import require_runner
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Feed, LineOrder, Lines
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import (
    ExecutionEnd,
    Heard,
    LaunchContext,
    Launcher,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions, RunSecrets, SecretFiles
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise import Ears, serve
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.unsafe_yaml import write_vars
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.watcher import Watcher

PROGRAM = "supervise_change"
NODE = "change"


@dataclass
class ChangeOrder(LineOrder):
    """What is to be played, on which host, for how long.

    ``play``: the play, without its hosts. ``variables``: its own, whose text is never rendered. ``module``: what it is
    to play instead of tasks of its own, with ``variables`` as arguments; ``returns`` names what that reports.
    ``extra``: the extra variables of the command that is running, in their order: files of them by path, others as
    data. ``scopes``: the variable ``holdfast`` of a workflow around it. ``limit``: seconds after which the play is
    ended.
    """

    TO, VERSION = "a change", 1

    host: str
    play: dict[str, Any]
    limit: float
    variables: dict[str, Any] = field(default_factory=dict)
    module: str = ""
    returns: list[str] = field(default_factory=list)
    extra: list[Any] = field(default_factory=list)
    scopes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    implicit_localhost: bool = True
    check: bool = False
    version: int = VERSION


class Carried(NamedTuple):
    """How the host ended the change, and what that reported: of its host, and of the run (see ``ExecutionEnd``)."""

    result: HostResult
    of_host: dict[str, Any]
    reported: dict[str, Any]
    adds_up: bool

    def message(self) -> dict[str, Any]:
        """The same, as the last message says it."""
        said = {"of_host": self.of_host, "reported": self.reported, "adds_up": self.adds_up}
        return {"state": self.result.state, "message": self.result.message, **said}


def carry_out(order: ChangeOrder, lines: Lines, feed: Feed, watcher: Watcher) -> Carried:
    """Play the change; returns how that ended. Raises HoldfastError when it cannot be played."""
    require_runner()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-change-"))
    run_id = f"change-{int(time.time() * 1000)}-{os.getpid()}"
    watcher.watch(run_id, folder)
    ears = Ears(lines, False, inbox.me())
    try:
        launcher = Launcher(_context(order, run_id, folder), ears.arrivals.put)
        execution = Execution(f"{run_id}/{NODE}/1/{DO}/1", NODE, "1", 0, DO, 1, (order.host,), order.limit)
        launcher.start(execution, _inputs(order, folder), order.returns)
        return _until_its_end(order, launcher, execution, ears.arrivals, feed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _context(order: ChangeOrder, run_id: str, folder: Path) -> LaunchContext:
    secrets = RunSecrets.from_dict(order.secrets)
    files = SecretFiles(home.private_folder(folder / "secrets"), secrets)
    return LaunchContext(
        run_id=run_id,
        run_folder=folder,
        options=RunOptions.from_dict(order.options),
        arguments=(*files.arguments(), *_extra_arguments(order.extra, folder / "secrets")),
        implicit_localhost=order.implicit_localhost,
        check=order.check,
        mask=Mask([*secrets.texts(), *breakers.secrets()]),
    )


def _extra_arguments(extra: Sequence[Any], folder: Path) -> list[str]:
    """The extra variables as arguments; none of their values becomes one."""
    arguments = []
    for number, source in enumerate(extra):
        path = str(source)
        if isinstance(source, Mapping):
            path = str(folder / f"extra-{number}.yml")
            write_vars(path, dict(source))
        arguments += ["--extra-vars", f"@{path}"]
    return arguments


def _inputs(order: ChangeOrder, folder: Path) -> ExecutionInputs:
    """The play as a playbook of its own."""
    path = folder / "secrets" / "play.yml"
    play = {"name": "Change under guard", "hosts": "all", **order.play}
    if order.module:
        play["tasks"] = [{"name": order.module, order.module: unsafe(order.variables), "tags": ["always"]}]
    elif order.variables:
        play["vars"] = unsafe(order.variables)
    write_vars(path, [play])
    return ExecutionInputs(Action("playbook", str(path)), {}, unsafe(order.scopes), plays_module=bool(order.module))


def _until_its_end(
    order: ChangeOrder, launcher: Launcher, execution: Execution, arrivals: queue.SimpleQueue[Any], feed: Feed
) -> Carried:
    deadline, reason = time.monotonic() + order.limit, ""
    while True:
        try:
            arrival = arrivals.get(timeout=max(0.0, deadline - time.monotonic()) if not reason else None)
        except queue.Empty:
            reason = "timeout"
            launcher.cancel(execution.id, reason)
            continue
        if isinstance(arrival, Heard):
            feed.send("heard", what=arrival.kind, text=arrival.text)
        elif isinstance(arrival, ExecutionEnd):
            return _carried(order, arrival)
        else:
            reason = "cancel"
            launcher.cancel(execution.id, reason)


def _carried(order: ChangeOrder, end: ExecutionEnd) -> Carried:
    """The end of the play; what it said of each host is told from what it said of the run by its one key."""
    of_host = {name: one[order.host] for name, one in end.outputs.items() if _is_of(order.host, one)}
    reported = {name: value for name, value in end.outputs.items() if name not in of_host}
    return Carried(_result(order, end), of_host, reported, end.adds_up and not order.module)


def _is_of(host: str, value: Any) -> bool:
    return isinstance(value, Mapping) and list(value) == [host]


def _result(order: ChangeOrder, end: ExecutionEnd) -> HostResult:
    found = end.results[order.host]
    said = [found.message] if found.message else []
    if end.ended_for == "timeout":
        said.append(f"it took longer than the {order.limit:.0f} s that its timer leaves")
    if end.left.stubborn:
        said.append(f"processes that did not end: {', '.join(each.render() for each in end.left.stubborn)}")
    return HostResult(found.state, "; ".join(said))


def main() -> int:
    """Carry out the order on stdin."""

    def change(lines: Lines, feed: Feed, watcher: Watcher) -> str:
        carried = carry_out(ChangeOrder.from_line(lines.next() or ""), lines, feed, watcher)
        feed.send("end", **carried.message())
        return carried.result.state

    return serve("what plays the change", change)


if __name__ == "__main__":
    sys.exit(main())
