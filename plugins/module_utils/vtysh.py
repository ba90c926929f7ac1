# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FRR's shell, for modules."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.ops.plugins.module_utils.core import frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

ARGUMENTS: dict[str, Any] = {
    "vrf": {"type": "str", "default": frr.DEFAULT_VRF},
    "vtysh": {"type": "str", "default": "vtysh"},
}


class Vtysh:
    """Types commands into the FRR of the host that a module runs on."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self.vrf = str(module.params["vrf"])
        module.run_command_environ_update = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}

    def type(self, *commands: str) -> str:
        """What FRR prints. Raises HoldfastError when it refuses or cannot be asked."""
        program = str(self._module.params["vtysh"])
        words = [word for command in commands for word in ("-c", command)]
        try:
            status, output, complaint = self._module.run_command([program, *words], handle_exceptions=False)
        except OSError as error:
            raise HoldfastError(
                f"FRR's shell '{program}' cannot be run: {error.strerror}; is FRR installed, and the user allowed?"
            ) from None
        if status != 0 or "is not running" in output:
            said = " ".join((output + " " + complaint).split())[-300:]
            raise HoldfastError(f"FRR refused '{commands[-1]}': {said or 'it said nothing'}")
        return str(output)

    def ask(self, *commands: str) -> list[dict[str, Any]]:
        """What FRR answers to commands that end in "json". Raises HoldfastError."""
        return frr.documents(self.type(*commands))

    def instance(self) -> frr.Instance:
        """The BGP of the VRF. Raises HoldfastError when there is none."""
        return frr.instance(self.type("show running-config"), self.vrf)

    def show(self, what: str) -> str:
        """The command that shows something of the BGP of the VRF."""
        return f"show bgp vrf {self.vrf} {what} json"
