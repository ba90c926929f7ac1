# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP around the API: requests become calls, replies become responses; kept answers go out at once.

An ASGI application that is mounted below ``/api/``. Requests are answered in threads, as the database is asked there;
an answer that is kept needs none.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import anyio
import anyio.to_thread
import orjson

from holdfast import __version__
from holdfast.api import dispatch
from holdfast.api.cache import Answers
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError
from holdfast.auth import csrf, signin
from holdfast.context import Controller
from holdfast.db.base import reads

log = logging.getLogger("holdfast.http")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
PREFIXES = ("/api/v2/", "/api/controller/v2/")
PRODUCT = ((b"x-api-product-name", b"AWX"), (b"x-api-product-version", b"24.6.1"))
THREADS = 12
"""Requests answered at the same time; more would only stand in each other's way for one interpreter."""
WRONG_TYPE = (
    "You did not use correct Content-Type in your HTTP request. If you are using our REST API, the Content-Type must "
    "be application/json"
)
_CREDENTIALS = (b"authorization", b"cookie")


class Api:
    """The API as an ASGI application. ``observe(method, route, status, seconds)`` is told of every answer."""

    def __init__(self, controller: Controller, observe: Callable[[str, str, int, float], None]) -> None:
        self._controller = controller
        self._observe = observe
        self._answers = Answers(controller.database.generations)
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        key = _key(scope)
        kept = self._answers.get(key) if key is not None else None
        if kept is not None:
            request_id = secrets.token_hex(16)
            await _send(send, kept.status, [*kept.headers, (b"x-request-id", request_id.encode())], kept.body)
            self._observe("GET", scope["path"], kept.status, time.perf_counter() - began)
            return
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        try:
            body = await _read_body(scope, receive, self._controller.settings.max_body)
        except ApiError as error:
            reply, request_id = Reply(error.status, error.body), secrets.token_hex(16)
            status, headers, content = _response(reply, request_id)
            await _send(send, status, headers, content)
            return
        status, headers, stream = await anyio.to_thread.run_sync(self._answer, scope, body, key, limiter=self._limiter)
        await _send_stream(send, status, headers, stream)
        self._observe(scope["method"], scope["path"], status, time.perf_counter() - began)

    def _answer(self, scope: Scope, body: bytes, key: Any) -> tuple[int, list[tuple[bytes, bytes]], Any]:
        """The answer, made in a thread."""
        request_id = secrets.token_hex(16)
        generations = self._controller.database.generations
        before = generations.snapshot()
        seen: set[str] = set()
        token = reads.set(seen)
        try:
            reply, keep = self._reply(scope, body, request_id)
        except Exception:
            log.exception("request %s %s failed (%s)", scope["method"], scope["path"], request_id)
            reply, keep = Reply(500, {"detail": "Internal error.", "request_id": request_id}), False
        finally:
            reads.reset(token)
        status, headers, content = _response(reply, request_id)
        if key is not None and keep and status == 200 and isinstance(content, bytes):
            tables = frozenset(seen)
            state = tuple(before.get(table, 0) for table in tables)
            kept_headers = tuple(pair for pair in headers if pair[0] not in (b"x-request-id", b"set-cookie"))
            self._answers.put(key, status, kept_headers, content, tables, state)
        return status, headers, content

    def _reply(self, scope: Scope, body: bytes, request_id: str) -> tuple[Reply, bool]:
        path, method = scope["path"], scope["method"]
        prefix = next((one for one in PREFIXES if path.startswith(one)), "/api/")
        parts = [part for part in _segments(scope, prefix) if part]
        if not path.endswith("/"):
            query = scope["query_string"].decode("latin-1")
            if method in dispatch.SAFE:
                location = path + "/" + (f"?{query}" if query else "")
                return Reply(301, b"", {"Location": location}, "text/html; charset=utf-8"), False
        database = self._controller.database
        writes = method not in dispatch.SAFE
        call = Call(
            controller=self._controller,
            method=method,
            path=path,
            prefix=prefix if prefix != "/api/" else "/api/v2/",
            query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            raw_body=body,
            session=None,  # type: ignore[arg-type]
            client=(scope.get("client") or ("", 0))[0],
            secure=scope.get("scheme") == "https",
            request_id=request_id,
        )
        root = "api" if prefix == "/api/" else "v2"
        # Signing in may take a slow hash, so it is done before the database is taken for writing.
        with database.reading() as session:
            call.session = session
            try:
                signin.sign_in(call)
                csrf.check(call)
            except ApiError as error:
                reply = Reply(error.status, error.body, dict(error.headers))
                return reply, False
            if not writes or not dispatch.in_transaction(call, root, parts):
                return dispatch.answer(call, root, parts), call.keep
        with database.writing() as session:
            call.session = session
            if call.user is not None:
                call.user = session.merge(call.user, load=False)
            return dispatch.answer(call, root, parts), False


def _segments(scope: Scope, prefix: str) -> Iterable[str]:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.split(b"?", 1)[0].decode("latin-1")
    return (unquote(part) for part in path[len(prefix) :].split("/"))


def _key(scope: Scope) -> Any:
    """What an answer is kept under; None where none is."""
    if scope["method"] != "GET":
        return None
    found = {name: value for name, value in scope["headers"] if name in _CREDENTIALS or name == b"accept"}
    return (
        scope.get("raw_path") or scope["path"],
        scope["query_string"],
        found.get(b"authorization"),
        found.get(b"cookie"),
        found.get(b"accept"),
    )


async def _read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return b""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError("The client went away.", 499)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise ApiError(f"The body is larger than {most} bytes.", 413)
        if not message.get("more_body"):
            return b"".join(parts)


def _response(reply: Reply, request_id: str) -> tuple[int, list[tuple[bytes, bytes]], Any]:
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    headers.extend(((b"x-request-id", request_id.encode()), *PRODUCT, (b"vary", b"Accept, Authorization, Cookie")))
    content: Any = b""
    if reply.stream is not None:
        content = reply.stream
        headers.append((b"content-type", reply.content_type.encode()))
    elif isinstance(reply.body, bytes):
        content = reply.body
        headers.append((b"content-type", reply.content_type.encode()))
    elif reply.body is not None:
        content = orjson.dumps(reply.body, default=str, option=orjson.OPT_NON_STR_KEYS)
        headers.append((b"content-type", b"application/json"))
    for cookie in reply.cookies:
        headers.append((b"set-cookie", cookie.encode("latin-1")))
    return reply.status, headers, content


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": content})


async def _send_stream(send: Send, status: int, headers: list[tuple[bytes, bytes]], content: Any) -> None:
    if isinstance(content, bytes):
        await _send(send, status, headers, content)
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    pieces = iter(content)
    while (piece := await anyio.to_thread.run_sync(next, pieces, None)) is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
