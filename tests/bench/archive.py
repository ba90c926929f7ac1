# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of snapshots: what a snapshot, a difference and a promotion cost beside the time of the device."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check, Evidence
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive

AT_ONCE = 50
PLATFORM = "cisco_ios"
PLACE = Path(__file__).resolve().parents[2] / ".cache" / "bench"


def configuration(host: int, vlan: int) -> str:
    """A configuration of 2,000 lines with twenty secrets; ``vlan`` is what changes."""
    ports = [
        f"interface GigabitEthernet1/0/{port}\n description {host}-{port}\n switchport access vlan {port}"
        for port in range(652)
    ]
    users = [f"username u{user} privilege 15 secret 9 $9${host}{user}nhEmQVczB7dqsO" for user in range(20)]
    return "\n".join([f"hostname h{host}", *users, *ports, "interface Vlan1", f" description {vlan}", "end", ""])


class Cost:
    """Seconds by kind of work: of the clock, and of processors (with those of git)."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count the time of a block."""
        wall, cpu = time.perf_counter(), _processors()
        yield
        self.wall[what] = self.wall.get(what, 0.0) + time.perf_counter() - wall
        self.cpu[what] = self.cpu.get(what, 0.0) + _processors() - cpu


def _processors() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _visit(archive: Archive, hosts: range, vlan: int, cost: Cost) -> None:
    """Take, compare with the last known good state, and promote; all of these hosts together."""
    now = time.time()
    taken = [Snapshot(f"h{host}", PLATFORM, now, {"config": {"running": configuration(host, vlan)}}) for host in hosts]
    with cost.of("snapshot"):
        parted = [archive.part(each) for each in taken]
        stored = archive.put(parted)
    with cost.of("diff"):
        current = archive.current([each.host for each in stored])
        before = archive.views(
            [each._replace(commit=current[each.host].commit) for each in stored if each.host in current]
        )
        for old, new in zip(before, parted, strict=False):
            assert len(compare(old, new.view, platform_named(PLATFORM)).changes) == 1
    with cost.of("promote"):
        evidence = Evidence("bench", time.time(), (Check("web", True),))
        archive.promote([(each, evidence) for each in stored])


def measure(folder: Path, hosts: int, at_once: int) -> Cost:
    """What a changed configuration of so many hosts costs, each of which has a last known good state already."""
    archive, first, cost = Archive(folder), Cost(), Cost()
    for vlan, counted in ((1, first), (2, cost)):
        for start in range(0, hosts, at_once):
            _visit(archive, range(start, start + at_once), vlan, counted)
    return cost


def report() -> None:
    """Print the cost for each host, for one thousand hosts and for four thousand, and for each on its own.

    A task of Ansible keeps its host on its own, as many of them side by side as there are forks; then each host pays
    for the starts of git that fifty share otherwise.
    """
    print("archive (2,000 lines a host, every host changed; on this disk)")
    # Not in the folder for temporary files, and removed at the end, all together: where thousands of files were
    # removed, ext4 without a journal takes thirty times as long to make one for a long time, for it passes over the
    # places of the old ones. Nobody keeps an archive there, and one that is written to removes nothing.
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        for hosts, at_once in ((1_000, AT_ONCE), (4_000, AT_ONCE), (200, 1)):
            cost = measure(Path(folder, str(hosts)), hosts, at_once)
            parts = ", ".join(
                f"{what} {seconds / hosts * 1000:.2f} ({cost.cpu[what] / hosts * 1000:.2f})"
                for what, seconds in cost.wall.items()
            )
            whole, busy = (sum(one.values()) / hosts * 1000 for one in (cost.wall, cost.cpu))
            said = f"{hosts:>5} hosts, {at_once:>2} at a time: {whole:5.2f} ms each"
            print(f"  {said} ({busy:.2f} ms of processors): {parts}")
