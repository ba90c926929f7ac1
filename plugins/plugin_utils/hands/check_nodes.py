# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--check -e check_nodes=true``: every node played in check mode, in the order of the graph.

Nothing drives anything here: a node is played whatever came of those before it, and no result is kept. Nodes that
need what earlier nodes only report when they really run cannot be played; they are named.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Execution
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import execution_inputs
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import SIGNS
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import ExecutionEnd, Heard, Launcher
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import SecretFiles
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import hosts_text
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervisor import CancelWanted

if TYPE_CHECKING:
    from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervise import Session


def play(session: Session, found: Launch, graph: Graph) -> str:
    """Play every node in check mode; returns ``successful``, ``failed`` when one failed, or ``canceled``."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-check-"))
    run_id = f"check-{int(time.time() * 1000)}"
    session.watcher.watch(run_id, folder)
    files = SecretFiles(folder / "secrets", session.secrets)
    try:
        return _play_all(session, found, graph, run_id, session.launcher(run_id, folder, found, files, check=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _play_all(session: Session, found: Launch, graph: Graph, run_id: str, launcher: Launcher) -> str:
    record = Record()
    record.run["id"] = run_id
    context = found.context(run_id, session.named_secrets)
    worst = states.SUCCESSFUL
    for node in graph.nodes.values():
        for execution in _executions(run_id, node):
            try:
                inputs = execution_inputs(graph, record, execution, context)
            except HoldfastError as error:
                session.feed.line(f"{SIGNS[states.SKIPPED]} {node.name} cannot be checked: {error}")
                break
            launcher.start(execution, inputs)
            end = _wait(session, launcher, execution)
            if end is None:
                return states.CANCELED
            worst = states.FAILED if _tell(session, execution, end) else worst
    return worst


def _executions(run_id: str, node: Node) -> list[Execution]:
    """One execution for each batch of a node that runs on hosts."""
    batches = [batch for batch in node.batches if batch] if node.runs_on_hosts else []
    return [
        Execution(f"{run_id}/{node.name}/{n + 1}/{DO}/1", node.name, str(n + 1), n, DO, 1, hosts, node.timeout)
        for n, hosts in enumerate(batches)
    ]


def _wait(session: Session, launcher: Launcher, execution: Execution) -> ExecutionEnd | None:
    """The end of an execution; None when somebody canceled meanwhile."""
    canceled = False
    while True:
        arrival = session.ears.arrivals.get()
        if isinstance(arrival, CancelWanted):
            canceled = True
            launcher.cancel(execution.id, "cancel")
        elif isinstance(arrival, Heard):
            session.feed.send("heard", execution=arrival.execution_id, what=arrival.kind, text=arrival.text)
        elif isinstance(arrival, ExecutionEnd):
            return None if canceled else arrival


def _tell(session: Session, execution: Execution, end: ExecutionEnd) -> bool:
    """Tell how a node's check went; True when it failed anywhere."""
    by_state: dict[str, list[str]] = {}
    for host, result in end.results.items():
        by_state.setdefault(result.state, []).append(host)
    for state, names in by_state.items():
        session.feed.line(f"{SIGNS[state]} check of {execution.node}: {state} on {hosts_text(names)}")
        for name in names:
            if end.results[name].message:
                session.feed.line(f"    {name}: {end.results[name].message}")
    return any(state in states.BAD for state in by_state)
