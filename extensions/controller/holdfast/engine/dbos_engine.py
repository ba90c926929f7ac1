# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on DBOS and SQLite: one process, which knows when there is work and so never polls for it.

A dispatcher thread sleeps until something is queued, a slot becomes free, or a timer is due. It takes units from DBOS
(see `dbos_queue`) and DBOS runs them; each handler has a thread of its own: a daemon, for a process has to be able to
end while a handler hangs, and new, for it must not inherit DBOS' context, where whatever a handler queues would become
part of its workflow. Before the handler begins its claim is on the disk (see `claims`).
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from holdfast.engine.claims import Claims
from holdfast.engine.database import DatabaseLock, connect, create, path_of
from holdfast.engine.port import Engine, EngineError, Handler

if TYPE_CHECKING:
    from holdfast.engine.dbos_queue import DbosQueue

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_TASK = re.compile(r"[a-z][a-z0-9_]*")
_RESCAN = 10.0
_RETRY = 1.0
_PRUNE = 3600.0
#: DBOS counts in whole milliseconds
_LATER = 0.002
WEEK = 7 * 24 * 3600.0


class DbosEngine(Engine):
    """`port.Engine` over DBOS; the database is the URL of an SQLite file that belongs to this engine alone.

    `slots` is how many handlers of a task run at the same time, one number for every task or a number for each. Ended
    units are remembered for `keep` seconds: so long is queueing them twice harmless.
    """

    def __init__(self, database_url: str, slots: Mapping[str, int] | int, *, keep: float = WEEK) -> None:
        self._path = path_of(database_url)
        self._most = slots
        self._keep = keep
        self._boot = uuid.uuid4().hex
        self._lock = DatabaseLock(self._path)
        self._database = connect(self._path)
        self._claims = Claims(self._database, self._boot)
        self._queue: DbosQueue | None = None
        self._opening = threading.Lock()
        self._closed = False
        self._handlers: dict[str, Handler] = {}
        self._dispatcher: threading.Thread | None = None
        # Everything below is guarded by `_news`, which is notified when there may be something to do.
        self._news = threading.Condition()
        self._stopping = False
        self._slots: dict[str, int] = {}
        self._taken: dict[str, set[str]] = {}
        self._running: dict[tuple[str, str], str] = {}
        self._promising: set[str] = set()
        self._timers: list[tuple[float, str]] = []
        self._unwritten: list[tuple[str, str]] = []
        self._rescan_at = 0.0
        self._prune_at = 0.0

    @property
    def running(self) -> frozenset[str]:
        """The keys whose handlers run in this process."""
        with self._news:
            return frozenset(self._running.values())

    def register(self, task: str, handler: Handler) -> None:
        """Say who does a kind of work; before anything of it is queued."""
        most = self._most if isinstance(self._most, int) else self._most.get(task, 0)
        if not _TASK.fullmatch(task):
            raise EngineError(f"task '{task}': lower case letters, digits and _ make the name of a task")
        if most < 1:
            raise EngineError(f"task '{task}' has {most} slots; it needs at least 1")
        with self._opening:
            if self._queue is not None:
                raise EngineError(f"task '{task}' comes too late: register all tasks before the queue is used")
            self._handlers[task] = handler
            self._slots[task] = most
            self._taken[task] = set()

    def start(self) -> None:
        """Begin to take work, also what earlier processes left in the queue."""
        self._opened()
        with self._opening:
            if self._dispatcher is None and not self._stopping:
                self._dispatcher = threading.Thread(target=self._dispatch, name="engine-dispatcher", daemon=True)
                self._dispatcher.start()

    def enqueue(self, task: str, key: str) -> None:
        """Queue a unit of work; once it returns, no crash loses it. Again is harmless.

        While the queue cannot be written, the dispatcher tries again: nobody else would before the next start.
        """
        queue = self._known(task, key)
        try:
            queue.put(task, key)
        except Exception:
            _LOG.exception("%s %s cannot be queued; trying again in %s s", task, key, _RETRY)
            with self._news:
                self._unwritten.append((task, key))
                self._rescan_at = min(self._rescan_at, time.monotonic() + _RETRY)
                self._news.notify_all()
            return
        self._ring(task)

    def schedule(self, task: str, key: str, at: float) -> None:
        """Queue a unit of work that begins no earlier than `at` (seconds since the epoch)."""
        delay = at - time.time()
        if delay <= 0:
            self.enqueue(task, key)
            return
        self._known(task, key).put(task, key, delay)
        with self._news:
            heapq.heappush(self._timers, (time.time() + delay + _LATER, task))
            self._news.notify_all()

    def cancel(self, task: str, key: str) -> bool:
        """True: the unit had not begun and never will.

        It stays in DBOS' queue, and ends without its handler when its turn comes.
        """
        self._known(task, key)
        return self._claims.refuse(task, key)

    def interrupted(self) -> list[tuple[str, str]]:
        """Task and key of what was running when an earlier process ended, oldest first."""
        self._opened()
        return self._claims.interrupted()

    def settle(self, task: str, key: str, *, again: bool = False) -> None:
        """Strike a unit off the interrupted ones: it has ended, or it runs `again` from its start."""
        self._known(task, key)
        if again:
            self._claims.release(task, key)
        else:
            self._claims.settle(task, key)
        with self._news:
            self._rescan_at = 0.0
            self._news.notify_all()

    def stop(self, patience: float) -> None:
        """Take no new work, wait for what runs up to `patience` seconds, and close the queue."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        with self._opening:
            dispatcher = self._dispatcher
        if dispatcher is not None:
            dispatcher.join()
        with self._news:
            self._news.wait_for(lambda: not any(self._taken.values()), timeout=patience)
        self._close()

    # -- open and closed ----------------------------------------------------------------------------------------------

    def _known(self, task: str, key: str) -> DbosQueue:
        if task not in self._handlers:
            raise EngineError(f"nobody registered the task '{task}'; there are: {', '.join(sorted(self._handlers))}")
        if not key:
            raise EngineError(f"a unit of '{task}' needs a key")
        return self._opened()

    def _opened(self) -> DbosQueue:
        with self._opening:
            if self._closed:
                raise EngineError("the engine has been stopped and takes nothing more")
            if self._queue is None:
                from holdfast.engine.dbos_queue import apart

                self._queue = apart(self._open)
            return self._queue

    def _open(self) -> DbosQueue:
        from holdfast.engine.dbos_queue import DbosQueue

        with ExitStack() as undo:
            create(self._path)
            self._lock.acquire()
            undo.callback(self._lock.release)
            undo.callback(self._database.dispose)
            self._claims.create()
            queue = DbosQueue(self._database, self._boot, self._slots, self._work)
            undo.callback(queue.close)
            self._timers = [(at + _LATER, task) for at, task in queue.timers()]
            heapq.heapify(self._timers)
            undo.pop_all()
        return queue

    def _close(self) -> None:
        with self._opening:
            was_open = self._queue is not None and not self._closed
            self._closed = True
            if was_open and self._queue is not None:
                self._queue.close()
        with self._news:
            left = [f"{task} {key}" for task, keys in self._taken.items() for key in sorted(keys)]
        if left:
            _LOG.warning("stopped while work is under way, which counts as interrupted now: %s", ", ".join(left))
        elif was_open:
            self._let_go()

    def _let_go(self) -> None:
        """Leave the database to others; not before the last handler has ended, for its work is not theirs to judge."""
        self._database.dispose()
        self._lock.release()

    # -- what is there to do ------------------------------------------------------------------------------------------

    def _ring(self, task: str) -> None:
        with self._news:
            self._promising.add(task)
            self._news.notify_all()

    def _dispatch(self) -> None:
        while self._wait():
            try:
                self._look_around()
                for task in self._ready():
                    self._take(task)
            except Exception:
                _LOG.exception("the queue cannot be read; trying again in %s s", _RETRY)
                with self._news:
                    self._rescan_at = 0.0
                    self._news.wait_for(lambda: self._stopping, timeout=_RETRY)

    def _wait(self) -> bool:
        """Wait until there may be something to do; False when the engine stops."""
        with self._news:
            until = self._rescan_at - time.monotonic()
            if self._timers:
                until = min(until, self._timers[0][0] - time.time())
            if not self._stopping and not self._ready():
                self._news.wait(max(until, 0.0))
            return not self._stopping

    def _ready(self) -> list[str]:
        """Tasks that may have work, and have a slot for it."""
        with self._news:
            return [task for task in sorted(self._promising) if len(self._taken[task]) < self._slots[task]]

    def _look_around(self) -> None:
        """See to timers, and at first and now and then to what a dead process or a failed write left behind."""
        with self._news:
            due: set[str] = set()
            held: set[tuple[str, str]] = set()
            while self._timers and self._timers[0][0] <= time.time():
                due.add(heapq.heappop(self._timers)[1])
            rescan = time.monotonic() >= self._rescan_at
            if rescan:
                self._rescan_at = time.monotonic() + _RESCAN
                held.update((task, key) for task, keys in self._taken.items() for key in keys)
        queue = self._opened()
        self._write_what_was_not(queue)
        if rescan:
            queue.put_back(held, self._claims.ended)
            due |= self._slots.keys()
        if due:
            queue.ripen()
        if rescan and time.monotonic() >= self._prune_at:
            more = queue.prune(time.time() - self._keep, self._claims.forget)
            self._prune_at = time.monotonic() + (0.0 if more else _PRUNE)
        with self._news:
            self._promising |= due & self._slots.keys()

    def _write_what_was_not(self, queue: DbosQueue) -> None:
        """Queue what could not be queued when it came."""
        while self._unwritten:
            queue.put(*self._unwritten[0])
            del self._unwritten[0]

    def _take(self, task: str) -> None:
        queue = self._opened()
        with self._news:
            # Before the look: what is queued during it rings again.
            self._promising.discard(task)
            busy = len(self._taken[task])
        units = queue.take(task, busy)
        with self._news:
            self._taken[task].update(unit.key for unit in units)
            if busy + len(units) >= self._slots[task]:
                self._promising.add(task)
        for unit in units:
            try:
                queue.begin(unit)
            except Exception:
                _LOG.exception("%s %s did not begin; it goes back into the queue", task, unit.key)
                self._through(task, unit.key)

    # -- one unit -----------------------------------------------------------------------------------------------------

    async def _work(self, task: str, key: str) -> None:
        """Run a unit in a thread of its own; cancelled, so that it stays open, when its state could not be written."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def run() -> None:
            judged = self._run(task, key)
            with contextlib.suppress(RuntimeError):  # the engine stopped, and this loop with it
                loop.call_soon_threadsafe(_resolve, done, judged)

        try:
            threading.Thread(target=run, name=f"{task}:{key}", daemon=True).start()
        except RuntimeError:
            _LOG.exception("no thread for %s %s; it goes back into the queue", task, key)
            self._through(task, key)
            done.cancel()
        await done

    def _run(self, task: str, key: str) -> bool:
        """Claim a unit, call its handler, write its end; False when a claim or an end could not be written."""
        try:
            if self._write(self._claims.claim, task, key):
                try:
                    self._handle(task, key)
                finally:
                    self._write(self._claims.end, task, key)
        except SQLAlchemyError:
            _LOG.exception("%s %s: its state could not be written", task, key)
            return False
        finally:
            self._through(task, key)
        return True

    def _handle(self, task: str, key: str) -> None:
        with self._news:
            self._running[task, key] = key
        try:
            self._handlers[task](key)
        except BaseException:
            _LOG.exception("the handler of %s %s failed", task, key)

    def _write(self, write: Callable[[str, str], T], task: str, key: str) -> T:
        """Write, and try again while the disk is full or locked, until the engine stops."""
        while True:
            try:
                return write(task, key)
            except SQLAlchemyError as error:
                if self._stopping:
                    raise
                _LOG.warning("%s %s: cannot write its state, trying again: %s", task, key, error)
                time.sleep(_RETRY)

    def _through(self, task: str, key: str) -> None:
        with self._news:
            self._running.pop((task, key), None)
            self._taken[task].discard(key)
            last = self._closed and not any(self._taken.values())
            self._news.notify_all()
        if last:
            self._let_go()


def _resolve(done: asyncio.Future[None], judged: bool) -> None:
    if done.done():
        return
    if judged:
        done.set_result(None)
    else:
        done.cancel()
