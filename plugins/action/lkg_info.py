# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what the archive holds of a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import as_data
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_INFO
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction


class ActionModule(ArchiveAction):
    argument_spec = LKG_INFO

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        archive, host = self.archive(), self.host(arguments, task_vars)
        snapshots, history = archive.snapshots(host), archive.history(host)
        result: dict[str, Any] = {
            "changed": False,
            "host": host,
            "snapshots": [each.as_data() for each in snapshots],
            "promotions": [each.as_data() for each in history],
            "lkg": history[0].as_data() if history else None,
        }
        if arguments["state"]:
            stored = archive.find(host, arguments["state"])
            result["snapshot"] = {**stored.as_data(), **as_data(archive.view(stored))}
        return result
