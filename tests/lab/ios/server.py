# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH for the double: a gate through which packets come only while the configuration lets them, and behind it a server.

Whoever is cut off notices nothing but silence: what they sent waits, and goes on when the way is free again, as TCP
would send it anew. What comes while the device is down is lost, and so are all connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import asyncssh

from .commands import Commands
from .session import Session

LOOK = 0.05
"""Seconds between two looks whether somebody who is cut off may be heard again."""


class Gate:
    """Takes connections for a device and hands them to its server, as the configuration that runs has it."""

    def __init__(self, commands: Commands, inner: Path) -> None:
        self._machine, self._inner = commands.machine, inner
        self._open: set[asyncio.StreamWriter] = set()
        self._machine.on_down.append(self._cut)

    async def serve(self, host: str, port: int) -> int:
        """Take connections; the port."""
        server = await asyncio.start_server(self._visitor, host, port)
        return int(server.sockets[0].getsockname()[1])

    def _cut(self) -> None:
        for writer in list(self._open):
            if writer.transport is not None:
                writer.transport.abort()

    async def _heard(self, peer: str) -> None:
        while not self._machine.hears(peer):
            await asyncio.sleep(LOOK)

    async def _visitor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        self._open.add(writer)
        try:
            await self._heard(peer)
            if not self._machine.accepts(peer):
                return
            inner_reader, inner_writer = await asyncio.open_unix_connection(str(self._inner))
            try:
                await asyncio.gather(self._pump(reader, inner_writer, peer), self._pump(inner_reader, writer, peer))
            finally:
                inner_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # cancelled is who is there when the double ends
        finally:
            self._open.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        while data := await reader.read(65536):
            await self._heard(peer)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()


class _Door(asyncssh.SSHServer):
    """Signs in one user by a password."""

    def __init__(self, commands: Commands) -> None:
        self._machine = commands.machine

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (self._machine.user, self._machine.password)


async def serve(commands: Commands, inner: Path) -> None:
    """Serve SSH at a socket of the file system."""

    async def visit(process: asyncssh.SSHServerProcess[bytes]) -> None:
        if process.command is None:
            user = str(process.get_extra_info("username"))
            await Session(process, commands, user).serve()
        else:
            process.stdout.write(b"% Error: IOS double: not modelled: a command without a terminal\r\n")
            process.exit(1)

    door = socket.socket(socket.AF_UNIX)
    door.bind(str(inner))
    await asyncssh.listen(
        sock=door,
        server_factory=lambda: _Door(commands),
        server_host_keys=[asyncssh.generate_private_key("ssh-rsa", key_size=2048)],
        process_factory=visit,
        encoding=None,
        line_editor=False,
    )
