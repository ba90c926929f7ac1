# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo on the lab shows at its end: the evidence of each host, what was promised, and a closing summary."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.holdfast.ops.plugins.module_utils.core.durations import render
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.outline import minutes_recovered
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.record import Record
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.launch import Launch
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.runs_store import Run
from load import Report

Hosts = Mapping[str, tuple[str, tuple[str, ...]]]
"""Of every host its boot id and its packages."""


class Outcome(NamedTuple):
    """One maintenance: how it ended, its run, what the clients saw, the hosts before and after, who is in traffic."""

    status: int
    run: Run
    report: Report
    before: Hosts
    after: Hosts
    in_traffic: list[str]
    seconds: float

    @property
    def record(self) -> Record:
        """The record of the run."""
        return self.run.record()

    @property
    def untouched(self) -> list[str]:
        """The hosts that the rollout never came to, and that have the packages and the boot of before."""
        reached = {
            host for one in self.record.executions.values() if one["node"] == "rhel.drain" for host in one["hosts"]
        }
        return [host for host, known in self.before.items() if host not in reached and self.after[host] == known]

    @property
    def minutes(self) -> float:
        """The minutes that a person would have needed for what was done."""
        return minutes_recovered(Launch.from_data(self.run.launch()).graph(self.run.id), self.record)


def outputs(record: Record, node: str, name: str) -> dict[str, Any]:
    """An output by host, over all batches of a node."""
    found: dict[str, Any] = {}
    for batch in record.outputs.get(node, {}).values():
        found.update(batch.get(name) or {})
    return found


def seconds_to_restore(record: Record) -> dict[str, float]:
    """By host: from the end of the health check that failed to the end of the undone drain, back in traffic."""
    failed = {}
    for one in record.executions.values():
        if (one["node"], one["action"], one["state"]) == ("rhel.health", "do", "failed"):
            failed.update(dict.fromkeys(one["hosts"], one["finished"]))
    return {
        host: one["finished"] - failed[host]
        for one in record.executions.values()
        for host in one["hosts"]
        if (one["node"], one["action"], one["state"]) == ("rhel.drain", "undo", "successful") and host in failed
    }


# --- for people ---------------------------------------------------------------------------------------------------


def evidence_table(outcome: Outcome) -> list[str]:
    """A row for each host: what was installed, which advisories that closed, and the boots before and after."""
    rows: list[tuple[str, ...]] = [
        ("host", "installed", "advisories closed", "boot before", "boot after", "reboot pending")
    ]
    for host, one in sorted(outputs(outcome.record, "evidence", "patches").items()):
        added = ", ".join(package.rsplit(".", 1)[0] for package in one["packages_added"])
        boots = [one[f"boot_id_{when}"].split("-")[0] for when in ("before", "after")]
        pending = "yes" if one["reboot_required"] else "no"
        rows.append((host, added or "-", ", ".join(one["advisories_closed"]) or "-", *boots, pending))
    pending_now = outputs(outcome.record, "windows.reboot", "reboots")
    for host, kbs in sorted(outputs(outcome.record, "windows.patch", "installed_kbs").items()):
        reboot = pending_now.get(host, {})
        moments = [clock(reboot.get(f"boot_time_{when}")) for when in ("before", "after")]
        pending = "yes" if (reboot.get("pending_after") or {}).get("pending") else "no"
        rows.append((host, ", ".join(kbs) or "-", "-", *moments, pending))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def clock(moment: float | None) -> str:
    """A moment as the time of day."""
    return "-" if moment is None else time.strftime("%H:%M:%S", time.localtime(moment))


