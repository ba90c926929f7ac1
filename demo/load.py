# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that ask without pause and count what they lose.

What counts as lost is strict: a request is lost when it was begun and no complete answer with status 200 came back,
for whatever reason: another status, a refused or reset connection, a timeout, a truncated body. Nothing is asked
twice: a retry would hide a loss.

One thing is not a loss, because no request is involved: a server may close an idle keep-alive connection at any time
(RFC 9112, section 9.3). A client therefore looks, before it sends on a used connection, whether the other side has
closed it, and if so opens a new one (counted as ``reopened``). Once the first byte of a request is sent, the
connection's end counts as lost.

    python demo/load.py http://127.0.0.1:8080 --clients 16 --seconds 10
"""

from __future__ import annotations

import argparse
import collections
import http.client
import json
import select
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Optional

SPREAD = 2.0
"""As long as a slow answer takes."""


@dataclass
class Report:
    """What all clients together saw. ``lost`` holds (seconds since the start, path, reason)."""

    answered: int = 0
    slow_answered: int = 0
    reopened: int = 0
    lost: list[tuple[float, str, str]] = field(default_factory=list)
    versions: collections.Counter[str] = field(default_factory=collections.Counter)

    def reasons(self) -> dict[str, int]:
        """How often each reason for a loss was met."""
        return dict(collections.Counter(reason for _at, _path, reason in self.lost))


class Client:
    """One client: asks one path again and again, over one kept connection or a new one each time."""

    def __init__(self, address: tuple[str, int], path: str, keep_alive: bool, timeout: float) -> None:
        self.address = address
        self.path = path
        self.keep_alive = keep_alive
        self.timeout = timeout
        self.connection: Optional[http.client.HTTPConnection] = None
        self.reopened = 0

    def ask(self) -> tuple[int, bytes]:
        """One request and its complete answer: (status, body). Raises OSError or HTTPException when it is lost."""
        if self.connection is not None and self.closed_by_peer():
            self.close()
            self.reopened += 1
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=self.timeout)
        headers = {} if self.keep_alive else {"Connection": "close"}
        try:
            self.connection.request("GET", self.path, headers=headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if not self.keep_alive:
            self.close()
        return answer.status, body

    def closed_by_peer(self) -> bool:
        """Whether the idle connection is at its end: readable with no request outstanding."""
        sock = self.connection.sock if self.connection else None
        return sock is None or bool(select.select([sock], [], [], 0)[0])

    def close(self) -> None:
        """Let go of the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Load:
    """``clients`` threads: every other one keeps its connection alive, every third asks for ``/slow``.

    They begin one after another within ``SPREAD`` seconds, so that slow requests are under way at any moment.
    Use it as a context manager, or call ``start`` and ``stop``; ``report`` may be read at any time.
    """

    def __init__(self, url: str, clients: int = 16, pause: float = 0.1, timeout: float = 30.0) -> None:
        parts = urllib.parse.urlsplit(url)
        address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.pause = pause
        self.report = Report()
        self.born = time.monotonic()
        self._clients = [
            Client(address, "/slow" if number % 3 == 2 else "/", number % 2 == 0, timeout) for number in range(clients)
        ]
        self._threads = [
            threading.Thread(target=self._work, args=(one, SPREAD * number / clients), daemon=True)
            for number, one in enumerate(self._clients)
        ]
        self._lock = threading.Lock()
        self._end = threading.Event()

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to ask."""
        self.born = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> Report:
        """Finish the requests under way, ask no more, and give the final report."""
        self._end.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        return self.report

    def _work(self, client: Client, begin: float) -> None:
        self._end.wait(begin)
        while not self._end.is_set():
            try:
                status, body = client.ask()
                self._count(client, status, body)
            except (OSError, http.client.HTTPException) as error:
                self._lose(client, f"{type(error).__name__}: {error}")
            self._end.wait(self.pause)
        client.close()

    def _count(self, client: Client, status: int, body: bytes) -> None:
        if status != 200:
            self._lose(client, f"status {status}")
            return
        try:
            version = str(json.loads(body)["version"])
        except (ValueError, KeyError, TypeError):
            version = "?"
        with self._lock:
            self.report.answered += 1
            self.report.slow_answered += client.path == "/slow"
            self.report.versions[version] += 1
            self.report.reopened = sum(one.reopened for one in self._clients)

    def _lose(self, client: Client, reason: str) -> None:
        with self._lock:
            self.report.lost.append((round(time.monotonic() - self.born, 3), client.path, reason))


def main() -> int:
    """Ask for a while; 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description="Ask a service without pause and count what is lost.")
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    with Load(given.url, given.clients) as load:
        time.sleep(given.seconds)
    report = load.report
    print(f"{report.answered} answered ({report.slow_answered} slow), {len(report.lost)} lost {report.reasons()}")
    print(f"versions {dict(report.versions)}, idle connections closed by the server: {report.reopened}")
    return 1 if report.lost else 0


if __name__ == "__main__":
    sys.exit(main())
