# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run: a fold of its changes, and nothing else.

A change is a flat mapping with ``at`` (seconds since the epoch) and ``type``; ``FOLDS`` names every type and what it
does. The journal is the list of changes; folding it again gives the same record. The last change of an event carries
``last``: who reads a journal that was torn drops what comes after the last such change. State stands per node and host
(``hosts``), per node and batch (``batches``: the verdict that joins look at) and per undo (``undo``).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Callable, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO, Change

VERSION = 1
_ENVELOPE = ("at", "type", "last")
INTERRUPTED = "the supervisor was killed while this ran"
"""Why an execution is lost that was under way when its supervisor died."""
_NONE: Mapping[Any, Any] = MappingProxyType({})
_METHODS = frozenset({"own", "to_dict", "from_dict"})


class NodeRecord:
    """What is known of one node. Hosts and batches that are missing are pending.

    ``why`` explains an end per host, ``undo_why`` that of an undo; the key "" speaks for the node. ``votes`` are those
    of an approval, in order. Of a rollout: ``lanes`` are the states of its batches (its own verdict stands in
    ``batches[0]``), ``failed`` the hosts that count against its budget, ``dropped`` those of them that left it while
    the others go on, ``breached`` the batches in which the budget was exceeded. ``slices`` counts the host groups
    started per batch, ``conditions`` what ``when`` gave per batch, ``vacuous`` names the batches that had no host to
    work on, ``stopped`` those of a rollout after which it does not go on because the run was stopped, ``refused`` those
    in which a breaker did not let the node start.
    """

    # What few nodes have is shared and empty until ``own`` makes it: a large run has very many nodes.
    lanes: Mapping[int, str] = _NONE
    undo: Mapping[str, str] = _NONE
    why: Mapping[str, str] = _NONE
    undo_why: Mapping[str, str] = _NONE
    deadlines: Mapping[int, Optional[float]] = _NONE
    votes: Sequence[dict[str, Any]] = ()
    conditions: Mapping[int, bool] = _NONE
    failed: Sequence[str] = ()
    dropped: Sequence[str] = ()
    breached: Sequence[int] = ()
    vacuous: Sequence[int] = ()
    stopped: Sequence[int] = ()
    refused: Sequence[int] = ()

    def __init__(self) -> None:
        self.batches: dict[int, str] = {}
        self.hosts: dict[str, str] = {}
        self.slices: dict[int, int] = {}

    def own(self, name: str) -> Any:
        """The part of this name, to be changed; made when it is still the shared empty one."""
        made = vars(self).get(name)
        if made is None:
            made = [] if isinstance(getattr(NodeRecord, name), tuple) else {}
            setattr(self, name, made)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain data, copied, without what is empty."""
        return {key: copy.copy(value) for key, value in vars(self).items() if value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NodeRecord:
        """The node's record from plain data, copied, also after a way through JSON, where batches became text."""
        node = cls()
        for key, value in copy.deepcopy(dict(data)).items():
            if not hasattr(node, key) or key in _METHODS:
                raise HoldfastError(f"the record of a node holds '{key}', which this Holdfast does not know")
            by_batch = key in ("batches", "lanes", "deadlines", "slices", "conditions")
            setattr(node, key, {int(batch): entry for batch, entry in value.items()} if by_batch else value)
        return node


