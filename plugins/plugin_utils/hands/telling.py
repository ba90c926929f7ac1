# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling a running run something, and hearing what became of it.

The word goes into the run's inbox; its supervisor takes it, and what it did with it stands in the journal. The reason
of a refusal is found by asking a conductor made from the record what it thinks of the same event.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Approved, Denied
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run

PATIENCE = 10.0
"""Seconds to wait for the supervisor's answer."""
_LOOK = 0.05


def tell(run: Run, word: inbox.Word, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> None:
    """Tell a run something and wait until its supervisor has taken it.

    Raises HoldfastError when nobody supervises the run, when the word is refused (with the reason), and when nobody
    takes it within ``patience`` seconds; then it is taken back.
    """
    record = run.record()
    if record.ended:
        raise HoldfastError(f"run {run.id} has ended as {record.state}")
    if not run.is_alive():
        raise HoldfastError(f"nobody supervises run {run.id}: its supervisor is gone; resume the run instead")
    why = refusal(run, record, word)
    if why:
        raise HoldfastError(why)
    heard = _heard(record, word)
    path = inbox.put(run.inbox, run.id, word)
    deadline = time.monotonic() + patience
    while path.exists():
        if time.monotonic() >= deadline:
            path.unlink(missing_ok=True)
            raise HoldfastError(f"the supervisor of run {run.id} did not take it within {patience:g} s; try again")
        sleep(_LOOK)
    after = run.record()
    if _heard(after, word) == heard:
        raise HoldfastError(refusal(run, after, word) or f"run {run.id} refused it; its output says why")


def _heard(record: Record, word: inbox.Word) -> int:
    """How many words of this kind the record holds."""
    if word.kind == "cancel":
        return 0 if record.cancel is None and not record.ended else 1
    node = record.nodes.get(word.node)
    return len(node.votes) if node is not None else 0


def refusal(run: Run, record: Record, word: inbox.Word) -> str:
    """Why a run would refuse a word now; "" when it would take it."""
    if record.ended:
        return f"run {run.id} has ended as {record.state}"
    if word.kind == "cancel":
        return "" if record.cancel is None else f"run {run.id} is being canceled already"
    launch = Launch.from_data(run.launch())
    graph = launch.graph(run.id)
    if word.node not in graph.nodes:
        return _unknown(word.node, graph)
    kind = Approved if word.kind == "approve" else Denied
    event = kind(word.node, inbox.me(), batch_asked(record, word), word.reason)
    try:
        Conductor(graph, copy.deepcopy(record), launch.context(run.id, {})).apply(event, time.time())
    except HoldfastError as error:
        return str(error)
    return ""


def _unknown(name: str, graph: Graph) -> str:
    waiting = [node.name for node in graph.nodes.values() if node.kind in ("approval", "manual")]
    return f"the run has no node '{name}' ({did_you_mean(name, waiting) or 'nothing in it waits for people'})"


def batch_asked(record: Record, word: inbox.Word) -> int:
    """The batch that a word is about: the one it names, else the first that waits."""
    if word.batch is not None:
        return word.batch
    node = record.nodes.get(word.node)
    waiting = [batch for batch, state in node.batches.items() if state == states.WAITING] if node is not None else []
    return min(waiting, default=0)
