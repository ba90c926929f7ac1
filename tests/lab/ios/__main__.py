# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.ios``: serve a double until it is told to end (SIGTERM)."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
from pathlib import Path

from .commands import Commands
from .control import open_door
from .machine import Machine
from .server import Gate, serve

PASSWORD, MINUTE = "IOS_DOUBLE_PASSWORD", "IOS_DOUBLE_MINUTE"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.ios", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at")
    parser.add_argument("--prefix", type=int, default=8, help="how long the prefix of its network is")
    parser.add_argument("--port", type=int, default=0, help="the port to serve at; 0 takes a free one and says which")
    parser.add_argument("--name", default="sw1", help="its hostname")
    parser.add_argument("--user", default="ansible", help=f"who may sign in; the password is {PASSWORD} or Secret1!")
    parser.add_argument("--control", type=Path, help="where to make the socket for tests")
    parser.add_argument(
        "--minute",
        type=float,
        default=float(os.environ.get(MINUTE, "60")),
        help=f"how many seconds a minute of its clock has, 60 or what {MINUTE} says; a smaller one speeds up timers",
    )
    return parser.parse_args()


async def main(chosen: argparse.Namespace) -> None:
    """Serve."""
    password = os.environ.get(PASSWORD, "Secret1!")
    address = f"{chosen.host}/{chosen.prefix}"
    commands = Commands(Machine(chosen.name, chosen.user, password, address, chosen.minute))
    with tempfile.TemporaryDirectory(prefix="double-ios-") as folder:
        inner = Path(folder) / "ssh.sock"
        await serve(commands, inner)
        port = await Gate(commands, inner).serve(chosen.host, chosen.port)
        if chosen.control:
            await open_door(commands, chosen.control)
        print(f"serving {chosen.name} at {chosen.host} {port}", flush=True)
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        try:
            await told.wait()
        finally:
            if chosen.control:
                chosen.control.unlink(missing_ok=True)


if __name__ == "__main__":
    asyncio.run(main(arguments()))
