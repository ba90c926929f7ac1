# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab``: see docs/lab.md."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from tests.lab import places, rootfs
from tests.lab.commands import LabError
from tests.lab.faults import FAULTS
from tests.lab.lab import HOSTS, Lab
from tests.lab.repository import STATES


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m tests.lab", description="A data centre of real parts.")
    top.add_argument("--name", default="default", help="which lab, when there are several (default: %(default)s)")
    acts = top.add_subparsers(dest="act", required=True)
    up = acts.add_parser("up", help="bring it up; it stays until `down`")
    up.add_argument("--hosts", type=int, default=len(HOSTS), help="how many hosts (default: %(default)s)")
    states = [state.name for state in STATES]
    up.add_argument("--publish", choices=states, default="2", help="what the repository offers (default: %(default)s)")
    down = acts.add_parser("down", help="take it down, and remove what a killed one left")
    down.add_argument("--all", action="store_true", help="every lab of this machine")
    acts.add_parser("status", help="say who is in it and how they are")
    fault = acts.add_parser("fault", help="let something go wrong, or be well again")
    fault.add_argument("fault", nargs="?", help=f"one of {', '.join(FAULTS)}; without it they are explained")
    fault.add_argument("host", nargs="?", default="")
    fault.add_argument("--value", type=float, help="how much of it: seconds or percent")
    fault.add_argument("--undo", action="store_true", help="take it back")
    publish = acts.add_parser("publish", help="let the repository offer other packages")
    publish.add_argument("state", choices=states)
    power = acts.add_parser("power", help="switch a host on, or pull its plug")
    power.add_argument("host")
    power.add_argument("switch", choices=["on", "off"])
    renew = acts.add_parser("renew", help="give hosts the disks they had in the beginning, without faults")
    renew.add_argument("host", nargs="+")
    acts.add_parser("reset", help="let everything be as it was when the lab had come up")
    acts.add_parser("clear", help="remove what was built once for all labs")
    return top


def act(given: argparse.Namespace, lab: Lab) -> None:
    """Do what was asked. Raises LabError."""
    if given.act == "up":
        begun = time.monotonic()
        lab.up([f"app{number + 1}" for number in range(given.hosts)], given.publish, keep=True)
        print(f"up after {time.monotonic() - begun:.1f} s: {lab.url}\ninventory: {lab.inventory}")
    elif given.act == "down":
        for name in places.lab_names() if given.all else [given.name]:
            Lab(name).down()
    elif given.act == "status":
        show(lab)
    elif given.act == "clear":
        rootfs.clear()
    elif given.act == "fault" and given.fault is None:
        for fault in FAULTS.values():
            amount = "" if fault.value is None else f" (VALUE is {fault.value:g} unless given)"
            print(f"{fault.name:16} {'HOST' if fault.of else '':5} {fault.says}{amount}")
    else:
        change(given, lab)


def change(given: argparse.Namespace, lab: Lab) -> None:
    """Change something in a lab that is up. Raises LabError."""
    if given.act == "fault" and given.undo:
        lab.heal(given.fault, given.host)
    elif given.act == "fault":
        lab.fault(given.fault, given.host, given.value)
    elif given.act == "publish":
        lab.publish(given.state)
    elif given.act == "power":
        lab.power(given.host, given.switch == "on")
    elif given.act == "reset":
        lab.reset()
    else:
        lab.renew(*given.host)


def show(lab: Lab) -> None:
    """Print the status. Raises LabError."""
    status: dict[str, Any] = lab.status()
    print(f"{status['url']}   packages: state {status['published']}   inventory: {lab.inventory}")
    servers = lab.servers()
    for row in status["members"]:
        seen = servers.get(row["name"], {}).get("status", "")
        print(f"{row['name']:10} {row['group']:10} {row['state']:8} {row['management']:16} {row['service']:16} {seen}")
    for fault in status["faults"]:
        amount = "" if fault["value"] is None else f" {fault['value']:g}"
        print(f"fault: {fault['name']} {fault['host']}{amount}")


def main() -> int:
    """Read the command line and do it."""
    given = parser().parse_args()
    try:
        lab = Lab(given.name, say=lambda line: print(line, flush=True))
        act(given, lab)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
