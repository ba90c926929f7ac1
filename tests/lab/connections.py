# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of ssh that the tasks of plays share; they do not outlive the host they lead to."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.lab.commands import LabError, run

FOLDER = "ssh"
"""Where their sockets are, in the folder of a lab; each is called as the address it leads to."""


def shared(folder: Path) -> str:
    """The options of ssh with which the plays on a lab share them."""
    return f"-o ControlMaster=auto -o ControlPersist=60s -o ControlPath={folder / FOLDER}/%h"


def end(folder: Path, address: str) -> None:
    """End the one to an address, if there is one: the next play would find it, and nobody behind it."""
    path = folder / FOLDER / address
    if path.exists():
        with contextlib.suppress(LabError):  # it has ended by itself
            run("ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={path}", address)
        path.unlink(missing_ok=True)
