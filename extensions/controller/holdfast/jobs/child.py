# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one job: a child process, its events in batches, and what AWX keeps of it when it has ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.masking import Mask
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home, options, processes
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.ansible_child import PlayChild, prepare

from holdfast.jobs import event_text, sockets
from holdfast.jobs.agent import KeyAgent
from holdfast.jobs.batches import Batches, Rows
from holdfast.jobs.credentials import CredentialValue, Injection, safe_environment
from holdfast.jobs.environment import inherit_nothing_else, job_environment
from holdfast.jobs.events import EventRows
from holdfast.jobs.guard import Guard
from holdfast.jobs.injectors import inject
from holdfast.jobs.leftovers import mark_of
from holdfast.jobs.spec import JobSpec, write_command

SUCCESSFUL, FAILED, ERROR, CANCELED = "successful", "failed", "error", "canceled"

ENDS = {
    "cancel": (CANCELED, ""),
    "timeout": (FAILED, "Job terminated due to timeout"),
    "shutdown": (FAILED, "Task was canceled due to receiving a shutdown signal."),
}
"""Status and explanation of a job that was ended, by the reason for it."""
NICENESS = 10
"""Plays step back when the processors are busy: whoever asks the controller should not wait for them."""
KILLED = "The running ansible process received a shutdown signal."


class JobStart(NamedTuple):
    """How a job was started, without secrets."""

    job_args: list[str]
    job_cwd: str
    job_env: dict[str, str]


class Sink(Protocol):
    """Takes what a job reports while it runs. Each is called from one thread at a time."""

    def started(self, start: JobStart) -> None:
        """The job is about to start."""

    def events(self, rows: Rows) -> None:
        """The next events, in the order of their counters."""


@dataclass
class JobEnd:
    """How a job ended, with everything AWX keeps of it. ``host_summaries``: the fields of each by host.

    ``failed_parents`` and ``changed_parents`` are uuids of events to be marked so: something below them was.
    ``left`` are services that the job started on this machine and that outlive its end. ``ended_for`` is why it was
    ended before its time: a key of ``ENDS``, or "".
    """

    status: str
    explanation: str = ""
    result_traceback: str = ""
    start: JobStart = field(default_factory=lambda: JobStart([], "", {}))
    elapsed: float = 0.0
    host_summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    host_status_counts: dict[str, int] | None = None
    artifacts: dict[str, Any] = field(default_factory=dict)
    emitted_events: int = 0
    play_count: int = 0
    task_count: int = 0
    failed_parents: frozenset[str] = frozenset()
    changed_parents: frozenset[str] = frozenset()
    left: tuple[processes.Process, ...] = ()
    return_code: int = 0
    ended_for: str = ""


