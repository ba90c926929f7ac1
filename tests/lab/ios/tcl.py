# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The little of Tcl that writes a file: a channel, opened, written to and closed (*Cisco IOS Scripting with Tcl*)."""

from __future__ import annotations

import re

from .grammar import NotModelled, Refused
from .machine import Machine


class Tcl:
    """A shell that was begun with ``tclsh``."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._channels: dict[str, tuple[str, bytearray]] = {}

    def run(self, line: str) -> str:
        """Run a line; what is said. Raises Refused or NotModelled."""
        opened = re.fullmatch(r'set (\w+) \[open "([^"\\$\[]+)" w\]', line)
        if opened:
            self._machine.write(opened[2], b"")
            self._channels[opened[1]] = (opened[2], bytearray())
            return f"file{len(self._channels) - 1}"
        put = re.fullmatch(r'puts -nonewline \$(\w+) "([^"]*)"', line)
        if put:
            self._channel(put[1])[1].extend(_substituted(put[2]))
            return ""
        closed = re.fullmatch(r"close \$(\w+)", line)
        if closed:
            path, data = self._channel(closed[1])
            del self._channels[closed[1]]
            self._machine.write(path, bytes(data))
            return ""
        raise NotModelled(f"'{line}' in tclsh")

    def _channel(self, name: str) -> tuple[str, bytearray]:
        if name not in self._channels:
            raise Refused(f'can\'t read "{name}": no such variable\n% Error in Tcl')
        return self._channels[name]


def _substituted(text: str) -> bytes:
    """The bytes of a text between quotes. Of all that Tcl substitutes only octal digits are modelled."""
    if re.search(r"[$\[]|\\(?![0-7]{3})", text):
        raise NotModelled(f"a substitution in '{text}'")
    plain = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
    try:
        return plain.encode("latin-1")
    except UnicodeEncodeError as error:
        raise NotModelled(f"a character beyond a byte: {error}") from error
