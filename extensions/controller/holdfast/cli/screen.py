# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How anything reaches the screen: one way to write, colours by state, and errors as the person should read them.

Whatever comes from outside (host messages, answers, documents) goes through ``plain``, so that nobody can send control
sequences to a terminal.
"""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar

import typer
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import ProblemsFound
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.views import SIGNS
from rich.console import Console
from rich.text import Text

WENT_WRONG = 1
WRONG_INPUT = 2
INTERRUPTED = 130

COLOURS: Mapping[str, str] = {
    states.PENDING: "dim",
    states.WAITING: "yellow",
    states.RUNNING: "cyan",
    states.SUCCESSFUL: "green",
    states.SKIPPED: "dim",
    states.CANCELED: "yellow",
    states.LOST: "magenta",
    states.ROLLED_BACK: "yellow",
    "undone": "yellow",
}
"""The colour of a state; every other state is bad and red. A colour never stands alone: sign and word say the same."""

P = ParamSpec("P")
T = TypeVar("T")


def colour(state: str) -> str:
    """The colour of a state."""
    return COLOURS.get(state, "red")


def sign(state: str) -> str:
    """The sign of a state; a question mark for a word that is none."""
    return SIGNS.get(state, "?")


def plain(text: object) -> str:
    """Text without control characters (tabs and line ends stay), each replaced by the sign for what cannot be shown."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def one_line(text: object) -> str:
    """Text as one line without control characters."""
    return " ".join(plain(text).split())


def console(stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji, no guessing at colours."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def is_terminal() -> bool:
    """Whether a person watches the output."""
    return console().is_terminal


def can_ask() -> bool:
    """Whether a person can be asked: they watch, and there is a keyboard."""
    return sys.stdin is not None and sys.stdin.isatty() and console(stderr=True).is_terminal


def say(line: Text | str = "", style: str = "", stderr: bool = False) -> None:
    """Write a line; the terminal breaks it where it must, a file gets it whole."""
    text = Text(plain(line)) if isinstance(line, str) else line
    if style:
        text.stylize(style)
    console(stderr).print(text, soft_wrap=True)


def paragraph(text: str, indent: int, style: str = "", hang: int = 0) -> None:
    """Write prose, broken between words where a person watches; nothing for empty text.

    Lines after the first stand ``hang`` columns further to the right.
    """
    if not is_terminal():
        if text:
            say(" " * indent + one_line(text), style)
        return
    margin, words = " " * indent, plain(text)
    lines = textwrap.wrap(
        words,
        max(20, console().width - 1),
        initial_indent=margin,
        subsequent_indent=margin + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        say(line, style)


def told(lines: Iterable[str], state: str) -> None:
    """Write a summary: its first line in the colour of the state, the others with their own indent."""
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        paragraph(line.strip(), indent, f"bold {colour(state)}" if number == 0 else "", hang=2)


def fail(message: object, status: int = WRONG_INPUT) -> NoReturn:
    """Say what is wrong on the error output, and end with this status."""
    text = Text("error: ", style="bold red")
    text.append(plain(message), style="not bold default")
    console(stderr=True).print(text, soft_wrap=True)
    raise typer.Exit(status)


def explained(command: Callable[P, T]) -> Callable[P, T]:
    """A command whose errors, as far as they are meant for people, end it with status 2 and without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except ProblemsFound as error:
            for problem in error.problems:
                say(problem.render(), stderr=True)
            count = len(error.problems)
            fail(f"{count} problem{'' if count == 1 else 's'}")
        except HoldfastError as error:
            fail(error)
        except KeyboardInterrupt:
            say("interrupted", stderr=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(WENT_WRONG) from None

    return wrapped


def table(rows: list[tuple[Any, ...]], header: tuple[str, ...]) -> None:
    """Rows under a header, in columns as wide as they need; the last column takes what is left."""
    texts = [[one_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(header))]
    for number, row in enumerate(texts):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        say(Text("  ".join([*cells, row[-1]]).rstrip(), style="bold" if number == 0 else ""))
