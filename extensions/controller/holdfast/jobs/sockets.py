# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder for the sockets of a job: its ssh-agent's and those of the connections that ssh shares.

The name of a socket is short by law (108 characters), and ssh adds some of its own. A job's folder with a longer name
gets a folder in the temporary one instead, and a link to it where it would have been.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, processes

_PREFIX = "holdfast-"
_LONGEST = 70
_NAME = "sockets"


def make(private: Path) -> Path:
    """Make the folder; returns the name by which it is short enough."""
    place = private / _NAME
    if len(os.fsencode(place)) <= _LONGEST:
        home.private_folder(place / "cp")
        return place
    short = Path(tempfile.mkdtemp(prefix=_PREFIX))
    place.symlink_to(short)
    home.private_folder(short / "cp")
    return short


def remove(private: Path) -> None:
    """End the shared connections of a job, and remove the folder of their sockets."""
    place = private / _NAME
    try:
        target = Path(os.readlink(place)) if place.is_symlink() else place
        connections = [entry.name for entry in os.scandir(target / "cp")]
    except OSError:
        return
    if connections:
        _end_connections(target)
    if target == place or (target.name.startswith(_PREFIX) and target.stat().st_uid == os.getuid()):
        shutil.rmtree(target, ignore_errors=True)


def _end_connections(folder: Path) -> None:
    """Each is a process that calls itself by its socket; it would go on for a minute after the last play."""
    needle = b"ssh: " + os.fsencode(folder) + b"/"
    for entry in os.listdir(processes.PROC) if processes.has_proc() else ():
        try:
            if entry.isdigit() and (processes.PROC / entry / "cmdline").read_bytes().startswith(needle):
                os.kill(int(entry), signal.SIGTERM)
        except OSError:
            continue
