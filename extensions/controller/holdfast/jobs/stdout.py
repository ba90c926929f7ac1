# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a job in every form that AWX gives it, made from the output of its events.

Everything here takes the events' (start_line, end_line, stdout) in the order of their counters, and reads them once:
downloads of any length stream. What is shown rather than downloaded has a greatest length.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

from holdfast.jobs.stdout_html import fragment, page, to_html

Events = Iterable[tuple[int, int, str]]

FORMATS = ("api", "html", "txt", "ansi", "json", "txt_download", "ansi_download")
"""The values of ``format=``, in AWX's order of preference."""
MAX_SHOWN = 1_048_576
"""Characters of output that are shown; a longer one can only be downloaded."""
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_EVENT_DATA = re.compile(r"\x1b\[K(?:[A-Za-z0-9+/=]+\x1b\[\d+D)+\x1b\[K")
"""Events of an ansible-runner below this one, hidden in what its play said."""
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Answer(NamedTuple):
    """An answer to be sent: ``body`` is text in pieces, or an object for JSON."""

    media_type: str
    headers: Mapping[str, str]
    body: Iterable[str] | Mapping[str, Any]


class Range(NamedTuple):
    """Some lines of an output, counted from 0; ``absolute_end`` is how many there are in all."""

    content: str
    start: int
    end: int
    absolute_end: int


def lines(events: Events) -> Iterator[str]:
    """The output line by line, each with its newline, coloured as the play wrote it."""
    for _start, _end, stdout in events:
        if stdout:
            yield from (f"{line}\n" for line in stdout.replace("\r\n", "\n").split("\n"))


def without_escapes(text: str) -> str:
    """Text without colours and hidden events."""
    return _SEQUENCE.sub("", _EVENT_DATA.sub("", text))


def limited(events: Events, start: int = 0, end: int | None = None) -> Range:
    """The lines from ``start`` to before ``end``; a negative ``start`` counts from the end, as in a slice of a list."""
    kept: deque[tuple[int, str]] = deque(maxlen=-start if start < 0 else None)
    total = 0
    for number, line in enumerate(lines(events)):
        total = number + 1
        if start < 0 or (start <= number and (end is None or end < 0 or number < end)):
            kept.append((number, line))
    last = total if end is None else end if end >= 0 else total + end
    content = "".join(line for number, line in kept if number < last)
    if start < 0:
        return Range(content, max(total + start, 0), total, total)
    return Range(content, start, min(max(last, 0), total), total)


def render(format_: str, events: Events, query: Mapping[str, str], name: str, total: int | None = None) -> Answer:
    """The output in one of FORMATS.

    ``query``: ``start_line``, ``end_line``, ``content_encoding`` and ``dark`` as the client sent them. ``name`` is
    that of a download ("job_12"). ``total`` is the length of all output; without it nothing is too long to be shown.
    Raises HoldfastError for a line number that is none.
    """
    if format_.endswith("_download"):
        return _download(format_, events, name)
    if total is not None and total > MAX_SHOWN:
        return _too_long(format_, total)
    if format_ == "ansi":
        return Answer(_TEXT, {}, lines(events))
    if format_ == "txt":
        return Answer(_TEXT, {}, map(without_escapes, lines(events)))
    end = query.get("end_line")
    found = limited(events, _number(query, "start_line"), None if end is None else _number(query, "end_line"))
    content = _EVENT_DATA.sub("", found.content)
    if format_ == "json":
        if query.get("content_encoding") == "base64":
            content = b64encode(content.encode("utf-8", "replace")).decode("ascii")
        return Answer("application/json", {}, _ranged(content, found.start, found.end, found.absolute_end))
    wish = query.get("dark", "")
    dark = wish[:1].lower() in ("1", "t", "y") if wish or format_ == "api" else True
    body = to_html(html.escape(content))
    return Answer(_HTML, {}, [fragment(body, dark) if format_ == "api" else page(body, dark)])


def _download(format_: str, events: Events, name: str) -> Answer:
    plain = format_ == "txt_download"
    headers = {"Content-Disposition": f'attachment; filename="{name}{"" if plain else ".ansi"}.txt"'}
    return Answer("text/plain", headers, map(without_escapes, lines(events)) if plain else lines(events))


def _too_long(format_: str, total: int) -> Answer:
    said = (
        f"Standard Output too large to display ({total} bytes), "
        f"only download supported for sizes over {MAX_SHOWN} bytes."
    )
    if format_ == "json":
        return Answer("application/json", {}, _ranged(said, 0, 1, 1))
    return Answer(_HTML if format_ in ("api", "html") else _TEXT, {}, [said])


def _ranged(content: str, start: int, end: int, absolute_end: int) -> dict[str, Any]:
    return {"range": {"start": start, "end": end, "absolute_end": absolute_end}, "content": content}


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    try:
        return int(text)
    except ValueError:
        raise HoldfastError(f"{name}: a whole number is expected, not {text!r}") from None
