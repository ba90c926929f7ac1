# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: which test answers which cell of platform and fault, how each ended, and the table made of that.

A test says what it answers by ``@cell("frr", CUT)``. When it has run, how it ended is kept below ``.cache``, and
``python -m tests.lab.matrix`` writes ``docs/fault-matrix.md`` from it. A unit test compares the cells of the committed
table with those that tests declare.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / ".cache" / "fault-matrix"
TABLE = REPOSITORY / "docs" / "fault-matrix.md"

CUT, BREAK, KILL, REBOOT = "cut management", "break service", "kill controller", "reboot mid-change"
FULL, UNARMED, CREDENTIALS = "archive disk full", "timer cannot be armed", "wrong credentials"
FAULTS = (CUT, BREAK, KILL, REBOOT, FULL, UNARMED, CREDENTIALS)
REAL, DOUBLE, NONE = "real", "double", "none"
PASSED, FAILED = "passed", "failed"
WHOLE, BARE = "whole", "bare"


class Platform(NamedTuple):
    """A row: its title, and what stands for it in the lab."""

    title: str
    kind: str
    lab: str


PLATFORMS: Mapping[str, Platform] = {
    "rhel": Platform("RHEL", REAL, "real systemd, ssh, dnf, rpm and nft under systemd-nspawn"),
    "frr": Platform("FRR", REAL, "real FRR with BGP"),
    "haproxy": Platform("HAProxy", REAL, "real HAProxy under systemd"),
    "openvswitch": Platform("Open vSwitch", REAL, "real Open vSwitch, which forwards in user space"),
    "netconf": Platform("NETCONF", REAL, "a real NETCONF server, netconfd"),
    "cisco_ios": Platform("Cisco IOS", DOUBLE, "[a double](ios-double.md): our dialogue is proved, not Cisco's IOS"),
    "windows": Platform("Windows", DOUBLE, "[a double](windows-double.md): our dialogue is proved, not Windows"),
    "arista_eos": Platform("Arista EOS", NONE, "no such device can be had for the lab, and there is no double"),
    "juniper_junos": Platform("Junos", NONE, "no such device can be had for the lab, and there is no double"),
    "cli_config": Platform(
        "other CLIs", NONE, "nothing is known of such a device; it has no timer, so no guard begins"
    ),
}


class Answer(NamedTuple):
    """A test that answers a cell; ``whole``: by ansible-playbook and lkg_guard, and not by the guard alone."""

    platform: str
    fault: str
    whole: bool
    test: str


def cell(platform: str, *faults: str, whole: bool = False) -> pytest.MarkDecorator:
    """Says of a test that it answers cells. Raises ValueError for a platform or a fault that there is not."""
    unknown = [name for name in faults if name not in FAULTS]
    if platform not in PLATFORMS or PLATFORMS[platform].kind == NONE or unknown or not faults:
        raise ValueError(f"there is no cell {platform} x {', '.join(faults) or 'nothing'} that a test could answer")
    return pytest.mark.cell(platform, *faults, whole=whole)


def answers(item: pytest.Item) -> list[Answer]:
    """The cells that a test declares."""
    found = []
    for mark in item.iter_markers("cell"):
        platform, *faults = mark.args
        found += [Answer(platform, fault, bool(mark.kwargs.get("whole")), item.nodeid) for fault in faults]
    return sorted(found)


# --- results ---------------------------------------------------------------------------------------------------------


def record(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep how a test that answers cells ended. One that was skipped says nothing."""
    if report.skipped or not (report.failed or report.when == "call") or not answers(item):
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    told = {"test": item.nodeid, "outcome": FAILED if report.failed else PASSED, "at": time.time()}
    name = hashlib.sha256(item.nodeid.encode()).hexdigest()[:16]
    (RESULTS / f"{name}.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


def outcomes() -> dict[str, str]:
    """How each test ended the last time."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*.json")]
    return {told["test"]: told["outcome"] for told in found}


