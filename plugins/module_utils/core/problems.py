# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to say what is wrong in a document: where it stands, what is wrong, what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Callable, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

Step = Union[str, int]
DocumentPath = tuple[Step, ...]


def render_path(path: DocumentPath) -> str:
    """Write a path the way people point at YAML: ``components.web.needs[0]``; the empty path is ``(document)``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text or "(document)"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    ``path`` leads through mappings (keys) and lists (indexes) to the place; ``message`` says what is wrong and
    ``hint`` what would be right. ``file`` and ``line`` (from 1) are filled in by whoever read the file.
    """

    path: DocumentPath
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0

    def at(self, file: str, line_of: Callable[[DocumentPath], int]) -> Problem:
        """The same problem with its file and the line that ``line_of`` gives for its path."""
        return replace(self, file=file, line=line_of(self.path))

    def render(self) -> str:
        """One line for people: ``file:line: path: message (hint)``."""
        place = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{render_path(self.path)}: {self.message}{hint}"


class ProblemsFound(HoldfastError):
    """Documents were refused; ``problems`` holds every reason, in the order found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like ``word``, or None when nothing is near."""
    matches = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: the nearest known one, or all of them when nothing is near."""
    names = sorted(known)
    close = nearest(word, names)
    if close:
        return f"did you mean '{close}'?"
    return f"known: {', '.join(names)}" if names else ""