def closing_words(good: Outcome, bad: Outcome) -> list[str]:
    """The summary, as lines."""
    lines = []
    for version, one in (("2", good), ("3", bad)):
        report = one.report
        met = ", ".join(f"{count} by version {number}" for number, count in sorted(report.versions.items()))
        lines += [
            f"maintenance to version {version}: {one.record.state} after {render(round(one.seconds))}",
            f"  requests answered  {report.answered} ({report.slow_answered} of two seconds): {met}",
            f"  requests lost      {len(report.lost)} {report.reasons() or ''}".rstrip(),
            f"  in traffic         {', '.join(one.in_traffic)}",
            f"  never touched      {', '.join(one.untouched) or 'none'}",
            f"  record             {one.run.path}",
        ]
    recovered = good.minutes - good.seconds / 60
    lines.append(
        f"time recovered: about {recovered:.0f} minutes; the maintenance to version 2 takes a person about"
        f" {good.minutes:g} by hand (manual_minutes of its items)"
    )
    for host, seconds in seconds_to_restore(bad.record).items():
        same = "exactly the packages of before" if same_packages(bad, host) else "OTHER PACKAGES THAN BEFORE"
        lines.append(f"{host}: {seconds:.1f} s from the failed health check to restored service, with {same}")
    return lines


def same_packages(outcome: Outcome, host: str) -> bool:
    """Whether a host has the packages of before."""
    return outcome.before[host][1] == outcome.after[host][1]


# --- judging ------------------------------------------------------------------------------------------------------


def broken_promises(good: Outcome, bad: Outcome, windows: Mapping[str, Any]) -> list[str]:
    """What did not go as promised; empty when all did. ``windows`` is the state of the double after the good one."""
    kept = {**promises_of_the_good(good, windows), **promises_of_the_bad(bad)}
    kept["no request is lost"] = not good.report.lost and not bad.report.lost
    kept["requests of two seconds were under way all the time"] = bool(
        good.report.slow_answered and bad.report.slow_answered
    )
    return [promise for promise, true in kept.items() if not true]


def promises_of_the_good(good: Outcome, windows: Mapping[str, Any]) -> dict[str, bool]:
    """What the maintenance to version 2 promises, and whether it is so."""
    patches = outputs(good.record, "evidence", "patches")
    return {
        "the maintenance to version 2 ends successful, with exit status 0": (good.status, good.record.state)
        == (0, "successful"),
        "every host has version 2": all(has_version(packages, "2") for _boot, packages in good.after.values()),
        "every host runs from another boot than before": all(good.after[h][0] != good.before[h][0] for h in good.after),
        "the evidence names the boots that the hosts themselves name": all(
            (patches[host]["boot_id_before"], patches[host]["boot_id_after"]) == (good.before[host][0], boot)
            for host, (boot, _packages) in good.after.items()
            if host in patches
        )
        and set(patches) == set(good.after),
        "two advisories are closed on every host": all(len(one["advisories_closed"]) == 2 for one in patches.values()),
        "Windows is patched and rebooted once": windows["boots"] == 2
        and bool(outputs(good.record, "windows.patch", "installed_kbs").get("win1")),
        "a client met version 2": good.report.versions["2"] > 0,
        "every server is in traffic after version 2": good.in_traffic == list(good.after),
    }


def promises_of_the_bad(bad: Outcome) -> dict[str, bool]:
    """What the maintenance to version 3 promises, and whether it is so."""
    first, *others = bad.after
    return {
        "the maintenance to version 3 ends rolled_back, with another exit status": bad.status != 0
        and bad.record.state == "rolled_back",
        "every host has exactly the packages of before": all(same_packages(bad, host) for host in bad.after),
        "the servers that version 3 did not reach are untouched": set(others) <= set(bad.untouched),
        "the first server was restored after its health check had failed": list(seconds_to_restore(bad.record))
        == [first],
        "no client met version 3": "3" not in bad.report.versions,
        "every server is in traffic after version 3": bad.in_traffic == list(bad.after),
    }


def has_version(packages: tuple[str, ...], version: str) -> bool:
    """Whether this version of the application is among packages."""
    return any(package.startswith(f"shopfront-{version}-") for package in packages)
