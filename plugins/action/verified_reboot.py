# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reboots a host and proves that it did. A host that does not come back fails, so that rescue and undo see it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.holdfast.ops.plugins.module_utils.core import reboots
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.reboots import RebootFailure
from ansible_collections.holdfast.ops.plugins.module_utils.reboot_arguments import VERIFIED_REBOOT
from ansible_collections.holdfast.ops.plugins.plugin_utils._action import HoldfastAction
from ansible_collections.holdfast.ops.plugins.plugin_utils._reached import NoAnswer, Reached
from ansible_collections.holdfast.ops.plugins.plugin_utils._reboot import Reboot


class ActionModule(HoldfastAction):
    _requires_connection = True
    argument_spec = VERIFIED_REBOOT

    def act(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host = str(task_vars.get("inventory_hostname", self._play_context.remote_addr))
        reached = Reached(self)
        if reached.is_here:
            raise HoldfastError(f"{host}: its connection is 'local', so that this very machine would be rebooted")
        reboot = Reboot(host, reached, arguments)
        try:
            self._steps(reboot, reached, arguments)
        except NoAnswer as error:
            # Nothing has been ordered yet: the host is as it was, and unreachable is what it is.
            raise AnsibleConnectionFailure(f"{host}: {reboots.LOOK} failed: {error}") from error
        except RebootFailure as failure:
            return {**reboot.result, **failure.as_result()}
        return reboot.result

    def _steps(self, reboot: Reboot, reached: Reached, arguments: dict[str, Any]) -> None:
        reboot.look()
        wanted, words = reboots.would(reboot.host, reboot.pending, arguments["when_pending"])
        if self._task.check_mode:
            reboot.result.update(changed=wanted, msg=words if wanted else f"{words}; it would be left alone")
            return
        if wanted:
            reboot.check_before()
            # The order too: cut at that very moment, a shared connection would wait for its answer for ever.
            with reached.impatient(arguments["connect_timeout"]):
                reboot.come_back(heard=reboot.order())
                reboot.check_after()
        else:
            reboot.check_after()
        reboot.result["msg"] = (
            f"{reboot.host}: rebooted and proven in {reboot.result['elapsed']:g} s"
            if reboot.result["rebooted"]
            else f"{words}, it was left alone"
        )
