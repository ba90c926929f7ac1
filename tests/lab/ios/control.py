# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for tests: a socket in the file system, one JSON object per line in, one per line out.

Its client is that of the Windows double, ``tests.lab.windows.control.Control``: they speak the same way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .commands import Commands
from .grammar import NotModelled, Refused

CONSOLE = "console"


def _configure(commands: Commands, wish: dict[str, Any]) -> None:
    context = ""
    for line in wish["lines"]:
        context = commands.configured(context, line, CONSOLE)


def _power(commands: Commands, wish: dict[str, Any]) -> None:
    if wish["on"]:
        commands.machine.power_on()
    else:
        commands.machine.power_off()


WISHES: dict[str, Callable[[Commands, dict[str, Any]], object]] = {
    "state": lambda _commands, _wish: None,
    "faults": lambda commands, wish: commands.machine.give(wish["faults"]),
    "configure": _configure,
    "timer": lambda commands, wish: commands.rollback.begin(int(wish["minutes"]), False, CONSOLE),
    "save": lambda commands, _wish: setattr(commands.machine, "startup", commands.machine.running.text()),
    "reload": lambda commands, _wish: commands.machine.reload(),
    "power": _power,
}


def state(commands: Commands) -> dict[str, Any]:
    """What a test may look at."""
    machine, waiting = commands.machine, commands.rollback.pending
    return {
        "up": machine.up,
        "boots": machine.boots,
        "running": machine.running.text("^C"),
        "startup": machine.startup.replace("\x03", "^C"),
        "flash": {name: data.decode("utf-8", "replace") for name, data in machine.flash.items()},
        "timer": waiting and {"minutes": waiting.minutes, "user": waiting.user, "file": waiting.file},
        "log": list(machine.log),
        "asked": list(machine.asked),
    }


async def open_door(commands: Commands, path: Path) -> None:
    """Serve wishes at a path; only its owner may use it."""

    async def visitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                wish = json.loads(line)
                do = WISHES.get(str(wish.get("do")))
                if do is None:
                    raise ValueError(f"no wish '{wish.get('do')}'; there are {', '.join(sorted(WISHES))}")
                do(commands, wish)
                answer: dict[str, Any] = {"state": state(commands)}
            except (ValueError, KeyError, TypeError, Refused, NotModelled) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    await asyncio.start_unix_server(visitor, str(path))
    path.chmod(0o600)