class Record:
    """The state of one run. Only ``fold`` changes it.

    ``outputs`` are by node, batch (as text, from 0) and name. ``secret_outputs``, of the same form, are the exception
    to the fold: what an item declares secret is kept in memory for the nodes that need it and is neither in the
    journal nor in ``to_dict``.
    """

    def __init__(self) -> None:
        self.run: dict[str, Any] = {"id": "", "state": states.PENDING}
        self.nodes: dict[str, NodeRecord] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.retries: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, dict[str, dict[str, Any]]] = {}
        self.secret_outputs: dict[str, dict[str, dict[str, Any]]] = {}
        self.rollbacks: list[dict[str, Any]] = []
        self.cancel: Optional[dict[str, Any]] = None

    def node(self, name: str) -> NodeRecord:
        """The record of a node; made empty when it has none yet."""
        found = self.nodes.get(name)
        if found is None:
            found = self.nodes[name] = NodeRecord()
        return found

    def seen(self, name: str) -> NodeRecord:
        """The record of a node for reading: an empty one, not kept, where it has none yet."""
        found = self.nodes.get(name)
        return NodeRecord() if found is None else found

    @property
    def state(self) -> str:
        """The state of the run."""
        return str(self.run["state"])

    @property
    def ended(self) -> bool:
        """True when the run is over."""
        return self.run["state"] in states.RUN_ENDED

    def running(self) -> list[dict[str, Any]]:
        """The executions that run now, in the order of their starts."""
        return [entry for entry in self.executions.values() if entry["state"] == states.RUNNING]

    def fold(self, change: Change) -> None:
        """Take in one change. Raises HoldfastError for an unknown type and BadTransition for an impossible one."""
        try:
            fold = FOLDS[change["type"]]
        except KeyError as error:
            raise HoldfastError(f"the journal holds a change of unknown type {change.get('type')!r}") from error
        fold(self, change)

    @classmethod
    def replay(cls, changes: Iterable[Change]) -> Record:
        """The record that these changes make."""
        record = cls()
        for change in changes:
            record.fold(change)
        return record

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``from_dict`` brings it back. The version tells readers what to expect."""
        nodes = {name: node.to_dict() for name, node in self.nodes.items()}
        return {
            "version": VERSION,
            "run": dict(self.run),
            "nodes": nodes,
            "executions": {key: dict(value) for key, value in self.executions.items()},
            "retries": {key: dict(value) for key, value in self.retries.items()},
            "outputs": copy.deepcopy(self.outputs),
            "rollbacks": [dict(entry) for entry in self.rollbacks],
            "cancel": self.cancel,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """The record that ``to_dict`` wrote, also after a way through JSON (where integer keys became text)."""
        if data.get("version") != VERSION:
            raise HoldfastError(f"this record has format {data.get('version')!r}; this Holdfast reads format {VERSION}")
        record = cls()
        record.run = dict(data["run"])
        for name, entry in data["nodes"].items():
            record.nodes[name] = NodeRecord.from_dict(entry)
        record.executions = {key: dict(value) for key, value in data["executions"].items()}
        record.retries = {key: dict(value) for key, value in data["retries"].items()}
        record.outputs = copy.deepcopy(dict(data["outputs"]))
        record.rollbacks = [dict(entry) for entry in data["rollbacks"]]
        record.cancel = data["cancel"]
        return record


def _move(current: dict[Any, str], keys: Iterable[Any], state: str, what: str) -> None:
    """Move each key to ``state`` where the table allows it."""
    allowed = states.TRANSITIONS
    for key in keys:
        before = current.get(key, states.PENDING)
        if state not in allowed.get(before, ()):
            states.check(before, state, f"{what} {key}")
        current[key] = state


def _fold_run(record: Record, change: Change) -> None:
    """Facts about the run itself; a ``state`` among them must be allowed to follow."""
    facts = {key: value for key, value in change.items() if key not in _ENVELOPE}
    if "state" in facts and facts["state"] != record.run["state"]:
        states.check(record.state, facts["state"], f"run {record.run['id']}", states.RUN_TRANSITIONS)
        if facts["state"] in states.RUN_ENDED:
            facts.setdefault("finished", change["at"])
        elif facts["state"] == states.RUNNING and not record.run.get("started"):
            facts["started"] = change["at"]
    record.run.update(facts)


def _fold_started(record: Record, change: Change) -> None:
    """An execution starts: its hosts run. An id that was used before is refused."""
    key = change["id"]
    if key in record.executions:
        raise HoldfastError(f"execution {key} was started before; an execution id is used once")
    node = record.node(change["node"])
    entry = {name: value for name, value in change.items() if name not in _ENVELOPE}
    entry["state"] = states.RUNNING
    entry["started"] = change["at"]
    record.executions[key] = entry
    record.retries.pop(retry_key(change["node"], change["slice"], change["action"]), None)
    target = node.hosts if change["action"] == DO else node.own("undo")
    _move(target, change["hosts"], states.RUNNING, change["node"])
    if change["action"] == DO and node.undo:
        for host in change["hosts"]:
            node.own("undo").pop(host, None)
    if change["action"] == DO and change["attempt"] == 1:
        batch = change["batch"]
        node.slices[batch] = node.slices.get(batch, 0) + 1
        node.batches.setdefault(batch, states.RUNNING)


def _fold_ended(record: Record, change: Change) -> None:
    """An execution ends: its hosts take their ends, save those in ``retry``, which a ``retry`` change moves.

    ``interrupted``: it fell with whoever conducted it.
    """
    entry = record.executions[change["id"]]
    if entry["state"] != states.RUNNING:
        raise HoldfastError(f"execution {change['id']} has ended before, as {entry['state']}")
    entry["state"] = change["state"]
    entry["finished"] = change["at"]
    if change.get("messages"):
        entry["messages"] = change["messages"]
    if change.get("interrupted"):
        entry["interrupted"] = True
    results = change.get("hosts")
    if results:
        entry["results"] = results
    node = record.node(entry["node"])
    target = node.hosts if entry["action"] == DO else node.own("undo")
    again = set(change.get("retry", ()))
    for state, hosts in (results or {change["state"]: entry["hosts"]}).items():
        _move(target, [h for h in hosts if h not in again] if again else hosts, state, entry["node"])
    if change.get("messages"):
        why = node.own("why") if entry["action"] == DO else node.own("undo_why")
        why.update({host: text for host, text in change["messages"].items() if host not in again})


def _fold_hosts(record: Record, change: Change) -> None:
    """Hosts of a node move without an execution: skipped, canceled, in error, or brought from an earlier run."""
    node = record.node(change["node"])
    _move(node.hosts, change["hosts"], change["state"], change["node"])
    if change.get("why"):
        node.own("why").update(dict.fromkeys(change["hosts"], change["why"]))


def _fold_refused(record: Record, change: Change) -> None:
    """A breaker did not let these hosts start; ``path`` is what the node declares for that."""
    _fold_hosts(record, {**change, "state": states.FAILED})
    record.node(change["node"]).own("refused").append(change["batch"])


def _fold_undo(record: Record, change: Change) -> None:
    """The undo of hosts moves without an execution: skipped, or brought from an earlier run."""
    node = record.node(change["node"])
    _move(node.own("undo"), change["hosts"], change["state"], f"undo-{change['node']}")
    if change.get("why"):
        node.own("undo_why").update(dict.fromkeys(change["hosts"], change["why"]))


def _fold_batch(record: Record, change: Change) -> None:
    """A node's verdict for one batch, or the state of a node that runs on no host."""
    node = record.node(change["node"])
    _move(node.batches, [change["batch"]], change["state"], f"{change['node']}, batch")
    if change.get("why"):
        node.own("why")[""] = change["why"]
    if change.get("vacuous"):
        node.own("vacuous").append(change["batch"])


