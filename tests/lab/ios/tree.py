# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration: lines, and the lines below them; applied one by one, shown, written and replaced."""

from __future__ import annotations

import base64
import copy
import hashlib
import re

from . import grammar
from .grammar import GLOBAL, ORDERED, PHYSICAL, NotModelled, Refused

ETX = "\x03"
"""Around the text of a banner; IOS keeps it so in files, and shows it as two characters, ``^C``."""

Lines = dict[str, list[str]]


class Configuration:
    """What is configured. ``lines``: every line of the global mode, and those below it; there are two levels.

    ``stuck``: patterns of lines that cannot be taken away, as some of real IOS cannot without a reload.
    """

    def __init__(self, text: str = "", stuck: tuple[str, ...] = ()) -> None:
        self.lines: Lines = {}
        self.stuck = stuck
        for name in PHYSICAL:
            self.lines[f"interface {name}"] = []
        for context, line in statements(text):
            self.apply(context, line)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self.text() == other.text()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def copy(self) -> Configuration:
        """The same again, for itself."""
        made = Configuration(stuck=self.stuck)
        made.lines = copy.deepcopy(self.lines)
        return made

    @property
    def hostname(self) -> str:
        """What prompts begin with."""
        return next((line.split()[1] for line in self.lines if line.startswith("hostname ")), "Router")

    def below(self, line: str) -> list[str]:
        """The lines below a line; none when it is not there."""
        return self.lines.get(line, [])

    def has(self, line: str) -> bool:
        """Whether a global line is there."""
        return line in self.lines

    # --- applying ------------------------------------------------------------------------------------------------

    def apply(self, context: str, line: str) -> str:
        """Apply one line in a context ("" for the global mode, else the line that opened it); returns the next one.

        Raises Refused with what IOS says, or NotModelled.
        """
        line = grammar.canonical(line)
        negative = line.startswith("no ")
        body = line[3:] if negative else line
        mode = self.mode(context)
        if context and not grammar.belongs(mode, body, negative):
            # As on IOS, a command that the submode does not have is looked for in the global one.
            context, mode = "", GLOBAL
        if mode == GLOBAL:
            return self._apply_global(body, negative)
        if negative:
            self.lines[context] = self._without(mode, self.lines[context], body)
        else:
            self.lines[context] = self._with(mode, self.lines[context], body)
        return context

    @staticmethod
    def mode(context: str) -> str:
        """The mode that a context is in."""
        return grammar.known(GLOBAL, context)[0].mode if context else GLOBAL

    def _apply_global(self, body: str, negative: bool) -> str:
        if negative:
            self._remove_global(body)
            return ""
        body = _stored(body)
        command, _key = grammar.known(GLOBAL, body)
        if command.mode:
            name = body.removeprefix("interface ")
            if name.startswith("GigabitEthernet") and name not in PHYSICAL:
                raise Refused("% Invalid input detected at '^' marker.")
            self.lines.setdefault(body, [])
            return body
        found = self._with(GLOBAL, list(self.lines), body)
        self.lines = {each: self.lines.get(each, []) for each in found}
        return ""

    def _remove_global(self, body: str) -> None:
        if body in self.lines and self.mode(body):
            if body.removeprefix("interface ") in PHYSICAL:
                raise Refused("% Removal of physical interfaces is not permitted")
            self._hold(body)
            del self.lines[body]
            return
        found = self._without(GLOBAL, list(self.lines), body)
        self.lines = {each: self.lines.get(each, []) for each in found}

    def _with(self, mode: str, lines: list[str], body: str) -> list[str]:
        command, key = grammar.known(mode, body)
        if key == "switchport trunk allowed vlan":
            body = _allowed(lines, body)
        if command.shown and body == key and key in ("switchport", "cdp enable", "cdp run"):
            return [each for each in lines if each != f"no {key}"]  # the default, which is not shown
        if body in lines:
            return lines
        kept = [each for each in lines if mode in ORDERED or not _same_key(mode, each, key)]
        return [*kept, body]

    def _without(self, mode: str, lines: list[str], body: str) -> list[str]:
        gone = [each for each in lines if each == body or each.startswith(f"{body} ")]
        for each in gone:
            self._hold(each)
        left = [each for each in lines if each not in gone]
        for command in grammar.COMMANDS[mode]:
            if command.shown and (match := _shown(command, body)):
                return [each for each in left if each != f"no {match}"] + [f"no {match}"]
        if not gone and not grammar.belongs(mode, body, True):
            raise NotModelled(f"the command 'no {body}' in the mode {mode}")
        return left

    def _hold(self, line: str) -> None:
        if any(re.search(pattern, line) for pattern in self.stuck):
            raise Refused(f"% Cannot remove '{line}' from the running configuration without a reload")

    # --- being shown ---------------------------------------------------------------------------------------------

    def text(self, banners: str = ETX) -> str:
        """The configuration as IOS writes it into a file; with ``banners`` "^C" as it shows it."""
        said = []
        for line in sorted(self.lines, key=lambda each: grammar.order(GLOBAL, each)):
            opens = not line.startswith("no ") and bool(grammar.known(GLOBAL, line)[0].mode)
            said.append(line.replace(ETX, banners))
            mode = self.mode(line) if opens else GLOBAL
            below = self.lines[line]
            if mode not in ORDERED:
                below = sorted(below, key=lambda each, mode=mode: grammar.order(mode, each))  # type: ignore[misc]
            said += [f" {each}" for each in below]
            if mode == "if" and _routed(line, below) and not any(each.startswith("ip address ") for each in below):
                said.append(" no ip address")
            if opens:
                said.append("!")
        return "\n".join([*said, "!", "end", ""])


