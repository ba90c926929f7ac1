# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts that the double knows, each by its exact text: those of this collection, and those of win_reboot.

A script that differs by one character is not modelled. A test can teach the machine the answer to one more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.reboot_systems import Windows

from .envelope import plain
from .machine import Machine
from .outcome import NotModelled, Outcome, said

REPOSITORY = Path(__file__).resolve().parents[3]
EVIDENCE = REPOSITORY / "roles" / "patch_windows" / "files" / "evidence.ps1"

Answer = Callable[[Machine], Outcome]

_LITERALS = re.compile(r"'((?:[^']|'')*)'")
_OUR_ORDER = re.compile(r"shutdown\.exe\" /r /t (\d+) /c '((?:[^']|'')*)'")
_WIN_REBOOT_ORDER = re.compile(r"^\$stderr = \. \{ C:\\Windows\\System32\\shutdown\.exe /r /t (\d+) /c ", re.MULTILINE)
_WIN_REBOOT_TEST = re.compile(
    r"^Get-Item -LiteralPath '.*\\AutoLogonChecked' -ErrorAction Stop; '(success-[0-9a-f-]+)'$"
)
_BOOT_TIME = "(Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime).LastBootUpTime.ToFileTime()"
_ABORT = r"C:\Windows\System32\shutdown.exe /a"


def filetime(seconds: float) -> str:
    """A time as Windows counts it."""
    return str(int((seconds + 11644473600) * 10_000_000))


def answer(machine: Machine, script: str) -> Outcome:
    """What a script writes. Raises NotModelled with the beginning of one that is not known."""
    text = plain(script)
    taught = machine.answers.get(text)
    known = taught or _fixed(machine, text) or _of_this_collection(machine, text) or _of_win_reboot(machine, text)
    if known is None:
        raise NotModelled(f"the script {text[:200]!r}")
    return known


def _fixed(machine: Machine, text: str) -> Outcome | None:
    windows = Windows()
    known: dict[str, Answer] = {
        windows.state(): _state,
        windows.pending(): lambda one: said({"pending": one.reasons()}),
        windows.ready(): lambda one: Outcome(output="ready\r\n" if one.ready else "not ready\r\n"),
        _BOOT_TIME: lambda one: Outcome(output=filetime(one.last_boot) + "\r\n"),
    }
    if EVIDENCE.is_file():
        known[EVIDENCE.read_text(encoding="utf-8")] = _evidence
    return next((model(machine) for script, model in known.items() if plain(script) == text), None)


def _state(machine: Machine) -> Outcome:
    return said({"boot": filetime(machine.last_boot), "clock": filetime(machine.clock), "version": machine.version})


def _evidence(machine: Machine) -> Outcome:
    return said(
        {
            "kbs": sorted(machine.hotfixes),
            "pending": machine.reasons(),
            "boot": filetime(machine.last_boot),
            "version": machine.version,
        }
    )


def _of_this_collection(machine: Machine, text: str) -> Outcome | None:
    """Scripts with something in them: they are made again from what was found, and must be the same."""
    windows = Windows()
    literals = [found.replace("''", "'") for found in _LITERALS.findall(text.splitlines()[0] if text else "")]
    if literals and text == plain(windows.services(literals)):
        states = {name: machine.services[name].state.title() for name in literals if name in machine.services}
        return Outcome(output="".join(f"{name}={state}\r\n" for name, state in states.items()))
    order = _OUR_ORDER.search(text)
    if order and text == plain(windows.order(order[2].replace("''", "'"), int(order[1]))):
        refusal = machine.order_reboot(int(order[1]))
        return said({"status": 1190 if refusal else 0, "said": refusal})
    return None


def _of_win_reboot(machine: Machine, text: str) -> Outcome | None:
    order = _WIN_REBOOT_ORDER.search(text)
    if order:
        refusal = machine.order_reboot(int(order[1]))
        return said({"stdout": "", "stderr": refusal, "rc": 1190 if refusal else 0})
    test = _WIN_REBOOT_TEST.match(text)
    if test:
        return Outcome(output=f"{test[1]}\r\n") if machine.ready else Outcome(1, errors="Cannot find path")
    return Outcome() if text == _ABORT else None
