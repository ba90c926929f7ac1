# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small load generator: requests over kept connections, closed-loop for saturation, open-loop for latencies.

Open-loop means that requests are due at fixed moments, whether earlier ones were answered or not, and that a latency
counts from the moment a request was due: a server that stalls is not spared the requests that it would have got.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What is asked: one request, sent again and again. ``ok`` are the statuses that count as answers."""

    host: str
    port: int
    path: str
    token: str = ""
    method: str = "GET"
    body: bytes = b""
    ok: tuple[int, ...] = (200,)

    def request(self) -> bytes:
        """The request as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept: application/json"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if self.body or self.method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Measured:
    """What a load came to: latencies in seconds, and how many answers were none (errors and wrong statuses)."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency that this share of the answers stayed within, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")


class _Connection(asyncio.Protocol):
    """One kept connection; it has at most one request under way."""

    def __init__(self, target: Target, measured: Measured, idle: deque[_Connection]) -> None:
        self._request = target.request()
        self._ok = target.ok
        self._measured = measured
        self._idle = idle
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._due = 0.0
        self.busy = False
        self.again = False
        self.until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, due: float) -> None:
        """Send the request that was due at this moment."""
        self._due, self.busy = due, True
        if self._transport is not None:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        status = int(head.split(b" ", 2)[1])
        if status in self._ok:
            self._measured.latencies.append(time.perf_counter() - self._due)
        else:
            self._error(f"status {status}: {self._buffer[end + 4 : end + 204]!r}")
        self._buffer = b""
        self.busy = False
        now = time.perf_counter()
        if self.again and now < self.until:
            self.ask(now)
        else:
            self._idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self._error(f"connection lost: {exc}")
            self.busy = False

    def _error(self, text: str) -> None:
        self._measured.errors += 1
        self._measured.first_error = self._measured.first_error or text

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def _connect(target: Target, count: int, measured: Measured) -> tuple[list[_Connection], deque[_Connection]]:
    loop = asyncio.get_running_loop()
    idle: deque[_Connection] = deque()
    opened = []
    for _number in range(count):
        _transport, connection = await loop.create_connection(
            lambda: _Connection(target, measured, idle), target.host, target.port
        )
        opened.append(connection)
    idle.extend(opened)
    return opened, idle


async def _saturate(target: Target, connections: int, seconds: float) -> Measured:
    measured = Measured()
    opened, idle = await _connect(target, connections, measured)
    began = time.perf_counter()
    idle.clear()
    for one in opened:
        one.again, one.until = True, began + seconds
        one.ask(time.perf_counter())
    await asyncio.sleep(seconds)
    measured.seconds = time.perf_counter() - began
    await _drain(opened)
    return measured


async def _open_loop(target: Target, connections: int, rate: float, seconds: float) -> Measured:
    measured = Measured()
    opened, idle = await _connect(target, connections, measured)
    waiting: deque[float] = deque()
    began = time.perf_counter()
    planned = int(rate * seconds)
    sent = 0
    while sent < planned or waiting:
        now = time.perf_counter()
        if now > began + seconds + 10.0:
            break
        while sent < planned and began + sent / rate <= now:
            waiting.append(began + sent / rate)
            sent += 1
        while waiting and idle:
            idle.popleft().ask(waiting.popleft())
        await asyncio.sleep(0.001)
    measured.errors += len(waiting)
    measured.seconds = time.perf_counter() - began
    await _drain(opened)
    return measured


async def _drain(opened: list[_Connection]) -> None:
    """Give what is under way some time to be answered, then close everything."""
    deadline = time.perf_counter() + 10.0
    while any(one.busy for one in opened) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    for one in opened:
        one.close()


def saturation(target: Target, connections: int = 16, seconds: float = 4.0) -> Measured:
    """As many requests as the server answers."""
    return _run(_saturate(target, connections, seconds))


def at_rate(target: Target, connections: int, rate: float, seconds: float = 5.0) -> Measured:
    """Requests at a fixed rate over this many connections."""
    return _run(_open_loop(target, connections, rate, seconds))


def _run(load: object) -> Measured:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load)  # type: ignore[arg-type,no-any-return]
