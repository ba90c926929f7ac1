# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for systemctl, nft, rpm and dnf where there is no such host: called by their names, one state in a file.

It knows what the provider for RHEL asks of them, in the words of the real ones, and fails for all else.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, TextIO

PLACE = Path(os.environ["HOLDFAST_TEST_STATE"])


class Refused(Exception):
    """What the tool says before it ends with status 1."""


class PowerCut(Exception):
    """The shell that calls is killed."""


def systemctl(state: dict[str, Any], words: list[str]) -> str:
    units = state["units"]
    options = [word for word in words if word.startswith("-")]
    act, *named = [word for word in words if not word.startswith("-")]
    if act == "list-unit-files":
        return "".join(f"{name} {unit['enabled']} disabled\n" for name, unit in units.items() if unit.get("file", True))
    if act == "list-units":
        shown = [name for name, unit in units.items() if "--all" in options or unit["active"]]
        return "".join(f"{name} loaded {'active' if units[name]['active'] else 'inactive'} x y z\n" for name in shown)
    if act == "show" and "--value" in words:
        name, asked = named[-1], named[0]
        return {"LoadState": "loaded" if name in units else "not-found", "FragmentPath": f"/units/{name}"}[asked] + "\n"
    if act == "show":
        return "\n".join(_paragraph(name, units[name]) for name in named)
    if act == "is-enabled":
        return units[named[0]]["enabled"] + "\n" if named[0] in units else ""
    if act == "is-active":
        if not units.get(named[0], {}).get("active"):
            raise Refused("inactive")
        return ""
    return _change(state, units, act, named, options)


def _paragraph(name: str, unit: dict[str, Any]) -> str:
    more = {"Type": "simple", "RemainAfterExit": "no", "TriggeredBy": "", "BusName": "", **unit.get("more", {})}
    more.update(Id=name, LoadState="loaded", UnitFileState=unit["enabled"])
    more["ActiveState"] = "active" if unit["active"] else "inactive"
    return "".join(f"{key}={value}\n" for key, value in more.items())


def _change(state: dict[str, Any], units: dict[str, Any], act: str, named: list[str], options: list[str]) -> str:
    enabled = {"enable": "enabled", "disable": "disabled", "mask": "masked", "unmask": "disabled"}
    running = {"start": True, "stop": False, "restart": True}
    if act not in (*enabled, *running, "reset-failed", "daemon-reload"):
        raise Refused(f"no such command: {act}")
    state["log"].append(" ".join([act, *named]))
    for name in named:
        if name not in units:
            raise Refused(f"Unit {name} not found.")
        if act in enabled and "--runtime" not in options:
            units[name]["enabled"] = enabled[act]
        if act in running:
            if units[name].get("broken") and running[act]:
                raise Refused(f"Job for {name} failed.")
            units[name]["active"] = running[act]
        if "--now" in options:
            units[name]["active"] = act == "enable"
    return ""


def nft(state: dict[str, Any], words: list[str]) -> str:
    tables = state["tables"]
    if words == ["--stateless", "list", "ruleset"]:
        return "".join(f"table {name} {{\n{body}}}\n" for name, body in tables.items())
    if words == ["list", "tables"]:
        return "".join(f"table {name}\n" for name in tables)
    if words != ["-f", "-"]:
        raise Refused(f"Error: syntax error: {words}")
    text = state["given"]
    for name in re.findall(r"^delete table (.+)$", text, re.MULTILINE):
        del tables[name]
    tables.update(re.findall(r"^table ([^{]+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL))
    state["log"].append("nft -f")
    return ""


def rpm(state: dict[str, Any], words: list[str]) -> str:
    if words[0] == "-qf":
        owner = state["owners"].get(words[-1])
        if owner is None:
            raise Refused(f"file {words[-1]} is not owned by any package")
        return owner + "\n"
    found = []
    for name, arch, epoch, version in state["packages"]:
        line = words[2].replace("%{NAME}", name).replace("%{ARCH}", arch).replace("%{EPOCH}", epoch or "(none)")
        found.append(line.replace("%{VERSION}-%{RELEASE}", version).replace("\\n", "\n"))
    return "".join(found)


def dnf(state: dict[str, Any], words: list[str]) -> str:
    act = [word for word in words if not word.startswith("--")]
    if act[:2] == ["history", "list"]:
        return "ID | Command line\n------\n" + "".join(f" {number} | x\n" for number in range(state["last"], 0, -1))
    state["log"].append("dnf " + " ".join(act))
    if act[:2] == ["history", "undo"]:
        if act[2] not in state["history"]:
            raise Refused("Error: no such transaction")
        state["packages"] = state["history"][act[2]]
    elif act[0] == "install":
        unknown = [spec for spec in act[1:] if spec not in state["repository"]]
        if unknown:
            raise Refused(f"Error: Unable to find a match: {' '.join(unknown)}")
        new = [state["repository"][spec] for spec in act[1:]]
        names = {each[0] for each in new}
        state["packages"] = [each for each in state["packages"] if each[0] not in names] + new
    elif act[0] == "remove":
        state["packages"] = [each for each in state["packages"] if f"{each[0]}-{each[3]}.{each[1]}" not in act[1:]]
    else:
        raise Refused(f"No such command: {act[0]}")
    state["last"] += 1
    return ""


def mv(state: dict[str, Any], words: list[str]) -> str:
    """Ends the shell that calls it at the move of this number, as if the power went."""
    state["moves"] += 1
    if state["moves"] == state["dies_at"]:
        raise PowerCut
    os.replace(words[-2], words[-1])
    return ""


def _logged(state: dict[str, Any], words: list[str]) -> str:
    """A tool of which only matters that it was asked, and what."""
    state["log"].append(" ".join([os.path.basename(sys.argv[0]), *words]))
    return ""


TOOLS = {"systemctl": systemctl, "nft": nft, "rpm": rpm, "dnf": dnf, "mv": mv}


def main() -> None:
    tool = os.path.basename(sys.argv[0])
    # Two of a pipeline run at the same time; the second one waits for what it is told, and must not hold the lock then.
    given = sys.stdin.read() if sys.argv[1:] == ["-f", "-"] else ""
    with PLACE.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = {**json.load(file), "given": given}
        done(tool, state, file)


def keep(state: dict[str, Any], file: TextIO) -> None:
    file.seek(0)
    json.dump(state, file)
    file.truncate()
    file.flush()


def done(tool: str, state: dict[str, Any], file: TextIO) -> None:
    try:
        sys.stdout.write(TOOLS.get(tool, _logged)(state, sys.argv[1:]))
    except Refused as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(1)
    except PowerCut:
        os.kill(os.getppid(), 9)
        sys.exit(9)
    finally:
        keep(state, file)


if __name__ == "__main__":
    main()
