# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two states of a host that the archive holds."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_DIFF
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction


class ActionModule(ArchiveAction):
    argument_spec = LKG_DIFF

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        archive, host = self.archive(), self.host(arguments, task_vars)
        before, after = (archive.find(host, arguments[name]) for name in ("before", "after"))
        difference = archive.compare(before, after)
        # Nothing is changed here; but a difference is shown only of what says so (as ansible.utils.fact_diff does).
        result = {
            "changed": bool(difference.changes),
            "host": host,
            "before": before.as_data(),
            "after": after.as_data(),
        }
        if self._task.diff:
            result["diff"] = {"prepared": "".join(f"{line}\n" for line in difference.render())}
        return {**result, **difference.as_data()}
