# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a run: found by what they carry, ended with everything they started.

Every child play carries ``HOLDFAST_RUN`` and ``HOLDFAST_EXECUTION`` in its environment, and so does what it starts.
But not all of that is the play: a service that a play started on this machine carries them too, and must go on. What
belongs to the play are the processes with a file of the run's folder on their command line (Ansible and its
workers), modules on their way (``ansible-tmp-`` on the command line), and whatever descends from those, with their
environment or another (``env -i``, ``sudo``). A service that has detached itself descends from none of them, and
whatever still runs when its execution has ended was meant to. The supervisor of another run is spared: it ends in order
by itself when the play that started it goes. Shared connections (``ssh: ... [mux]``) are spared as well: other
executions may be using them, and they end by themselves.

Where there is no ``/proc``, the process group that each execution wrote down is ended.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

RUN = "HOLDFAST_RUN"
EXECUTION = "HOLDFAST_EXECUTION"
PROC = Path("/proc")
GRACE = 1.0
"""Seconds between the polite signal and the other one."""
_PATIENCE = 1.5
_ROUNDS = 50
"""Looks for new processes while stopping those that are known. Who waits for a disk cannot be stopped."""
_MODULE = b"/ansible-tmp-"
_SUPERVISOR = b"/_bootstrap.py\0supervise"


@dataclass(frozen=True)
class Process:
    """A process of a run. ``started`` tells it from a later one with the same number; ``command`` is for people."""

    pid: int
    parent: int
    started: str
    execution: str
    command: str
    of_play: bool

    def render(self) -> str:
        """For people: ``4711 (python app.py)``."""
        return f"{self.pid} ({self.command})"


def has_proc() -> bool:
    """True where processes can be looked up in ``/proc``."""
    return (PROC / "self" / "environ").exists()


def _read(pid: str, name: str) -> bytes:
    try:
        return (PROC / pid / name).read_bytes()
    except OSError:
        return b""


