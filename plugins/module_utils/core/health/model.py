# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a health probe is and what one attempt of it saw, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Optional

HTTP, TCP, COMMAND = "http", "tcp", "command"
KINDS = (HTTP, TCP, COMMAND)
DEFAULT_STATUS: Mapping[str, tuple[int, ...]] = {HTTP: (200,), TCP: (), COMMAND: (0,)}
BODY_LIMIT = 1024 * 1024  # bytes of an answer that whoever does the I/O should read at most
_USER_IN_URL = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class Probe:
    """One health probe.

    ``kind``: http (``url``, ``method``, ``headers``, ``request_body``), tcp (``host``, ``port``) or command (``argv``).

    What a good answer is: ``status`` (HTTP status or exit code; empty: 200, or 0 for a command), ``body_contains``,
    ``body_regex`` (found anywhere), ``json`` (path such as ``checks.db.state`` or ``nodes.0.up`` to the expected
    value), ``max_latency`` (seconds). For a command the body is what it wrote.

    When attempts end: ``retries`` is the number of attempts in total, the first one included. ``delay`` (seconds)
    passes between two attempts, ``timeout`` (seconds) limits each. ``success_threshold`` good answers in a row make it
    healthy; ``failure_threshold`` bad ones in a row make it unhealthy (None: ``retries``), and so does running out of
    attempts.
    """

    name: str
    kind: str = HTTP
    url: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    request_body: str = ""
    host: str = ""
    port: int = 0
    argv: tuple[str, ...] = ()
    status: tuple[int, ...] = ()
    body_contains: str = ""
    body_regex: str = ""
    json: Mapping[str, Any] = field(default_factory=dict)
    max_latency: Optional[float] = None
    timeout: float = 5.0
    retries: int = 5
    delay: float = 10.0
    success_threshold: int = 1
    failure_threshold: Optional[int] = None

    @property
    def expected_status(self) -> tuple[int, ...]:
        """The status values that are good: the probe's own, else those of its kind (none for tcp)."""
        return self.status or DEFAULT_STATUS.get(self.kind, ())

    @property
    def failures_to_end(self) -> int:
        """How many bad answers in a row make it unhealthy."""
        return self.retries if self.failure_threshold is None else self.failure_threshold

    @property
    def target(self) -> str:
        """What is asked, for people; a user and password in the URL are left out."""
        if self.kind == HTTP:
            return f"{self.method} {_USER_IN_URL.sub('//', self.url)}"
        return f"tcp {self.host}:{self.port}" if self.kind == TCP else f"command {' '.join(self.argv)}"


@dataclass(frozen=True)
class Observation:
    """What one attempt saw.

    ``ok``: an answer came at all (connected, or the command ran); without one, ``error`` says why. ``status``: HTTP
    status or exit code. ``latency``: seconds until the answer was complete, None when it was not measured.
    """

    ok: bool
    status: Optional[int] = None
    body: str = ""
    latency: Optional[float] = None
    error: str = ""


def probe_from(data: Mapping[str, Any], **defaults: Any) -> Probe:
    """A Probe from a mapping of its fields; keys that are absent or None take ``defaults``, then the Probe's own.

    Lists become tuples. Raises ValueError for an unknown key or a missing name. The types are the caller's business
    (an argument spec); the meaning is judged by ``rules.check_probe``.
    """
    known = {each.name for each in fields(Probe)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"a probe has no '{unknown[0]}'; it has {', '.join(sorted(known))}")
    given = {key: value for key, value in data.items() if value is not None}
    merged = {**{key: value for key, value in defaults.items() if value is not None}, **given}
    if not merged.get("name"):
        raise ValueError("a probe needs a name")
    for key in ("argv", "status"):
        if key in merged:
            merged[key] = tuple(merged[key])
    return Probe(**merged)
