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

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import conditions
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import find_references
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.approvals import askers
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.inputs import secret_names
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import INTERRUPTED, NodeRecord, Record


def close_killed(record: Record, now: float) -> list[Change]:
    """End a run whose supervisor is gone: what ran is ``lost``, and so is the run. Folds and returns the changes."""
    changes: list[Change] = []
    if record.ended:
        return changes
    for entry in record.running():
        messages = dict.fromkeys(entry["hosts"], INTERRUPTED)
        changes.append({"at": now, "type": "ended", "id": entry["id"], "state": states.LOST, "messages": messages})
    changes.append({"at": now, "type": "run", "state": states.LOST, "explanation": "the supervisor was killed"})
    for change in changes:
        record.fold(change)
    changes[-1]["last"] = True
    return changes


def resume(graph: Graph, old: Record, now: float, facts: Mapping[str, Any]) -> list[Change]:
    """The first changes of the run that goes on from ``old``, which must have ended.

    ``facts`` are those of a new run (``id``, ``requested_by``, ...). The new run is then begun like any other. Raises
    HoldfastError when there is nothing to resume.
    """
    if not old.ended:
        raise HoldfastError(f"run {old.run['id']} is {old.state}; only a run that has ended can be resumed")
    if old.state == states.SUCCESSFUL:
        raise HoldfastError(f"run {old.run['id']} succeeded; there is nothing to resume")
    changes: list[Change] = [{"at": now, "type": "run", **_about(graph, old, now, facts)}]
    stands = _stands(old)
    changes += [{"at": now, "type": "copied_execution", **entry} for entry in _executions(old)]
    kept = _kept(graph, old, stands)
    by = str(facts.get("requested_by", ""))
    for name, record in kept.items():
        if "votes" in record:
            record["votes"] = [vote for vote in record["votes"] if vote["by"] != by]
        changes.append({"at": now, "type": "copied", "node": name, "record": record})
        for batch, outputs in old.outputs.get(name, {}).items():
            changes.append({"at": now, "type": "outputs", "node": name, "batch": int(batch), "outputs": dict(outputs)})
    if stands:
        changes += _rollbacks(old, now)
        if old.cancel is not None and old.cancel["rollback"]:
            changes.append({"at": now, "type": "cancel", "by": old.cancel["by"], "rollback": True})
    changes[-1]["last"] = True
    return changes


