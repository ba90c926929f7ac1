# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session at a terminal: what is typed, echoed, asked and answered, and the modes with their prompts."""

from __future__ import annotations

import re

import asyncssh

from .commands import Commands
from .grammar import NotModelled, Refused
from .tcl import Tcl
from .tree import banner

INTERRUPT, END, ERASE = 0x03, 0x1A, (0x08, 0x7F)
LONGEST = 254
"""Characters of a line that IOS takes."""


class Left(Exception):
    """Whoever sat at the terminal has gone."""


class Session:
    """A terminal. It begins in the privileged mode, as for a user of privilege 15."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes], commands: Commands, user: str) -> None:
        self._process, self._commands, self.user = process, commands, user
        self._typed = b""
        self._open = True
        self._configuring = False
        self._context = ""
        self._tcl: Tcl | None = None

    async def serve(self) -> None:
        """Answer until the session ends."""
        try:
            while self._open:
                await self._line()
        except (Left, asyncssh.Error, OSError):
            pass
        self._process.exit(0)

    # --- what commands may ask of it -----------------------------------------------------------------------------

    async def ask(self, question: str) -> str:
        """Ask, and return the answer."""
        self._write(question)
        return (await self._read()).strip()

    def configure_mode(self) -> None:
        """Go into the configuration mode."""
        self._configuring, self._context = True, ""

    def leave(self) -> None:
        """End the session."""
        self._open = False

    # --- lines ---------------------------------------------------------------------------------------------------

    @property
    def _prompt(self) -> str:
        name = self._commands.machine.running.hostname[:20]
        if self._tcl:
            return f"{name}(tcl)#"
        if not self._configuring:
            return f"{name}#"
        kinds = {"acl": "-ext-nacl", "": ""}
        mode = self._commands.machine.running.mode(self._context) if self._context else ""
        return f"{name}(config{kinds.get(mode, f'-{mode}')})#"

    async def _line(self) -> None:
        self._write(f"\n{self._prompt}")
        line = (await self._read()).strip()
        self._commands.rollback.touched(self.user)
        if not line or line.startswith("!"):
            return
        self._commands.machine.asked.append(line)
        try:
            said = await self._answer(line)
        except Refused as error:
            said = str(error)
        except NotModelled as error:
            said = f"% Error: IOS double: not modelled: {error}"
        if said:
            self._write(said)

    async def _answer(self, line: str) -> str:
        if len(line) > LONGEST:
            raise NotModelled(f"a line of more than {LONGEST} characters")
        if self._tcl and line == "tclquit":
            self._tcl = None
            return ""
        if self._tcl:
            return self._tcl.run(line)
        if self._configuring:
            return await self._configure(line)
        if line == "tclsh":
            self._tcl = Tcl(self._commands.machine)
            return ""
        return await self._commands.run(self, line)

    async def _configure(self, line: str) -> str:
        if line in ("end", "exit"):
            self._configuring = line == "exit" and bool(self._context)
            self._context = ""
            return ""
        if line.startswith("do "):
            return await self._commands.run(self, line[3:])
        match = re.fullmatch(r"banner (motd|login|exec) (.)(.*)", line)
        if match:
            line = banner(match[1], await self._text(match[2], match[3]))
        self._context = self._commands.configured(self._context, line, self.user)
        return ""

    async def _text(self, delimiter: str, begun: str) -> str:
        """The text of a banner, up to its delimiter."""
        if delimiter not in begun:
            self._write(f"Enter TEXT message.  End with the character '{delimiter}'.\n")
        while delimiter not in begun:
            begun += "\n" + await self._read()
        return begun.partition(delimiter)[0].strip("\n")

    # --- characters ----------------------------------------------------------------------------------------------

    def _write(self, text: str) -> None:
        self._process.stdout.write(text.replace("\n", "\r\n").encode("utf-8", "replace"))

    async def _read(self) -> str:
        """One line, echoed as it is typed. Raises Left."""
        line = bytearray()
        while True:
            while self._typed:
                character, self._typed = self._typed[0], self._typed[1:]
                if character in (0x0D, 0x0A):
                    if character == 0x0D and self._typed[:1] == b"\n":
                        self._typed = self._typed[1:]
                    self._process.stdout.write(b"\r\n")
                    return line.decode("utf-8", "replace")
                if character in ERASE:
                    line = line[:-1]
                elif character == INTERRUPT:
                    line.clear()
                elif character == END:
                    line[:] = b"end"
                else:
                    line.append(character)
                    self._process.stdout.write(bytes([character]))
            self._typed = await self._process.stdin.read(65536)
            if not self._typed:
                raise Left
