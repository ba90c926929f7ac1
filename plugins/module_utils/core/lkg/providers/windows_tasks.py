# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Windows hosts revert by themselves: a scheduled task that runs ``restore.ps1``; and restores that run at once."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Device, Reverted
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import windows_scripts as scripts
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows_restore import RESTORE
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows_wanted import Wanted, wanted

MODULE = "ansible.windows.win_powershell"
RUN_SECONDS = 3600
"""Seconds that a restore may take: features need minutes each."""

_TOKEN = re.compile(r"holdfast-[a-z0-9-]{1,80}\Z")
_LAST_WORDS = 5


def ask(device: Device, script: str, parameters: Mapping[str, Any], secret: bool = False) -> dict[str, Any]:
    """Run a script that writes one JSON object; returns that. Raises HoldfastError when it fails, and Unanswered."""
    arguments: dict[str, Any] = {"script": script, "error_action": "stop"}
    if parameters:
        arguments["parameters"] = dict(parameters)
    answer = device.run(MODULE, arguments, secret)
    written = answer.get("output")
    try:
        text = written[-1] if isinstance(written, list) else None
        found = json.loads(text) if isinstance(text, str) else None
    except (IndexError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise HoldfastError("the script on the host did not come to its end: it wrote no answer that can be read")
    if "wrong" in found:
        raise HoldfastError(f"the host said: {found['wrong']}")
    return found


class TaskTimer:
    """Timer of Windows hosts whose sections to put back are these."""

    def __init__(self, sections: Sequence[str]) -> None:
        self._sections = tuple(sections)

    def arm(self, device: Device, token: str, seconds: int, wanted: Snapshot) -> None:
        """As the port says: one round trip, with the state to go back to."""
        _check_token(token)
        if seconds < 1:
            raise HoldfastError(f"a timer of {seconds} seconds cannot be armed; it must be 1 or more")
        answer = ask(device, scripts.ARM, {**_stage(token, _wanted(wanted, self._sections)), "Seconds": seconds}, True)
        left = answer.get("left")
        if not isinstance(left, (int, float)) or left <= 0:
            raise HoldfastError(f"the host did not say how long it will be until {token} reverts")

    def armed(self, device: Device) -> Sequence[Armed]:
        """As the port says. ``left`` is 0 once a timer has begun to revert, and infinite when its task is broken."""
        said = ask(device, scripts.ARMED, {}).get("guards")
        if not isinstance(said, list):
            raise HoldfastError("the host did not say which timers it holds")
        found = [_armed(each) for each in said]
        return tuple(sorted(each for each in found if each is not None))

    def disarm(self, device: Device, token: str) -> None:
        """As the port says. A revert that has ended counts as begun, and its outcome stays for ``reverted``."""
        _check_token(token)
        said = ask(device, scripts.DISARM, {"Token": token})
        if said.get("begun") is not False:
            ended = _reverted(token, str(said.get("outcome") or ""))
            how = "it is at it now" if ended is None else f"it has ended: {ended.said}"
            raise HoldfastError(f"{token} has already begun to revert; {how}")

    def reverted(self, device: Device, token: str) -> Optional[Reverted]:
        """As the port says."""
        _check_token(token)
        return _reverted(token, str(ask(device, scripts.OUTCOME, {"Token": token}).get("outcome") or ""))


def run(device: Device, snapshot: Snapshot, sections: Sequence[str]) -> list[str]:
    """Bring a host back at once; returns what was done there. Raises HoldfastError with the steps that failed."""
    target = wanted(snapshot, sections)
    digest = hashlib.sha256(json.dumps([snapshot.host, snapshot.taken_at, *sections]).encode()).hexdigest()[:16]
    given = {**_stage(f"restore-{digest}", target), "Seconds": RUN_SECONDS}
    outcome = str(ask(device, scripts.RUN, given, True).get("outcome") or "")
    if not outcome:
        raise HoldfastError("restore: the script on the host did not say how it ended")
    complete, lines = _outcome("restore", outcome)
    if not complete:
        raise HoldfastError(f"restore: {_words(complete, lines) or 'it did not succeed, and said nothing'}")
    return lines


def _wanted(snapshot: Snapshot, sections: Sequence[str]) -> Wanted:
    return wanted(snapshot, [section for section in sections if section in snapshot.sections])


def _stage(token: str, target: Wanted) -> dict[str, Any]:
    return {
        "Token": token,
        "Restore": RESTORE,
        "Wanted": base64.b64encode(target.document.encode()).decode(),
        "Contents": [base64.b64encode(data).decode() for data in target.contents],
    }


def _check_token(token: str) -> None:
    if not _TOKEN.match(token):
        raise HoldfastError(f"'{token}' is no name of a guard: 'holdfast-', then small letters, digits and '-'")


def _armed(said: Mapping[str, Any]) -> Optional[Armed]:
    """One guard as the host sees it; None when there is nothing left to revert and nobody has to look at it."""
    token = str(said.get("token"))
    ended = _reverted(token, str(said.get("outcome") or ""))
    if ended is not None:
        return None if ended.complete else Armed(token, 0.0)
    if said.get("claimed") and said.get("claim") != "disarmed":
        return Armed(token, 0.0)
    if not said.get("task"):
        # No task and no claim: arming or disarming was interrupted, and nothing will happen by itself.
        return None if said.get("claimed") or said.get("due") is None else Armed(token, math.inf)
    if said["task"] == "Disabled" or said.get("claimed"):
        return Armed(token, math.inf)
    if said.get("next") is not None:
        return Armed(token, max(0.0, float(said["next"])))
    due = said.get("due")
    return Armed(token, 0.0 if due is not None and due <= 0 else math.inf)


def _reverted(token: str, outcome: str) -> Optional[Reverted]:
    if not outcome:
        return None
    complete, lines = _outcome(token, outcome)
    return Reverted(token, complete, _words(complete, lines))


def _outcome(token: str, text: str) -> tuple[bool, list[str]]:
    """Whether every step succeeded, and what was said."""
    try:
        said = json.loads(text)
        return said["complete"] is True, [str(line) for line in said["said"]]
    except (KeyError, TypeError, ValueError) as error:
        raise HoldfastError(f"the outcome of {token} on the host cannot be read: {error}") from error


def _words(complete: bool, lines: Sequence[str]) -> str:
    """The last words, of what failed if something did."""
    failed = [] if complete else [line for line in lines if line.startswith("failed: ")]
    return "; ".join((failed or lines)[-_LAST_WORDS:])
