# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cisco IOS says, read, and what it is to be told, written: texts only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.network_platforms import CISCO_IOS
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.rules import normal_text

MOST_MINUTES = 120
"""The longest timer of ``configure terminal revert timer`` (Cisco IOS Configuration Fundamentals Command Reference)."""

LINE = 240
"""Characters of a line that is typed: the parser of IOS takes 254."""

ETX = "\x03"
_BANNER = re.compile(r"^(banner \S+ |aaa authentication (?:banner|fail-message) )\^C(.*?)\^C", re.MULTILINE | re.DOTALL)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:\.\d+)? \S+ \w{3} (?P<month>\w{3}) +(?P<day>\d{1,2})"
    r" (?P<year>\d{4})"
)


# --- configurations --------------------------------------------------------------------------------------------------


_HEADER = re.compile(
    r"(?:[ \t]*(?:!.*|Building configuration.*|(?:Current|Startup) configuration.*|Using \d+ out of.*)?\n)*"
)


def without_header(text: str) -> str:
    """A configuration from its first command on; how many comments are before it depends on when it was changed."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    header = _HEADER.match(plain)
    return plain[header.end() :] if header else plain


def same(one: str, other: str) -> bool:
    """Whether two configurations say the same, but for what changes by itself, and for comments."""
    return _said(one) == _said(other)


def _said(text: str) -> list[str]:
    return [line for line in normal_text(CISCO_IOS, "config", text).split("\n") if not line.startswith("!")]


def saved(running: str, startup: str) -> bool:
    """Whether a reload would bring the running configuration back.

    Certificates are written out in the one and named as files of NVRAM in the other, so only their names are compared.
    """
    return same(_without_certificates(running), _without_certificates(startup))


def _without_certificates(text: str) -> str:
    kept = []
    within = False
    for line in text.replace("\r", "").split("\n"):
        if not line.startswith(" "):
            within = line.startswith("crypto pki certificate chain ")
        if not within or not line.startswith(" "):
            kept.append(line)
        elif line.lstrip().startswith("certificate "):
            kept.append(re.sub(r" nvram:\S+$", "", line.rstrip()))
    return "\n".join(kept)


def complete(text: str) -> bool:
    """Whether a configuration came whole: IOS ends each with a line of its own."""
    return bool(re.search(r"^end\s*$", text, re.MULTILINE))


def as_file(text: str) -> str:
    """A configuration that was shown, as IOS writes it into a file.

    Around the text of a banner stands one character, end of text; it is shown as two, a caret and a C, and those two
    would make another banner.
    """
    plain = _BANNER.sub(rf"\1{ETX}\2{ETX}", normal_text(CISCO_IOS, "config", text))
    if not complete(plain):
        raise HoldfastError("the configuration has no line 'end', so it is not complete, and IOS would not take it")
    return plain


# --- files -----------------------------------------------------------------------------------------------------------


def typed(path: str, data: bytes) -> list[str]:
    """The lines that write a file by the Tcl shell of IOS (Cisco IOS Scripting with Tcl), each short enough for it.

    Whatever is neither letter nor digit is typed as three octal digits: so no question mark asks for help, nothing is
    taken for a variable or the end of a text, and nothing that is echoed looks like a prompt or an error.
    """
    lines = ["tclsh", f'set holdfast [open "{path}" w]']
    if any(byte > 0x7F for byte in data):
        lines.append("fconfigure $holdfast -translation binary")
    lines += [f'puts -nonewline $holdfast "{part}"' for part in _parts(data)]
    return [*lines, "close $holdfast", "tclquit"]


def _parts(data: bytes) -> Iterator[str]:
    part = ""
    room = LINE - len('puts -nonewline $holdfast ""')
    for byte in data:
        character = chr(byte)
        word = character if character.isalnum() and byte < 0x80 else f"\\{byte:03o}"
        if len(part) + len(word) > room:
            yield part
            part = ""
        part += word
    if part:
        yield part


# --- timers ----------------------------------------------------------------------------------------------------------


class Waiting(NamedTuple):
    """A change that IOS takes back unless it is confirmed. ``until``: by the device's clock."""

    since: datetime
    minutes: int
    user: str


def waiting(said: str) -> Optional[Waiting]:
    """What ``show archive config rollback timer`` says; None when nothing waits. Raises HoldfastError."""
    if "No Rollback Confirmed Change pending" in said:
        return None
    value = re.search(r"Timer value: *(\d+) *min", said)
    user = re.search(r"User: *(.*)", said)
    configured = re.search(r"Time configured.*?: *(.*)", said)
    if not value or not configured:
        raise HoldfastError(f"'show archive config rollback timer' says what is not understood: {brief(said)}")
    return Waiting(moment(configured.group(1)), int(value.group(1)), user.group(1).strip() if user else "")


def moment(said: str) -> datetime:
    """A time as IOS writes it ("22:50:48 UTC Sat Feb 21 2009"), its zone left aside. Raises HoldfastError."""
    found = _TIME.search(said)
    if not found or found["month"] not in _MONTHS:
        raise HoldfastError(f"this is no time as IOS writes it: {brief(said)}")
    day, hour, minute, second = (int(found[name]) for name in ("day", "hour", "minute", "second"))
    return datetime(int(found["year"]), _MONTHS.index(found["month"]) + 1, day, hour, minute, second)


def minutes_for(seconds: int) -> int:
    """The minutes of a timer that lasts at least so many seconds. Raises HoldfastError for more than IOS counts."""
    minutes = max(1, math.ceil(seconds / 60))
    if minutes > MOST_MINUTES:
        raise HoldfastError(
            f"IOS counts at most {MOST_MINUTES} minutes, and {seconds} s are {minutes}; take a shorter time"
        )
    return minutes


def tokens(said: str) -> list[str]:
    """The guards whose files are on flash, by what ``show flash:`` says."""
    return re.findall(r"(?<![\w-])(holdfast-[a-z0-9-]+)\.cfg", said)


def brief(said: str) -> str:
    """The last lines of what was said, in one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-6:])[:600] or "nothing"
