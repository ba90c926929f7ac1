# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a supervisor and talks with it: for the action plugin and the command line."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Protocol

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import _bootstrap, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.feed import parse


class Orders(Protocol):
    """What a supervisor is told to do."""

    def to_line(self) -> str:
        """The order as one line."""


class Supervised:
    """A supervisor that runs; iterate over ``messages`` until it is done.

    It lives in a session of its own: a Ctrl-C at the terminal does not reach it, and when this process goes, it
    cancels the run and ends its children. ``program``: which of the supervisors (their names begin with
    ``supervise``, for ``processes`` tells by that that they end by themselves).
    """

    def __init__(self, order: Orders, cwd: Optional[str] = None, program: str = "supervise") -> None:
        environment = {k: v for k, v in os.environ.items() if k not in (processes.RUN, processes.EXECUTION)}
        script = str(_bootstrap.ROOT / "plugins" / "plugin_utils" / "hands" / "_bootstrap.py")
        self._process = subprocess.Popen(
            [sys.executable, script, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        self._say(order.to_line())

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    def messages(self) -> Iterator[Mapping[str, Any]]:
        """Everything the supervisor says, to its end. A supervisor that dies without a word is told as ``refused``."""
        last = ""
        for line in self._process.stdout or ():
            message = parse(line)
            last = str(message.get("feed", last))
            yield message
        code = self._process.wait()
        if last not in ("end", "refused"):
            yield {"feed": "refused", "message": f"the supervisor ended without a word ({code}): {self._last_words()}"}

    def _last_words(self) -> str:
        lines = self._process.stderr.read().strip().splitlines() if self._process.stderr else []
        return lines[-1] if lines else "it said nothing; look at the run with: holdfast runs list"

    def cancel(self) -> None:
        """Ask for the end of the run; said twice, a rollback that a cancel began ends too."""
        self._say(json.dumps({"say": "cancel"}) + "\n")

    def answer_hosts(self, hosts: Sequence[Sequence[str]], explicit_localhost: bool) -> None:
        """Answer ``hosts_wanted``: for each pattern its hosts, in the same order; is localhost in the inventory?"""
        lists = [list(one) for one in hosts]
        self._say(json.dumps({"say": "hosts", "hosts": lists, "explicit_localhost": explicit_localhost}) + "\n")

    def _say(self, line: str) -> None:
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError):
            return  # it is gone, or was let go; what it said last is still to be read

    def close(self) -> None:
        """Let go of the pipes and wait for the supervisor's end."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was still to be said is said to nobody
                    stream.close()
        self._process.wait()