def _fold_lane(record: Record, change: Change) -> None:
    """A batch of a rollout begins or ends."""
    _move(record.node(change["node"]).own("lanes"), [change["batch"]], change["state"], f"{change['node']}, batch")


def _fold_retry(record: Record, change: Change) -> None:
    """Hosts wait for another attempt, due at ``due``."""
    node = record.node(change["node"])
    target = node.hosts if change["action"] == DO else node.own("undo")
    _move(target, change["hosts"], states.WAITING, change["node"])
    entry = {name: value for name, value in change.items() if name not in _ENVELOPE}
    record.retries[retry_key(change["node"], change["slice"], change["action"])] = entry


def _fold_retry_dropped(record: Record, change: Change) -> None:
    """An attempt that waited will not be made."""
    record.retries.pop(retry_key(change["node"], change["slice"], change["action"]), None)


def _fold_copied(record: Record, change: Change) -> None:
    """A node as an earlier run left it, as far as it still stands."""
    record.nodes[change["node"]] = NodeRecord.from_dict(change["record"])


def _fold_copied_execution(record: Record, change: Change) -> None:
    """An execution of an earlier run, under its own id; it has ended."""
    record.executions[change["id"]] = {name: value for name, value in change.items() if name not in _ENVELOPE}


def _fold_outputs(record: Record, change: Change) -> None:
    """What a node reported in a batch; a later host group of the batch overwrites key by key.

    ``secret`` names outputs whose values are known in memory only.
    """
    record.outputs.setdefault(change["node"], {}).setdefault(str(change["batch"]), {}).update(change["outputs"])


