# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program for a project: with few variables, with an end, and with whatever it started ended with it."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

from holdfast.jobs.leftovers import mark_of
from holdfast.projects.errors import Cancelled, ProjectError

_PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_POLL = 0.1
_GRACE = 3.0
MOST_LINES = 20_000


def environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The variables of a program: nothing of the controller's but where the outside world is."""
    proxies = {name for one in _PROXIES for name in (one, one.upper())}
    found = {name: os.environ[name] for name in (*_PASSED, *sorted(proxies)) if name in os.environ}
    return {"LANG": "C.UTF-8", **found, "HOME": str(home), "TMPDIR": str(home), **more}


class Programs:
    """What one update runs, one program after the other.

    ``log`` gets every line of what they say, ``hide`` takes what is secret out of it. ``until`` is when all must
    have ended (of the monotonic clock), None for never. ``private`` is a folder whose path marks what runs.
    """

    def __init__(
        self,
        log: Callable[[str], None],
        cancelled: Callable[[], bool],
        until: float | None = None,
        hide: Callable[[str], str] = str,
        private: Path | None = None,
    ) -> None:
        self._log = log
        self._cancelled = cancelled
        self._until = until
        self._hide = hide
        self._private = private

    def check(self) -> None:
        """Raise Cancelled, or ProjectError when the time is over."""
        if self._cancelled():
            raise Cancelled("cancelled")
        if self._until is not None and time.monotonic() > self._until:
            raise ProjectError("the update took longer than its timeout")

    def run(
        self, command: Sequence[str], folder: Path, env: Mapping[str, str], *, quiet: bool = False
    ) -> tuple[int, str]:
        """Run a program to its end; returns its status and what it said. Raises Cancelled."""
        self.check()
        process = subprocess.Popen(
            [self._named(command[0], env), *command[1:]],
            cwd=folder,
            env={**env, **self._marks()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        said: list[str] = []
        try:
            self._follow(lines, said, quiet)
            return process.wait(_GRACE), "\n".join(said)
        except subprocess.TimeoutExpired:
            _end(process)
            raise ProjectError(f"{command[0]} does not come to an end") from None
        except BaseException:
            _end(process)
            raise
        finally:
            reader.join(_GRACE)

    def _named(self, program: str, env: Mapping[str, str]) -> str:
        """A program by a name in the private folder: so its process is known (see the hands' ``processes``)."""
        found = shutil.which(program, path=env.get("PATH")) if self._private is not None else None
        if self._private is None or found is None:
            return program
        link = self._private / "bin" / os.path.basename(program)
        link.parent.mkdir(mode=0o700, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.abspath(found))
        return str(link)

    def _marks(self) -> dict[str, str]:
        if self._private is None:
            return {}
        return dict.fromkeys((processes.RUN, processes.EXECUTION), mark_of(self._private))

    def _follow(self, lines: queue.SimpleQueue[str | None], said: list[str], quiet: bool) -> None:
        while True:
            try:
                line = lines.get(timeout=_POLL)
            except queue.Empty:
                self.check()
                continue
            if line is None:
                return
            shown = self._hide(line.rstrip("\r\n"))
            if len(said) < MOST_LINES:
                said.append(shown)
                if not quiet:
                    self._log(shown)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program that runs, and everything it started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
