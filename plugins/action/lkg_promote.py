# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a snapshot the last known good state of its host, once its health has been proved."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.evidence import Evidence, checks_from
from ansible_collections.holdfast.ops.plugins.module_utils.lkg_arguments import LKG_PROMOTE
from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._archive import ArchiveAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import inbox


class ActionModule(ArchiveAction):
    argument_spec = LKG_PROMOTE

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        checks = checks_from(command_line.plain(arguments["checks"]))
        evidence = Evidence(inbox.me(), time.time(), checks, arguments["run"], arguments["reason"])
        archive = self.archive()
        stored = archive.find(self.host(arguments, task_vars), arguments["state"])
        wanted = [(stored, evidence)]
        done = archive.promote(wanted, arguments["allow_incomplete"], check=bool(self._task.check_mode))[0]
        before = done.before.snapshot if done.before else ""
        return {"changed": done.changed, "host": stored.host, "snapshot": stored.as_data(), "before": before}
