# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Coloured output as HTML: every colour is a class, named by its number (``ansi32`` is green)."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(r"\x1b(?:\[([0-9;]*)([A-Za-z]))?")
_STYLES = frozenset((1, 3, 4, 9, *range(30, 38), *range(40, 48)))
_PALETTE = ("#23272e", "#c9372c", "#3f8f3f", "#b98900", "#2f6fb0", "#a8459f", "#1f9aa0", "#f4f4f4")
_CSS = "\n".join(
    (
        ".ansi_fore { color: #151515; } .ansi_back { background-color: #fafafa; }",
        ".ansi_fore.ansi_dark { color: #b8b8b8; } .ansi_back.ansi_dark { background-color: #0b0b0b; }",
        ".ansi1 { font-weight: bold; } .ansi3 { font-style: italic; }",
        ".ansi4 { text-decoration: underline; } .ansi9 { text-decoration: line-through; }",
        *(
            f".ansi{30 + i} {{ color: {c}; }} .ansi{40 + i} {{ background-color: {c}; }}"
            for i, c in enumerate(_PALETTE)
        ),
        "body.ansi_back pre { font-family: monospace; font-size: 12px; }",
    )
)


def to_html(escaped: str) -> str:
    """Text that is escaped for HTML, with its colours as spans and all other sequences left out."""
    pieces, opened, place = [], False, 0
    for match in _SEQUENCE.finditer(escaped):
        pieces.append(escaped[place : match.start()])
        place = match.end()
        if match[2] != "m":
            continue
        if opened:
            pieces.append("</span>")
        classes = _classes(match[1])
        opened = bool(classes)
        if classes:
            pieces.append(f'<span class="{classes}">')
    return "".join((*pieces, escaped[place:], "</span>" if opened else ""))


def _classes(codes: str) -> str:
    """The classes of a sequence such as ``0;32``; "" when it ends all colours, or names none of these."""
    found: list[str] = []
    for code in filter(None, codes.split(";")):
        number = int(code)
        if number in (38, 48):  # a colour of a larger palette; its numbers follow
            break
        found = found if number else []
        if number in _STYLES:
            found.append(f"ansi{number}")
    return " ".join(found)


def fragment(body: str, dark: bool) -> str:
    """The output as a part of a page."""
    return (
        f'<div class="nocode ansi_fore ansi_back{_dark(dark)}"><style type="text/css">\n{_CSS}\n</style>{body}\n</div>'
    )


def page(body: str, dark: bool) -> str:
    """The output as a page of its own."""
    return (
        '<!DOCTYPE HTML>\n<html>\n<head>\n<meta charset="utf-8">\n<title>Job Stdout</title>\n'
        f'<style type="text/css">\n{_CSS}\n</style>\n</head>\n'
        f'<body class="ansi_fore ansi_back{_dark(dark)}">\n<pre>{body}</pre>\n</body>\n</html>'
    )


def _dark(dark: bool) -> str:
    return " ansi_dark" if dark else ""
