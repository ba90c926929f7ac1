# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor as a process: reads its order, prepares the launch or the resume, conducts it, says how it ended.

Run as a script by ``_bootstrap.py``, by a starter that holds the other ends of its pipes (see ``starter``). Its exit
status is 0 only when the run succeeded (or a plan was printed).
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.references import secret_texts
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import outcome, plan, resume, states, views
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.breaking import Asker
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.conductor import Conductor
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.graph import Graph
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import (
    breakers,
    check_nodes,
    home,
    hosts,
    inbox,
    launch,
    processes,
    secrets_source,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import require_runner
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import Feed, Lines, Order, parse
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launcher import LaunchContext, Launcher
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import Locks
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.options import RunOptions, RunSecrets, SecretFiles
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import summary
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import (
    Journal,
    Run,
    RunsStore,
    StoreBroken,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.supervisor import CancelWanted, Supervisor
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.watcher import Watcher, clean


class Canceled(HoldfastError):
    """The starter gave up before anything had begun."""


class Ears:
    """Hears the starter (a pipe) and signals, and passes on what they say."""

    def __init__(self, lines: Lines, stay: bool, who: str) -> None:
        self._lines = lines
        self.arrivals: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Optional[Mapping[str, Any]]] = queue.SimpleQueue()
        self._stay = stay
        self._who = who
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._listen, name="ears", daemon=True).start()

    def _on_signal(self, number: int, _frame: Any) -> None:
        self._cancel(CancelWanted(f"{self._who} ({signal.Signals(number).name})"))

    def _cancel(self, wanted: CancelWanted) -> None:
        self.arrivals.put(wanted)
        self.answers.put(None)

    def _listen(self) -> None:
        while (line := self._lines.next()) is not None:
            message = parse(line)
            if message.get("say") == "cancel":
                self._cancel(CancelWanted(self._who))
            elif message.get("say") == "hosts":
                self.answers.put(message)
        if not self._stay:
            self._cancel(CancelWanted(f"{self._who} (the command that started it is gone)", again=False))

    def answer(self) -> Mapping[str, Any]:
        """The starter's next answer; raises Canceled when it gives up instead."""
        message = self.answers.get()
        if message is None:
            raise Canceled("canceled before anything had begun")
        return message


