# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a change: what is done in which order, and what counts as proved. Whoever uses it does the work.

Everything leads back to the state before until the timer is disarmed, and the host goes there alone when nobody is
left to say so. That is why the timer is disarmed first and the new state promoted then, and not the other way round: a
process that is killed between the two leaves a healthy new state that nobody calls good yet. The other way round it
would leave a host that reverts from a state that the archive calls good. The snapshot that is promoted is taken and
kept while the timer still runs, so that only one change of a reference lies between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import guard_words as words
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_back import MARGIN, PAUSE, WayBack
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_words import Broken, GuardFailure, Plan
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.guard_world import World
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Armed, Unanswered


class Guard(WayBack):
    """One guarded change of one host; ``run`` does it, or ``check`` says what would be done."""

    def __init__(self, world: World, plan: Plan, at_commit: bool = False) -> None:
        super().__init__(world, plan)
        self._at_commit = at_commit
        self.left_over: list[str] = []
        """What was found of earlier guards, and did not stop this one."""

    def run(self) -> str:
        """Do the change under guard; returns ``promoted`` or ``kept``.

        Raises GuardFailure, which says how the host stands: everything that cannot be proved is a failure. Raises
        Unanswered when the host is silent from the beginning.
        """
        before = self._ready()
        try:
            self.before = self._world.keep(before)
        except HoldfastError as error:
            raise self._unchanged(words.LOOK, f"the state before cannot be kept: {error}") from error
        if not self._at_commit:
            self._arm(before)
        try:
            self._change()
            if self._at_commit:
                self._commit(before)
            self._reach()
            checks = self._health()
            after = self._snapshot_after()
            self._disarm(before, after)
        except Broken as broken:
            self._go_back(before, broken)
        except Exception as error:  # whatever broke here, the host must be led back and somebody told how it stands
            self._go_back(before, Broken(words.ITSELF, f"{type(error).__name__}: {error}"))
        self._make_lasting()
        return self._promote(checks)

    def check(self) -> str:
        """Look whether it could be done, and do the change in check mode; returns ``unchanged``. Raises as ``run``."""
        self._ready()
        why = self._world.change(self._plan.seconds - MARGIN)
        if why:
            raise self._unchanged(words.CHANGE, why)
        return words.UNCHANGED

    # --- before anything is changed ----------------------------------------------------------------------------------

    def _ready(self) -> Snapshot:
        """The state before, once nothing speaks against beginning."""
        try:
            for timer in self._world.armed():
                self._found(timer)
            before = self._world.read()
        except (GuardFailure, Unanswered):
            raise
        except HoldfastError as error:
            raise self._unchanged(words.LOOK, str(error)) from error
        if before.gaps:
            gaps = words.gaps_of(before)
            raise self._unchanged(words.LOOK, f"what cannot be read could not be brought back: {gaps}")
        return before

    def _found(self, timer: Armed) -> None:
        """Refuse because of a timer that is there already; with ``report`` go on when it will do nothing any more."""
        lies, how = self._lies_there(timer)
        said = f"there is a timer of an earlier guard, {timer.token}, which {how}"
        if self._plan.left_over == words.FAIL or not lies:
            raise self._unchanged(words.LOOK, f"{said} (docs/guard.md says how to remove it)" if lies else said)
        self.left_over.append(said)
        self._world.say(said)

    def _lies_there(self, timer: Armed) -> tuple[bool, str]:
        """Whether a timer will do nothing any more by itself, and what can be said of it."""
        if timer.left == math.inf:
            return True, "is broken and will not revert by itself"
        if timer.left > 0:
            return False, f"will revert in {timer.left:.0f} s"
        ended = self._world.reverted(timer.token)
        if ended is None:
            return False, "has begun to revert and has not come to an end"
        how = "has reverted" if ended.complete else "has reverted, but not to its end"
        return True, f"{how}: {ended.said}" if ended.said else how

    def _arm(self, before: Snapshot) -> None:
        plan, world = self._plan, self._world
        asked = world.now()
        try:
            world.arm(plan.token, plan.seconds, before)
            self._read_back(asked)
        except HoldfastError as error:
            raise self._not_armed(str(error)) from error
        world.say(f"armed: reverts by itself in {plan.seconds} s unless all goes well")

    def _read_back(self, asked: float) -> None:
        """Believe in a timer only when the host says that it holds it, with the seconds that it must have left."""
        plan, world = self._plan, self._world
        left = {timer.token: timer.left for timer in world.armed()}.get(plan.token)
        passed = world.now() - asked
        if left is None:
            raise HoldfastError("it was armed, and the host says that it holds no such timer")
        wrong = words.not_as_asked(plan.seconds, passed, left)
        if wrong:
            raise HoldfastError(wrong)
        self._due = world.now() + left

    def _not_armed(self, reason: str) -> GuardFailure:
        try:
            self._disarm_after_silence()
        except HoldfastError as error:
            reason = (
                f"{reason}; and it is not certain that none is armed ({error}). One that fires changes nothing, for "
                f"nothing was changed; it would be named {self._plan.token}"
            )
        return self._unchanged(words.ARM, reason)

    # --- the change, and what proves it ------------------------------------------------------------------------------

    def _change(self) -> None:
        limit = (self._plan.seconds if self._due is None else self._left()) - MARGIN
        try:
            why = self._world.change(limit)
        except HoldfastError as error:
            why = str(error)
        if why:
            raise Broken(words.CHANGE, why)

    def _commit(self, before: Snapshot) -> None:
        """Make the prepared change live; the very commit arms the timer."""
        asked = self._world.now()
        try:
            self._world.arm(self._plan.token, self._plan.seconds, before)
            self._due = asked + self._plan.seconds
            self._read_back(asked)
        except Unanswered as error:
            self._due = asked + self._plan.seconds
            raise Broken(words.ARM, f"whether the change is live is not known: {error}") from error
        except HoldfastError as error:
            raise Broken(words.ARM, str(error)) from error

    def _reach(self) -> None:
        """A new connection within the time that the host may need."""
        world = self._world
        until = min(world.now() + self._plan.settle, world.now() + self._left() - MARGIN)
        why = self._silence()
        while why and world.now() < until:
            world.sleep(PAUSE)
            why = self._silence()
        if why:
            raise Broken(words.REACH, f"no answer over a new connection: {why}")

    def _health(self) -> Sequence[Check]:
        try:
            checks = [Check("reachable", True, "over a new connection"), *self._world.checks()]
        except HoldfastError as error:
            raise Broken(words.HEALTH, str(error)) from error
        wrong = [f"{each.name}: {each.detail or 'not healthy'}" for each in checks if not each.healthy]
        if wrong:
            raise Broken(words.HEALTH, "; ".join(wrong))
        return checks

    def _snapshot_after(self) -> Snapshot:
        try:
            after = self._world.read()
            if after.gaps:
                raise HoldfastError(f"the new state could not be brought back later: {words.gaps_of(after)}")
            self.after = self._world.keep(after)
        except HoldfastError as error:
            raise Broken(words.SNAPSHOT, str(error)) from error
        return after

    def _disarm(self, before: Snapshot, after: Snapshot) -> None:
        """Disarm. Where it is not certain that this came before the revert, the state of the host must prove it."""
        reason = ""
        try:
            self._world.still_wanted()
            self._world.disarm(self._plan.token)
        except Unanswered as error:
            reason = self._disarm_again(str(error))
        except HoldfastError as error:
            reason = str(error)
        if not reason and self._left() > words.SLACK:
            return
        if not self._stands(before, after):
            raise Broken(words.DISARM, reason or "the timer was due meanwhile")

    def _disarm_again(self, reason: str) -> str:
        """Try on until the timer is due; why it is not certain."""
        while self._left() > 0:
            self._world.sleep(PAUSE)
            try:
                self._disarm_after_silence()
            except Unanswered as error:
                reason = str(error)
            except HoldfastError as error:
                return str(error)
            else:
                return f"the first try was not answered ({reason})"
        return f"whether it is disarmed is not known: {reason}"

    def _stands(self, before: Snapshot, after: Snapshot) -> bool:
        """Whether the timer is gone and the host still what it was after the change.

        A change that changed nothing proves nothing here: it looks as one does that was reverted before the snapshot.
        """
        world, token = self._world, self._plan.token
        try:
            if token in {timer.token for timer in world.armed()} or world.reverted(token) is not None:
                return False
            return world.difference(after, world.read()).same and not world.difference(before, after).same
        except HoldfastError:
            return False

    def _make_lasting(self) -> None:
        """A device that saves what runs is another one afterwards, so it is its snapshot then that can be promoted."""
        try:
            if self._world.make_lasting():
                self.after = self._world.keep(self._world.read())
        except HoldfastError as error:
            raise self._failure(words.LASTING, str(error), words.KEPT) from error

    def _promote(self, checks: Sequence[Check]) -> str:
        if not self._plan.promote:
            return words.KEPT
        try:
            self._world.promote(self.after, checks)
        except HoldfastError as error:
            raise self._failure(words.PROMOTE, str(error), words.KEPT) from error
        return words.PROMOTED

    def _unchanged(self, step: str, reason: str) -> GuardFailure:
        return self._failure(step, reason, words.UNCHANGED)