class _Collector:
    """Notes which cells are declared."""

    def __init__(self) -> None:
        self.found: list[Answer] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See pytest."""
        self.found = [answer for item in session.items for answer in answers(item)]


def declared() -> list[Answer]:
    """The cells of all tests of the lab, collected and not run. To be asked in a process without other tests."""
    here = Path(__file__).resolve()
    files = [path for path in sorted(here.parent.rglob("test_*.py")) if "tests.lab.matrix import" in path.read_text()]
    collector = _Collector()
    arguments = ["--collect-only", "--quiet", "--no-summary", "-p", "no:cacheprovider", "--rootdir", str(REPOSITORY)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*arguments, *map(str, files)], plugins=[collector])
    if status:
        raise SystemExit(f"the tests of the lab cannot be collected (status {int(status)})\n{said.getvalue()}")
    return sorted(collector.found)


# --- the table -------------------------------------------------------------------------------------------------------

_HEAD = """\
# The fault matrix

What becomes of a host when something goes wrong in the middle of a guarded change ([guard.md](guard.md)): nothing is
left worse. Written by `python -m tests.lab.matrix` from how the tests of the lab ended; do not edit it.

"""
_WORDS = """
- **whole**: `ansible-playbook` plays `lkg_guard`, over the connection of the platform.
- **bare**: the guard with the provider, the timer and the archive of the platform, without Ansible between it and the
  host. What Ansible adds is the same code for every platform, and proved whole on others: for all that are Linux it is
  ssh and a timer of systemd, proved whole on RHEL.
- *double*: the host is a double, so the cell says nothing of how a real one behaves.
- **-**: not proved.

In each cell the test looks at the host itself. Bare ones compare it with the state before, to the byte after
normalisation, and look that no timer is left on it and that nothing was promoted; whole ones look at what was changed,
and most at the rest as well. When management is cut off, the controlling process killed (and stopped, but for IOS) or
the host rebooted, the host goes back alone, within its timer and ten seconds where that is measured (Linux, Windows,
IOS killed); IOS and NETCONF go back by the reboot itself. In the last three columns nothing is begun, so nothing is
changed.

Management is cut by nft on RHEL, by a route on FRR, by the port's shutdown on IOS, by the service and by the firewall
on Windows; for HAProxy, Open vSwitch and NETCONF, which do not manage it, by the cable. A timer that cannot be armed:
no room where it is kept (RHEL, IOS), units that cannot be written (bare ones of Linux), a task that is refused
(Windows), a commit of somebody else that waits (NETCONF).

"""


def word(platform: str, fault: str, found: Iterable[Answer], ended: Mapping[str, str]) -> str:
    """What stands in a cell. Whatever did not pass, or was not run, is not proved."""
    mine = [one for one in found if (one.platform, one.fault) == (platform, fault)]
    passed = [one for one in mine if ended.get(one.test) == PASSED]
    if not passed or len(passed) < len(mine):
        return "-"
    said = WHOLE if any(one.whole for one in passed) else BARE
    return f"*{said}, double*" if PLATFORMS[platform].kind == DOUBLE else said


def render(found: Sequence[Answer], ended: Mapping[str, str]) -> str:
    """The page."""
    lines = [f"| | {' | '.join(FAULTS)} |", "|---" * (len(FAULTS) + 1) + "|"]
    for name, platform in PLATFORMS.items():
        cells = [word(name, fault, found, ended) for fault in FAULTS]
        lines.append(f"| {platform.title} | {' | '.join(cells)} |")
    lines += [*_WORDS.splitlines(), "## Which tests", ""]
    for name, platform in PLATFORMS.items():
        lines += [f"**{platform.title}**: {platform.lab}.", ""]
        rows = [_tests(name, fault, found) for fault in FAULTS if _tests(name, fault, found)]
        lines += [*rows, ""] if rows else []
    return _HEAD + "\n".join(lines).rstrip() + "\n"


def _tests(platform: str, fault: str, found: Iterable[Answer]) -> str:
    mine = sorted({one.test for one in found if (one.platform, one.fault) == (platform, fault)})
    shown = ", ".join(f"`{test.removeprefix('tests/lab/')}`" for test in mine)
    return f"- {fault}: {shown}" if mine else ""


def main(arguments: Sequence[str]) -> int:
    """Write the table, or with ``--declared FILE`` the declared cells as JSON."""
    found = declared()
    if arguments[:1] == ["--declared"]:
        told: list[Any] = [list(one) for one in found]
        Path(arguments[1]).write_text(json.dumps(told), encoding="utf-8")
        return 0
    ended = outcomes()
    TABLE.write_text(render(found, ended), encoding="utf-8")
    lacking = sorted({one.test for one in found if ended.get(one.test) != PASSED})
    for test in lacking:
        print(f"not proved, {'it failed' if test in ended else 'not run yet'}: {test}")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
