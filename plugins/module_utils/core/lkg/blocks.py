# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration in blocks: an unindented line, and what is indented below it or ends it."""

from __future__ import annotations

import re

_START = re.compile(r"\n(?!(?:exit|end|quit)[ \t]*(?:\n|\Z))[^\s!}#]")
"""Where a block begins; a comment, or a line that only ends a block, begins none. Found fast by the line end before."""


def count(text: str) -> int:
    """How many blocks a configuration has: as many as ``split`` gives. Of thousands of lines it is asked for often."""
    lines = f"\n{text}"
    before = 0 if _START.match(lines) or not text.strip() else 1
    return before + len(_START.findall(lines))


def _starts(text: str) -> list[int]:
    """Where the blocks begin; what stands before the first of them is one as well."""
    found = [match.start() for match in _START.finditer(f"\n{text}")]
    return found if found[:1] == [0] or not text.strip() else [0, *found]


def split(text: str) -> dict[str, str]:
    """The blocks of a configuration by their first lines; those with the same first line are told apart by a number."""
    starts = _starts(text)
    found: dict[str, str] = {}
    seen: dict[str, int] = {}
    for start, end in zip(starts, [*starts[1:], len(text)]):
        line = text[start:end].partition("\n")[0]
        name = line
        while name in found:
            seen[line] = seen.get(line, 1) + 1
            name = f"{line} ({seen[line]})"
        found[name] = text[start:end]
    return found
