# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP around the API: requests become calls, replies become responses; kept answers go out at once.

An ASGI application that is mounted below ``/api/``. Requests are answered in threads, as the database is asked there;
an answer that is kept needs none.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import anyio
import anyio.to_thread
import orjson

from holdfast.api import dispatch, html
from holdfast.api.cache import Answers
from holdfast.api.call import Call, Reply
from holdfast.api.errors import ApiError, NotSignedIn
from holdfast.auth import csrf, signin
from holdfast.context import Controller
from holdfast.db.base import reads
from holdfast.db.models import User

log = logging.getLogger("holdfast.http")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
PREFIXES = ("/api/v2/", "/api/controller/v2/")
Response = tuple[int, list[tuple[bytes, bytes]], Any]
PRODUCT = (b"x-api-product-name", b"AWX")
AWX_VERSION = "24.6.1"
"""Clients compare the major version. Nobody is told it without signing in."""
GONE = Reply(499, {"detail": "The client went away."})
THREADS = 12
"""Requests answered at the same time; more would only stand in each other's way for one interpreter."""
WRONG_TYPE = (
    "You did not use correct Content-Type in your HTTP request. If you are using our REST API, the Content-Type must "
    "be application/json"
)
LONGEST_KEY = 4096
"""Whoever sends more than this to tell one answer from others has it made anew each time: the keys need memory too."""
_CREDENTIALS = (b"authorization", b"cookie")


