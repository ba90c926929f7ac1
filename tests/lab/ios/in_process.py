# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as the port ``Device`` of providers, without ssh and Ansible: for tests of what a provider says."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered

from .commands import Commands
from .grammar import NotModelled, Refused
from .machine import Machine
from .tcl import Tcl

Result = TypeVar("Result")
_ERRORS = re.compile(r"% ?Error|invalid input|% Invalid", re.IGNORECASE)
"""What the terminal plugin of cisco.ios takes for a failure, as far as the double says such things."""


class InProcess:
    """A device whose event loop runs in a thread. ``secrets``: the commands that were said to hold secrets."""

    user = "ansible"

    def __init__(self, minute: float = 60.0) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._answers: list[str] = []
        self._configuring = False
        self._context = ""
        self._tcl: Tcl | None = None
        self.secrets: list[str] = []
        self.commands = Commands(Machine("sw1", "ansible", "x", "192.0.2.5/24", minute))

    def __enter__(self) -> InProcess:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def machine(self) -> Machine:
        """The device."""
        return self.commands.machine

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something in its loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def configure(self, *lines: str) -> None:
        """Configure it, as at its console."""

        async def work() -> None:
            context = ""
            for line in lines:
                context = self.commands.configured(context, line, "console")

        self.wait(work())

    # --- the port ------------------------------------------------------------------------------------------------

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """Run ``cli_command`` or ``ios_command``; nothing else is asked of such a device."""
        if not self.machine.hears("192.0.2.1"):
            raise Unanswered(f"{module}: no answer")
        if module == "ansible.netcommon.cli_command":
            self._answers = list(arguments.get("answer", []))
            return {"stdout": self._said(arguments["command"], secret)}
        if module == "cisco.ios.ios_command":
            return {"stdout": [self._said(command, secret) for command in arguments["commands"]]}
        raise AssertionError(f"{module} is not for such a device")

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """Not there: such a device has no shell."""
        raise AssertionError("a device without a shell takes no file")

    def _said(self, command: str, secret: bool) -> str:
        if secret:
            self.secrets.append(command)
        try:
            said = self.wait(self._one(command))
        except (Refused, NotModelled) as error:
            said = f"% Error: {error}" if isinstance(error, NotModelled) else str(error)
        if _ERRORS.search(said):
            raise HoldfastError(said)
        return said

    async def _one(self, command: str) -> str:
        if self._tcl and command != "tclquit":
            return self._tcl.run(command)
        if command in ("tclsh", "tclquit"):
            self._tcl = Tcl(self.machine) if command == "tclsh" else None
            return ""
        if self._configuring and command == "end":
            self._configuring = False
            return ""
        return await self.commands.run(self, command)

    # --- as a terminal -------------------------------------------------------------------------------------------

    async def ask(self, question: str) -> str:
        """The next answer of a command."""
        return self._answers.pop(0)

    def configure_mode(self) -> None:
        """Go into the configuration mode."""
        self._configuring = True

    def leave(self) -> None:
        """The session goes on."""