def _fold_asked(record: Record, change: Change) -> None:
    """People were asked; ``deadline`` is a time or None."""
    node = record.node(change["node"])
    _move(node.batches, [change["batch"]], states.WAITING, change["node"])
    node.own("deadlines")[change["batch"]] = change["deadline"]


def _fold_vote(record: Record, change: Change) -> None:
    """Somebody approved or denied."""
    vote = {name: change[name] for name in ("at", "batch", "by", "verdict", "reason")}
    record.node(change["node"]).own("votes").append(vote)


def _fold_condition(record: Record, change: Change) -> None:
    """A node's ``when`` was judged for a batch; it is not asked again."""
    record.node(change["node"]).own("conditions")[change["batch"]] = change["value"]


def _fold_budget(record: Record, change: Change) -> None:
    """Hosts failed inside a rollout: counted, and either dropped from it or, beyond the budget, a breach."""
    node = record.node(change["node"])
    node.own("failed").extend(change.get("failed", ()))
    node.own("dropped").extend(change.get("dropped", ()))
    if "breached" in change:
        node.own("breached").append(change["breached"])
    if "stopped" in change:
        node.own("stopped").append(change["stopped"])


def _fold_rollback(record: Record, change: Change) -> None:
    """A rollback begins; its place in the list is its number."""
    record.rollbacks.append({key: value for key, value in change.items() if key not in ("type", "last")})


def _fold_rollback_ended(record: Record, change: Change) -> None:
    """A rollback ended as ``state``; ``undone`` says whether there was anything to undo."""
    entry = record.rollbacks[change["number"]]
    entry.update(state=change["state"], finished=change["at"], undone=change["undone"])


def _fold_cancel(record: Record, change: Change) -> None:
    """Somebody asked to cancel the run; asked again, it stops the rollback too."""
    if record.cancel is None:
        record.cancel = {name: change[name] for name in ("at", "by", "rollback")}
    else:
        record.cancel.update(rollback=change["rollback"], again_by=change["by"])


def retry_key(node: str, slice_: str, action: str) -> str:
    """The key of a waiting attempt."""
    return f"{node}/{slice_}/{action}"


FOLDS: Mapping[str, Callable[[Record, Change], None]] = {
    "run": _fold_run,
    "started": _fold_started,
    "ended": _fold_ended,
    "hosts": _fold_hosts,
    "refused": _fold_refused,
    "undo": _fold_undo,
    "batch": _fold_batch,
    "lane": _fold_lane,
    "retry": _fold_retry,
    "retry_dropped": _fold_retry_dropped,
    "copied": _fold_copied,
    "copied_execution": _fold_copied_execution,
    "outputs": _fold_outputs,
    "asked": _fold_asked,
    "vote": _fold_vote,
    "condition": _fold_condition,
    "budget": _fold_budget,
    "rollback": _fold_rollback,
    "rollback_ended": _fold_rollback_ended,
    "cancel": _fold_cancel,
}
