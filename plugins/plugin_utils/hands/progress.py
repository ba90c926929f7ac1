# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens in a run, as plain lines for people: each change as it comes, and a summary at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO, Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import SIGNS

MOST_HOSTS = 5


def hosts_text(hosts: Sequence[str]) -> str:
    """A few hosts by name, many by count."""
    more = len(hosts) - MOST_HOSTS
    return ", ".join(hosts[:MOST_HOSTS]) + (f" and {more} more" if more > 0 else "")


class Progress:
    """Turns changes into lines. ``record`` must have folded each change before it is told here."""

    def __init__(self, graph: Graph, record: Record) -> None:
        self._graph = graph
        self._record = record

    def lines(self, change: Change) -> Iterator[str]:
        """The lines for one change; most changes say nothing to people."""
        teller = _TELLERS.get(change["type"])
        if teller is not None:
            yield from teller(self, change)

    def _what(self, entry: Mapping[str, Any]) -> str:
        name = f"undo-{entry['node']}" if entry["action"] == UNDO else str(entry["node"])
        node = self._graph.nodes.get(entry["node"])
        total = len(node.batches) if node is not None and node.rollout else 1
        return f"{name} [batch {entry['batch'] + 1} of {total}]" if total > 1 else name

    def _started(self, change: Change) -> Iterator[str]:
        again = f", attempt {change['attempt']}" if change["attempt"] > 1 else ""
        yield f"{SIGNS[states.RUNNING]} {self._what(change)} on {hosts_text(change['hosts'])}{again}"

    def _ended(self, change: Change) -> Iterator[str]:
        entry = self._record.executions[change["id"]]
        took = durations.render(max(0.0, change["at"] - entry["started"]))
        messages = change.get("messages", {})
        for state, hosts in (change.get("hosts") or {change["state"]: entry["hosts"]}).items():
            yield f"{SIGNS[state]} {self._what(entry)} {state} on {hosts_text(hosts)} ({took})"
            for host in [host for host in hosts if messages.get(host)][:MOST_HOSTS]:
                yield f"    {host}: {messages[host]}"

    def _retry(self, change: Change) -> Iterator[str]:
        wait = max(0.0, change["due"] - change["at"])
        when = f" in {durations.render(wait)}" if wait else ""
        what = f"{self._what(change)} on {hosts_text(change['hosts'])}"
        yield f"{SIGNS[states.WAITING]} {what}: attempt {change['attempt']}{when}"

    def _batch(self, change: Change) -> Iterator[str]:
        """A node without executions got its verdict, or one was skipped; executions tell their own end."""
        node = self._graph.nodes[change["node"]]
        state = change["state"]
        if state == states.SKIPPED or node.kind != "item":
            if node.rollout and state == states.SKIPPED:
                return
            why = f": {change['why']}" if change.get("why") else ""
            yield f"{SIGNS[state]} {node.name} {state}{why}"

    def _hosts(self, change: Change) -> Iterator[str]:
        if change["state"] == states.ERROR:
            what = f"{change['node']} {change['state']} on {hosts_text(change['hosts'])}"
            yield f"{SIGNS[change['state']]} {what}: {change.get('why', '')}"

    def _refused(self, change: Change) -> Iterator[str]:
        what = f"{change['node']} is refused on {hosts_text(change['hosts'])}"
        yield f"{SIGNS[states.FAILED]} {what}: {change['why']}"

    def _asked(self, change: Change) -> Iterator[str]:
        node = self._graph.nodes[change["node"]]
        run = self._record.run["id"]
        if node.kind == "manual" and node.item is not None:
            who = f" ({node.item.assignee})" if node.item.assignee else ""
            yield f"{SIGNS[states.WAITING]} {node.name} is to be done by hand{who}: {node.item.instructions}"
        else:
            said = f": {node.approval.message}" if node.approval is not None and node.approval.message else ""
            yield f"{SIGNS[states.WAITING]} {node.name} waits for approval{said}"
        yield f"    ansible-playbook holdfast.ops.approve -e run={run} -e node={node.name} -e decision=approve|deny"

    def _vote(self, change: Change) -> Iterator[str]:
        reason = f": {change['reason']}" if change.get("reason") else ""
        yield f"  {change['node']} {change['verdict']} by {change['by']}{reason}"

    def _rollback(self, change: Change) -> Iterator[str]:
        scope = {"run": "the whole run", "batch": f"batch {(change.get('batch') or 0) + 1} of {change.get('rollout')}"}
        what = scope.get(change["scope"], hosts_text(change.get("hosts") or []))
        yield f"{SIGNS[states.ROLLED_BACK]} rollback of {what}: {change['because']}"

    def _cancel(self, change: Change) -> Iterator[str]:
        also = "; what was done is rolled back" if change["rollback"] else ""
        yield f"{SIGNS[states.CANCELED]} cancel asked by {change['by']}{also}"

    def _run(self, change: Change) -> Iterator[str]:
        if change.get("waiting_for"):
            yield f"{SIGNS[states.WAITING]} the run waits for {change['waiting_for']}"


_TELLERS: Mapping[str, Callable[[Progress, Change], Iterator[str]]] = {
    "started": Progress._started,
    "ended": Progress._ended,
    "retry": Progress._retry,
    "batch": Progress._batch,
    "hosts": Progress._hosts,
    "refused": Progress._refused,
    "asked": Progress._asked,
    "vote": Progress._vote,
    "rollback": Progress._rollback,
    "cancel": Progress._cancel,
    "run": Progress._run,
}


def summary(graph: Graph, record: Record) -> list[str]:
    """How a run ended, for people: why, where, what was undone, what was not touched, what to do next."""
    run = record.run
    took = ""
    if run.get("started") and run.get("finished"):
        took = f" after {durations.render(run['finished'] - run['started'])}"
    lines = [f"{SIGNS[record.state]} {graph.name}: {record.state}{took} (run {run['id']})"]
    if run.get("explanation"):
        lines.append(f"  why: {run['explanation']}")
    lines += [line for line in _failures(record) if line.strip() != run.get("explanation")]
    undone = outcome.undone(record)
    lines += [f"  undone: {name} on {hosts_text(hosts)}" for name, hosts in undone.items()]
    for name, reasons in outcome.not_undone(record).items():
        lines += [f"  NOT undone: {name} on {host}: {why}" for host, why in reasons.items()]
    lines += [f"  NOT undone: {name} was done by hand; take it back by hand" for name in outcome.by_hand(graph, record)]
    if record.state in (states.CANCELED, states.FAILED, states.LOST):
        for host, names in outcome.half_way(graph, record).items():
            lines.append(f"  left half-way: {host}, where {', '.join(names)} stands")
    if record.state != states.SUCCESSFUL:
        for name, hosts in outcome.not_reached(graph, record).items():
            lines.append(f"  not touched: {name} never began on {hosts_text(hosts)}")
        untouched = outcome.untouched(graph, record)
        if untouched:
            lines.append(f"  not touched: nothing at all ran on {hosts_text(untouched)}")
    step = outcome.next_step(record)
    if step:
        lines.append(f"  next: {step}")
    return lines


def _failures(record: Record) -> Iterator[str]:
    """Each node that failed, with its hosts together when they said the same."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for one in outcome.failures(record):
        told.setdefault((one.name, one.state, one.message), []).append(one.host)
    for (node, state, message), hosts in told.items():
        where = f" on {hosts_text(hosts)}" if any(hosts) else ""
        yield f"  {node} {state}{where}{': ' + message if message else ''}"
