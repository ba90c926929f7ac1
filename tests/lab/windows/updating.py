# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows Update on the double: which updates are chosen, and a job that downloads and installs them.

It follows what the real module does with the update agent's answers: the order of its messages, its result codes, that
it refuses to install while a reboot is pending, and that one update that fails fails the job after all were tried.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .machine import SERVICING, WINDOWS_UPDATE, Machine, Update

SUCCEEDED, FAILED = 2, 4
CATEGORIES = {
    "CriticalUpdates": "Critical Updates",
    "DefinitionUpdates": "Definition Updates",
    "DeveloperKits": "Developer Kits",
    "FeaturePacks": "Feature Packs",
    "SecurityUpdates": "Security Updates",
    "ServicePacks": "Service Packs",
    "UpdateRollups": "Update Rollups",
}
DEFAULT_CATEGORIES = ("CriticalUpdates", "SecurityUpdates", "UpdateRollups")


def why_filtered(update: Update, options: Mapping[str, Any]) -> list[str]:
    """Why an update is not chosen; empty when it is. Lists hold regular expressions, and case does not matter."""
    names = options.get("category_names") or DEFAULT_CATEGORIES
    wanted = {CATEGORIES.get(name, name).lower() for name in ([names] if isinstance(names, str) else names)}
    subjects = (update.title, update.kb)
    reasons = []
    accept, reject = options.get("accept_list") or [], options.get("reject_list") or []
    if accept and not _matches(subjects, accept):
        reasons.append("accept_list")
    if reject and _matches(subjects, reject):
        reasons.append("reject_list")
    if "*" not in wanted and not wanted.intersection(category.lower() for category in update.categories):
        reasons.append("category_names")
    if options.get("skip_optional") and update.optional:
        reasons.append("skip_optional")
    return reasons


def _matches(subjects: Sequence[str], patterns: Sequence[str] | str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(re.search(pattern, subject, re.IGNORECASE) for pattern in listed for subject in subjects)


class UpdateJob:
    """One run of the update agent in the background; ``messages`` hands out what it has said since the last time."""

    def __init__(self, machine: Machine, options: Mapping[str, Any], check: bool) -> None:
        self._machine, self._options, self._check = machine, options, check
        self._boot = machine.boots
        self._said: list[dict[str, Any]] = []
        self._something = threading.Condition()
        self.cancelled = False
        threading.Thread(target=self._run, daemon=True).start()

    def messages(self, patience: float = 1.0) -> list[dict[str, Any]]:
        """What was said since; waits a little for something."""
        with self._something:
            self._something.wait_for(lambda: bool(self._said), patience)
            said, self._said = self._said, []
        return said

    def _say(self, task: str, **result: Any) -> None:
        with self._something:
            self._said.append({"task": task, "result": result})
            self._something.notify_all()

    def _end(self, changed: bool, error: str = "") -> None:
        needed = WINDOWS_UPDATE in self._machine.pending
        exception = {"message": error, "exception": error} if error else None
        self._say("exit", changed=changed, failed=bool(error), reboot_required=needed, exception=exception)

    def _run(self) -> None:
        offered = [update for update in self._machine.updates.values() if update.stage in ("offered", "downloaded")]
        filtered = {update.kb: why_filtered(update, self._options) for update in offered}
        self._say(
            "search_result",
            updates=[
                {"id": one.identity, "title": f"{one.title} ({one.kb})", "kb": [one.kb], "categories": one.categories}
                for one in offered
            ],
            filtered=[{"id": one.identity, "reasons": filtered[one.kb]} for one in offered if filtered[one.kb]],
        )
        chosen = [update for update in offered if not filtered[update.kb]]
        state = self._options.get("state") or "installed"
        if self._check or state == "searched" or not chosen:
            self._end(changed=bool(chosen) and state != "searched")
        elif WINDOWS_UPDATE in self._machine.pending:
            self._end(changed=False, error="A reboot is required before more updates can be installed")
        elif self._download(chosen) and state == "installed":
            self._install(chosen)

    def _download(self, chosen: Sequence[Update]) -> bool:
        fresh = [update for update in chosen if update.stage == "offered"]
        for update in fresh:
            update.stage = "downloaded"
        if fresh:
            info = [{"id": update.identity, "result_code": SUCCEEDED, "hresult": 0} for update in fresh]
            self._say("download_result", info=info)
        if self._options.get("state") == "downloaded":
            self._end(changed=bool(fresh))
        return True

    def _install(self, chosen: Sequence[Update]) -> None:
        info = []
        for update in chosen:
            time.sleep(self._machine.faults.install_seconds)
            if self._machine.boots != self._boot or not self._machine.up or self.cancelled:
                return  # the machine, and with it this process, is gone
            info.append(self._install_one(update))
        self._say("install_result", info=info)
        failed = any(result["result_code"] != SUCCEEDED for result in info)
        self._end(True, "Failed to install all updates - see updates for more information" if failed else "")

    def _install_one(self, update: Update) -> dict[str, Any]:
        machine = self._machine
        failure = machine.faults.failing_updates.get(update.kb, 0)
        with machine.lock:
            machine.log.append(f"install {update.kb}: {'failed' if failure else 'done'}")
            if not failure and update.reboot:
                update.stage = "waiting"
                machine.pending.update((WINDOWS_UPDATE, SERVICING))
            elif not failure:
                update.stage = "installed"
                machine.hotfixes.add(update.kb)
        signed = failure - (1 << 32) if failure & 0x80000000 else failure
        code = FAILED if failure else SUCCEEDED
        return {"id": update.identity, "result_code": code, "hresult": signed, "reboot_required": update.reboot}