def _routed(interface: str, below: list[str]) -> bool:
    """Whether an interface could have an address; IOS shows "no ip address" where it has none."""
    return "no switchport" in below or not interface.startswith(("interface GigabitEthernet", "interface Port"))


def statements(text: str) -> list[tuple[str, str]]:
    """The lines of a file with the contexts they stand in; a banner, however many lines it has, is one."""
    found: list[tuple[str, str]] = []
    context = ""
    rest = text.split("\n")
    while rest:
        raw = rest.pop(0).rstrip("\r")
        line = raw.strip()
        if line == "end":
            break
        if not line or line.startswith(("!", "Building configuration", "Current configuration")):
            continue
        if line.startswith("banner "):
            found.append(("", _banner(line, rest)))
            context = ""
        elif raw.startswith(" ") and context:
            found.append((context, line))
        else:
            line = grammar.canonical(line)
            found.append(("", line))
            context = line if not line.startswith("no ") and grammar.known(GLOBAL, _stored(line))[0].mode else ""
    return found


def _banner(line: str, rest: list[str]) -> str:
    """A banner with all its text; its delimiter is the first character, whatever that is."""
    kind, _space, begun = line.removeprefix("banner ").partition(" ")
    delimiter, text = begun[:1], begun[1:]
    while delimiter not in text and rest:
        text += "\n" + rest.pop(0)
    return banner(kind, text.partition(delimiter)[0])


def banner(kind: str, text: str) -> str:
    """The line of a banner, as it is kept."""
    return f"banner {kind} {ETX}{text}{ETX}"


def _stored(line: str) -> str:
    """A line as IOS keeps it: what was typed as a secret is kept as its hash."""
    match = re.fullmatch(r"(enable|username \S+(?: privilege \d+)?) secret (?:0 )?(\S+)", line)
    if not match:
        return line
    digest = base64.b64encode(hashlib.sha256(match[2].encode()).digest()).decode().rstrip("=")
    return f"{match[1]} secret 9 $9$double${digest}"


def _same_key(mode: str, line: str, key: str) -> bool:
    try:
        return grammar.key_of(mode, line) == key
    except NotModelled:
        return False


def _shown(command: grammar.Command, body: str) -> str:
    """What follows the "no" that is shown when this command is negated by these words; "" when it is not meant."""
    if "\\" not in command.key:
        return command.key if body == command.key or body.startswith(f"{command.key} ") else ""
    match = re.fullmatch(command.pattern, body)
    return match.expand(command.key) if match else ""


def _allowed(lines: list[str], body: str) -> str:
    """The VLANs of a trunk after some were added or taken away."""
    prefix = "switchport trunk allowed vlan "
    words = body.removeprefix(prefix).split()
    if len(words) == 1:
        return prefix + _ranges(_numbers(words[0]))
    had = next((_numbers(each.removeprefix(prefix)) for each in lines if each.startswith(prefix)), set())
    given = _numbers(words[1])
    return prefix + _ranges(had | given if words[0] == "add" else had - given)


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _dash, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _ranges(numbers: set[int]) -> str:
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


# --- replacing ---------------------------------------------------------------------------------------------------

PASSES = 5


def differences(now: Configuration, wanted: Configuration) -> list[tuple[str, str]]:
    """What makes ``now`` what is ``wanted``, as lines with their contexts: what is too much first, then what lacks."""
    away: list[tuple[str, str]] = []
    come: list[tuple[str, str]] = []
    wanted_keys = {grammar.key_of(GLOBAL, line) for line in wanted.lines}
    for line in now.lines:
        if line not in wanted.lines and grammar.key_of(GLOBAL, line) not in wanted_keys:
            away.append(("", _negated(line)))
    for line, below in wanted.lines.items():
        mode = Configuration.mode(line) if not line.startswith("no ") else GLOBAL
        had = now.below(line)
        if line not in now.lines:
            come.append(("", line))
        if mode in ORDERED and had != below:
            away += [(line, _negated(each)) for each in had]
            come += [(line, each) for each in below]
        elif mode:
            keys = {grammar.key_of(mode, each) for each in below} if below else set()
            away += [
                (line, _negated(each)) for each in had if each not in below and grammar.key_of(mode, each) not in keys
            ]
            come += [(line, each) for each in below if each not in had]
    return away + come


def _negated(line: str) -> str:
    if line.startswith("banner "):
        return "no " + " ".join(line.split()[:2])
    return line[3:] if line.startswith("no ") else f"no {line}"


def replace(now: Configuration, wanted: Configuration) -> tuple[int, list[str]]:
    """Make ``now`` what is ``wanted``, in as many passes as it takes; how many, and the lines that IOS did not take."""
    failed: list[str] = []
    for number in range(PASSES):
        todo = differences(now, wanted)
        if not todo:
            return number, []
        failed = []
        for context, line in todo:
            try:
                now.apply(context, line)
            except (Refused, NotModelled):
                failed.append(line)
    left = differences(now, wanted)
    return PASSES, (failed or [line for _context, line in left]) if left else []
