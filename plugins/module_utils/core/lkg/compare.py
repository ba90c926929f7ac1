# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two snapshots: which items, and their lines."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, View, as_text, as_value
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import Platform, normal_items

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CONTEXT = 3


@dataclass(frozen=True)
class Change:
    """What became of one item. ``lines``: a unified diff without its two headers, secrets by their marks."""

    place: Place
    kind: str
    lines: tuple[str, ...] = ()

    @property
    def added(self) -> int:
        """How many lines came."""
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        """How many lines went."""
        return sum(line.startswith("-") for line in self.lines)

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return {**self.place._asdict(), "change": self.kind, "added": self.added, "removed": self.removed,
                "diff": list(self.lines)}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What differs. ``unread``: the sections that one side did not read, of which nothing can be said, and why."""

    changes: tuple[Change, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether everything could be compared and nothing differs."""
        return not self.changes and not self.unread

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return {"same": self.same, "changes": [each.as_data() for each in self.changes], "unread": dict(self.unread)}

    def render(self) -> list[str]:
        """As a unified diff of all items, for people."""
        said = [f"! {section} was not compared: {why}" for section, why in sorted(self.unread.items())]
        for change in self.changes:
            before = "/dev/null" if change.kind == ADDED else f"a/{change.place}"
            after = "/dev/null" if change.kind == REMOVED else f"b/{change.place}"
            said += [f"--- {before}", f"+++ {after}", *change.lines]
        return said


def compare(before: View, after: View, platform: Platform) -> Difference:
    """What must be done to ``before`` to get ``after``. Both must be of this platform.

    Digests decide whether an item has changed where both were made with the same key and rules; the texts do otherwise.
    Of a section that only one of them is about nothing can be said.
    """
    if before.platform != after.platform:
        raise HoldfastError(
            f"a snapshot of {before.platform} and one of {after.platform} cannot be compared; take two of one platform"
        )
    unread = {**_alone(before, after), **before.gaps, **after.gaps}
    by_digest = before.key == after.key and before.rules == after.rules and before.host == after.host
    changes = []
    for place in sorted(set(before.items) | set(after.items)):
        if place.section not in unread:
            old, new = before.items.get(place), after.items.get(place)
            if not (old and new and by_digest and (old.kind, old.digest) == (new.kind, new.digest)):
                changes += _change(place, _normal(before, place, platform), _normal(after, place, platform))
    return Difference(tuple(changes), unread)


def _alone(before: View, after: View) -> dict[str, str]:
    """The sections that only one of two snapshots is about, and which one."""
    there = [{*view.sections, *view.gaps} for view in (before, after)]
    return {
        **dict.fromkeys(there[0] - there[1], "only the first of the two snapshots is about it"),
        **dict.fromkeys(there[1] - there[0], "only the second of the two snapshots is about it"),
    }


def _change(place: Place, old: Optional[str], new: Optional[str]) -> list[Change]:
    if old == new:
        return []
    kind = ADDED if old is None else REMOVED if new is None else CHANGED
    return [Change(place, kind, tuple(diff(old or "", new or "")))]


def _normal(view: View, place: Place, platform: Platform) -> Optional[str]:
    """The text of an item as these rules have it, however long ago it was taken; None when it is not there."""
    item = view.items.get(place)
    if item is None:
        return None
    if view.rules == platform.rules:
        return item.text
    try:
        value = as_value(item.kind, item.text)
    except ValueError:  # a number was secret, and its mark is no JSON
        return item.text
    normal = normal_items(platform, place.section, {place.item: value})
    return as_text(normal[place.item])[1] if normal else None


def diff(before: str, after: str, context: int = CONTEXT) -> list[str]:
    """A unified diff of two texts, without headers. What both begin and end with is set aside first, as it is long."""
    start, tail = _same_lines(before, after, context)
    old, new = _lines(before[start : len(before) - tail]), _lines(after[start : len(after) - tail])
    start = before.count("\n", 0, start)
    lines = []
    for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(context):
        lines.append(f"@@ -{_range(group, 1, start)} +{_range(group, 3, start)} @@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in old[i1:i2]]
                continue
            lines += [f"-{line}" for line in old[i1:i2]]
            lines += [f"+{line}" for line in new[j1:j2]]
    return lines


def _same_lines(old: str, new: str, context: int) -> tuple[int, int]:
    """With how many characters both begin, and end: whole lines, but for so many lines around what differs."""
    limit = min(len(old), len(new))
    start = _same(limit, lambda a, b: old[a:b] == new[a:b])
    tail = _same(limit - start, lambda a, b: old[len(old) - b : len(old) - a] == new[len(new) - b : len(new) - a])
    for _line in range(context + 1):
        start = max(0, old.rfind("\n", 0, start))
    return (start + 1 if start else 0), _whole_lines(old, tail, context)


def _whole_lines(text: str, tail: int, context: int) -> int:
    """Of so many characters at its end, those that are whole lines, but for the first lines of them."""
    at = len(text) - tail
    for _line in range(context + 1):
        at = text.find("\n", at) + 1
        if not at:
            return 0
    return len(text) - at


def _same(limit: int, same: Callable[[int, int], bool]) -> int:
    """How far two texts are the same, by halves: thousands of lines are compared as a whole, and never one by one."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _lines(text: str) -> list[str]:
    """The lines of a text; one that does not end is told from one that does, as diff does it."""
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


def _range(group: Sequence[tuple[str, int, int, int, int]], at: int, offset: int) -> str:
    first, last = int(group[0][at]), int(group[-1][at + 1])
    length = last - first
    begin = first + offset + (1 if length else 0)
    return f"{begin}" if length == 1 else f"{begin},{length}"