def _about(graph: Graph, old: Record, now: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the new run says of itself; who asked for the old ones counts as asking for this one."""
    origin = old.run.get("origin") or old.run["id"]
    return {
        "bundle": graph.name,
        "created": now,
        "resumed_from": old.run["id"],
        "origin": origin,
        "asked_before": sorted({one for one in askers(old) if one}),
        **facts,
    }


def _stands(old: Record) -> bool:
    """True when everything stands as it ended, failures too, and the run goes on from there.

    A run that was killed while it was being canceled, with nothing to roll back, is one that was canceled.
    """
    if old.state == states.ROLLBACK_FAILED:
        return True
    rolls_back = any(entry["state"] != states.SUCCESSFUL for entry in old.rollbacks)
    return old.state == states.LOST and (old.cancel is None or bool(old.cancel["rollback"]) or rolls_back)


def _kept(graph: Graph, old: Record, stands: bool) -> dict[str, dict[str, Any]]:
    """By node, what of the old record the new one begins with."""
    kept: dict[str, dict[str, Any]] = {}
    for name, record in old.nodes.items():
        node = graph.nodes.get(name)
        if node is None:
            continue
        found = _whole(old, node, record) if stands else _standing(graph, old, node, record)
        if found and not (needs_secret(graph, old, node) and not rolls_back(old, node)):
            kept[name] = found
    return kept


def rolls_back(old: Record, node: Node) -> bool:
    """True when a rollback that goes on covers the node: then it is never done again."""
    return any(e["state"] != states.SUCCESSFUL and e["rollout"] in ("", node.rollout) for e in old.rollbacks)


def needs_secret(graph: Graph, old: Record, node: Node) -> bool:
    """True when a node reported secrets, which no record keeps, and a node that is not done yet refers to one."""
    secret = secret_names(node)
    if not secret or states.SUCCESSFUL not in old.seen(node.name).hosts.values():
        return False
    for other in graph.nodes.values():
        known = old.seen(other.name).hosts
        if all(known.get(host) == states.SUCCESSFUL for host in other.hosts):
            continue
        names = [found.names for value in other.fields.values() for found in find_references(value)]
        names += [tuple(name.split(".")) for name in (conditions.names(other.when) if other.when else ())]
        if any(one[0] == "outputs" and one[-1] in secret and node.short in one for one in names):
            return True
    return False


def _executions(old: Record) -> Iterator[dict[str, Any]]:
    """The executions of the old run whose work was not undone, marked as copied."""
    for entry in old.executions.values():
        undone = old.seen(entry["node"]).undo
        hosts = [host for host in entry["hosts"] if undone.get(host) != states.SUCCESSFUL]
        if entry["action"] == DO and hosts:
            yield {**entry, "hosts": hosts, "copied": True}


def _standing(graph: Graph, old: Record, node: Node, record: NodeRecord) -> dict[str, Any]:
    """What succeeded, or failed and was dealt with, and was not undone; people are not asked for it again."""
    kept: dict[str, Any] = {}
    undone = {host for host, state in record.undo.items() if state == states.SUCCESSFUL}
    hosts = {host: s for host, s in record.hosts.items() if s == states.SUCCESSFUL and host not in undone}
    hosts.update({h: s for h, s in record.hosts.items() if h not in undone and _dealt_with(graph, old, node, h, s)})
    if old.state == states.LOST and node.on_lost == "fail":
        hosts.update({host: states.LOST for host, why in record.why.items() if why == INTERRUPTED})
    if hosts:
        kept["hosts"] = hosts
        kept["why"] = {host: why for host, why in record.why.items() if host in hosts}
        kept["refused"] = list(record.refused)
    if node.kind in ("approval", "manual"):
        over = {e["batch"] if e["rollout"] else None for e in old.rollbacks if e["rollout"] in ("", node.rollout)}
        done = {batch: s for batch, s in record.batches.items() if s == states.SUCCESSFUL}
        batches = {batch: s for batch, s in done.items() if batch not in over and None not in over}
        if batches:
            kept["batches"] = batches
            kept["votes"] = [vote for vote in record.votes if vote["batch"] in batches]
    return {key: value for key, value in kept.items() if value}


def _dealt_with(graph: Graph, old: Record, node: Node, host: str, state: str) -> bool:
    """True for a bad end after which a failure path or a fallback went well: that branch was taken, and stays taken."""
    if state not in states.BAD or not (node.handled or old.seen(node.name).refused):
        return False
    for name, wanted in node.children:
        child, known = graph.nodes[name], old.seen(name)
        if not any(states.SUCCESSFUL not in ends and state in ends for ends in wanted):
            continue
        if known.hosts.get(host) == states.SUCCESSFUL and known.undo.get(host) != states.SUCCESSFUL:
            return True
        if host not in child.hosts and states.SUCCESSFUL in known.batches.values() and not known.undo:
            return True
    return False


def _whole(old: Record, node: Node, record: NodeRecord) -> dict[str, Any]:
    """Everything as it was. What was under way is pending again, or lost where it must not, or need not, be done."""
    kept = record.to_dict()
    again = [
        host
        for host, why in record.why.items()
        if why == INTERRUPTED and node.on_lost == "retry" and not _stopped(old, node, host)
    ]
    kept["hosts"] = {h: s for h, s in record.hosts.items() if s in states.ENDED and h not in again}
    kept["why"] = {host: why for host, why in record.why.items() if host not in again}
    kept["undo"] = {host: state for host, state in record.undo.items() if state == states.SUCCESSFUL}
    kept["undo_why"] = {}
    kept["batches"] = {b: s for b, s in record.batches.items() if s in states.ENDED or node.kind == "rollout"}
    kept["deadlines"] = {}
    return {key: value for key, value in kept.items() if value}


def _stopped(old: Record, node: Node, host: str) -> bool:
    """True when a rollback covers a host's work, or its rollout went on without it: it is not done again."""
    batch = next((number for number, hosts in enumerate(node.batches) if host in hosts), 0)
    for entry in old.rollbacks:
        inside = not entry["rollout"] or (entry["rollout"] == node.rollout and entry["batch"] == batch)
        if inside and (entry["hosts"] is None or host in entry["hosts"]):
            return True
    if not node.rollout:
        return False
    rollout = old.seen(node.rollout)
    return host in rollout.dropped or (batch in rollout.breached and not rollout.dropped) or batch in rollout.stopped


def _rollbacks(old: Record, now: float) -> list[Change]:
    """The rollbacks of the old run; those that were not done with success are under way again."""
    changes: list[Change] = []
    for number, entry in enumerate(old.rollbacks):
        done = entry["state"] == states.SUCCESSFUL
        facts = {**entry, "number": number, "state": states.SUCCESSFUL if done else states.RUNNING}
        changes.append({**facts, "at": now, "type": "rollback"})
    return changes


def missing_secrets(secret_fields: Iterable[str], given: Mapping[str, Any]) -> Optional[str]:
    """What to say when secret answers, which are never stored, were not given again; None when nothing is missing."""
    missing = [name for name in secret_fields if name not in given]
    if not missing:
        return None
    return f"secret answers are not stored; give again: {', '.join(missing)}"
