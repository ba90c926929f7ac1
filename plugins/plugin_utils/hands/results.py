# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the events of a play to what the conductor is told: a result for every host, and outputs."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import links
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow import states
from ansible_collections.holdfast.ops.plugins.module_utils.core.workflow.events import HostResult
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.play_writer import MARKER

NOT_RUN = "the play did not run on this host: its hosts do not include it"
BROKEN_OFF = "the play was broken off on this host by failures on others"
_LONGEST = 600
_LAST_LINES = 40
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SETS_STATS = ("set_stats", "ansible.builtin.set_stats")
_BREAKS = re.compile(r"^[\s-]*(any_errors_fatal|max_fail_percentage)\s*:", re.MULTILINE)
_ERROR = re.compile(r"^(ERROR!|\[ERROR\]|fatal:|ansible-playbook: error|Traceback )", re.IGNORECASE)


class Events:
    """Collects what matters from the events of one play, as they come."""

    def __init__(self, outputs: Iterable[str] = ()) -> None:
        self._wanted = tuple(outputs)
        self.stats: Optional[dict[str, Any]] = None
        self.current_task = ""
        self.adds_up = True
        """Whether what several hosts report of the run is added up: nothing was set that takes the others' place."""
        self._failures: dict[str, str] = {}
        self._through: set[str] = set()
        self._playbook = ""
        self._reported: dict[str, Any] = {}
        self._by_host: dict[str, dict[str, Any]] = {}
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event of ansible-runner."""
        data = event.get("event_data") or {}
        handler = getattr(self, f"_{event.get('event')}", None)
        if handler is not None:
            handler(data)
        for line in str(event.get("stdout") or "").splitlines():
            if line.strip():
                self._lines.append(_ANSI.sub("", line).rstrip())

    def _playbook_on_start(self, data: Mapping[str, Any]) -> None:
        self._playbook = str(data.get("playbook") or "")

    def _playbook_on_task_start(self, data: Mapping[str, Any]) -> None:
        self.current_task = str(data.get("task") or data.get("name") or "")

    def _playbook_on_stats(self, data: Mapping[str, Any]) -> None:
        self.stats = dict(data)

    def _runner_on_ok(self, data: Mapping[str, Any]) -> None:
        host, result = str(data.get("host")), data.get("res") or {}
        if data.get("task") == MARKER:
            self._through.add(host)
        if not isinstance(result, Mapping):
            return
        if data.get("task_action") not in (*_SETS_STATS, links.GUARD):
            self._reported.update({name: result[name] for name in self._wanted if name in result})
        set_stats = result.get("ansible_stats")
        if isinstance(set_stats, Mapping):
            if set_stats.get("per_host"):
                self._of_host(host, set_stats.get("data"))
            else:
                self.adds_up = self.adds_up and bool(set_stats.get("aggregate"))
        self._guarded(data)

    def _of_host(self, host: str, values: Any) -> None:
        for name, value in (values if isinstance(values, Mapping) else {}).items():
            self._by_host.setdefault(str(name), {})[host] = value

    def _guarded(self, data: Mapping[str, Any]) -> None:
        """What a guard tells of its host, also when it failed: then above all it must be known how the host stands."""
        result = data.get("res")
        if data.get("task_action") == links.GUARD and isinstance(result, Mapping):
            self._of_host(str(data.get("host")), result.get("outputs"))

    def _runner_on_failed(self, data: Mapping[str, Any]) -> None:
        host = str(data.get("host"))
        self._guarded(data)
        if not data.get("ignore_errors"):
            self._failures[host] = _failure(data)

    def _runner_on_unreachable(self, data: Mapping[str, Any]) -> None:
        self._failures[str(data.get("host"))] = _failure(data)

    def outputs(self, from_module: bool) -> dict[str, Any]:
        """What the play reported: ``set_stats``; per host as {name: {host: value}}; of a module, its own result."""
        artifact = (self.stats or {}).get("artifact_data") or {}
        return {**(self._reported if from_module else {}), **self._by_host, **artifact}

    def last_words(self) -> str:
        """The last meaningful lines, for a play that ended before it began."""
        lines = list(self._lines)
        first = next((i for i, line in enumerate(lines) if _ERROR.match(line.lstrip())), None)
        if first is not None:
            lines = lines[first:]
        return shorten(" ".join(line.strip() for line in lines[-6:] if first is None) or " ".join(lines[:6]))

    def results(self, hosts: Iterable[str], return_code: int, marked: bool) -> dict[str, HostResult]:
        """A result for each of ``hosts``, by what the play's statistics say."""
        wanted = list(hosts)
        if self.stats is None:
            said = self.last_words() or "it said nothing"
            why = f"the play did not start (exit status {return_code}): {said}"
            return dict.fromkeys(wanted, HostResult(states.ERROR, why))
        may_break = not marked and self._may_have_been_broken_off()
        results = {host: self._result(host, host not in self._through if marked else may_break) for host in wanted}
        elsewhere = self._failed_elsewhere(set(wanted))
        if elsewhere is not None:
            results = {h: r if r.state in states.BAD else elsewhere for h, r in results.items()}
        return results

    def _counts(self, kind: str) -> Mapping[str, int]:
        found = (self.stats or {}).get(kind)
        return found if isinstance(found, Mapping) else {}

    def _may_have_been_broken_off(self) -> bool:
        """True when hosts failed in a playbook that ends for all of them then: Ansible does not say who was cut off."""
        if not (self._counts("dark") or self._counts("failures")):
            return False
        try:
            return bool(_BREAKS.search(Path(self._playbook).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return False

    def _result(self, host: str, broken: bool) -> HostResult:
        said = self._failures.get(host, "")
        if self._counts("dark").get(host):
            return HostResult(states.UNREACHABLE, said or "unreachable")
        if self._counts("failures").get(host):
            return HostResult(states.FAILED, said or "failed")
        if host not in self._counts("processed"):
            return HostResult(states.ERROR, NOT_RUN)
        return HostResult(states.ERROR, BROKEN_OFF) if broken else HostResult(states.SUCCESSFUL)

    def _failed_elsewhere(self, wanted: set[str]) -> Optional[HostResult]:
        """A failure on a host that is none of the slice (one added by the play): no host can count as done."""
        for kind in ("dark", "failures"):
            for host, count in self._counts(kind).items():
                if count and host not in wanted:
                    return HostResult(states.FAILED, shorten(f"on {host}: {self._failures.get(host, 'failed')}"))
        return None


def _failure(data: Mapping[str, Any]) -> str:
    """The task and what it said."""
    task = str(data.get("task") or "").strip()
    said = _said(data.get("res"))
    return shorten(f"{task}: {said}" if task else said)


def _said(result: Any) -> str:
    """The words of a failed result; of a loop, those of its first failed item."""
    if not isinstance(result, Mapping):
        return str(result or "failed")
    if result.get("censored"):
        return "failed (its output is hidden by no_log)"
    for item in result.get("results") or ():
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            return _said(item)
    message = str(result.get("msg") or result.get("reason") or "").strip()
    stderr = str(result.get("stderr") or result.get("module_stderr") or "").strip()
    if stderr and stderr not in message:
        message = f"{message}: {stderr.splitlines()[-1]}" if message else stderr.splitlines()[-1]
    return message or "failed without a message"


def shorten(text: str) -> str:
    """Text as one or two lines for a record."""
    joined = "; ".join(line.strip() for line in _ANSI.sub("", text).splitlines() if line.strip())
    return joined if len(joined) <= _LONGEST else f"{joined[: _LONGEST - 1]}…"
