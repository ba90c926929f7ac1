# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that the lab starts, and the one error it raises."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--")
"""Before a command: whatever it starts or mounts is gone when it has ended, in whatever way."""

CONTAINED = ("setpriv", "--pdeathsig", "KILL", "--", *APART)
"""Before a command that shall end, with all of that, when the thread that started it ends."""


class LabError(Exception):
    """The lab cannot do what was asked, and why."""


def run(*command: str, given: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed. Raises LabError with what it complained about."""
    done = subprocess.run(
        command,
        input=given,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise LabError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def wait_until(ready: Callable[[], bool], seconds: float, sentence: str, pause: float = 0.05) -> None:
    """Ask until the answer is yes. Raises LabError with the sentence when it is no for too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(sentence)
        time.sleep(pause)


def started(pid: int) -> str:
    """When a process started, in the kernel's ticks since boot; "" when there is none or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, indented, for a message about whoever wrote it."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (it says nothing)"


def remove_tree(*folders: Path) -> None:
    """Remove folders with everything in them; device nodes and whole operating systems as well."""
    there: Sequence[str] = [str(folder) for folder in folders if folder.exists()]
    if there:
        run("rm", "-rf", "--one-file-system", "--", *there)
