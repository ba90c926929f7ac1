# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port ``Device`` on the model of a machine, in this process: for tests that ask a great many times.

Modules are called as by the connection, with their own texts; only WinRM is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered

from . import modules
from .envelope import ModuleCall
from .machine import Machine
from .modules import Host
from .outcome import NotModelled


class Here:
    """A machine as a device; a machine that cannot be reached gives no answer."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._host = Host(machine)

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        """As the port says."""
        if not self.machine.reachable:
            raise Unanswered("no answer")
        request = ModuleCall(module, {**arguments, "_ansible_no_log": secret}, _source(module))
        try:
            outcome = modules.call(self._host, request)
        except NotModelled as error:
            raise HoldfastError(f"windows double: not modelled: {error}") from error
        if not self.machine.reachable:
            raise Unanswered("no answer")
        result: dict[str, Any] = json.loads(outcome.output)
        if result.get("failed"):
            raise HoldfastError(f"{module} failed: {result.get('msg')}")
        return result

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        """Not needed: whatever goes there goes by scripts."""
        raise HoldfastError(f"windows double: not modelled: a file put at {path} with {len(data)} bytes, {mode}")


def _source(module: str) -> str:
    collection, _dot, name = module.rpartition(".")
    found = find_spec(f"ansible_collections.{collection}")
    places = list(found.submodule_search_locations or ()) if found else []
    return (Path(places[0]) / "plugins" / "modules" / f"{name}.ps1").read_text(encoding="utf-8")
