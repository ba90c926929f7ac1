# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on after an end: a new run that starts where an earlier one stopped.

Nothing that finished is repeated. How it goes on depends on how the earlier run ended:

- *killed* (``lost``: its supervisor was gone): everything stands as it was. An interrupted execution is done again
  where the node says ``on_lost: retry``, and counts as a bad end where it says ``fail``. A rollback that was under
  way goes on.
- *rollback_failed*: everything stands; what could not be undone is undone again.
- *failed, canceled, rolled_back*: what succeeded and was not undone stands; everything else is done anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import (
    DO,
    Change,
    Execution,
    Lost,
    Started,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import NodeRecord, Record

KILLED = "the supervisor was killed while this ran"


def close_killed(record: Record, now: float) -> list[Change]:
    """End a run whose supervisor is gone: what ran is ``lost``, and so is the run. Folds and returns the changes."""
    changes: list[Change] = []
    if record.ended:
        return changes
    for entry in record.running():
        messages = dict.fromkeys(entry["hosts"], KILLED)
        changes.append({"at": now, "type": "ended", "id": entry["id"], "state": states.LOST, "messages": messages})
    changes.append({"at": now, "type": "run", "state": states.LOST, "explanation": "the supervisor was killed"})
    for change in changes:
        record.fold(change)
    return changes


def resume(graph: Graph, old: Record, now: float, facts: Mapping[str, Any]) -> list[Change]:
    """The first changes of the run that goes on from ``old``, which must have ended.

    ``facts`` are those of a new run (``id``, ``requested_by``, ...). The new run is then begun like any other; after
    its start, ``interrupted`` names what must be told to its conductor. Raises HoldfastError when there is nothing
    to resume.
    """
    if not old.ended:
        raise HoldfastError(f"run {old.run['id']} is {old.state}; only a run that has ended can be resumed")
    if old.state == states.SUCCESSFUL:
        raise HoldfastError(f"run {old.run['id']} succeeded; there is nothing to resume")
    origin = old.run.get("origin") or old.run["id"]
    about = {"bundle": graph.name, "created": now, "resumed_from": old.run["id"], "origin": origin, **facts}
    changes: list[Change] = [{"at": now, "type": "run", **about}]
    stands = old.state in (states.LOST, states.ROLLBACK_FAILED)
    changes += [{"at": now, "type": "copied_execution", **entry} for entry in _executions(old)]
    for name, record in old.nodes.items():
        node = graph.nodes.get(name)
        kept = (_whole(node, record) if stands else _successes(node, record)) if node is not None else {}
        if kept:
            changes.append({"at": now, "type": "copied", "node": name, "record": kept})
    for name, outputs in old.outputs.items():
        changes.append({"at": now, "type": "outputs", "node": name, "outputs": dict(outputs)})
    if stands:
        changes += _rollbacks(old, now)
    return changes


def _executions(old: Record) -> Iterable[dict[str, Any]]:
    """The executions of the old run whose work was not undone, marked as copied."""
    for entry in old.executions.values():
        undone = old.node(entry["node"]).undo
        hosts = [host for host in entry["hosts"] if undone.get(host) != states.SUCCESSFUL]
        if entry["action"] == DO and hosts:
            yield {**entry, "hosts": hosts, "copied": True}


def _successes(node: Node, record: NodeRecord) -> dict[str, Any]:
    """What succeeded and was not undone; the verdicts of people are not asked for again."""
    kept: dict[str, Any] = {}
    undone = {host for host, state in record.undo.items() if state == states.SUCCESSFUL}
    hosts = {host: s for host, s in record.hosts.items() if s == states.SUCCESSFUL and host not in undone}
    if hosts:
        kept["hosts"] = hosts
    if node.kind in ("approval", "manual"):
        batches = {batch: state for batch, state in record.batches.items() if state == states.SUCCESSFUL}
        if batches:
            kept["batches"] = batches
            kept["votes"] = [vote for vote in record.votes if vote["batch"] in batches]
    return kept


def _whole(node: Node, record: NodeRecord) -> dict[str, Any]:
    """Everything as it was, save what was under way: that is pending again."""
    kept = record.to_dict()
    kept["hosts"] = {h: s for h, s in record.hosts.items() if s in states.ENDED and record.why.get(h) != KILLED}
    kept["undo_why"] = {}
    kept["why"] = {host: why for host, why in record.why.items() if why != KILLED}
    kept["undo"] = {host: state for host, state in record.undo.items() if state == states.SUCCESSFUL}
    kept["batches"] = {b: s for b, s in record.batches.items() if s in states.ENDED or node.kind == "rollout"}
    kept["deadlines"] = {}
    return {key: value for key, value in kept.items() if value}


def _rollbacks(old: Record, now: float) -> list[Change]:
    """The rollbacks of the old run; those that were not done with success are under way again."""
    changes: list[Change] = []
    for number, entry in enumerate(old.rollbacks):
        done = entry["state"] == states.SUCCESSFUL
        facts = {**entry, "number": number, "state": states.SUCCESSFUL if done else states.RUNNING}
        changes.append({**facts, "at": now, "type": "rollback"})
    return changes


def interrupted(conductor: Conductor, old: Record) -> list[Any]:
    """The events to tell a resumed run once it has begun: interrupted work that must not be tried again is lost.

    Each is a pair of ``Started`` and ``Lost``, to be applied in order; nothing is launched for them.
    """
    events: list[Any] = []
    if old.state != states.LOST:
        return events
    run = conductor.record.run["id"]
    for entry in old.executions.values():
        node = conductor.graph.nodes.get(entry["node"])
        if node is None or node.on_lost != "fail" or entry["state"] != states.LOST or entry["action"] != DO:
            continue
        hosts = tuple(h for h in entry["hosts"] if old.node(node.name).hosts.get(h) == states.LOST)
        if hosts:
            key = f"{run}/{node.name}/{entry['slice']}/do/{entry['attempt']}"
            attempt = entry["attempt"]
            again = Execution(key, node.name, entry["slice"], entry["batch"], DO, attempt, hosts, node.timeout)
            events += [Started(again), Lost(key, f"interrupted in run {old.run['id']}")]
    return events


def missing_secrets(secret_fields: Iterable[str], given: Mapping[str, Any]) -> Optional[str]:
    """What to say when secret answers, which are never stored, were not given again; None when nothing is missing."""
    missing = [name for name in secret_fields if name not in given]
    if not missing:
        return None
    return f"secret answers are not stored; give again: {', '.join(missing)}"
