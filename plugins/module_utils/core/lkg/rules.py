# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of what is volatile and what is secret: data, and how they are applied to a text.

A rule is a pattern with a word that must stand in a line before the pattern is tried at all, so that thousands of lines
cost little. It names the part that matters by a group: ``volatile``, or one or more whose names begin with ``secret``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

LINE, WITHIN, ANYWHERE = "line", "within", "anywhere"
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
Span = tuple[int, int]


@dataclass(frozen=True)
class Rule:
    """One rule about texts.

    ``words``: one of them must stand in the line (small letters; letter case does not matter). ``pattern``: matched
    from the beginning of a line; with ``scope`` within, searched in the line as often as it is there; anywhere, in the
    whole text. A volatile rule without a group means the whole line, or all that was found. ``example``: a line it is
    for; the tests try it. ``section``: the only section in which it holds, for all others hold files of which every
    byte counts.
    """

    words: tuple[str, ...]
    pattern: str
    example: str
    scope: str = LINE
    section: str = "*"


@dataclass(frozen=True)
class Keys:
    """A rule about data: in sections of this name, keys (paths joined by dots) that match say nothing that lasts."""

    section: str
    pattern: str
    example: str


@dataclass(frozen=True)
class Platform:
    """What must be known of a platform to compare its snapshots.

    ``terminal``: its texts come through a terminal: line ends and empty lines around them mean nothing. ``blocks``: its
    texts are configurations whose unindented lines begin a block, and each block is checked for drift by itself.
    ``open``: sections of names and versions, in which no rule looks for secrets.
    """

    name: str
    title: str
    terminal: bool = True
    blocks: bool = True
    volatile: tuple[Rule, ...] = ()
    volatile_keys: tuple[Keys, ...] = ()
    secrets: tuple[Rule, ...] = ()
    open: tuple[str, ...] = ()

    @cached_property
    def rules(self) -> str:
        """Names the volatile rules: two snapshots with the same name were normalised in the same way."""
        said = [self.terminal, self.volatile, self.volatile_keys]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a rule; letter case does not matter, and ``.`` stops at the end of a line."""
    return re.compile(pattern, re.IGNORECASE)


def _lowered(text: str) -> str:
    """The text with small letters where they are ASCII: as long as before, which ``lower`` does not promise."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _lines_with(word: str, lowered: str) -> Iterator[Span]:
    """The lines in which a word stands, without their ends."""
    at = lowered.find(word)
    while at >= 0:
        start = lowered.rfind("\n", 0, at) + 1
        end = lowered.find("\n", at)
        end = len(lowered) if end < 0 else end
        yield start, end
        at = lowered.find(word, end)


def _found(rules: Iterable[Rule], section: str, text: str) -> Iterator[tuple[Rule, int, re.Match[str]]]:
    """Every place where a rule holds: the rule, by how much the positions of its match must be moved, and the match."""
    lowered = _lowered(text)
    lines: dict[str, list[Span]] = {}
    for rule in rules:
        if rule.section not in ("*", section):
            continue
        pattern = compiled(rule.pattern)
        for word in rule.words:
            if word not in lines:
                lines[word] = list(_lines_with(word, lowered))
        if rule.scope == ANYWHERE:
            if any(lines[word] for word in rule.words):
                yield from ((rule, 0, match) for match in pattern.finditer(text))
            continue
        for start, end in {span for word in rule.words for span in lines[word]}:
            if rule.scope == WITHIN:
                yield from ((rule, start, match) for match in pattern.finditer(text[start:end]))
                continue
            whole = pattern.match(text[start:end])
            if whole is not None:
                yield rule, start, whole


def secret_spans(platform: Platform, section: str, text: str) -> list[Span]:
    """Where the rules of a platform find secrets in a text; a span may lie within another."""
    spans = []
    for _rule, offset, match in _found(() if section in platform.open else platform.secrets, section, text):
        for name, value in match.groupdict().items():
            if value and name.startswith("secret"):
                spans.append((offset + match.start(name), offset + match.end(name)))
    return spans


def _volatile_spans(rules: Iterable[Rule], section: str, text: str) -> list[Span]:
    return [_volatile_span(rule, offset, match, len(text)) for rule, offset, match in _found(rules, section, text)]


def _volatile_span(rule: Rule, offset: int, match: re.Match[str], length: int) -> Span:
    """What of a match is volatile: the group of this name, else all of it; a line with its end, if it matches whole."""
    if "volatile" in match.re.groupindex:
        start, end = match.span("volatile")
    elif rule.scope == LINE and match.end() < len(match.string):
        start = end = -1
    else:
        start, end = match.span()
        end += 1 if rule.scope == LINE and offset + end < length else 0
    return (offset + start, offset + end) if start >= 0 else (0, 0)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif end > start:
            found.append((start, end))
    return found


def without(text: str, spans: Sequence[Span]) -> str:
    """A text without these parts of it."""
    kept, at = [], 0
    for start, end in merged(spans):
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]])


def normal_text(platform: Platform, section: str, text: str) -> str:
    """A text without what changes by itself. Doing it again changes nothing."""
    while True:
        if platform.terminal:
            text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
            text = f"{text}\n" if text else ""
        shorter = without(text, _volatile_spans(platform.volatile, section, text))
        if shorter == text:
            return text
        text = shorter


def _pruned(value: Any, patterns: Sequence[re.Pattern[str]], path: str) -> Any:
    if isinstance(value, Mapping):
        kept = {}
        for key, inner in value.items():
            here = f"{path}.{key}" if path else str(key)
            if not any(pattern.fullmatch(here) for pattern in patterns):
                kept[key] = _pruned(inner, patterns, here)
        return kept
    if isinstance(value, (list, tuple)):
        return [_pruned(inner, patterns, path) for inner in value]
    return value


def normal_items(platform: Platform, section: str, items: Mapping[str, Any]) -> dict[str, Any]:
    """The items of a section without what changes by itself; an item whose whole name says so is left out."""
    patterns = [compiled(keys.pattern) for keys in platform.volatile_keys if keys.section in ("*", section)]
    found = {}
    for name, value in items.items():
        if not any(pattern.fullmatch(name) for pattern in patterns):
            found[name] = (
                normal_text(platform, section, value) if isinstance(value, str) else _pruned(value, patterns, name)
            )
    return found


def plus(platform: Platform, volatile: Sequence[Rule] = (), secrets: Sequence[Rule] = ()) -> Platform:
    """A platform with more rules."""
    return replace(platform, volatile=(*platform.volatile, *volatile), secrets=(*platform.secrets, *secrets))
