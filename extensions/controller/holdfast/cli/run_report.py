# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about one run, for people and as data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import UNDO
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import minutes_recovered
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.resume import close_killed
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import hosts_text, summary
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from rich.text import Text

from holdfast.cli.screen import colour, console, one_line, plain, say, sign, told
from holdfast.cli.tree import Tree

OUTPUT = "output.txt"


class RunReport:
    """One run as of now. A run that nobody supervises any more is shown as it will be closed: lost."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.record = run.record()
        self.state = run.state(self.record)
        self.orphaned = self.state == states.LOST and not self.record.ended
        self.launch = Launch.from_data(run.launch())
        self.graph = self.launch.graph(run.id)
        if self.orphaned:
            last = max((one.get("finished") or one["started"] for one in self.record.executions.values()), default=0.0)
            close_killed(self.record, last or time.time())

    def as_data(self) -> dict[str, Any]:
        """The record as plain data, with the state as of now and where everything lies."""
        outputs = {key: str(self.output(key)) for key in self.record.executions if self.output(key).exists()}
        return {"state": self.state, "path": str(self.run.path), "record": self.record.to_dict(), "output": outputs}

    def output(self, execution: str) -> Path:
        """The file with what an execution's play put out; of a copied one, that of the run that started it."""
        owner = Run(self.run.path.parent / execution.split("/")[0])
        return owner.execution_folder(execution) / OUTPUT

    # --- for people ---------------------------------------------------------------------------------------------

    def tell(self) -> None:
        """The tree, the executions, the summary."""
        self._head()
        width = console().width - 1 if console().is_terminal else 10_000
        for drawn in Tree(self.graph, self.record).lines(time.time(), width, 10_000):
            say(drawn)
        if self.record.executions:
            say()
            say("Executions", style="bold")
            for key, entry in self.record.executions.items():
                self._execution(key, entry)
        self._snapshots()
        say()
        told(summary(self.graph, self.record) if self.record.ended else (), self.record.state)
        self._tail()

    def _head(self) -> None:
        run = self.record.run
        say(f"run {self.run.id} of {self.graph.name}, asked for by {run.get('requested_by', '?')}")
        for key, word in (("resumed_from", "goes on from"), ("resumed_by", "was resumed as")):
            if run.get(key):
                say(f"  {word} run {run[key]}")
        shown = {name: value for name, value in self.launch.fields.items() if value not in (None, "")}
        if shown:
            say("  answers: " + ", ".join(f"{name}={one_line(value)}" for name, value in shown.items()))
        if self.launch.limit is not None:
            say(f"  limited to {hosts_text(list(self.launch.limit))}")

    def _execution(self, key: str, entry: dict[str, Any]) -> None:
        name = f"undo-{entry['node']}" if entry["action"] == UNDO else str(entry["node"])
        again = f" attempt {entry['attempt']}" if entry["attempt"] > 1 else ""
        node = self.graph.nodes.get(entry["node"])
        many = node is not None and len(node.batches) > 1
        batch = f" [{entry['slice']}]" if many or "." in str(entry["slice"]) else ""
        text = Text("  ")
        text.append(f"{sign(entry['state'])} {entry['state']}".ljust(14), style=colour(entry["state"]))
        text.append(f"{_clock(entry['started'])}  {_took(entry).rjust(7)}  {one_line(name)}{batch}{again}")
        text.append(f" on {one_line(hosts_text(entry['hosts']))}")
        text.append("  (from the earlier run)" if entry.get("copied") else "", style="dim")
        say(text)
        for host, message in list(entry.get("messages", {}).items())[:3]:
            say(f"        {one_line(host)}: {one_line(message)}", style=colour(entry["state"]))
        if self.output(key).exists() and entry["state"] != states.SUCCESSFUL:
            say(f"        output: {self.output(key)}", style="dim")

    def _snapshots(self) -> None:
        """How guards left their hosts, and what else a node has reported of snapshots."""
        batches = ((node, batch) for node, found in self.record.outputs.items() for batch in found.values())
        lines = [line for node, batch in batches for line in _links(node, batch.get(links.OUTPUT))]
        if lines:
            say()
            say("States of hosts", style="bold")
        for line in lines:
            say(line)

    def _tail(self) -> None:
        if self.orphaned:
            say("  nobody supervises this run any more; what ran is lost")
            say(f"  to resume: holdfast run --resume {self.run.id}")
        elif not self.record.ended:
            say("  it is under way; cancel it with: " + f"holdfast runs cancel {self.run.id}")
        elif self.record.state != states.SUCCESSFUL and not self.record.run.get("resumed_by"):
            say(f"  to resume: holdfast run --resume {self.run.id}")
        minutes = minutes_recovered(self.graph, self.record)
        if minutes:
            say(f"  by hand: what was done takes a person about {minutes:g} minutes")
        say(f"  record: {self.run.path}")

    def log(self, node: str) -> None:
        """What every play of a node put out; ``undo-NODE`` means its undo."""
        undo = node.startswith("undo-") and node not in self.graph.nodes
        bare = node[len("undo-") :] if undo else node
        if bare not in self.graph.nodes:
            raise HoldfastError(f"the run has no node '{bare}' ({did_you_mean(bare, self.graph.nodes)})")
        found = [
            key
            for key, entry in self.record.executions.items()
            if entry["node"] == bare and (entry["action"] == UNDO) == undo and self.output(key).exists()
        ]
        if not found:
            raise HoldfastError(f"'{node}' has put out nothing in run {self.run.id}")
        for key in found:
            say(f"==> {key} ({self.record.executions[key]['state']})", style="bold")
            say(plain(self.output(key).read_text(encoding="utf-8", errors="replace").rstrip("\n")))


def _links(node: str, by_host: Any) -> list[str]:
    """A line for each host of which a node reports by which snapshots it can be looked at."""
    found = []
    for host, link in by_host.items() if isinstance(by_host, dict) else ():
        if not isinstance(link, dict) or "before" not in link:
            continue
        stands = [str(link.get("state") or "")]
        if "changes" in link and link.get("diff"):
            stands.append(f"{len(link['changes'])} items differ")
        stands += [word for word in ("verified", "promoted") if link.get(word) is True]
        seen = link.get("diff") or (f"before: {link['before']}" if link["before"] else "no snapshot")
        told_of = ", ".join([word for word in stands if word] + [str(seen)])
        found.append(f"  {one_line(node)} on {one_line(host)}: {one_line(told_of)}")
    return found


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _took(entry: dict[str, Any]) -> str:
    return durations.render(max(0.0, entry["finished"] - entry["started"])) if entry.get("finished") else "-"
