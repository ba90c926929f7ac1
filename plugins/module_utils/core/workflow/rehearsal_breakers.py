# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breakers of a rehearsal: the real ones, kept in memory and on the rehearsal's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call

REHEARSED = "the rehearsal says so"


class Memory:
    """Keeps breakers as long as the rehearsal plays. ``given``: how they stand at first, by target."""

    def __init__(self, clock: Callable[[], float], given: Mapping[str, str]) -> None:
        self._clock = clock
        self._known: dict[str, Breaker] = {}
        for target, how in given.items():
            self.put(target, how)

    def put(self, target: str, how: str) -> None:
        """Somebody changes a breaker: ``open``, ``closed``, ``disabled``, or open for a duration."""
        breaker, now = self._of(target), self._clock()
        if how == "open":
            after = rules.trip(breaker, now, REHEARSED)
        elif how == "disabled":
            after = rules.disable(breaker, now, REHEARSED)
        elif how == "closed":
            after = rules.close(breaker, now, REHEARSED)
        else:
            after = rules.trip(breaker, now, REHEARSED, wait=durations.parse(how))
        self._known[target] = after

    def _of(self, target: str, policy: Optional[Policy] = None) -> Breaker:
        breaker = self._known.get(target) or model.new(target)
        return breaker if policy is None else rules.with_policy(breaker, policy, self._clock())

    def ask(self, target: str, by: str = "", policy: Optional[Policy] = None) -> Answer:
        """May the target be called now?"""
        self._known[target], answer = rules.ask(self._of(target, policy), self._clock(), by)
        return answer

    def look(self, target: str) -> Answer:
        """What it would answer now."""
        return rules.ask(self._of(target), self._clock())[1]

    def report(self, target: str, calls: Sequence[Call], policy: Optional[Policy] = None) -> None:
        """Report how calls ended."""
        breaker = self._of(target, policy)
        for call in calls:
            breaker = rules.report(breaker, self._clock(), call)
        self._known[target] = breaker

    def release(self, target: str, trial: int) -> None:
        """Give back a trial that was not made."""
        self._known[target] = rules.release(self._of(target), self._clock(), trial)

    def states(self, targets: Iterable[str]) -> dict[str, str]:
        """How these breakers stand now."""
        return {target: rules.at(self._of(target), self._clock()).state for target in targets}