class Api:
    """The API as an ASGI application. ``observe(method, route, status, seconds)`` is told of every answer."""

    def __init__(self, controller: Controller, observe: Callable[[str, str, int, float], None]) -> None:
        self._controller = controller
        self._observe = observe
        self._answers = Answers(controller.database.generations)
        self._limiter: anyio.CapacityLimiter | None = None
        self._behind_tls = controller.settings.base_url.startswith("https:")

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
        try:
            body = await _read_body(scope, receive, self._controller.settings.max_body)
        except ApiError as error:
            status, headers, content = _response(Reply(error.status, error.body), secrets.token_hex(16))
        else:
            status, headers, content = await self._in_thread(scope, receive, body, key)
        await _send_stream(send, status, headers, content)
        self._observe(scope["method"], scope["path"], status, time.perf_counter() - began)

    async def _in_thread(self, scope: Scope, receive: Receive, body: bytes, key: Any) -> Response:
        """The answer, made in a thread; one that changes something hears meanwhile when the client goes away."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        gone = threading.Event()
        if scope["method"] in dispatch.SAFE:
            return await anyio.to_thread.run_sync(self._answer, scope, body, key, gone, limiter=self._limiter)
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, receive, gone)
            answer = await anyio.to_thread.run_sync(self._answer, scope, body, key, gone, limiter=self._limiter)
            group.cancel_scope.cancel()
        return answer

    def _answer(self, scope: Scope, body: bytes, key: Any, gone: threading.Event) -> Response:
        """The answer, made in a thread."""
        request_id = secrets.token_hex(16)
        generations = self._controller.database.generations
        before = generations.snapshot()
        seen: set[str] = set()
        token = reads.set(seen)
        try:
            reply, keep = self._reply(scope, body, request_id, gone)
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

    def _reply(self, scope: Scope, body: bytes, request_id: str, gone: threading.Event) -> tuple[Reply, bool]:
        path, method = scope["path"], scope["method"]
        prefix = next((one for one in PREFIXES if f"{path}/".startswith(one)), "/api/")
        query = scope["query_string"].decode("utf-8", "replace")
        if not path.endswith("/") and method in dispatch.SAFE:
            location = quote(path, safe="/:+[]@") + "/" + (f"?{query}" if query else "")
            return Reply(301, b"", {"Location": location}, html.CONTENT_TYPE), False
        call = Call(
            controller=self._controller,
            method=method,
            path=path,
            prefix=prefix if prefix != "/api/" else "/api/v2/",
            query=parse_qsl(query, keep_blank_values=True),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            raw_body=body,
            session=None,  # type: ignore[arg-type]
            client=(scope.get("client") or ("", 0))[0],
            secure=scope.get("scheme") == "https" or self._behind_tls,
            request_id=request_id,
        )
        root = "api" if prefix == "/api/" else "v2"
        parts = [part for part in _segments(scope, prefix) if part]
        reply = self._routed(call, root, parts, gone)
        if call.user is not None:
            reply.headers.setdefault("X-API-Product-Version", AWX_VERSION)
        return _as_page(call, reply), call.keep and method == "GET"

    def _routed(self, call: Call, root: str, parts: list[str], gone: threading.Event) -> Reply:
        """The reply of whatever is at a path; what changes something is done in a transaction of its own."""
        database = self._controller.database
        # Signing in may take a slow hash, so it is done before the database is taken for writing.
        with database.reading() as session:
            call.session = session
            try:
                signin.sign_in(call)
                csrf.check(call)
                if root == "v2":
                    check_type(call)
            except ApiError as error:
                return dispatch.refused(call, root, parts, error)
            if call.method in dispatch.SAFE:
                return dispatch.answer(call, root, parts)
            if gone.is_set():
                return GONE
            if not dispatch.in_transaction(call, root, parts):
                return dispatch.answer(call, root, parts)
        with database.writing() as session:
            if gone.is_set():  # it may have waited long for its turn
                return GONE
            call.session = session
            if call.user is not None:
                # Meanwhile somebody may have taken rights away.
                call.user = session.get(User, call.user.id)
                if call.user is None or not call.user.is_active:
                    return dispatch.refused(call, root, parts, NotSignedIn())
            return dispatch.answer(call, root, parts)


def check_type(call: Call) -> None:
    """Raise ApiError for a body that says it is no JSON."""
    if call.method in ("POST", "PUT", "PATCH") and call.raw_body:
        kind = call.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind and kind != "application/json":
            raise ApiError(WRONG_TYPE, 415)


def _as_page(call: Call, reply: Reply) -> Reply:
    """The reply for people, where the client is a browser that looks at data."""
    if isinstance(reply.body, bytes) or reply.stream is not None:
        return reply
    if not html.wanted(call.headers.get("accept", ""), call.get("format")):
        return reply
    shown = html.page(call.method, call.path, reply.status, reply.body, reply.headers.get("Allow", ""))
    return replace(reply, body=shown, content_type=html.CONTENT_TYPE)


async def _watch(receive: Receive, gone: threading.Event) -> None:
    """Wait for the client to go away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _segments(scope: Scope, prefix: str) -> Iterable[str]:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.split(b"?", 1)[0].decode("latin-1")
    return (unquote(part) for part in path[len(prefix) :].split("/"))


def _key(scope: Scope) -> Any:
    """What an answer is kept under; None where none is."""
    if scope["method"] != "GET":
        return None
    found = {name: value for name, value in scope["headers"] if name in _CREDENTIALS or name == b"accept"}
    if len(scope["query_string"]) + len(scope["path"]) + sum(map(len, found.values())) > LONGEST_KEY:
        return None
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


def _response(reply: Reply, request_id: str) -> Response:
    headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    headers.extend(((b"x-request-id", request_id.encode()), PRODUCT, (b"vary", b"Accept, Authorization, Cookie")))
    content: Any = b""
    if reply.stream is not None:
        content = reply.stream
        headers.append((b"content-type", reply.content_type.encode()))
    elif isinstance(reply.body, bytes):
        content = reply.body
        headers.append((b"content-type", reply.content_type.encode()))
    elif reply.body is not None:
        content = _json(reply.body)
        headers.append((b"content-type", b"application/json"))
    for cookie in reply.cookies:
        headers.append((b"set-cookie", cookie.encode("latin-1")))
    return reply.status, headers, content


def _json(body: Any) -> bytes:
    try:
        return orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # numbers of more than 64 bits, deep structures
        return json.dumps(body, default=str).encode()


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
