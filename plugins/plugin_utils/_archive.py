# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal to this collection: the archive of snapshots as the actions use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.ops.plugins.plugin_utils import _command_line as command_line
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands import home
from ansible_collections.holdfast.ops.plugins.plugin_utils.hands.archive import Archive


class ArchiveAction(HoldfastAction):
    """An action on the archive; the vault passwords of the play may open its key."""

    def archive(self) -> Archive:
        """The archive of the store."""
        secrets = command_line.run_secrets(self._loader, self._play_context)
        return Archive(home.store(), [text.encode("utf-8", "surrogateescape") for _label, text in secrets.vault])

    @staticmethod
    def host(arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> str:
        """The host that is meant: the one that is named, or the one that the task is for."""
        return str(arguments["host"] or task_vars["inventory_hostname"])
