# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host under guard that has to go back: what is known of it, and how it is brought back or awaited, and proved.

Whether it is restored from here or reverts by itself, only a snapshot that equals the one of before counts.
"""

from __future__ import annotations

import math
from typing import NoReturn, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_words import Broken, GuardFailure, Plan
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_world import World
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Reverted, Unanswered

MARGIN = 10.0
"""Seconds before a timer is due in which nothing is begun any more that the revert could meet."""
PAUSE = 2.0
SETTLED = 30.0
"""Seconds in which a host that went back must be equal to the snapshot: services take a while to start."""


class WayBack:
    """What is known of a host under guard, and its way back; ``_go_back`` takes it."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        self._began = world.now()
        self._due: Optional[float] = None
        """When it reverts by itself, by the clock of the world; None as long as no timer is armed."""
        self.before = self.after = ""
        """The ids of the snapshots before and after, once they are kept."""
        self.differs: Optional[Difference] = None
        """What is still different from the state before, where going back did not lead there."""

    def _go_back(self, before: Snapshot, broken: Broken) -> NoReturn:
        """Bring the host back, or wait until it has gone back alone; then prove it. Always ends in a failure."""
        self._world.say(f"{broken.step} failed: {broken}")
        reason, tried = str(broken), self._may_restore()
        if tried:
            wrong = self._restore(before) or self._disarm_restored()
            if not wrong:
                raise self._failure(broken.step, reason, words.RESTORED)
            reason = f"{reason}; {wrong}"
        if self._due is None:
            raise self._failure(broken.step, reason, words.DIFFERS if self.differs else words.UNKNOWN)
        self._await(before, broken.step, reason, tried)

    def _may_restore(self) -> bool:
        """Whether the host answers and its own revert has not begun, nor will at any moment."""
        if self._silence():
            return False
        if self._due is None:
            return True
        if self._left() <= MARGIN:
            return False
        try:
            left = {timer.token: timer.left for timer in self._world.armed()}.get(self._plan.token, math.inf)
            return left > MARGIN and self._world.reverted(self._plan.token) is None
        except HoldfastError:
            return False

    def _restore(self, before: Snapshot) -> str:
        """Bring the host back from here and verify it; what went wrong. The timer stays armed meanwhile."""
        self._world.say("bringing it back")
        try:
            self._world.restore(before)
        except HoldfastError as error:
            return f"it could not be brought back from here: {error}"
        return self._verify(before, self._world.now() + SETTLED)

    def _disarm_restored(self) -> str:
        """Disarm the timer of a host that was brought back; why it could not be."""
        if self._due is not None:
            try:
                self._disarm_after_silence()
            except HoldfastError as error:
                return f"it was brought back, and its timer could not be disarmed: {error}"
        return ""

    def _verify(self, before: Snapshot, until: float) -> str:
        """Why it is not proved that the host is what it was before; nothing when it is."""
        world = self._world
        while True:
            try:
                self.differs = world.difference(before, world.read())
                if self.differs.same:
                    self.differs = None
                    return ""
                wrong = f"it is not what it was: {words.what_differs(self.differs)}"
            except HoldfastError as error:
                self.differs, wrong = None, f"it cannot be compared with the state before: {error}"
                self._silence()
            if world.now() >= until:
                return wrong
            world.sleep(PAUSE)

    def _await(self, before: Snapshot, step: str, reason: str, tried: bool) -> NoReturn:
        """Let the host revert alone, then prove that it has. What it cannot do alone is tried once from here."""
        world = self._world
        if self._left() > 0:
            world.say(f"waiting {self._left():.0f} s for its own revert")
            world.sleep(self._left())
        due = world.now()
        over, said, silence = self._ended(due + self._plan.grace)
        if silence:
            why = f"{reason}; since its own revert was due it has not answered for {world.now() - due:.0f} s: {silence}"
            raise self._failure(words.REVERT, why, words.UNKNOWN)
        if said is not None and not said.complete:
            reason = f"{reason}; its own revert did not come to its end: {said.said}"
        wrong, state = self._verify(before, world.now() + SETTLED), words.REVERTED
        if wrong and over and not tried:
            wrong, state = self._restore(before), words.RESTORED
        if wrong:
            raise self._failure(words.VERIFY, f"{reason}; {wrong}", words.DIFFERS if self.differs else words.UNKNOWN)
        if said is None:
            reason = f"{reason}; {self._without_outcome()}"
        raise self._failure(step, reason, state)

    def _ended(self, until: float) -> tuple[bool, Optional[Reverted], str]:
        """Whether its own revert is over, what the host says of it, and why it gives no answer if it does not."""
        world, token = self._world, self._plan.token
        while True:
            silence = self._silence()
            if not silence:
                try:
                    said = world.reverted(token)
                    if said is not None or token not in {timer.token for timer in world.armed()}:
                        return True, said, ""
                except HoldfastError as error:
                    silence = str(error)
            if world.now() >= until or (silence and self._nobody_waits()):
                return False, None, silence
            world.sleep(PAUSE)

    def _nobody_waits(self) -> bool:
        """Whether whoever ordered the change is gone: nobody would hear how a silent host ends."""
        try:
            self._world.still_wanted()
        except HoldfastError:
            return True
        return False

    def _without_outcome(self) -> str:
        """The host does not say how it went back: make sure that no timer is left."""
        try:
            self._disarm_after_silence()
        except HoldfastError as error:
            return f"its timer {self._plan.token} could not be taken away: {error}"
        return "it does not say itself that it reverted, but it is what it was"

    # --- what both ways ask ------------------------------------------------------------------------------------------

    def _silence(self) -> str:
        """Why the host does not answer over a new connection; nothing when it does."""
        try:
            self._world.reconnect()
        except HoldfastError as error:
            return str(error) or "no answer"
        return ""

    def _disarm_after_silence(self) -> None:
        """Disarm, with one more try over a new connection where the host gave no answer."""
        try:
            self._world.disarm(self._plan.token)
        except Unanswered:
            self._world.reconnect()
            self._world.disarm(self._plan.token)

    def _left(self) -> float:
        """Seconds until the host reverts by itself."""
        return 0.0 if self._due is None else self._due - self._world.now()

    def _failure(self, step: str, reason: str, state: str) -> GuardFailure:
        host = self._plan.host
        hint = words.NEXT[state].format(host=host, before=self.before or "lkg", after=self.after)
        return GuardFailure(host, step, reason, state, hint, self._world.now() - self._began)
