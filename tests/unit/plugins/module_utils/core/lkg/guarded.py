# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a timer of its own, a clock and faults, as the tests of a guard need it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Reverted, Unanswered

from .snapshots import parted

OLD, NEW, ODD = "hostname old\n", "hostname new\n", "hostname odd\n"
PASSED = [Check("web", True, "200")]


class Killed(BaseException):
    """The controlling process ends here, without a word."""


class Host:
    """The world of a guard: a host, what is between here and there, and the archive. Time passes only when told to.

    ``changed``: what the change makes of the host. ``remembers``: whether the host can say later that it reverted. The
    hooks in ``at`` are called with the host before the call of that name, and may change it, raise or let time pass.
    """

    def __init__(self) -> None:
        self.clock, self.text, self.changed = 1000.0, OLD, NEW
        self.gaps: dict[str, str] = {}
        self.timer: Optional[tuple[str, float, str]] = None
        self.others: list[Armed] = []
        self.outcome: Optional[Reverted] = None
        self.remembers, self.reverts_to, self.complete, self.takes = True, OLD, True, 1.0
        self.cut = False
        self.cut_by_change = False
        self.healthy: Sequence[Check] = PASSED
        self.archive: dict[str, str] = {}
        self.lkg = ""
        self.did: list[str] = []
        self.at: dict[str, Callable[[Host], Any]] = {}
        self.skew = 0.0
        self.why_change_failed = ""
        self.saves = False

    # --- time, and what the host does alone ----

    def now(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.clock += seconds
        if self.timer is not None and self.clock >= self.timer[1]:
            token, due, wanted = self.timer
            if self.clock >= due + self.takes:
                self.text, self.timer, self.cut = wanted, None, self.cut and not self.cut_by_change
                self.outcome = Reverted(token, self.complete, "did it") if self.remembers else None

    def say(self, text: str) -> None:
        self.did.append(f"say {text}")

    # --- what is asked of it ----

    def _asked(self, name: str, answer: bool = True) -> None:
        self.did.append(name)
        if name in self.at:
            self.at[name](self)
        self.pass_by(0.1)
        if answer and self.cut:
            raise Unanswered("no route to host")

    def armed(self) -> Sequence[Armed]:
        self._asked("armed")
        mine = [] if self.timer is None else [Armed(self.timer[0], max(0.0, self.timer[1] - self.clock + self.skew))]
        return [*self.others, *mine]

    def arm(self, token: str, seconds: int, wanted: Snapshot) -> None:
        self._asked("arm")
        self.timer = (token, self.clock + seconds, self.reverts_to or _text(wanted))

    def disarm(self, token: str) -> None:
        self._asked("disarm")
        if self.outcome is not None or (self.timer is not None and self.clock >= self.timer[1]):
            raise HoldfastError("it has already begun to revert")
        self.timer = None

    def reverted(self, token: str) -> Optional[Reverted]:
        self._asked("reverted")
        return self.outcome if self.outcome is not None and self.outcome.token == token else None

    def read(self) -> Snapshot:
        self._asked("read")
        return Snapshot("sw1", "cisco_ios", self.clock, {"config": {"running": self.text}}, dict(self.gaps))

    def keep(self, snapshot: Snapshot) -> str:
        self._asked("keep", answer=False)
        name = f"s{len(self.archive) + 1}"
        self.archive[name] = _text(snapshot)
        return name

    def difference(self, before: Snapshot, after: Snapshot) -> Difference:
        return compare(parted(before).view, parted(after).view, platform_named("cisco_ios"))

    def restore(self, wanted: Snapshot) -> Sequence[str]:
        self._asked("restore")
        self.text = _text(wanted)
        return ["restored"]

    def change(self, limit: float) -> str:
        self._asked("change", answer=False)
        self.limit = limit
        if not self.why_change_failed:
            self.text = self.changed
        self.cut = self.cut or self.cut_by_change
        return self.why_change_failed

    def reconnect(self) -> None:
        self._asked("reconnect")

    def checks(self) -> Sequence[Check]:
        self._asked("checks")
        return self.healthy

    def still_wanted(self) -> None:
        if "still_wanted" in self.at:
            self.at["still_wanted"](self)

    def make_lasting(self) -> bool:
        self._asked("make_lasting")
        return self.saves

    def promote(self, snapshot_id: str, checks: Sequence[Check]) -> None:
        self._asked("promote", answer=False)
        self.lkg = snapshot_id
        self.evidence = list(checks)

    @property
    def calls(self) -> list[str]:
        """What was asked, without what was said."""
        return [each for each in self.did if not each.startswith("say ")]


def _text(snapshot: Snapshot) -> str:
    return str(snapshot.sections["config"]["running"])


def fails(text: str, times: int = 1000) -> Callable[[Host], None]:
    """A hook that raises, so many times."""
    return _raises(HoldfastError(text), times)


def silent(times: int = 1000, wait: float = 5.0) -> Callable[[Host], None]:
    """A hook by which the host gives no answer, so many times."""
    return _raises(Unanswered("timed out"), times, wait)


def _raises(error: Exception, times: int, wait: float = 0.0) -> Callable[[Host], None]:
    left = [times]

    def hook(host: Host) -> None:
        if left[0]:
            left[0] -= 1
            host.pass_by(wait)
            raise error

    return hook


def killed(_host: Host) -> None:
    """A hook that ends the controlling process."""
    raise Killed


NEVER = math.inf
