# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a bundle's questions: from the command line, from a file, and from the person at the terminal."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.model import Field
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import Problem, ProblemsFound, did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.survey import (
    coerce_answers,
    coerce_text,
    launch_problems,
)
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.yaml_lines import parse_documents
from rich.text import Text

from holdfast.cli import screen


def mapping(text: str, what: str) -> dict[str, Any]:
    """A mapping from JSON or YAML, or from the file after ``@``. Raises ProblemsFound or HoldfastError."""
    name = ""
    if text.startswith("@"):
        name, path = text[1:], Path(text[1:]).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HoldfastError(f"{what}: cannot read {name}: {error}") from error
    documents, problems = parse_documents(text, name or what)
    if problems:
        raise ProblemsFound(problems)
    data = documents[0].data if documents else {}
    if len(documents) > 1 or not isinstance(data, dict):
        raise HoldfastError(f'{what} must be one mapping of names to values, such as {{"version": "2"}}')
    return {str(key): value for key, value in data.items()}


def given(fields: Sequence[Field], pairs: Sequence[str], whole: str) -> dict[str, Any]:
    """The answers of ``--fields`` and, over them, of ``-f name=value``; texts of the latter become their types.

    Raises ProblemsFound with every answer to no question and every text that is no value of its type.
    """
    texts = dict(_pair(pair) for pair in pairs)
    answers, problems = coerce_answers(fields, texts)
    merged = {**(mapping(whole, "--fields") if whole else {}), **answers}
    known = [field.name for field in fields]
    problems += [
        Problem(("fields", name), f"there is no question '{name}'", did_you_mean(name, known) or "it asks nothing")
        for name in merged
        if name not in known
    ]
    if problems:
        raise ProblemsFound(problems)
    return merged


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise HoldfastError(f"-f {text}: write it as NAME=VALUE")
    return name.strip(), value


def complete(fields: Sequence[Field], answers: Mapping[str, Any], ask: bool) -> dict[str, Any]:
    """The answers; the person is asked for required ones that are missing. Raises ProblemsFound with what is wrong."""
    found = dict(answers)
    if ask:
        for field in fields:
            if field.required and field.name not in found:
                found[field.name] = question(field)
    problems = launch_problems(fields, found)
    if problems:
        raise ProblemsFound(problems)
    return found


def question(field: Field) -> Any:
    """Ask the person until the answer is right; what a password is, nobody sees."""
    _introduce(field)
    while True:
        text = _read(field)
        if text == "" and field.default is not None:
            return list(field.default) if isinstance(field.default, tuple) else field.default
        if text == "" and not field.required:
            return text
        try:
            answer = coerce_text(field, _choice(field, text))
        except HoldfastError as error:
            screen.say(f"  {error}", style="red", stderr=True)
            continue
        problems = launch_problems([field], {field.name: answer})
        if not problems:
            return answer
        for problem in problems:
            screen.say(f"  {problem.message}", style="red", stderr=True)


def _introduce(field: Field) -> None:
    screen.say(field.label or field.name, style="bold", stderr=True)
    if field.description:
        screen.say(f"  {field.description}", style="dim", stderr=True)
    for number, choice in enumerate(field.choices, 1):
        screen.say(f"  {number}) {choice}", stderr=True)


def _read(field: Field) -> str:
    shown = ", ".join(field.default) if isinstance(field.default, (tuple, list)) else field.default
    hint = f" [{screen.one_line(shown)}]" if field.default is not None and field.type != "password" else ""
    several = " (several, with commas)" if field.type == "multiselect" else ""
    return ask_text(f"  {field.name}{several}{hint}: ", hidden=field.type == "password")


def _choice(field: Field, text: str) -> str:
    """Numbers stand for choices, unless a choice is that very text."""
    if not field.choices or not text.strip():
        return text
    several = field.type == "multiselect"
    parts = [part.strip() for part in text.split(",")] if several and text not in field.choices else [text.strip()]
    named = [_numbered(field, part) for part in parts]
    return json.dumps(named) if several else named[0]


def _numbered(field: Field, part: str) -> str:
    if part not in field.choices and part.isdecimal() and 0 < int(part) <= len(field.choices):
        return field.choices[int(part) - 1]
    return part


def ask_text(prompt: str, hidden: bool = False) -> str:
    """One line from the person; the prompt stays out of what the command prints."""
    try:
        if hidden:
            return getpass.getpass(screen.plain(prompt))  # it stops the echo before it asks
        return screen.console(stderr=True).input(Text(screen.plain(prompt)))
    except EOFError:
        raise HoldfastError("nobody answered") from None