class Session:
    """One order being carried out."""

    def __init__(self, order: Order, lines: Lines, feed: Feed, watcher: Watcher) -> None:
        require_runner()
        self.order = order
        self.feed = feed
        self.watcher = watcher
        self.who = order.requested_by or inbox.me()
        self.ears = Ears(lines, order.stay, self.who)
        self.store = RunsStore(home.store())
        self.breakers = breakers.used(self.store.store)
        self.secrets = RunSecrets.from_dict(order.secrets)
        self.named_secrets = secrets_source.read()
        self.options = RunOptions.from_dict(order.options)

    def carry_out(self) -> str:
        """Carry the order out; returns the state of the run, or ``successful`` for a plan."""
        if self.order.resume:
            return self._check_resume() if self.order.check else self._resume()
        found = launch.prepare(self.order.workflow, self.order.fields, self.order.catalog, self.who, self.options)
        found = self._with_hosts(replace(found, environment=self.order.environment))
        graph = found.graph("", self.named_secrets)
        if self.order.check:
            return self._check(found, graph)
        run = self._new_run(found)
        context = found.context(run.id, self.named_secrets)
        conductor = Conductor(found.graph(run.id, self.named_secrets), Record(), context)
        changes = conductor.begin(time.time(), {"id": run.id, "requested_by": self.who})
        _write_down(run, changes)
        return self._conduct(run, found, conductor, changes)

    # --- preparing ----------------------------------------------------------------------------------------------

    def _with_hosts(self, found: Launch) -> Launch:
        patterns = found.patterns()
        if self.order.asks_hosts:
            self.feed.send("hosts_wanted", patterns=hosts.patterns_to_ask(patterns, self.options))
            answer = self.ears.answer()
            explicit = bool(answer["explicit_localhost"])
            resolved = hosts.from_answers(patterns, self.options, answer["hosts"], explicit)
        else:
            resolved = self._resolve(found, patterns)
        limit = None if resolved.limit is None else tuple(resolved.limit)
        return replace(found, hosts=resolved.hosts, limit=limit, explicit_localhost=resolved.explicit_localhost)

    def _resolve(self, found: Launch, patterns: tuple[str, ...]) -> hosts.Resolved:
        """Ask Ansible for the hosts of patterns, if anything depends on them."""
        if not patterns and not self.options.limit and not found.plays_playbooks():
            return hosts.Resolved({}, None, False)
        folder = Path(tempfile.mkdtemp(prefix="holdfast-hosts-"))
        self.watcher.watch(f"hosts-{os.getpid()}", folder)
        try:
            files = SecretFiles(folder / "secrets", replace(self.secrets, variables={}))
            return hosts.resolve(patterns, self.options, folder, files.arguments())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _check(self, found: Launch, graph: Graph) -> str:
        """Print the plan; with ``check_nodes`` play every node in check mode."""
        for line in plan.render(plan.plan(graph)):
            self.feed.line(line)
        state = states.SUCCESSFUL
        if self.order.check_nodes:
            state = check_nodes.play(self, found, graph)
        self.feed.send("end", state=state, explanation="", run="", path="", summary=[], next="", check=True)
        return state

    def _new_run(self, found: Launch, resumed_from: str = "") -> Run:
        run = self.store.create(time.time())
        self.watcher.hold(run.lock())
        self.watcher.watch(run.id, run.path)
        run.write_launch({**found.to_data(), "resumed_from": resumed_from})
        return run

    def launcher(self, run_id: str, folder: Path, found: Launch, files: SecretFiles, check: bool = False) -> Launcher:
        """A launcher for the plays of a run."""
        context = LaunchContext(
            run_id=run_id,
            run_folder=folder,
            options=found.options,
            arguments=tuple(files.arguments()),
            implicit_localhost=not found.explicit_localhost,
            check=check,
            mask=self.mask(found),
        )
        return Launcher(context, self.ears.arrivals.put)

    def mask(self, found: Launch) -> Mask:
        """Hides everything that is known to be secret."""
        named = secret_texts(self.named_secrets)
        return Mask([*self.secrets.texts(), *found.secret_answers(), *named, *breakers.secrets()])

    # --- conducting ---------------------------------------------------------------------------------------------

    def _conduct(self, run: Run, found: Launch, conductor: Conductor, begun: list[Change]) -> str:
        """Conduct a run, whose first changes have been written down, to its end; returns its state."""
        self.feed.send("accepted", run=run.id, path=str(run.path))
        self.feed.send("changes", changes=begun)
        self.feed.line(f"{conductor.graph.name}: run {run.id} ({run.path})")
        files = SecretFiles(run.path / "secrets", self.secrets)
        journal = Journal(run.journal_path)
        locks = Locks(self.store.store, run.id, time.time, self.watcher.hold)
        try:
            launcher, asker = self.launcher(run.id, run.path, found, files), Asker(self.breakers)
            Supervisor(run, conductor, journal, launcher, locks, self.feed, self.ears.arrivals, asker=asker).conduct([])
        except StoreBroken as error:
            self._say_broken(run, error)
            return states.ERROR
        finally:
            files.remove()
            journal.close()
        lines = summary(conductor.graph, conductor.record)
        facts = conductor.record.run
        self.feed.send(
            "end",
            state=conductor.record.state,
            explanation=facts.get("explanation", ""),
            run=run.id,
            path=str(run.path),
            summary=lines,
            next=outcome.next_step(conductor.record) or "",
            outputs={node: [b[at] for at in sorted(b, key=int)] for node, b in conductor.record.outputs.items()},
        )
        return conductor.record.state

    def _say_broken(self, run: Run, error: StoreBroken) -> None:
        why = f"{error}; nothing more was started and what ran was ended"
        after = f"put that right, then resume run {run.id}"
        lines = [f"✘ run {run.id} was abandoned: {why}", f"  next: {after}"]
        self.feed.send(
            "end", state=states.ERROR, explanation=why, run=run.id, path=str(run.path), summary=lines, next=after
        )

    # --- resuming -----------------------------------------------------------------------------------------------

    def _resume(self) -> str:
        old = self.store.get(self.order.resume)
        old.lock(patience=processes.GRACE + 2.0)
        try:
            record = self._closed(old)
            found = self._launch_again(old)
            run = self._new_run(found, resumed_from=old.id)
            graph = found.graph(run.id, self.named_secrets)
            changes = resume.resume(graph, record, time.time(), {"id": run.id, "requested_by": self.who})
            conductor = Conductor(graph, Record.replay(changes), found.context(run.id, self.named_secrets))
            _write_down(run, changes)
            # only now: a crash in between leaves a run that can be resumed, and never two that both can
            _write_down(old, [{"at": time.time(), "type": "run", "resumed_by": run.id, "last": True}])
        finally:
            old.unlock()
        return self._conduct(run, found, conductor, changes)

    def _resumed_as(self, old: Run, record: Record) -> str:
        """The run that goes on from this one, also when a crash kept that from being written down; "" for none."""
        known = record.run.get("resumed_by")
        if known:
            return str(known)
        for run_id in [run_id for run_id in self.store.ids() if run_id > old.id]:
            later = self.store.get(run_id)
            with contextlib.suppress(HoldfastError):
                if later.launch().get("resumed_from") == old.id and later.record().run["id"]:
                    return run_id
        return ""

    def _check_resume(self) -> str:
        """Show what a resume would go on from, and change nothing."""
        old = self.store.get(self.order.resume)
        record, graph = old.record(), Launch.from_data(old.launch()).graph(old.id, self.named_secrets)
        self.feed.line(f"run {old.id} is {old.state(record)}; a resume goes on from here:")
        for line in views.text(graph, record):
            self.feed.line(f"  {line}")
        self.feed.send("end", state=states.SUCCESSFUL, explanation="", run="", path="", summary=[], next="", check=True)
        return states.SUCCESSFUL

    def _closed(self, old: Run) -> Record:
        """The record of the old run, closed; what a killed supervisor left behind is ended and told."""
        record = old.record()
        if not record.run["id"]:
            before = old.launch().get("resumed_from")
            raise HoldfastError(f"run {old.id} never began; {f'resume run {before}' if before else 'launch it again'}")
        later = self._resumed_as(old, record)
        if later:
            raise HoldfastError(f"run {old.id} was resumed as run {later}; resume that one")
        if record.state == states.SUCCESSFUL:
            raise HoldfastError(f"run {old.id} succeeded; there is nothing to resume")
        left = processes.end(old.id, old.path)
        for process in left.ended:
            self.feed.line(f"  ended a leftover of run {old.id}: {process.render()}")
        if left.stubborn:
            who = ", ".join(process.render() for process in left.stubborn)
            raise HoldfastError(f"processes of run {old.id} are still at work and would not end: {who}; end them first")
        clean(old.path)
        changes = resume.close_killed(record, time.time())
        size = _write_down(old, changes)
        if changes:
            old.write_record(record, size)
            for execution in [entry["id"] for entry in record.executions.values() if entry["state"] == states.LOST]:
                self.feed.line(f"  lost: {execution}")
        return record

    def _launch_again(self, old: Run) -> Launch:
        """The old launch, with the options and secret answers given now."""
        found = Launch.from_data(old.launch())
        missing = resume.missing_secrets(found.secret_fields, self.order.fields)
        if missing:
            raise HoldfastError(missing)
        unknown = [name for name in self.order.fields if name not in found.secret_fields]
        if unknown:
            raise HoldfastError(f"a resumed run keeps its answers; {', '.join(unknown)} cannot be given again")
        fields = {**found.fields, **self.order.fields}
        return replace(found, fields=fields, options=self.options.over(found.options), requested_by=self.who)


