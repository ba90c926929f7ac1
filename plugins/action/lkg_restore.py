# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a host back to a state that the archive holds, and proves by a new snapshot that it is there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Parted
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_RESTORE
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import LKG, Archive, Promotion, Stored
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive_labels import Try, tries

_PAUSE = 2.0


class ActionModule(ArchiveAction):
    _requires_connection = True
    argument_spec = LKG_RESTORE

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        archive = self.archive()
        host = self.host(arguments, task_vars)
        tried = self._tries(archive, host, arguments)
        if arguments["label"] and not tried:
            return self._never_begun(host, arguments["label"])
        stored = tried[0].before if tried else archive.find(host, arguments["state"])
        view = archive.view(stored)
        options = about.options_of(view) if arguments["options"] is None else arguments["options"]
        this = lkg.subject(self, task_vars, stored.host, stored.platform, options)
        sections = _sections(this, view, arguments["sections"])
        try:
            now = lkg.take_now(this, archive, sections, arguments["run"])
        except Unanswered as error:
            raise AnsibleConnectionFailure(str(error)) from error
        _refuse_gaps(now.view, sections, f"{stored.host} cannot be read whole now")
        difference = lkg.verify(now.view, view, sections)
        result: dict[str, Any] = {
            "changed": not difference.same, "host": stored.host, "state": stored.as_data(),
            "sections": list(sections), "done": [], "verified": difference.same, **difference.as_data(),
        }  # fmt: skip
        if self._task.diff:
            result["diff"] = {"prepared": "".join(f"{line}\n" for line in difference.render())}
        if not difference.same and not self._task.check_mode:
            result.update(Restore(archive, this, stored, sections, arguments).carry_out(now, difference))
        if tried:
            result.update(self._taken_back(archive, this, tried, result, whole=not arguments["sections"]))
        return result

    @staticmethod
    def _tries(archive: Archive, host: str, arguments: Mapping[str, Any]) -> list[Try]:
        """The tries of the change to take back; the state before the first is restored."""
        if not arguments["label"]:
            return []
        if arguments["state"] != LKG:
            raise HoldfastError("say which state: either by its name (state) or as that before a change (label)")
        return tries(archive, host, arguments["label"])

    @staticmethod
    def _never_begun(host: str, label: str) -> dict[str, Any]:
        """A guard keeps the state before it touches the host, so without one there is nothing to take back."""
        why = f"the archive has no state of {host} before the change '{label}', so that has never begun there"
        return {"changed": False, "host": host, "state": {}, "sections": [], "done": [], "verified": True,
                "same": True, "changes": [], "withdrawn": [], "msg": why}  # fmt: skip

    def _taken_back(
        self, archive: Archive, this: lkg.Subject, tried: Sequence[Try], result: Mapping[str, Any], whole: bool
    ) -> dict[str, Any]:
        """What else belongs to a change goes with it, once the host matches: its promotions, and its timers."""
        check = self._task.check_mode
        gone: Sequence[Promotion] = ()
        if check or result["verified"]:
            gone = archive.withdraw(tried[0].before.host, tried[0].change, check) if whole else ()
            if not check:
                self._disarm(this, {each.timer for each in tried})
        return {"changed": result["changed"] or bool(gone), "withdrawn": [each.as_data() for each in gone]}

    @staticmethod
    def _disarm(this: lkg.Subject, tokens: AbstractSet[str]) -> None:
        """Take the timers of the change away, if nobody has lived to do it: one would revert what comes after."""
        timer = this.provider.timer
        if timer is None:
            return
        token = ", ".join(sorted(tokens))
        try:
            for token in sorted(tokens & {one.token for one in timer.armed(this.device)}):
                timer.disarm(this.device, token)
        except HoldfastError as error:
            raise HoldfastError(
                f"{this.host} matches the state before the change, and its timer {token} could not be disarmed: {error}"
            ) from error


