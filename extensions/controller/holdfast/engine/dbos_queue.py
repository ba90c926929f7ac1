# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that touches DBOS Transact; imported when an engine is opened, for it costs time and memory.

A unit of work is a DBOS workflow without arguments whose id is ``task:key``, on a DBOS queue with the task's name. DBOS
keeps it, orders it, delays it, and writes that it is done. Two things it does not do well enough alone:

- *When to look.* DBOS polls its queues; at 0.1 s that costs a percent of a core for each and still 50 ms of delay. So
  DBOS is told to listen to none of ours, and the engine, which knows when there is work, dequeues by the functions that
  DBOS' own poller uses (`take`, `begin`, `ripen`: the only private names, hence the narrow pin of the version).
- *What after a crash.* DBOS runs again whatever was running. So every process is an executor with an id of its own, for
  which DBOS finds nothing to recover, and `put_back` returns to the queue only what nobody has claimed.

For several workers on PostgreSQL there remain: a lease (a heartbeat row per executor, and one reaper that treats as
dead whose lease is over, where `put_back` now treats every other executor as dead), a look at the queue every 0.1 s or
LISTEN/NOTIFY for what another process has put there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from dbos._core import execute_dequeued_workflow

from holdfast.engine.port import EngineError

_LOG = logging.getLogger("dbos")
T = TypeVar("T")
Unit = tuple[str, str]

APPLICATION = "holdfast"
#: of what is queued, not of the program: DBOS strands work of another version
VERSION = "1"
_WORKFLOW = "unit"
_ENDS = ["SUCCESS", "ERROR", "CANCELLED"]
_WRITERS = 4
_PRUNED_AT_ONCE = 1000
_ONE = threading.Lock()


class Taken(NamedTuple):
    """A unit that was taken from its queue and has not begun."""

    key: str
    status: Any
    owner: str


def apart(call: Callable[[], T]) -> T:
    """Call in a thread without an event loop: in one that has a loop DBOS refuses most calls, or adopts the loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


class DbosQueue:
    """DBOS, launched on a database: there is one of it in a process."""

    def __init__(
        self, database: sa.Engine, boot: str, slots: Mapping[str, int], work: Callable[[str, str], Awaitable[None]]
    ) -> None:
        if not _ONE.acquire(blocking=False):
            raise EngineError(
                "this process has an engine already, and DBOS works once in a process: stop the other first"
            )
        self._boot = boot
        try:
            self._dbos = _launch(database, boot, work)
            self._queues = {
                task: DBOS.register_queue(task, worker_concurrency=most, on_conflict="always_update")
                for task, most in slots.items()
            }
        except BaseException:
            self.close()
            raise

    def put(self, task: str, key: str, delay: float | None = None) -> None:
        """Queue a unit, unless it was queued before."""
        options: EnqueueOptions = {
            "workflow_name": _WORKFLOW,
            "queue_name": task,
            "workflow_id": _id(task, key),
            "app_version": VERSION,
        }
        if delay is not None:
            options["delay_seconds"] = delay
        DBOS.enqueue_workflow_with_options(options)

    def take(self, task: str, busy: int) -> list[Taken]:
        """Take the oldest units of a task, as many as its slots have room for beside the `busy` ones."""
        owner = uuid.uuid4().hex
        storage = self._dbos._sys_db
        ids, _unused = storage.start_queued_workflows(
            self._queues[task], self._boot, VERSION, None, busy, owner_xid=owner, is_latest_version=True
        )
        if not ids:
            return []
        found = {status["workflow_uuid"]: status for status in storage.get_workflow_statuses(ids)}
        return [Taken(_unit(id_)[1], found[id_], owner) for id_ in ids]

    def begin(self, taken: Taken) -> None:
        """Let DBOS call `work` for a unit, and keep the outcome."""
        execute_dequeued_workflow(self._dbos, taken.status, taken.owner)

    def timers(self) -> list[tuple[float, str]]:
        """When which task has delayed work to begin."""
        rows = DBOS.list_workflows(status="DELAYED", load_input=False, load_output=False)
        return [((row.delay_until_epoch_ms or 0) / 1000, _unit(row.workflow_id)[0]) for row in rows]

    def ripen(self) -> None:
        """Make delayed work whose time has come ready to be taken; DBOS itself does it once a second."""
        self._dbos._sys_db.transition_delayed_workflows()

    def put_back(self, held: Collection[Unit], ended: Callable[[str, str], bool | None]) -> None:
        """Return to its queue what was taken, is not `held`, and was never claimed (see `Claims.ended`).

        What ended, but in another process that could not tell DBOS any more, is closed. What is claimed and has not
        ended stays as it is, until somebody settles it.
        """
        for row in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False):
            unit = _unit(row.workflow_id)
            if unit in held:
                continue
            has_ended = ended(*unit)
            if has_ended is None:
                DBOS.resume_workflow(row.workflow_id, queue_name=unit[0])
            elif has_ended and row.executor_id != self._boot:
                DBOS.cancel_workflow(row.workflow_id)

    def prune(self, before: float, forget: Callable[[list[Unit]], None]) -> bool:
        """Delete some of what ended before a time (seconds since the epoch), and say whether there may be more.

        `forget` is told first what it is: whatever is left of a unit when we die in between, it will not run again.
        """
        moment = datetime.fromtimestamp(before, timezone.utc).isoformat()
        rows = DBOS.list_workflows(
            status=_ENDS, completed_before=moment, limit=_PRUNED_AT_ONCE, load_input=False, load_output=False
        )
        if rows:
            forget([_unit(row.workflow_id) for row in rows])
            DBOS.delete_workflows([row.workflow_id for row in rows])
        return len(rows) == _PRUNED_AT_ONCE

    def close(self) -> None:
        """End DBOS' threads; a unit under way is left as it is."""
        DBOS.destroy(destroy_registry=True)
        _ONE.release()


def _launch(database: sa.Engine, boot: str, work: Callable[[str, str], Awaitable[None]]) -> DBOS:
    if not _LOG.handlers:  # or DBOS prints to the terminal by a handler of its own
        _LOG.addHandler(logging.NullHandler())
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": database.url.render_as_string(hide_password=False),
        "system_database_engine": database,
        "application_version": VERSION,
        "executor_id": boot,
        "serializer": DBOSPortableJSONSerializer(),
        "enable_otlp": False,
        "log_level": "WARNING",
        # Nothing of ours waits for these two; the first also is how long closing takes.
        "notification_listener_polling_interval_sec": 0.2,
        "scheduler_polling_interval_sec": 3600.0,
        # They only write outcomes.
        "max_executor_threads": _WRITERS,
    }
    dbos = DBOS(config=config)

    async def unit() -> None:
        await work(*_unit(str(DBOS.workflow_id)))

    DBOS.workflow(name=_WORKFLOW)(unit)
    DBOS.listen_queues([])
    DBOS.launch()
    # Its queue manager, the poller of its internal queue and its scheduler have nothing to do here.
    for stop in dbos.background_thread_stop_events:
        stop.set()
    return dbos


def _id(task: str, key: str) -> str:
    return f"{task}:{key}"


def _unit(workflow_id: str) -> Unit:
    task, _unused, key = workflow_id.partition(":")
    return task, key