def _write_down(run: Run, changes: list[Change]) -> int:
    """Add changes to a run's journal from outside its supervisor's loop; returns the journal's size."""
    journal = Journal(run.journal_path)
    journal.append(changes)
    journal.close()
    return journal.size


def quiet_collector() -> None:
    """Look for garbage seldom: the record of a large run is many containers that live to its end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def serve(who: str, carry_out: Callable[[Lines, Feed, Watcher], str]) -> int:
    """Be the process that carries out an order from stdin; its exit status.

    ``carry_out`` returns in which state that ended. ``who`` is named when it breaks.
    """
    watcher = Watcher.fork()
    feed = Feed(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # nothing but the feed may write to the starter
    state = states.ERROR
    try:
        state = carry_out(Lines(0), feed, watcher)
    except HoldfastError as error:
        feed.send("refused", message=str(error))
    except BaseException as error:
        # without a farewell the watcher ends whatever is left
        feed.send("refused", message=f"{who} broke: {type(error).__name__}: {error}")
        feed.close()
        raise
    feed.close()
    with contextlib.suppress(OSError):
        watcher.farewell()
    return 0 if state == states.SUCCESSFUL else 1


def main() -> int:
    """Carry out the order on stdin."""

    def run(lines: Lines, feed: Feed, watcher: Watcher) -> str:
        quiet_collector()
        return Session(Order.from_line(lines.next() or ""), lines, feed, watcher).carry_out()

    return serve("the supervisor", run)


if __name__ == "__main__":
    sys.exit(main())
