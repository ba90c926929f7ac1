# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration in blocks: an unindented line, and what is indented below it or ends it."""

from __future__ import annotations

import re

_START = re.compile(r"^(?!(?:!|\}|\};|#|exit|end|quit)[ \t]*$)[^\s]", re.MULTILINE)
"""Where a block begins; a line that only ends one, or sets two apart, begins none."""


def count(text: str) -> int:
    """How many blocks a configuration has."""
    starts = len(_START.findall(text))
    return starts + (1 if text.strip() and not _START.match(text) else 0)


def split(text: str) -> dict[str, str]:
    """The blocks of a configuration by their first lines; those with the same first line are told apart by a number."""
    starts = [found.start() for found in _START.finditer(text)]
    if text.strip() and starts[:1] != [0]:
        starts.insert(0, 0)
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
