# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``stdout`` of jobs and project updates in all of AWX's formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from sqlalchemy import func, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Invalid, NotFound
from holdfast.api.registry import Action
from holdfast.db.base import Database
from holdfast.db.models import JobEvent
from holdfast.jobs import stdout

_AT_ONCE = 500
_PIECE = 64 * 1024
_ACCEPTED = (("application/json", "json"), ("text/html", "html"), ("text/plain", "txt"), ("*/*", "html"))


def _show(call: Call, row: Any) -> Reply:
    """GET: what a job said."""
    format_ = call.get("format") or _negotiated(call.headers.get("accept", ""))
    if format_ not in stdout.FORMATS:
        raise NotFound()
    database = call.controller.database
    query = {name: call.get(name) for name in ("start_line", "end_line", "content_encoding", "dark") if call.get(name)}
    total = None if format_.endswith("_download") else _length(database, row.id)
    try:
        answer = stdout.render(format_, _events(database, row.id), query, f"{row.type}_{row.id}", total)
    except HoldfastError as error:
        raise Invalid(str(error)) from None
    if answer.media_type == "application/json":
        return Reply(200, answer.body, dict(answer.headers))
    if format_.endswith("_download"):
        pieces = _pieces(answer.body)
        return Reply(200, None, dict(answer.headers), answer.media_type, stream=pieces)
    body = "".join(answer.body).encode("utf-8", "replace")
    return Reply(200, body, dict(answer.headers), answer.media_type)


def _negotiated(accept: str) -> str:
    """The format that a client asks for by its Accept header; pages for whoever takes anything."""
    for media in accept.split(","):
        wanted = media.partition(";")[0].strip().lower()
        for known, format_ in _ACCEPTED:
            if wanted == known:
                return format_
    return "html"


def _length(database: Database, job_id: int) -> int:
    with database.events() as session:
        query = select(func.coalesce(func.sum(func.length(JobEvent.stdout)), 0)).where(JobEvent.job_id == job_id)
        return int(session.scalar(query) or 0)


def _events(database: Database, job_id: int) -> Iterator[tuple[int, int, str]]:
    """The output of each event, in order; read piece by piece, so that no output is too long."""
    columns = select(JobEvent.counter, JobEvent.start_line, JobEvent.end_line, JobEvent.stdout)
    counter = -1
    while True:
        with database.events() as session:
            query = columns.where(JobEvent.job_id == job_id, JobEvent.counter > counter).order_by(JobEvent.counter)
            rows = session.execute(query.limit(_AT_ONCE)).all()
        for row in rows:
            yield row.start_line, row.end_line, row.stdout
        if len(rows) < _AT_ONCE:
            return
        counter = rows[-1].counter


def _pieces(parts: Iterable[Any]) -> Iterator[bytes]:
    """Text as bytes, in pieces that are worth sending."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        data = str(part).encode("utf-8", "replace")
        waiting.append(data)
        size += len(data)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def stdout_action(title: str) -> Action:
    """The action, of a kind of job."""
    return Action({"GET": _show}, title=f"{title} Stdout", any_format=True)
