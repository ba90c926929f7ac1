# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a tree of lines: every node with its state, hosts and time, the batches of rollouts summarised.

Lines are cut to the width, never wrapped, and folded to the height: what is done and what is to come is counted
before anything that runs or has failed is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import DO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph, Node
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import node_state, undo_state
from rich.text import Text

from holdfast.cli.screen import colour, one_line, sign

NAME_WIDTH = 26
QUIET = frozenset({states.SUCCESSFUL, states.SKIPPED, states.PENDING})
"""States of which a crowd may be counted instead of shown."""


class Line(NamedTuple):
    """One line of the tree. ``fold`` is the state under which it may be counted with its neighbours, or ""."""

    text: Text
    fold: str = ""
    indent: int = 0


class Tree:
    """Draws one run. ``tasks`` says for each running execution which task it is at."""

    def __init__(self, graph: Graph, record: Record) -> None:
        self.graph = graph
        self.record = record
        self.tasks: dict[str, str] = {}
        self._times: dict[str, tuple[float, float | None]] = {}

    def lines(self, now: float, width: int, height: int) -> list[Text]:
        """The tree at a time (seconds since the epoch), at most ``height`` lines of ``width`` columns."""
        self._times = self._measure()
        found = [line for node in self.graph.top_level() for line in self._node(node, now)]
        folded = _fold(found, max(4, height - 1))
        shown = [self._head(now), *(line.text for line in folded)]
        for text in shown:
            text.no_wrap = True
            text.truncate(width, overflow="ellipsis")
        return shown

    # --- facts --------------------------------------------------------------------------------------------------

    def _measure(self) -> dict[str, tuple[float, float | None]]:
        """First start and last end of every node, and of each of its batches; None while it runs. Undo is left out."""
        found: dict[str, tuple[float, float | None]] = {}
        for entry in self.record.executions.values():
            if entry.get("copied") or entry["action"] != DO:
                continue
            start, end = entry["started"], entry.get("finished")
            for key in (entry["node"], f"{entry['node']}/{entry['batch']}"):
                first, last = found.get(key, (start, 0.0))
                found[key] = (min(first, start), None if end is None or last is None else max(last, end))
        return found

    def _seen(self, state: str) -> str:
        """A state as it is to be shown: in a lost run nothing runs any more."""
        return states.LOST if state == states.RUNNING and self.record.state == states.LOST else state

    def _took(self, key: str, now: float) -> str:
        if key not in self._times:
            return ""
        start, end = self._times[key]
        return durations.render(max(0.0, (now if end is None else end) - start))

    # --- lines --------------------------------------------------------------------------------------------------

    def _head(self, now: float) -> Text:
        run = self.record.run
        text = Text(self.graph.name, style="bold")
        text.append(f"  {self.record.state}", style=f"not bold {colour(self.record.state)}")
        if run.get("started"):
            text.append(f"  {durations.render(max(0.0, run.get('finished', now) - run['started']))}", style="not bold")
        if run.get("waiting_for"):
            text.append(f"  waits for {one_line(run['waiting_for'])}", style="not bold yellow")
        if self.record.cancel is not None and not self.record.ended:
            text.append("  canceling", style="not bold yellow")
        text.append(f"  {run.get('id', '')}", style="not bold dim")
        return text

    def _node(self, node: Node, now: float) -> Iterator[Line]:
        state = self._seen(node_state(self.graph, self.record, node.name))
        note = self._hosts_note(node, node.hosts) if node.runs_on_hosts else self._people_note(node)
        if node.inner:
            note = self._batches_note(node, state)
        undo = undo_state(self.record, node.name)
        fold = state if state in QUIET and undo is None else ""
        yield self._line(node.name, state, note, self._took(node.name, now), 0, fold, undo)
        if node.inner and state not in (states.PENDING, states.SKIPPED):
            yield from self._batches(node, now)
        elif fold == "":
            yield from self._detail(node, 0, None)

    def _line(
        self, name: str, state: str, note: str, took: str, indent: int, fold: str, undo: str | None = None
    ) -> Line:
        text = Text("  " * indent + " ")
        text.append(f"{sign(state)} ", style=colour(state))
        quiet = state in (states.PENDING, states.SKIPPED)
        text.append(one_line(name).ljust(NAME_WIDTH - 2 * indent), style="dim" if quiet else "")
        word = "" if state in (states.PENDING, states.RUNNING, states.SUCCESSFUL) else state
        undone = f"undo {undo}" if undo else ""
        about = "" if state == states.SKIPPED else note
        for part, style in ((word, colour(state)), (undone, colour("undone")), (about, "dim"), (took, "dim")):
            if part:
                text.append(f"  {part}", style=style)
        text.rstrip()
        return Line(text, fold, indent)

    def _people_note(self, node: Node) -> str:
        record = self.record.nodes.get(node.name)
        votes = record.votes if record is not None else []
        if node.kind == "approval" and node.approval is not None:
            return f"{len(votes)} of {node.approval.quorum} approved" if votes or node.approval.quorum > 1 else ""
        if node.kind == "manual" and node.item is not None and node.item.assignee:
            return f"by hand: {one_line(node.item.assignee)}"
        return ""

    def _hosts_note(self, node: Node, hosts: Sequence[str]) -> str:
        """Which hosts, or how many in which state."""
        record = self.record.nodes.get(node.name)
        seen = Counter(record.hosts.get(host, states.PENDING) if record else states.PENDING for host in hosts)
        if len(seen) > 1:
            return ", ".join(f"{count} {state}" for state, count in seen.most_common())
        return crowd(hosts)

    def _batches_note(self, node: Node, state: str) -> str:
        batches = self.graph.nodes[node.inner[0]].batches
        total, hosts = len(batches), sum(len(batch) for batch in batches)
        note = f"{total} batch{'' if total == 1 else 'es'} of {hosts} host{'' if hosts == 1 else 's'}"
        record = self.record.nodes.get(node.name)
        if record is not None and record.failed:
            note += f", {len(record.failed)} failed"
        if state == states.RUNNING and record is not None:
            done = sum(1 for one in record.lanes.values() if one in states.ENDED)
            return f"{done} of {note} done"
        return note

    # --- rollouts -----------------------------------------------------------------------------------------------

    def _batches(self, rollout: Node, now: float) -> Iterator[Line]:
        """Batches that run or went wrong one by one, the others counted."""
        batches = self.graph.nodes[rollout.inner[0]].batches
        numbered = [(number, self._batch_state(rollout, number)) for number in range(len(batches))]
        for state, group in groupby(numbered, key=lambda entry: entry[1]):
            members = [number for number, _state in group]
            if state in QUIET and len(members) > 1:
                hosts = [host for number in members for host in batches[number]]
                name = f"batches {members[0] + 1}-{members[-1] + 1}"
                yield self._line(name, state, crowd(hosts), "", 1, "")
                continue
            for number in members:
                yield from self._batch(rollout, number, state, batches[number], now)

    def _batch_state(self, rollout: Node, number: int) -> str:
        record = self.record.nodes.get(rollout.name)
        lane = record.lanes.get(number, states.PENDING) if record is not None else states.PENDING
        if lane == states.SUCCESSFUL:
            bad = [s for s in (self._lane_state(self.graph.nodes[n], number) for n in rollout.inner) if s in states.BAD]
            if bad or self._undo_in(rollout, number):
                return states.worst(bad) if bad else states.ROLLED_BACK
        return self._seen(lane)

    def _undo_in(self, rollout: Node, number: int) -> bool:
        for name in rollout.inner:
            record = self.record.nodes.get(name)
            if record is not None and any(host in record.undo for host in self.graph.nodes[name].batches[number]):
                return True
        return False

    def _batch(self, rollout: Node, number: int, state: str, hosts: Sequence[str], now: float) -> Iterator[Line]:
        yield self._line(f"batch {number + 1}", state, crowd(hosts), "", 1, "")
        if state in QUIET:
            return
        for name in rollout.inner:
            node = self.graph.nodes[name]
            inner = self._lane_state(node, number)
            undo = self._lane_undo(node, number)
            if inner == states.SKIPPED and undo is None:
                continue
            took = self._took(f"{name}/{number}", now)
            note = self._hosts_note(node, hosts) if len(hosts) > 1 and inner not in QUIET else ""
            fold = inner if inner in QUIET and undo is None else ""
            yield self._line(node.short, inner, note, took, 2, fold, undo)
            if fold == "":
                yield from self._detail(node, 2, number)

    def _lane_state(self, node: Node, number: int) -> str:
        record = self.record.nodes.get(node.name)
        if record is None:
            return states.PENDING
        seen = [record.hosts.get(host, states.PENDING) for host in node.batches[number]]
        for active in (states.RUNNING, states.WAITING):
            if active in seen:
                return active
        if record.batches.get(number) in states.ENDED:
            return record.batches[number]
        ended = [state for state in seen if state in states.ENDED]
        return states.worst(ended) if ended else record.batches.get(number, states.PENDING)

    def _lane_undo(self, node: Node, number: int) -> str | None:
        record = self.record.nodes.get(node.name)
        seen = [record.undo[host] for host in node.batches[number] if host in record.undo] if record else []
        if not seen:
            return None
        if states.RUNNING in seen:
            return states.RUNNING
        ended = [state for state in seen if state in states.ENDED]
        return states.worst(ended) if ended else states.WAITING

    # --- details ------------------------------------------------------------------------------------------------

    def _detail(self, node: Node, indent: int, batch: int | None) -> Iterator[Line]:
        """What a running node is at, or the first thing that a failed one said."""
        for entry in self.record.running():
            if entry["node"] == node.name and batch in (None, entry["batch"]):
                task = self.tasks.get(entry["id"], "")
                if task:
                    yield Line(Text(f"{'  ' * indent}     {one_line(task)}", style="dim"), "", indent)
                return
        record = self.record.nodes.get(node.name)
        if record is None:
            return
        if node.kind in ("approval", "manual"):
            yield from self._asked(node, indent, batch or 0)
        hosts = node.hosts if batch is None else node.batches[batch]
        for host in ("", *hosts):
            if record.why.get(host) and record.hosts.get(host, states.FAILED) in states.BAD:
                said = one_line(record.why[host])
                yield Line(Text(f"{'  ' * indent}     {host + ': ' if host else ''}{said}", style="red"), "", indent)
                return

    def _asked(self, node: Node, indent: int, batch: int) -> Iterator[Line]:
        """What people are asked while a node waits for them, and how they answer."""
        if self.record.node(node.name).batches.get(batch) != states.WAITING:
            return
        said = node.approval.message if node.approval is not None else node.item.instructions if node.item else ""
        how = f"holdfast runs approve {self.record.run['id']} {node.name}"
        for text, style in ((one_line(said), "yellow"), (how, "dim")):
            if text:
                yield Line(Text(f"{'  ' * indent}     {text}", style=style), "", indent)


def crowd(hosts: Sequence[str], most: int = 3) -> str:
    """A few hosts by name, many by their ends and number."""
    if len(hosts) <= most:
        return ", ".join(one_line(host) for host in hosts) or "no host"
    return f"{one_line(hosts[0])} … {one_line(hosts[-1])} ({len(hosts)} hosts)"


def _fold(lines: list[Line], height: int) -> list[Line]:
    """Fold neighbours of one quiet state into a count until the lines fit; cut the end off when that is not enough."""
    for state in (states.SKIPPED, states.PENDING, states.SUCCESSFUL):
        if len(lines) <= height:
            return lines
        folded: list[Line] = []
        for (fold, indent), group in groupby(lines, key=lambda line: (line.fold, line.indent)):
            members = list(group)
            if fold == state and len(members) > 1:
                text = Text(f"{'  ' * indent} {sign(state)} {len(members)} nodes {state}", style="dim")
                folded.append(Line(text, "", indent))
            else:
                folded += members
        lines = folded
    if len(lines) <= height:
        return lines
    more = Text(f" … {len(lines) - height + 1} more lines", style="dim")
    return [*lines[: height - 1], Line(more)]
