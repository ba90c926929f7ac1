# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a job in all its forms."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from holdfast.jobs import stdout
from holdfast.jobs.stdout import render
from hypothesis import given
from hypothesis import strategies as st

GREEN, END = "\x1b[0;32m", "\x1b[0m"
EVENTS = [
    (0, 0, ""),
    (0, 2, "\r\nPLAY [all] ****"),
    (2, 4, "\r\nTASK [hello <b>] ****"),
    (4, 7, f'{GREEN}ok: [h] => {{{END}\r\n{GREEN}    "msg": "a\\nb & c"{END}\r\n{GREEN}}}{END}'),
    (7, 11, "\r\nPLAY RECAP ****\r\nh : ok=1\r\n"),
]
LINES = [
    "\n", "PLAY [all] ****\n", "\n", "TASK [hello <b>] ****\n", f"{GREEN}ok: [h] => {{{END}\n",
    f'{GREEN}    "msg": "a\\nb & c"{END}\n', f"{GREEN}}}{END}\n", "\n", "PLAY RECAP ****\n", "h : ok=1\n", "\n",
]  # fmt: skip
ANSI = "".join(LINES)
PLAIN = ANSI.replace(GREEN, "").replace(END, "")


def body(format_: str, query: dict[str, str] | None = None, events: Iterable[Any] | None = None, **more: Any) -> Any:
    answer = render(format_, EVENTS if events is None else events, query or {}, "job_12", **more)
    return answer.body if isinstance(answer.body, dict) else "".join(answer.body)


def test_text() -> None:
    assert body("ansi") == ANSI
    assert body("txt") == PLAIN
    assert render("txt", EVENTS, {}, "job_12").media_type == "text/plain; charset=utf-8"


def test_downloads() -> None:
    for format_, text, name in (("ansi_download", ANSI, "job_12.ansi.txt"), ("txt_download", PLAIN, "job_12.txt")):
        answer = render(format_, EVENTS, {}, "job_12", total=10**9)
        assert answer.media_type == "text/plain"
        assert answer.headers == {"Content-Disposition": f'attachment; filename="{name}"'}
        assert "".join(answer.body) == text


def test_downloads_stream() -> None:
    read = []

    def events() -> Iterator[tuple[int, int, str]]:
        for number in range(1_000_000_000):
            read.append(number)
            yield number, number + 1, f"line {number}"

    lines = iter(render("txt_download", events(), {}, "job_1").body)
    assert [next(lines), next(lines)] == ["line 0\n", "line 1\n"]
    assert len(read) == 2


def test_json() -> None:
    assert body("json") == {"range": {"start": 0, "end": 11, "absolute_end": 11}, "content": ANSI}
    encoded = body("json", {"content_encoding": "base64", "content_format": "ansi"})
    assert b64decode(encoded["content"]).decode() == ANSI


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ({"start_line": "2", "end_line": "5"}, 2, 5),
        ({"start_line": "2"}, 2, 11),
        ({"end_line": "3"}, 0, 3),
        ({"start_line": "4", "end_line": "99"}, 4, 11),
        ({"start_line": "0", "end_line": "0"}, 0, 0),
        ({"start_line": "-3"}, 8, 11),
        ({"start_line": "-99"}, 0, 11),
        ({"start_line": "3", "end_line": "-2"}, 3, 9),
    ],
)
def test_ranges(query: dict[str, str], start: int, end: int) -> None:
    assert body("json", query) == {
        "range": {"start": start, "end": end, "absolute_end": 11},
        "content": "".join(LINES[start:end]),
    }


def test_a_range_beyond_the_end_is_empty() -> None:
    assert body("json", {"start_line": "50"})["content"] == ""


@given(st.integers(-15, 15), st.none() | st.integers(-15, 15))
def test_ranges_are_slices(start: int, end: int | None) -> None:
    found = stdout.limited(EVENTS, start, end)
    assert found.content == "".join(LINES[start:end])
    assert found.absolute_end == 11


def test_a_line_number_that_is_none() -> None:
    with pytest.raises(HoldfastError, match="start_line: a whole number is expected, not 'x'"):
        body("json", {"start_line": "x"})


def test_no_output_at_all() -> None:
    assert body("json", events=[]) == {"range": {"start": 0, "end": 0, "absolute_end": 0}, "content": ""}
    assert body("txt", events=[]) == ""


def test_html_is_escaped_and_coloured() -> None:
    text = body("html")
    assert text.startswith("<!DOCTYPE HTML>")
    assert "TASK [hello &lt;b&gt;] ****" in text
    assert '<span class="ansi32">ok: [h] =&gt; {</span>\n' in text
    assert "\x1b" not in text
    assert '<body class="ansi_fore ansi_back ansi_dark">' in text
    assert "ansi_dark" not in body("html", {"dark": "0"}).partition("<body")[2]


def test_a_fragment_for_a_page() -> None:
    text = body("api")
    assert text.startswith('<div class="nocode ansi_fore ansi_back">')
    assert body("api", {"dark": "1"}).startswith('<div class="nocode ansi_fore ansi_back ansi_dark">')
    assert render("api", EVENTS, {}, "x").media_type == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("\x1b[1;31mred\x1b[0m", '<span class="ansi1 ansi31">red</span>\n'),
        ("\x1b[31mred\x1b[32mgreen", '<span class="ansi31">red</span><span class="ansi32">green\n</span>'),
        ("\x1b[38;5;3mx\x1b[m", "x\n"),
        ("a\x1b[2Kb\x1b", "ab\n"),
    ],
)
def test_colours(text: str, html: str) -> None:
    assert f"<pre>{html}</pre>" in body("html", events=[(0, 1, text)])


def test_too_long_to_be_shown() -> None:
    said = "Standard Output too large to display (1048577 bytes), only download supported for sizes over 1048576 bytes."
    assert body("txt", total=1048577) == body("html", total=1048577) == said
    assert body("json", total=1048577) == {"range": {"start": 0, "end": 1, "absolute_end": 1}, "content": said}
    assert body("txt", total=1048576) == PLAIN


def test_events_of_an_ansible_below_are_left_out() -> None:
    hidden = "\x1b[KeyJ1dWlkIjoiMSJ9\x1b[16D\x1b[K"
    for format_ in ("txt", "txt_download"):
        assert body(format_, events=[(0, 1, f"a{hidden}b")]) == "ab\n"
    assert body("json", events=[(0, 1, f"a{hidden}b")])["content"] == "ab\n"