class JobRun:
    """One run of a job. ``run`` works in the calling thread; ``cancel`` may come from any, at any time.

    With a ``guard`` nothing of the job survives the death of this process. ``tap`` is given every event as
    ansible-runner tells it, with its secrets.
    """

    def __init__(
        self,
        spec: JobSpec,
        credentials: Sequence[CredentialValue],
        sink: Sink,
        guard: Guard | None = None,
        tap: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        self._spec = spec
        self._credentials = credentials
        self._sink = sink
        self._mask = Mask(spec.secrets)
        self._rows = EventRows(self._mask)
        self._start = JobStart([], "", {})
        self._guard = guard
        self._tap = tap
        self._code = 0
        self._lock = threading.Lock()
        self._reason = ""
        self._pid = 0
        self._over = False
        self._ender: threading.Thread | None = None
        self._left = processes.Ended()

    def cancel(self) -> None:
        """End the job: status ``canceled``. Does nothing when it has ended, or is being ended, already."""
        self._end_for("cancel")

    def shutdown(self) -> None:
        """End the job because the controller ends: status ``failed``."""
        self._end_for("shutdown")

    def run(self) -> JobEnd:
        """Run the job to its end. Whatever goes wrong is told by the end, not raised."""
        begin = time.monotonic()
        status, explanation, trace = ERROR, "", ""
        try:
            self._code = self._play()
            status, explanation = self._verdict(self._code)
        except HoldfastError as error:
            explanation = str(error)
        except OSError as error:
            explanation = f"cannot work in {error.filename or self._spec.folder}: {error.strerror or error}"
        except Exception:  # a fault of ours must end the job, not leave it running for ever
            trace = traceback.format_exc()
        if self._reason and status == ERROR and not trace:
            status, explanation = ENDS[self._reason]
        return self._end(status, self._mask.text(explanation), self._mask.text(trace), time.monotonic() - begin)

    def _end(self, status: str, explanation: str, trace: str, elapsed: float) -> JobEnd:
        rows = self._rows
        return JobEnd(
            status,
            explanation,
            trace,
            start=self._start,
            elapsed=round(elapsed, 3),
            host_summaries=event_text.host_summaries(rows.stats),
            host_status_counts=event_text.host_status_counts(rows.stats) if rows.stats else None,
            artifacts=rows.artifacts,
            emitted_events=rows.emitted,
            play_count=rows.play_count,
            task_count=rows.task_count,
            failed_parents=rows.failed_parents,
            changed_parents=rows.changed_parents,
            left=self._left.spared,
            return_code=self._code,
            ended_for=self._reason,
        )

    def _verdict(self, code: int) -> tuple[str, str]:
        if self._reason:
            return ENDS[self._reason]
        if code < 0:
            return FAILED, KILLED
        return (FAILED if code else SUCCESSFUL), ""

    # --- the play -------------------------------------------------------------------------------------------------

    def _play(self) -> int:
        """Prepare the job, run its child and clean up after it; returns the exit status."""
        spec = self._spec
        if self._guard is not None:
            self._guard.watch(spec.key, spec.folder)
        home.private_folder(spec.folder / "executions")
        home.private_folder(spec.private)
        try:
            injection = inject(self._credentials, spec.private / "credentials")
            self._mask = Mask((*spec.secrets, *injection.secrets))
            self._rows = EventRows(self._mask)
            return self._with_agent(injection)
        finally:
            with self._lock:
                self._over = True
            if self._ender is not None:
                self._ender.join()
            sockets.remove(spec.private)
            shutil.rmtree(spec.folder, ignore_errors=True)
            if self._guard is not None:
                self._guard.forget(spec.key)

    def _with_agent(self, injection: Injection) -> int:
        spec = self._spec
        short = sockets.make(spec.private)
        wanted = job_environment(spec, injection, short, os.environ)
        command = write_command(spec, injection, options.ansible_playbook())
        if not injection.keys:
            return self._with_batches(command, wanted, injection)
        agent = KeyAgent(injection.keys, short, spec.private, wanted, f"ssh-agent for {spec.folder}/")
        try:
            return self._with_batches(command, {**wanted, "SSH_AUTH_SOCK": agent.socket}, injection)
        finally:
            agent.stop()

    def _with_batches(self, command: list[str], wanted: Mapping[str, str], injection: Injection) -> int:
        config = prepare(self._spec.private, self._spec.playbook or "-", wanted, str(self._spec.project))
        inherit_nothing_else(config, wanted)
        config.command = command
        self._tell_start(config, injection)
        with self._lock:
            if self._reason:
                return 0
        batches = Batches(self._sink.events, self._kill, f"events of {self._spec.key}")
        timer = threading.Timer(self._spec.timeout or threading.TIMEOUT_MAX, self._end_for, ("timeout",))
        timer.daemon = True
        try:
            if self._spec.timeout > 0:
                timer.start()
            code = PlayChild(config, self._began, lambda event: self._take(event, batches), self._kill).run()
            with self._lock:
                self._over = True
        except BaseException:
            with contextlib.suppress(HoldfastError):
                batches.close()
            raise
        finally:
            timer.cancel()
        if code < 0 and self._ender is None:
            self._kill()
        batches.close()
        return code

    def _take(self, event: Mapping[str, Any], batches: Batches) -> None:
        if self._tap is not None:
            self._tap(event)
        batches.put(self._rows.row(event))

    def _tell_start(self, config: Any, injection: Injection) -> None:
        shown = {**safe_environment(config.env), **{k: v for k, v in injection.safe_env.items() if k in config.env}}
        arguments = [os.path.basename(config.command[0]), *config.command[1:]]
        self._start = JobStart(self._mask.apply(arguments), str(config.cwd), self._mask.apply(shown))
        self._sink.started(self._start)

    # --- its end --------------------------------------------------------------------------------------------------

    def _began(self, pid: int) -> None:
        step_back(pid)
        processes.write_down(self._spec.folder / "executions", pid)
        with self._lock:
            self._pid = pid
            if self._reason:
                self._start_ender()

    def _end_for(self, reason: str) -> None:
        with self._lock:
            if self._reason or self._over:
                return
            self._reason = reason
            if self._pid:
                self._start_ender()

    def _start_ender(self) -> None:
        self._ender = threading.Thread(target=self._kill, name=f"end of {self._spec.key}", daemon=True)
        self._ender.start()

    def _kill(self) -> None:
        """End every process of the job, politely first.

        What Ansible started is found by its descent, which is lost as soon as Ansible itself goes. So its process
        group is looked after last; of a job of another kind, that group is all there is.
        """
        mark = mark_of(self._spec.folder)
        self._left = processes.end(mark, self._spec.folder, mark)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if _lives(self._pid):
                with contextlib.suppress(OSError):
                    os.killpg(self._pid, number)
            deadline = time.monotonic() + processes.GRACE
            while _lives(self._pid) and time.monotonic() < deadline:
                time.sleep(0.02)


def step_back(pid: int) -> None:
    """Have a child wait for its turn. Where the kernel shares time out by sessions, that of the session counts."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))


def _lives(pid: int) -> bool:
    """True while a child runs. Asked of the kernel, which keeps its number until somebody has asked for its end."""
    try:
        return bool(pid) and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False
