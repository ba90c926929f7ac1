# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every place that keeps breakers can be asked and told; a place brings no more than how words get there."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker import model, rules, words
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.model import Breaker, Policy
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.rules import Answer, Call
from ansible_collections.holdfast.ops.plugins.module_utils.core.breaker.words import Heard, Word
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean


class Breakers(ABC):
    """All breakers of one place; each word is one step that nobody else's word gets into.

    Whatever cannot be asked or told raises HoldfastError: nobody may take silence for a yes.
    """

    # --- what a place brings --------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def place(self) -> str:
        """Where they lie, for people."""

    @abstractmethod
    def now(self) -> float:
        """The moment by the clock that decides here."""

    @abstractmethod
    def say(self, target: str, word: Word, policy: Optional[Policy] = None) -> Heard:
        """Say a word to a breaker, made when it is not there yet. ``policy``, where given, holds from now on."""

    @abstractmethod
    def get(self, target: str) -> Optional[Breaker]:
        """A breaker as it is now; None when nothing was ever said to it."""

    @abstractmethod
    def list(self) -> builtins.list[Breaker]:
        """All breakers as they are now, by target."""

    @abstractmethod
    def shut(self) -> None:
        """Let go of whatever is open."""

    def __enter__(self) -> Breakers:
        return self

    def __exit__(self, *_error: object) -> None:
        self.shut()

    # --- calls ----------------------------------------------------------------------------------------------------

    def ask(self, target: str, by: str = "", policy: Optional[Policy] = None) -> Answer:
        """May this target be called now? A trial that is permitted must be reported or released."""
        answer = self.say(target, Word(words.ASK, by), policy).answer
        if answer is None:
            raise HoldfastError(f"the breaker {target} was asked in {self.place} and did not answer")
        return answer

    def look(self, target: str) -> Answer:
        """What it would answer now; nothing is asked for, and nothing counted."""
        found = self.get(target)
        return Answer(True, model.CLOSED) if found is None else rules.ask(found, self.now())[1]

    def report(self, target: str, calls: Union[Call, Sequence[Call]], policy: Optional[Policy] = None) -> Breaker:
        """Report how a call, or several at once, ended; the breaker after it."""
        several = (calls,) if isinstance(calls, Call) else tuple(calls)
        return self.say(target, Word(words.REPORT, calls=several), policy).breaker

    def release(self, target: str, trial: int) -> None:
        """Give back a trial that was not made."""
        if trial:
            self.say(target, Word(words.RELEASE, trial=trial))

    # --- people ---------------------------------------------------------------------------------------------------

    def trip(self, target: str, why: str, by: str, wait: Optional[float] = None) -> Breaker:
        """Open a breaker by hand, for good or for so many seconds."""
        return self.say(target, Word(words.TRIP, by, why, wait)).breaker

    def disable(self, target: str, why: str, by: str) -> Breaker:
        """Let every call through."""
        return self.say(target, Word(words.DISABLE, by, why)).breaker

    def close(self, target: str, why: str, by: str) -> Breaker:
        """Close a breaker by hand."""
        return self.say(target, Word(words.CLOSE, by, why)).breaker

    def reset(self, target: str, why: str, by: str) -> Breaker:
        """Close a breaker and forget its calls."""
        return self.say(target, Word(words.RESET, by, why)).breaker

    # --- looking --------------------------------------------------------------------------------------------------

    def need(self, target: str) -> Breaker:
        """A breaker that must be there; raises HoldfastError with the nearest known one."""
        found = self.get(target)
        if found is None:
            hint = did_you_mean(target, [breaker.target for breaker in self.list()])
            raise HoldfastError(f"there is no breaker '{target}' in {self.place}" + (f" ({hint})" if hint else ""))
        return found
