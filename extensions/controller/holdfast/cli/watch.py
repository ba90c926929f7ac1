# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a supervised run: one loop that hears the supervisor and the keyboard, and a view that shows both.

The first Ctrl-C asks for an orderly cancel, the second one ends the supervisor hard; its watcher then ends what it
started.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import MARKER
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.progress import Progress
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.starter import Supervised
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from holdfast.cli.screen import plain, say
from holdfast.cli.tree import Tree

TICK = 0.25
"""Seconds between two looks at the clock; the tree is drawn as often while something runs."""


class View(Protocol):
    """Shows what happens."""

    def accepted(self, run: Run) -> None:
        """The run has begun."""

    def changes(self, changes: list[dict[str, Any]]) -> None:
        """The record has changed."""

    def line(self, text: str) -> None:
        """A line for people."""

    def heard(self, execution: str, kind: str, text: str) -> None:
        """Something that a play said meanwhile."""

    def tick(self) -> None:
        """A moment has passed, or everything that came in has been told."""

    def close(self) -> None:
        """Nothing more comes."""


class PlainView:
    """Lines as they come, for files, pipes and continuous integration."""

    def accepted(self, run: Run) -> None:
        """Said by a line already."""

    def changes(self, changes: list[dict[str, Any]]) -> None:
        """Said by lines already."""

    def line(self, text: str) -> None:
        """Write the line."""
        say(text)

    def heard(self, execution: str, kind: str, text: str) -> None:  # noqa: ARG002
        """Write what plays put out; it comes only when somebody asked for it with -v."""
        if kind == "output":
            say(text)

    def tick(self) -> None:
        """Nothing is drawn here."""

    def close(self) -> None:
        """Nothing is left to do."""


class TreeView:
    """The live tree. What the tree does not show (warnings, locks, refused words) is written above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tree: Tree | None = None
        self._progress: Progress | None = None
        self._shown: deque[str] = deque()
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def accepted(self, run: Run) -> None:
        """Begin to draw."""
        graph, record = Launch.from_data(run.launch()).graph(run.id), Record()
        self._tree, self._progress = Tree(graph, record), Progress(graph, record)
        self._shown.append(f"{graph.name}: run {run.id} ({run.path})")
        self._live.start()

    def changes(self, changes: list[dict[str, Any]]) -> None:
        """Take changes in; the lines that they make are not written, for the tree shows them."""
        if self._tree is None or self._progress is None:
            return
        for change in changes:
            self._tree.record.fold(change)
            if change["type"] == "ended":
                self._tree.tasks.pop(change["id"], None)
        for change in changes:
            self._shown.extend(self._progress.lines(change))

    def line(self, text: str) -> None:
        """Write a line above the tree, unless the tree shows it."""
        if text in self._shown:
            self._shown.remove(text)
        else:
            self._write(Text(plain(text)))

    def heard(self, execution: str, kind: str, text: str) -> None:
        """Note the task that an execution is at; write above the tree what it puts out."""
        if kind == "task" and self._tree is not None:
            self._tree.tasks[execution] = "" if text == MARKER else text
        elif kind == "output":
            self._write(Text(plain(text)))

    def tick(self) -> None:
        """Draw the tree as it is now."""
        if self._tree is not None:
            width, height = self._console.size
            lines = self._tree.lines(time.time(), width - 1, height - 1)
            self._live.update(Group(*lines), refresh=True)

    def close(self) -> None:
        """Leave the whole tree on the screen as it ended."""
        self._live.stop()
        if self._tree is not None:
            for line in self._tree.lines(time.time(), self._console.width - 1, 10_000):
                self._write(line)

    def _write(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


class Result(NamedTuple):
    """How it ended. ``refused``: nothing was started, and why; ``interrupts``: how often Ctrl-C was pressed."""

    end: Mapping[str, Any]
    run: Run | None
    refused: str
    interrupts: int


class _Keyboard:
    """Ctrl-C while a run goes on."""

    def __init__(self, supervised: Supervised) -> None:
        self._supervised = supervised
        self.interrupts = 0
        self.told = 0

    def on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Ask for an orderly end, then for a hard one."""
        self.interrupts += 1
        if self.interrupts == 1:
            self._supervised.cancel()
        else:
            os.kill(self._supervised.pid, signal.SIGKILL)

    def news(self) -> str:
        """What to say about the last key, once."""
        if self.told == self.interrupts:
            return ""
        self.told = self.interrupts
        if self.interrupts == 1:
            return "Ctrl-C: canceling; what runs is being ended. Press it again to end the run hard, without any undo."
        return "Ctrl-C again: the run is ended hard"


def watch(supervised: Supervised, view: View) -> Result:
    """Show a run to its end."""
    keyboard = _Keyboard(supervised)
    before = signal.signal(signal.SIGINT, keyboard.on_interrupt)
    arrivals: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(supervised, arrivals), name="feed", daemon=True).start()
    end: Mapping[str, Any] = {}
    run, refused = None, ""
    try:
        for message in _arriving(arrivals, view, keyboard):
            kind = message.get("feed")
            if kind == "accepted":
                run = Run(Path(str(message["path"])))
                view.accepted(run)
            elif kind == "end":
                end = message
            elif kind == "refused":
                refused = str(message.get("message"))
            else:
                _show(message, view)
    finally:
        view.close()
        supervised.close()
        signal.signal(signal.SIGINT, before)
    return Result(end, run, refused, keyboard.interrupts)


def _listen(supervised: Supervised, arrivals: queue.SimpleQueue[Mapping[str, Any] | None]) -> None:
    try:
        for message in supervised.messages():
            arrivals.put(message)
    except (OSError, ValueError, HoldfastError) as error:
        arrivals.put({"feed": "refused", "message": f"the supervisor cannot be heard any more: {error}"})
    finally:
        arrivals.put(None)


def _arriving(arrivals: queue.SimpleQueue[Mapping[str, Any] | None], view: View, keyboard: _Keyboard) -> Any:
    """The messages to the last; between them the view is given its ticks."""
    drawn = 0.0
    while True:
        try:
            message = arrivals.get(timeout=TICK)
        except queue.Empty:
            message = {}
        if message is None:
            return
        news = keyboard.news()
        if news:
            view.line(news)
        if message:
            yield message
        if not message or (arrivals.empty() and time.monotonic() - drawn > TICK / 2):
            drawn = time.monotonic()
            view.tick()


def _show(message: Mapping[str, Any], view: View) -> None:
    kind = message.get("feed")
    if kind == "changes":
        view.changes(message["changes"])
    elif kind == "line":
        view.line(str(message["text"]))
    elif kind == "heard":
        view.heard(str(message["execution"]), str(message["what"]), str(message["text"]))
