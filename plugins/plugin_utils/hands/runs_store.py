# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of runs on disk.

::

    runs/<id>/launch.json     everything to build the graph again: documents, answers without secrets, hosts, options
    runs/<id>/events.jsonl    the journal: one change a line, only ever appended
    runs/<id>/record.json     the record as of some byte of the journal, to read it faster
    runs/<id>/lock            locked while a supervisor lives
    runs/<id>/executions/     a folder for each execution
    inbox/<id>/               what people put in for a run: approvals, denials, cancels

A run's folder is its owner's alone. The inboxes stand apart, for in a shared store others may put something there.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import Change
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.locks import try_flock

VERSION = 1


class StoreBroken(HoldfastError):
    """The store cannot be written; nothing may be started that could not be remembered."""


def new_run_id(now: float) -> str:
    """An id that sorts by time and is unique: ``20260105-134502-123-9f2c41``, in UTC."""
    seconds, milliseconds = divmod(round(now * 1000), 1000)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))
    return f"{stamp}-{milliseconds:03d}-{secrets.token_hex(3)}"


def write_atomically(path: Path, data: Any) -> None:
    """Write JSON so that a reader, or a crash, sees the old text or the new one; only the owner may read it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, separators=(",", ":"), ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError as error:
        raise StoreBroken(f"cannot write {path}: {error.strerror or error}") from error


def read_json(path: Path) -> Any:
    """The JSON of a file of the store; raises HoldfastError that names the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HoldfastError(f"cannot read {path}: {error}") from error


def read_changes(path: Path, start: int = 0) -> Iterator[Change]:
    """The changes of a journal from a byte on; an event that a crash tore is left out with all its changes."""
    for changes, _end in _events(path, start):
        yield from changes


def _events(path: Path, start: int = 0) -> Iterator[tuple[list[Change], int]]:
    """The changes of one event after the other, each with the byte at which its last line ends."""
    waiting: list[Change] = []
    end = start
    with open(path, "rb") as file:
        file.seek(start)
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                waiting.append(json.loads(line))
            except ValueError as error:
                raise HoldfastError(f"{path}: line {number} after byte {start} is no change: {error}") from error
            if waiting[-1].get("last"):
                yield waiting, end
                waiting = []


class Journal:
    """The journal of a run, open for appending. Only the supervisor that holds the run's lock may have one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self.size = self._drop_torn_event()
        except OSError as error:
            raise StoreBroken(f"cannot open the journal {path}: {error.strerror}") from error

    def _drop_torn_event(self) -> int:
        size = os.fstat(self._file).st_size
        end = 0
        if size:
            for _changes, after in _events(self.path):
                end = after
        if end < size:
            os.ftruncate(self._file, end)
        return end

    def append(self, changes: Sequence[Change]) -> None:
        """Add whole events, in one write and one sync; after a StoreBroken the journal is no longer to be trusted."""
        if not changes:
            return
        marked = [*changes[:-1], {**changes[-1], "last": True}]
        text = "".join(json.dumps(change, separators=(",", ":"), ensure_ascii=False) + "\n" for change in marked)
        data = text.encode("utf-8", "surrogatepass")
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            raise StoreBroken(f"cannot write the journal {self.path}: {error.strerror or error}") from error
        self.size += len(data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Run:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.inbox = path.parent.parent / "inbox" / path.name
        self._lock: Optional[int] = None

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.path / "events.jsonl"

    def execution_folder(self, execution_id: str) -> Path:
        """The folder of an execution: its id without the run, below ``executions``."""
        return self.path.joinpath("executions", *execution_id.split("/")[1:])

    def lock(self, patience: float = 0.0) -> int:
        """Become the run's supervisor: the locked descriptor, to hold until the end. Raises when one lives."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        while not try_flock(descriptor, f"run {self.id}"):
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise HoldfastError(f"run {self.id} is still being supervised; cancel it, or wait for its end")
            time.sleep(0.05)
        self._lock = descriptor
        return descriptor

    def unlock(self) -> None:
        """Stop being its supervisor."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_alive(self) -> bool:
        """True while a supervisor, or the watcher that cleans up after one, lives."""
        if self._lock is not None:
            return True
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not try_flock(descriptor, f"run {self.id}")
        finally:
            os.close(descriptor)

    def launch(self) -> dict[str, Any]:
        """The launch document; raises HoldfastError for another format."""
        data = read_json(self.path / "launch.json")
        if not isinstance(data, dict) or data.get("version") != VERSION:
            found = data.get("version") if isinstance(data, dict) else None
            raise HoldfastError(f"{self.path}: this run has format {found!r}; this Holdfast reads format {VERSION}")
        return data

    def write_launch(self, data: Mapping[str, Any]) -> None:
        """Keep the launch document."""
        write_atomically(self.path / "launch.json", {"version": VERSION, **data})

    def record(self) -> Record:
        """The record as of now: the last one written, and what the journal holds after it."""
        record, start = Record(), 0
        path = self.path / "record.json"
        if path.exists():
            saved = read_json(path)
            record, start = Record.from_dict(saved["record"]), int(saved["journal_bytes"])
        if self.journal_path.exists():
            for change in read_changes(self.journal_path, start):
                record.fold(change)
        return record

    def write_record(self, record: Record, journal_bytes: int) -> None:
        """Keep the record as of a byte of the journal."""
        write_atomically(self.path / "record.json", {"journal_bytes": journal_bytes, "record": record.to_dict()})

    def state(self, record: Record) -> str:
        """The state to show: ``lost`` when the record has not ended and nobody supervises it any more."""
        return record.state if record.ended or self.is_alive() else states.LOST


class Listed(NamedTuple):
    """A run in a list; ``trouble`` says why it cannot be read."""

    run: Run
    record: Optional[Record]
    state: str
    trouble: str = ""


class RunsStore:
    """All runs of a store."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def create(self, now: float) -> Run:
        """A new run with its folder, its inbox, and nothing in them."""
        home.store_folder(self.store, "runs")
        run = Run(self.store / "runs" / new_run_id(now))
        try:
            run.path.mkdir(mode=home.PRIVATE)
            (run.path / "executions").mkdir(mode=home.PRIVATE)
        except OSError as error:
            raise StoreBroken(f"cannot make the folder of a run, {run.path}: {error.strerror or error}") from error
        home.store_folder(self.store, "inbox")
        home.store_folder(self.store, "inbox", run.id, mode=home.SPOOL)
        return run

    def ids(self) -> list[str]:
        """The ids of all runs, the newest first."""
        folder = self.store / "runs"
        return sorted((p.name for p in folder.iterdir() if p.is_dir()), reverse=True) if folder.is_dir() else []

    def get(self, run_id: str) -> Run:
        """A run by its id; raises HoldfastError with the nearest known one."""
        path = self.store / "runs" / run_id
        if not run_id or "/" in run_id or run_id.startswith(".") or not path.is_dir():
            hint = did_you_mean(run_id, self.ids()[:20])
            raise HoldfastError(f"there is no run '{run_id}' in {self.store}" + (f" ({hint})" if hint else ""))
        return Run(path)

    def list(self) -> Iterator[Listed]:
        """All runs, the newest first; one that cannot be read is listed with its trouble."""
        for run_id in self.ids():
            run = Run(self.store / "runs" / run_id)
            try:
                record = run.record()
                yield Listed(run, record, run.state(record))
            except (HoldfastError, OSError, KeyError, TypeError, ValueError) as error:
                yield Listed(run, None, "unreadable", str(error))
