# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX says about the events of a job: their names, levels and verdicts, and what their sum says about hosts.

``EVENTS`` is the table; everything else here reads events and never changes them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple


class EventKind(NamedTuple):
    """A kind of event: its depth in a job's tree, its name for people, and whether it means a failure."""

    level: int
    display: str
    failed: bool = False


EVENTS: Mapping[str, EventKind] = {
    "runner_on_failed": EventKind(3, "Host Failed", True),
    "runner_on_start": EventKind(3, "Host Started"),
    "runner_on_ok": EventKind(3, "Host OK"),
    "runner_on_error": EventKind(3, "Host Failure", True),
    "runner_on_skipped": EventKind(3, "Host Skipped"),
    "runner_on_unreachable": EventKind(3, "Host Unreachable", True),
    "runner_on_no_hosts": EventKind(3, "No Hosts Remaining"),
    "runner_on_async_poll": EventKind(3, "Host Polling"),
    "runner_on_async_ok": EventKind(3, "Host Async OK"),
    "runner_on_async_failed": EventKind(3, "Host Async Failure", True),
    "runner_item_on_ok": EventKind(3, "Item OK"),
    "runner_item_on_failed": EventKind(3, "Item Failed", True),
    "runner_item_on_skipped": EventKind(3, "Item Skipped"),
    "runner_retry": EventKind(3, "Host Retry"),
    "runner_on_file_diff": EventKind(3, "File Difference"),
    "playbook_on_start": EventKind(0, "Playbook Started"),
    "playbook_on_notify": EventKind(2, "Running Handlers"),
    "playbook_on_include": EventKind(2, "Including File"),
    "playbook_on_no_hosts_matched": EventKind(2, "No Hosts Matched"),
    "playbook_on_no_hosts_remaining": EventKind(2, "No Hosts Remaining"),
    "playbook_on_task_start": EventKind(2, "Task Started"),
    "playbook_on_vars_prompt": EventKind(1, "Variables Prompted"),
    "playbook_on_setup": EventKind(2, "Gathering Facts"),
    "playbook_on_import_for_host": EventKind(2, "internal: on Import for Host"),
    "playbook_on_not_import_for_host": EventKind(2, "internal: on Not Import for Host"),
    "playbook_on_play_start": EventKind(1, "Play Started"),
    "playbook_on_stats": EventKind(1, "Playbook Complete"),
    "debug": EventKind(0, "Debug"),
    "verbose": EventKind(0, "Verbose"),
    "deprecated": EventKind(0, "Deprecated"),
    "warning": EventKind(0, "Warning"),
    "system_warning": EventKind(0, "System Warning"),
    "error": EventKind(0, "Error", True),
}
"""In the order in which AWX lists them as choices."""

STATS = "playbook_on_stats"
COUNTS = ("changed", "dark", "failures", "ignored", "ok", "processed", "rescued", "skipped")
"""The counts of a host in the statistics of a play."""
_STATUS_COUNTS = ("skipped", "ok", "changed", "failures", "dark")
"""What a host counts as: the last of these it has any of."""
_NAMES_HOSTS = ("changed", "dark", "failures", "ok", "processed", "skipped")

STDOUT_SHOWN = 1024
"""Characters of an event's output that a list of events shows."""
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"


def event_level(event: str) -> int:
    """How deep an event stands in the tree of a job: 0 playbook, 1 play, 2 task, 3 host."""
    kind = EVENTS.get(event)
    return kind.level if kind else 0


def event_display(event: str, data: Mapping[str, Any], play: str = "", role: str = "", task: str = "") -> str:
    """The name of an event for people; those of plays and tasks say which."""
    kind = EVENTS.get(event)
    shown = kind.display if kind else event
    if event == "playbook_on_play_start":
        return f"{shown} ({play})" if play else shown
    if event == "playbook_on_task_start":
        shown = "Handler Notified" if task and data.get("is_conditional") else shown
        return f"{shown} ({role} | {task})" if task and role else f"{shown} ({task})" if task else shown
    return _async_display(event, data.get("res"), shown)


def _async_display(event: str, result: Any, shown: str) -> str:
    """What is said instead of events that belong to an asynchronous task."""
    if not isinstance(result, Mapping):
        return shown
    if event == "runner_on_async_ok" and (result.get("failed") or result.get("rc", 0) != 0):
        return "Host Async Failed"
    if event in ("runner_on_failed", "runner_on_async_failed") and result.get("msg") == "timed out":
        return "Host Async Timeout"
    if event in ("runner_on_ok", "runner_on_failed") and result.get("ansible_job_id"):
        invocation = result.get("invocation")
        module = invocation.get("module_name") if isinstance(invocation, Mapping) else None
        if module:
            return "Host Async Checking" if module == "async_status" else "Host Async Started"
    return shown


class Verdict(NamedTuple):
    """What an event means for the one who reads the list."""

    failed: bool
    changed: bool


def verdict(event: str, data: Mapping[str, Any]) -> Verdict:
    """Whether an event stands for a failure, and for a change."""
    if event == STATS:
        return Verdict(_any(data, "failures") or _any(data, "dark"), _any(data, "changed"))
    kind = EVENTS.get(event)
    result = data.get("res")
    return Verdict(
        bool(kind and kind.failed and not data.get("ignore_errors")),
        isinstance(result, Mapping) and bool(result.get("changed")),
    )


def _any(stats: Mapping[str, Any], count: str) -> bool:
    return any(_by_host(stats, count).values())


def _by_host(stats: Mapping[str, Any], count: str) -> Mapping[str, int]:
    """One count of every host; {} where a play did not say."""
    found = stats.get(count)
    return found if isinstance(found, Mapping) else {}


def host_summaries(stats: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of a job host summary for every host that the statistics of a play name."""
    hosts = sorted({host for count in _NAMES_HOSTS for host in _by_host(stats, count)})
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        counts = {count: _by_host(stats, count).get(host, 0) for count in COUNTS}
        found[host] = {**counts, "failed": bool(counts["dark"] or counts["failures"])}
    return found


def host_status_counts(stats: Mapping[str, Any]) -> dict[str, int]:
    """How many hosts ended how: each counts once, as the worst it had."""
    status = {host: count for count in _STATUS_COUNTS for host in _by_host(stats, count)}
    return dict(Counter(status.values()))


def truncate_stdout(stdout: str, size: int = STDOUT_SHOWN) -> str:
    """The beginning of an event's output, with its colours closed; all of it when it is short or ``size`` is 0."""
    if size <= 0 or len(stdout) <= size:
        return stdout
    cut = stdout[: size - 1] + "…"
    codes = _SGR.findall(cut)
    resets = codes.count(_RESET)
    return cut + _RESET * (len(codes) - 2 * resets)


def shown_stdout(event: str, stdout: str, size: int = STDOUT_SHOWN) -> str:
    """An event's output as a list of events shows it: that of plays and tasks is always whole."""
    return stdout if event.startswith("playbook_on") else truncate_stdout(stdout, size)
