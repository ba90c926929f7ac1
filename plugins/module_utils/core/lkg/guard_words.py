# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a guard: its plan, its steps, the states it ends in, and how a failure is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot

ITSELF = "the guard itself"
LOOK = "looking at the host"
ARM = "arming its timer"
CHANGE = "the change"
REACH = "proving that it can be reached"
HEALTH = "health checks"
SNAPSHOT = "taking the snapshot after"
DISARM = "disarming its timer"
LASTING = "making it outlive a reload"
PROMOTE = "promoting the new state"
REVERT = "waiting for its own revert"
VERIFY = "verifying the state before"

PROMOTED, KEPT, UNCHANGED, RESTORED, REVERTED, DIFFERS, UNKNOWN = (
    "promoted", "kept", "unchanged", "restored", "reverted", "differs", "unknown",
)  # fmt: skip
"""How a host stands at the end. ``kept``: the new state holds and is not the last known good one. ``restored`` from
here, ``reverted`` by the host itself: both verified. ``differs``: it is not what it was. ``unknown``: no answer."""

NEXT = {
    KEPT: "The change holds and is healthy. Put right what is named, then promote it: lkg_promote, state: {after}.",
    UNCHANGED: "Nothing was changed. Put right what is named, then run again.",
    RESTORED: "It is as it was before, verified. Put the change right, then run again.",
    REVERTED: "It went back to the state before by itself, verified. Put the change right, then run again.",
    DIFFERS: "It is not as it was. Look at what differs, and bring it back: lkg_restore, state: {before}.",
    UNKNOWN: "Look at its console and at the network to it. Once it answers: holdfast lkg diff {host}@{before}, and "
    "lkg_restore, state: {before}.",
}  # fmt: skip
"""What a person does next, by how the host stands."""

SLACK = 5.0
"""Seconds by which less may be left of a timer than was asked for, besides what arming took."""
COARSE = 60.0
"""Seconds by which more may be left: network devices count in minutes."""

FAIL, REPORT = "fail", "report"
_FEW = 5


@dataclass(frozen=True)
class Plan:
    """One guard. All times are seconds.

    ``token``: the name of its timer. ``seconds``: until the host reverts by itself. ``settle``: how long the host may
    need after the change until it answers over a new connection. ``grace``: how long its own revert may take. With
    ``left_over`` report, a timer of an earlier guard that will not fire by itself any more does not stop this one.
    """

    host: str
    token: str
    seconds: int
    settle: float = 30.0
    grace: float = 300.0
    left_over: str = FAIL
    promote: bool = True


class Broken(HoldfastError):
    """A step went wrong while the timer was armed: the host has to go back."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(reason)
        self.step = step


class GuardFailure(HoldfastError):
    """A guarded change failed; the text names the host, the step, the reason, how it stands now and what to do next."""

    def __init__(self, host: str, step: str, reason: str, state: str, next_action: str, elapsed: float = 0.0) -> None:
        self.host, self.step, self.reason, self.state = host, step, reason.rstrip("."), state
        self.next_action, self.elapsed = next_action, elapsed
        super().__init__(f"{host}: {step} failed after {elapsed:.1f} s: {self.reason}. Next: {next_action}")

    def as_result(self) -> dict[str, Any]:
        """The same, in parts, as a task reports it."""
        return {
            "failed": True,
            "msg": str(self),
            "host": self.host,
            "step": self.step,
            "reason": self.reason,
            "state": self.state,
            "next_action": self.next_action,
            "elapsed": round(self.elapsed, 1),
        }


def not_as_asked(seconds: float, passed: float, left: float) -> str:
    """Why a timer that was armed ``passed`` seconds ago is not the one that was asked for; empty when it is."""
    if seconds - passed - SLACK <= left <= seconds + COARSE:
        return ""
    how = "never" if left == math.inf else f"in {left:.0f} s"
    return f"it was armed for {seconds:.0f} s, and {passed:.0f} s later the host says that it reverts {how}"


def gaps_of(snapshot: Snapshot) -> str:
    """The sections that could not be read, for one line; empty when all could."""
    return "; ".join(f"{section}: {why}" for section, why in sorted(snapshot.gaps.items()))


def what_differs(difference: Difference) -> str:
    """The items that differ, for one line; empty when nothing does."""
    said = [f"{change.place} {change.kind}" for change in difference.changes[:_FEW]]
    if len(difference.changes) > _FEW:
        said.append(f"{len(difference.changes) - _FEW} more")
    said += [f"{section} cannot be read ({why})" for section, why in sorted(difference.unread.items())]
    return ", ".join(said)