def _sections(this: lkg.Subject, view: View, chosen: Sequence[str]) -> tuple[str, ...]:
    """The sections to restore; each must be in the state, readable, and one that the provider writes back."""
    there, declared = about.sections_of(view), this.provider.declaration
    for name in this.sections(chosen) if chosen else ():
        if name not in there:
            raise HoldfastError(f"the state of {view.host} has no section '{name}'; it has {', '.join(there)}")
        if not declared.section(name).restored:
            raise HoldfastError(f"the section '{name}' is only read of {this.platform} and never restored")
    known = {each.section for each in declared.reads if each.restored}
    wanted = tuple(name for name in there if name in known and (not chosen or name in chosen))
    if not wanted:
        raise HoldfastError(f"nothing in this state of {view.host} can be restored over this connection")
    _refuse_gaps(view, wanted, f"the state of {view.host} is incomplete")
    return wanted


def _refuse_gaps(view: View, sections: Sequence[str], what: str) -> None:
    gaps = {name: why for name, why in view.gaps.items() if name in sections}
    if gaps:
        raise HoldfastError(
            f"{what}, so that a restore could not be verified ({lkg.told_gaps(gaps)}); nothing was touched. "
            "Name the sections to restore to leave it out"
        )


class Restore:
    """One restore that has something to do."""

    def __init__(
        self,
        archive: Archive,
        this: lkg.Subject,
        stored: Stored,
        sections: Sequence[str],
        arguments: Mapping[str, Any],
    ) -> None:
        self._archive = archive
        self._this = this
        self._view = archive.view(stored)
        self._secrets = archive.secrets(stored)
        self._wanted: Snapshot = about.only(archive.snapshot(stored), sections)
        self._sections = sections
        self._settle = arguments["settle"]
        self._run = arguments["run"]
        wanted = f"before {arguments['label']}" if arguments["label"] else arguments["state"]
        self._name = f"{stored.host}: {wanted} ({stored.id})"

    def carry_out(self, now: Parted, difference: Difference) -> dict[str, Any]:
        """Keep what is there, restore, and verify; the result, a failure too when the states do not match."""
        before = self._archive.put([now])[0].as_data()
        done: list[str] = []
        wrong = ""
        try:
            said = self._this.provider.restore(self._this.device, self._wanted, difference)
            done = [lkg.hidden(line, self._secrets, now.secrets) for line in said]
        except HoldfastError as error:
            # What it did before it failed is seen below, by looking.
            wrong = lkg.hidden(str(error), self._secrets, now.secrets)
        return {"before": before, "done": done, **self._verified(wrong)}

    def _verified(self, wrong: str) -> dict[str, Any]:
        try:
            after, difference = self._look(0 if wrong else self._settle)
        except HoldfastError as error:
            why = f"{wrong}; and then: {error}" if wrong else str(error)
            return self._failure(f"whether it was restored is not known: {why}")
        result: dict[str, Any] = {
            "after": self._archive.put([after])[0].as_data(),
            "verified": difference.same,
            "remaining": difference.as_data()["changes"],
        }
        if difference.same and not wrong:
            return result
        what = f"{wrong}\n" if wrong else "it was restored and does not match\n"
        left = lkg.told(difference) if not difference.same else "every item matches all the same"
        return {**result, **self._failure(f"{what}{left}")}

    def _look(self, patience: float) -> tuple[Parted, Difference]:
        """The host now and what differs; looked at again for some seconds, for services take a while to start."""
        until = time.monotonic() + patience
        while True:
            after = lkg.take_now(self._this, self._archive, self._sections, self._run)
            difference = lkg.verify(after.view, self._view, self._sections)
            if difference.same or time.monotonic() >= until:
                return after, difference
            time.sleep(_PAUSE)

    def _failure(self, why: str) -> dict[str, Any]:
        return {"failed": True, "verified": False, "msg": f"{self._name}: {why}"}
