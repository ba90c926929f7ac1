# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a snapshot of a host and keeps it in the archive."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg import sections as about
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import Parted
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_SNAPSHOT
from ansible_collections.holdfast.ops.plugins.plugin_utils import _lkg as lkg
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive, Stored


class ActionModule(ArchiveAction):
    _requires_connection = True
    argument_spec = LKG_SNAPSHOT

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        archive, host = self.archive(), self.host(arguments, task_vars)
        this = lkg.subject(self, task_vars, host, arguments["platform"], arguments["options"])
        try:
            taken = lkg.take_now(this, archive, arguments["sections"], arguments["run"])
        except Unanswered as error:
            raise AnsibleConnectionFailure(str(error)) from error
        view = taken.view
        if view.gaps and arguments["require_complete"]:
            raise HoldfastError(f"{host}: it could not be read whole, and nothing was kept: {lkg.told_gaps(view.gaps)}")
        result = {**_facts(view), **self._compared(archive, view)}
        result["snapshot"] = None if self._task.check_mode else self._kept(archive, taken)
        if view.gaps:
            result["warnings"] = [f"{host}: not read: {lkg.told_gaps(view.gaps)}"]
        return result

    def _kept(self, archive: Archive, taken: Parted) -> dict[str, Any]:
        return archive.put([taken])[0].as_data()

    def _compared(self, archive: Archive, view: View) -> dict[str, Any]:
        """What has changed since the last known good state, or since the newest snapshot where there is no such."""
        before = _before(archive, view)
        if before is None:
            return {"changed": True, "compared_with": None, "same": None, "changes": [], "unread": dict(view.gaps)}
        old = archive.view(before)
        difference = lkg.verify(old, view)
        result = {"changed": bool(difference.changes), "compared_with": before.as_data(), **difference.as_data()}
        if self._task.diff:
            result["diff"] = {"prepared": "".join(f"{line}\n" for line in difference.render())}
        return result


def _before(archive: Archive, view: View) -> Stored | None:
    """The state that a snapshot is compared with, if it is one of the same platform."""
    known = {each.id: each for each in archive.snapshots(view.host) if each.platform == view.platform}
    promoted = archive.current([view.host]).get(view.host)
    if promoted is not None:
        return known.get(promoted.snapshot)
    return max(known.values(), key=lambda each: (each.taken_at, each.id), default=None)


def _facts(view: View) -> dict[str, Any]:
    return {"host": view.host, "platform": view.platform, "digest": view.digest, "complete": view.complete,
            "gaps": dict(view.gaps), "sections": list(about.sections_of(view))}  # fmt: skip
