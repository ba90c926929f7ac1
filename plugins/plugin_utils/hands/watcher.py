# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher: a small process that outlives a killed supervisor and ends what it left behind.

It is forked before the supervisor has threads or locks, hears through a socket what to watch, and gets every lock
that the supervisor opens. While the supervisor lives it sleeps. When the socket closes without a farewell, it ends
the run's play processes and removes the run's secrets; only when it has gone itself do the locks become free. So
nobody can take a lock, or resume the run, while a child of the dead supervisor still works.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import NoReturn, Optional

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import processes

_FAREWELL = "farewell"


class Watcher:
    """The supervisor's end of the socket."""

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel = channel
        self.pid = pid

    @classmethod
    def fork(cls) -> Watcher:
        """Start the watcher. Call it first: before threads, before anything is opened that must close on death."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _watch(theirs)
        theirs.close()
        return cls(ours, pid)

    def watch(self, run_id: str, run_folder: Path) -> None:
        """Say which run to clean up after."""
        self._send({"run": run_id, "folder": str(run_folder)})

    def hold(self, descriptor: int) -> None:
        """Let the watcher hold an open (lock) file too."""
        self._send({"hold": True}, descriptor)

    def farewell(self) -> None:
        """The supervisor ends in good order: the watcher goes without doing anything."""
        self._send({_FAREWELL: True})
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _send(self, message: dict[str, object], descriptor: Optional[int] = None) -> None:
        data = json.dumps(message).encode() + b"\n"
        try:
            socket.send_fds(self._channel, [data], [] if descriptor is None else [descriptor])
        except OSError:
            # the watcher is gone; the run goes on without this safeguard, and a resume cleans up
            return


def _detach() -> None:
    """Leave the supervisor's session and its pipes, and hear no signal meant for it."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.chdir("/")


def _listen(channel: socket.socket) -> Optional[tuple[str, Path]]:
    """Take messages until the socket closes: what to clean up, or None after a farewell."""
    subject: Optional[tuple[str, Path]] = None
    buffer = b""
    while True:
        data, _held, _flags, _address = socket.recv_fds(channel, 65536, 16)
        if not data:
            return subject
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message.get(_FAREWELL):
                return None
            if "run" in message:
                subject = (message["run"], Path(message["folder"]))


def _watch(channel: socket.socket) -> NoReturn:
    code = 0
    try:
        _detach()
        subject = _listen(channel)
        if subject is not None:
            run_id, folder = subject
            processes.end(run_id, folder)
            clean(folder)
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def clean(run_folder: Path) -> None:
    """Remove the secrets that a dead supervisor left in a run's folder."""
    shutil.rmtree(run_folder / "secrets", ignore_errors=True)
    for path in (run_folder / "executions").rglob("private"):
        shutil.rmtree(path, ignore_errors=True)
