# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breakers of a rehearsal: the real ones, kept in memory and on the rehearsal's clock."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core import durations
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import keeping, model, rules, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word

REHEARSED = "the rehearsal says so"
_HOWS: Mapping[str, str] = {"open": words.TRIP, "disabled": words.DISABLE, "closed": words.CLOSE}


class Memory(keeping.Breakers):
    """Keeps breakers as long as the rehearsal plays. ``given``: how they stand at first, by target."""

    def __init__(self, clock: Callable[[], float], given: Mapping[str, str]) -> None:
        self._clock = clock
        self._known: dict[str, Breaker] = {}
        for target, how in given.items():
            self.put(target, how)

    def put(self, target: str, how: str) -> None:
        """Somebody changes a breaker: ``open``, ``closed``, ``disabled``, or open for a duration."""
        if how in _HOWS:
            self.say(target, Word(_HOWS[how], why=REHEARSED))
        else:
            self.say(target, Word(words.TRIP, why=REHEARSED, wait=durations.parse(how)))

    @property
    def place(self) -> str:
        """Nowhere else."""
        return "the rehearsal"

    def now(self) -> float:
        """The moment of the rehearsal."""
        return self._clock()

    def say(self, target: str, word: Word, policy: Optional[Policy] = None) -> Heard:
        """Say a word to a breaker."""
        heard = words.hear(self._known.get(target) or model.new(target), self._clock(), word, policy)
        self._known[target] = heard.breaker
        return heard

    def get(self, target: str) -> Optional[Breaker]:
        """A breaker as it is now; None when nothing was ever said to it."""
        found = self._known.get(target)
        return None if found is None else rules.at(found, self._clock())

    def list(self) -> builtins.list[Breaker]:
        """All breakers as they are now, by target."""
        return [rules.at(self._known[target], self._clock()) for target in sorted(self._known)]

    def shut(self) -> None:
        """Nothing is open."""

    def states(self, targets: Iterable[str]) -> dict[str, str]:
        """How these breakers stand now."""
        found = {target: self.get(target) for target in targets}
        return {target: breaker.state if breaker else model.CLOSED for target, breaker in found.items()}
