# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerShell read as text: whether quotes and brackets close, which functions and variables there are.

Nothing here can run PowerShell. This finds what a slip of the keyboard does, and no more.
"""

from __future__ import annotations

import re

_CLOSES = {"}": "{", ")": "(", "]": "["}
_AUTOMATIC = {
    "_", "null", "true", "false", "ansible", "env", "psscriptroot", "lastexitcode", "erroractionpreference",
    "progresspreference", "warningpreference",
}  # fmt: skip
_CMDLET = re.compile(r"(?<![\w$.-])([A-Z][A-Za-z]+-[A-Z]\w+)")
_FUNCTION = re.compile(r"^function ([\w-]+)", re.MULTILINE)


def wrong_in(script: str) -> list[str]:
    """What cannot be right; empty when nothing was found."""
    wrong = [f"line {number}: not ASCII" for number, line in enumerate(script.split("\n"), 1) if not line.isascii()]
    code, problems = _code(script)
    return [*wrong, *problems, *_unknown_variables(code)]


def cmdlets(script: str) -> set[str]:
    """Cmdlets and functions that are called and that the script does not have itself."""
    code, _problems = _code(script)
    return set(_CMDLET.findall(code)) - set(_FUNCTION.findall(code))


def _code(script: str) -> tuple[str, list[str]]:
    """The script without comments and single-quoted texts; of double-quoted ones what is code in them stays."""
    kept: list[str] = []
    problems: list[str] = []
    stack: list[tuple[str, int]] = []
    at, line = 0, 1
    while at < len(script):
        char = script[at]
        line += char == "\n"
        inside = bool(stack) and stack[-1][0] == '"'
        if char == "`":
            at += 2
            line += script[at - 1 : at] == "\n"
            continue
        if inside:
            if char == '"':
                stack.pop()
            elif script.startswith("$(", at):
                stack.append(("(", line))
                at += 2
                kept.append(" (")
                continue
            kept.append(char if char == "$" or re.match(r"[\w:{}.]", char) else " ")
        elif char == "'":
            end = re.compile(r"(?:[^']|'')*'").match(script, at + 1)
            if end is None:
                return "".join(kept), [*problems, f"line {line}: a text without an end"]
            line += script.count("\n", at, end.end())
            at = end.end()
            kept.append("''")
            continue
        elif char == '"':
            stack.append(('"', line))
        elif char == "#":
            end_of_line = script.find("\n", at)
            at = len(script) if end_of_line < 0 else end_of_line
            continue
        else:
            problems += _bracket(char, line, stack)
            kept.append(char)
        at += 1
    return "".join(kept), [*problems, *(f"line {begun}: {char} is never closed" for char, begun in stack)]


def _bracket(char: str, line: int, stack: list[tuple[str, int]]) -> list[str]:
    if char in _CLOSES.values():
        stack.append((char, line))
    elif char in _CLOSES:
        if not stack or stack[-1][0] != _CLOSES[char]:
            return [f"line {line}: {char} closes nothing"]
        stack.pop()
    return []


def _unknown_variables(code: str) -> list[str]:
    """Variables that are used and that nothing sets; PowerShell would take them for nothing."""
    names = re.findall(r"\$\{?(?:script:)?(\w+)", code)
    made = set(re.findall(r"\$(?:script:)?(\w+)\s*(?:[-+]?=(?!=)|\+\+)", code))
    made |= set(re.findall(r"foreach \(\$(\w+) in", code))
    for declared in re.findall(r"(?:^function [\w-]+|\bparam)\s*\(((?:[^()]|\([^()]*\))*)\)", code, re.MULTILINE):
        made |= set(re.findall(r"\$(\w+)", declared))
    known = {name.lower() for name in made} | _AUTOMATIC
    return sorted({f"${name} is used and never set" for name in names if name.lower() not in known})
