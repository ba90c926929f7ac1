# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line between a supervisor and whoever started it: JSON lines down its stdin, JSON lines up its stdout.

Down: first the order (``Order``); then ``{"say": "hosts", "hosts": [[...], ...]}`` in answer to a question, or
``{"say": "cancel"}``. The end of the pipe means that the starter is gone, which cancels too.

Up: ``hosts_wanted`` (patterns), ``accepted`` (run, path), ``changes``, ``line`` (for people), ``heard`` (what a play
says meanwhile), ``refused`` (message), and last ``end`` (state, explanation, summary, outputs).
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import IO, Any, ClassVar, Optional, TypeVar

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

AnOrder = TypeVar("AnOrder", bound="LineOrder")


@dataclass
class LineOrder:
    """What goes down the stdin of a process first: its fields as one line. ``TO`` says in errors whose order it is."""

    TO: ClassVar[str]
    VERSION: ClassVar[int]

    def to_line(self) -> str:
        """The order as one line."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def from_line(cls: type[AnOrder], line: str) -> AnOrder:
        """The order in a line; raises HoldfastError for anything else."""
        try:
            data = json.loads(line)
        except ValueError as error:
            raise HoldfastError(f"the order for {cls.TO} is no JSON: {error}") from error
        known = {entry.name for entry in fields(cls)}
        if not isinstance(data, dict) or data.get("version") != cls.VERSION or set(data) - known:
            raise HoldfastError(f"the order for {cls.TO} comes from another version of Holdfast")
        return cls(**data)


@dataclass
class Order(LineOrder):
    """What a supervisor is asked to do.

    ``workflow`` (name or path) with ``fields``, or ``resume`` (a run's id). ``catalog`` are folders before the search
    path. ``asks_hosts``: the starter resolves host patterns when asked; otherwise the supervisor does by itself.
    ``check`` prints the plan and starts nothing, with ``check_nodes`` every node is also played in check mode.
    ``stay``: go on when the starter is gone. ``secrets`` never reach a disk but in files of mode 0600.
    """

    TO, VERSION = "the supervisor", 1

    workflow: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    resume: str = ""
    catalog: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    asks_hosts: bool = False
    check: bool = False
    check_nodes: bool = False
    stay: bool = False
    requested_by: str = ""
    version: int = VERSION


class Feed:
    """Writes messages from a thread of its own, so that a starter that does not read never stops the run."""

    def __init__(self, stream: Optional[IO[str]]) -> None:
        self._stream = stream
        self._queue: queue.SimpleQueue[Optional[str]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="feed", daemon=True)
        self._thread.start()

    def send(self, kind: str, **facts: Any) -> None:
        """Send a message of this kind."""
        self._queue.put(json.dumps({"feed": kind, **facts}, default=str))

    def line(self, text: str) -> None:
        """Send a line for people."""
        self.send("line", text=text)

    def close(self, patience: float = 5.0) -> None:
        """Send what is left, for at most ``patience`` seconds."""
        self._queue.put(None)
        self._thread.join(patience)

    def _write(self) -> None:
        while True:
            text = self._queue.get()
            if text is None:
                return
            if self._stream is None:
                continue
            try:
                self._stream.write(text + "\n")
                if self._queue.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                # nobody reads any more; what matters is in the journal
                self._stream = None


class Lines:
    """Lines from a pipe, read without Python's buffers: a thread blocked in those breaks the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def next(self) -> Optional[str]:
        """The next line without its end, or None at the end of the pipe."""
        while b"\n" not in self._rest:
            data = os.read(self._descriptor, 65536)
            if not data:
                return None
            self._rest += data
        line, _end, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace")


def parse(line: str) -> Mapping[str, Any]:
    """A message from a line; {} for a line that is none."""
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
