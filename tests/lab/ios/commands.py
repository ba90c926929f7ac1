# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the privileged mode."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from .grammar import NotModelled
from .machine import Machine
from .rollback import Rollback
from .showing import Shows, piped

WARNING = """\
This will apply all necessary additions and deletions
to replace the current running configuration with the
contents of the specified configuration file, which is
assumed to be a complete configuration, not a partial
configuration. Enter Y if you are sure you want to proceed. ? [no]: """


class Terminal(Protocol):
    """What a command may ask of the session it was typed in."""

    user: str

    async def ask(self, question: str) -> str:
        """Ask, and return the answer."""

    def configure_mode(self) -> None:
        """Go into the configuration mode."""

    def leave(self) -> None:
        """End the session."""


class Commands:
    """Runs commands of the privileged mode."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.rollback = Rollback(machine)
        self.shows = Shows(machine, self.rollback)
        run = Callable[[Terminal, list[str]], Awaitable[str]]
        self._known: tuple[tuple[str, run], ...] = (
            ("configure terminal", self._configure),
            ("configure confirm", self._confirm),
            ("configure revert", self._revert),
            ("configure replace", self._replace),
            ("copy", self._copy),
            ("write memory", self._save),
            ("delete", self._delete),
            ("more", self._more),
            ("verify /md5", self._verify),
            ("dir", self._directory),
            ("archive config", self._archive),
            ("reload", self._reload),
            ("terminal", self._terminal),
            ("enable", self._nothing),
            ("exit", self._exit),
            ("quit", self._exit),
            ("logout", self._exit),
        )

    async def run(self, terminal: Terminal, line: str) -> str:
        """Run a line; what IOS says. Raises Refused or NotModelled."""
        command, _bar, pipe = line.partition("|")
        words = command.split()
        if not words:
            return ""
        if "show".startswith(words[0]) and len(words[0]) > 1:
            said = self.shows.answer(words[1:])
            return piped(said, pipe) if pipe else said
        if pipe:
            raise NotModelled(f"a pipe behind '{command.strip()}'")
        for name, act in self._known:
            full = name.split()
            if len(words) >= len(full) and all(map(str.startswith, full, words)) and min(map(len, words)) > 0:
                return await act(terminal, words[len(full) :])
        raise NotModelled(f"'{line.strip()}'")

    # --- configuring ---------------------------------------------------------------------------------------------

    async def _configure(self, terminal: Terminal, words: list[str]) -> str:
        said = ""
        if words:
            match = re.fullmatch(r"revert timer (idle )?(\d+)", " ".join(words))
            if not match:
                raise NotModelled(f"'configure terminal {' '.join(words)}'")
            said = self.rollback.begin(int(match[2]), bool(match[1]), terminal.user) + "\n"
        terminal.configure_mode()
        return said + "Enter configuration commands, one per line.  End with CNTL/Z."

    async def _confirm(self, _terminal: Terminal, words: list[str]) -> str:
        _no_more("configure confirm", words)
        return self.rollback.confirm()

    async def _revert(self, _terminal: Terminal, words: list[str]) -> str:
        if words == ["now"]:
            return self.rollback.now()
        match = re.fullmatch(r"timer (idle )?(\d+)", " ".join(words))
        if not match:
            raise NotModelled(f"'configure revert {' '.join(words)}'")
        self.rollback.again(int(match[2]), bool(match[1]))
        return ""

    async def _replace(self, terminal: Terminal, words: list[str]) -> str:
        url, options = words[0], " ".join(words[1:])
        match = re.fullmatch(r"(list ?)?(force ?)?(?:revert trigger (error)(?: timer (\d+))?)?", options)
        if not match:
            raise NotModelled(f"'configure replace {' '.join(words)}'")
        self.machine.configuration(url)  # that it is there is looked at first
        if not match[2] and (await terminal.ask(WARNING))[:1].lower() != "y":
            return ""
        before = self.machine.running.copy()
        said = self.rollback.planned(url) if match[1] else []
        if match[4]:
            said.append(self.rollback.begin(int(match[4]), False, terminal.user))
        replaced, succeeded = self.rollback.replace(url, terminal.user)
        if match[3] and not succeeded:
            self.machine.running = before
            if match[4]:
                self.rollback.confirm()
            replaced.append("The original configuration has been successfully restored.")
        return "\n".join([*said, *replaced])

    # --- files ---------------------------------------------------------------------------------------------------

    async def _copy(self, terminal: Terminal, words: list[str]) -> str:
        if len(words) != 2 or not re.fullmatch(r"(?:running|startup)-config|flash:/?[\w.-]+", words[1]):
            raise NotModelled(f"'copy {' '.join(words)}'")
        source, target = words
        data = self.machine.configuration(source)
        quiet = self.machine.running.has("file prompt quiet")
        name = target.rpartition(":")[2].lstrip("/")
        if not quiet:
            name = await terminal.ask(f"Destination filename [{name}]? ") or name
        if target == "startup-config":
            self.machine.startup = data
            return "Building configuration...\n[OK]" if source == "running-config" else f"[OK]\n{_copied(data)}"
        if target == "running-config":
            said = self.machine.merge(data)
            self.machine.configured(terminal.user)
            return "\n".join([*said, _copied(data)])
        target = f"flash:{name}"
        if not quiet and name in self.machine.flash:
            question = "%Warning:There is a file already existing with this name \nDo you want to over write? [confirm]"
            if (await terminal.ask(question))[:1].lower() not in ("", "y"):
                return ""
        self.machine.write(target, data.encode("utf-8", "replace"))
        return _copied(data)

    async def _save(self, _terminal: Terminal, words: list[str]) -> str:
        _no_more("write memory", words)
        self.machine.startup = self.machine.running.text()
        return "Building configuration...\n[OK]"

    async def _delete(self, terminal: Terminal, words: list[str]) -> str:
        forced = words[:1] == ["/force"]
        words = words[forced:]
        if len(words) != 1:
            raise NotModelled(f"'delete {' '.join(words)}'")
        name = words[0].rpartition(":")[2].lstrip("/")
        if not forced:
            name = await terminal.ask(f"Delete filename [{name}]? ") or name
            if (await terminal.ask(f"Delete flash:/{name}? [confirm]"))[:1].lower() not in ("", "y"):
                return ""
        self.machine.read(f"flash:{name}")
        del self.machine.flash[name]
        return ""

    async def _more(self, _terminal: Terminal, words: list[str]) -> str:
        return self.machine.configuration(" ".join(words)).replace("\x03", "^C")

    async def _verify(self, _terminal: Terminal, words: list[str]) -> str:
        path = " ".join(words)
        digest = hashlib.md5(self.machine.read(path), usedforsecurity=False).hexdigest()
        return f".Done!\nverify /md5 ({path}) = {digest}"

    async def _directory(self, _terminal: Terminal, words: list[str]) -> str:
        if words not in ([], ["flash:"], ["flash:/"]):
            raise NotModelled(f"'dir {' '.join(words)}'")
        return self.shows.directory()

    async def _archive(self, _terminal: Terminal, words: list[str]) -> str:
        _no_more("archive config", words)
        self.rollback.archive()
        return ""

    # --- the device and the session ------------------------------------------------------------------------------

    async def _reload(self, terminal: Terminal, words: list[str]) -> str:
        _no_more("reload", words)
        if self.machine.modified:
            answer = await terminal.ask("\nSystem configuration has been modified. Save? [yes/no]: ")
            if answer[:1].lower() == "y":
                self.machine.startup = self.machine.running.text()
        if (await terminal.ask("Proceed with reload? [confirm]"))[:1].lower() in ("", "y"):
            self.machine.reload()
        return ""

    async def _terminal(self, _terminal: Terminal, words: list[str]) -> str:
        if not re.fullmatch(r"(?:length|width) \d+|no monitor", " ".join(words)):
            raise NotModelled(f"'terminal {' '.join(words)}'")
        return ""

    async def _nothing(self, _terminal: Terminal, _words: list[str]) -> str:
        return ""

    async def _exit(self, terminal: Terminal, _words: list[str]) -> str:
        terminal.leave()
        return ""

    # --- lines of the configuration mode -------------------------------------------------------------------------

    def configured(self, context: str, line: str, user: str) -> str:
        """Take one line of the configuration mode; the context after it. Raises Refused or NotModelled."""
        if line.startswith("username ") and not re.match(r"username \S+ (?:privilege \d+ )?secret ", line):
            raise NotModelled(f"the command '{line}'")
        context = self.machine.running.apply(context, line)
        self.machine.configured(user)
        return context


def _no_more(command: str, words: list[str]) -> None:
    if words:
        raise NotModelled(f"'{command} {' '.join(words)}'")


def _copied(data: str) -> str:
    return f"{len(data)} bytes copied in 0.520 secs ({len(data) * 2} bytes/sec)"