def _parent_and_start(pid: str) -> Optional[tuple[int, str]]:
    """Parent and start time of a process; None when it is gone or dead already."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return int(fields[1]), fields[19].decode()


def _variable(environ: bytes, name: str) -> str:
    wanted = f"{name}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(wanted):
            return entry[len(wanted) :].decode(errors="replace")
    return ""


def _carriers(run_id: str) -> dict[int, tuple[int, str, str, bytes]]:
    """Every process that carries the run: pid → (parent, start, execution, command line)."""
    needle = f"{RUN}={run_id}\0".encode()
    found = {}
    me = os.getpid()
    for entry in os.listdir(PROC):
        if not entry.isdigit() or int(entry) == me:
            continue
        environ = _read(entry, "environ") + b"\0"
        if needle not in environ or not (b"\0" + environ).count(b"\0" + needle):
            continue
        facts = _parent_and_start(entry)
        if facts is not None:
            found[int(entry)] = (*facts, _variable(environ, EXECUTION), _read(entry, "cmdline"))
    return found


def _words(command: bytes) -> str:
    """A command line for people."""
    return command.replace(b"\0", b" ").decode(errors="replace").strip()[:120]


def _followers(carriers: Container[int], of_play: Iterable[Process]) -> list[Process]:
    """What descends from processes of a play without carrying the run: it was given an environment of its own."""
    waiting = list(of_play)
    if not waiting:
        return []
    children: dict[int, list[tuple[int, str]]] = {}
    for entry in os.listdir(PROC):
        facts = _parent_and_start(entry) if entry.isdigit() and int(entry) not in carriers else None
        if facts is not None:
            children.setdefault(facts[0], []).append((int(entry), facts[1]))
    found = []
    while waiting:
        above = waiting.pop()
        for pid, started in children.get(above.pid, ()):
            command = _read(str(pid), "cmdline")
            if _SUPERVISOR not in command:
                found.append(Process(pid, above.pid, started, above.execution, _words(command), True))
                waiting.append(found[-1])
    return found


def find(run_id: str, run_folder: Path, execution_id: str = "") -> list[Process]:
    """The processes of a run (or of one execution of it), those of its plays and those they left running."""
    carriers = _carriers(run_id)
    inside = os.fsencode(run_folder) + b"/"
    verdict: dict[int, bool] = {}

    def of_play(pid: int) -> bool:
        if pid not in carriers:
            return False
        if pid not in verdict:
            parent, _start, _execution, command = carriers[pid]
            verdict[pid] = False  # a loop cannot be, but must not hang either
            verdict[pid] = inside in command or _MODULE in command or of_play(parent)
        return verdict[pid]

    ended = {key: has_ended(run_folder, key) for key in {entry[2] for entry in carriers.values()}}

    found = []
    for pid, (parent, started, execution, command) in carriers.items():
        if command.startswith(b"ssh: ") and b"[mux]" in command:
            continue
        if not execution_id or execution == execution_id:
            # The play itself and the workers it forks carry its files in their command: they never outlive it, even
            # if one was forked just when the play was ended.
            mine = inside in command or (not ended[execution] and of_play(pid))
            found.append(Process(pid, parent, started, execution, _words(command), mine))
    return found + _followers(carriers, [one for one in found if one.of_play and not ended[one.execution]])


def _lives(process: Process) -> bool:
    facts = _parent_and_start(str(process.pid))
    return facts is not None and facts[1] == process.started


def _stands_still(process: Process) -> bool:
    state = _read(str(process.pid), "stat").rpartition(b")")[2].split()[:1]
    return state in ([b"T"], [b"t"]) or not _lives(process)


def _signal(processes: Iterable[Process], number: int) -> list[Process]:
    """Signal those that live; returns those that it reached: some belong to somebody else (``sudo``)."""
    reached = []
    for process in processes:
        if _lives(process):
            try:
                os.kill(process.pid, number)
            except OSError:
                continue
            reached.append(process)
    return reached


@dataclass(frozen=True)
class Ended:
    """What came of ending processes: those ended, those that would not end, and services left running."""

    ended: tuple[Process, ...] = ()
    stubborn: tuple[Process, ...] = ()
    spared: tuple[Process, ...] = ()


def end(
    run_id: str,
    run_folder: Path,
    execution_id: str = "",
    grace: float = GRACE,
    sleep: Callable[[float], None] = time.sleep,
) -> Ended:
    """End the play processes of a run, or of one execution: SIGTERM, and SIGKILL after ``grace`` seconds.

    All of them stand still before any is ended: one that has just been started would be taken for a service if the
    process that started it went first. Looks again until nothing is found, for those with a handler may start more.
    """
    if not has_proc():
        return _end_groups(run_folder, execution_id, grace, sleep)
    known: dict[tuple[int, str], Process] = {}
    begin = time.monotonic()
    polite: set[tuple[int, str]] = set()

    def look() -> list[Process]:
        """What is there now; what is of the play becomes known."""
        seen = find(run_id, run_folder, execution_id)
        known.update({(p.pid, p.started): p for p in seen if p.of_play})
        return seen

    while True:
        spared = tuple(p for p in look() if (p.pid, p.started) not in known)
        alive = [p for p in known.values() if _lives(p)]
        waited = time.monotonic() - begin
        if not alive or waited > grace + _PATIENCE:
            return Ended(tuple(p for p in known.values() if p not in alive), tuple(alive), spared)
        if waited >= grace:
            _halt(look, known, sleep)
            _signal(known.values(), signal.SIGKILL)
        elif any(key not in polite for key in known):
            _halt(look, known, sleep)
            _signal([p for key, p in known.items() if key not in polite], signal.SIGTERM)
            _signal(known.values(), signal.SIGCONT)
            polite.update(known)
        sleep(0.02 if waited < 0.2 else 0.05)


def _halt(look: Callable[[], object], known: Mapping[tuple[int, str], Process], sleep: Callable[[float], None]) -> None:
    """Stop the known processes, and those that come to be known, until all stand still and nothing new is found."""
    told: set[tuple[int, str]] = set()
    stopping: list[Process] = []
    for _round in range(_ROUNDS):
        still = all(_stands_still(process) for process in stopping)
        look()
        fresh = [process for key, process in known.items() if key not in told]
        if still and not fresh:
            return
        stopping += _signal(fresh, signal.SIGSTOP)
        told.update(known)
        sleep(0.002)


# --- process groups written down -------------------------------------------------------------------------------

PID_FILE = "process.json"
_ENDED = "ended"


def _folder(run_folder: Path, execution_id: str) -> Path:
    return run_folder.joinpath("executions", *execution_id.split("/")[1:])


def has_ended(run_folder: Path, execution_id: str) -> bool:
    """True when the play of an execution has ended; what it left running is none of ours."""
    return (_folder(run_folder, execution_id) / _ENDED).exists()


def note_end(folder: Path) -> None:
    """Note in an execution's folder that its play has ended."""
    (folder / _ENDED).touch(mode=0o600)


def write_down(folder: Path, pid: int) -> None:
    """Keep the process group of an execution for whoever has to end it after a crash."""
    facts = _parent_and_start(str(pid)) if has_proc() else None
    path = folder / PID_FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps({"group": pid, "started": facts[1] if facts else ""}))


def _groups(run_folder: Path, execution_id: str) -> dict[int, Path]:
    folder = _folder(run_folder, execution_id) if execution_id else run_folder / "executions"
    found = {}
    for path in folder.rglob(PID_FILE):
        if path.with_name(_ENDED).exists():
            continue
        try:
            found[int(json.loads(path.read_text())["group"])] = path
        except (OSError, ValueError, KeyError):
            continue
    return found


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _end_groups(run_folder: Path, execution_id: str, grace: float, sleep: Callable[[float], None]) -> Ended:
    """Without ``/proc``: end the process groups of executions; those that have ended are left alone."""
    groups = [group for group in _groups(run_folder, execution_id) if _group_lives(group)]
    for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, _PATIENCE)):
        for group in groups:
            try:
                os.killpg(group, number)
            except OSError:
                continue
        deadline = time.monotonic() + limit
        while any(_group_lives(group) for group in groups) and time.monotonic() < deadline:
            sleep(0.05)
    as_process = {group: Process(group, 0, "", execution_id, "process group", True) for group in groups}
    return Ended(
        tuple(p for g, p in as_process.items() if not _group_lives(g)),
        tuple(p for g, p in as_process.items() if _group_lives(g)),
    )
