# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed on EOS and Junos to restore a configuration: the real module and cliconf plugins, a scripted device.

That the devices do then what their documentation says, no test proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import CHANGED, Change, Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.registry import NETWORK_CLI, provider_for

cli_config = pytest.importorskip("ansible_collections.ansible.netcommon.plugins.modules.cli_config")
eos = pytest.importorskip("ansible_collections.arista.eos.plugins.cliconf.eos")
junos = pytest.importorskip("ansible_collections.junipernetworks.junos.plugins.cliconf.junos")

DIFFERENCE = Difference((Change(Place("config", "running"), CHANGED),))
ARGUMENTS = ("backup", "rollback", "commit_comment", "defaults", "multiline_delimiter", "diff_replace", "diff_match",
             "diff_ignore_lines", "replace", "config", "commit")  # fmt: skip


class Scripted:
    """A device that answers these commands, in this order, and fails loudly on any other one."""

    def __init__(self, plugin: Any, script: Iterable[tuple[str, str]]) -> None:
        self.script, self.typed = list(script), []
        self.cliconf = plugin.Cliconf(SimpleNamespace(get_prompt=lambda: b"device#"))
        self.cliconf.send_command = self.send
        self.cliconf.get_option = {"eos_use_sessions": True}.__getitem__

    def send(self, command: str = "", **_how: Any) -> str:
        self.typed.append(command)
        assert self.script, f"not in the script: {command}"
        expected, said = self.script.pop(0)
        assert command.startswith(expected), f"{command!r} was typed, and {expected!r} was expected"
        return said

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        assert (module, secret) == ("ansible.netcommon.cli_config", True)
        given = SimpleNamespace(params={**dict.fromkeys(ARGUMENTS), **arguments}, check_mode=False, _diff=False)
        operations = self.cliconf.get_device_operations()
        cli_config.validate_args(given, operations)
        return dict(cli_config.run(given, operations, self.cliconf, arguments["config"], "", None))


def restore(platform: str, device: Scripted, text: str) -> list[str]:
    provider = provider_for(platform, {}, NETWORK_CLI)
    return list(provider.restore(device, Snapshot("sw1", platform, 1.0, {"config": {"running": text}}), DIFFERENCE))  # type: ignore[arg-type]


def test_eos_replaces_the_configuration_in_a_session() -> None:
    text = "! device: leaf1\nhostname leaf1\ninterface Ethernet1\n   description up\nend\n"
    device = Scripted(
        eos,
        [
            ("show configuration sessions", ""),
            ("configure session ansible_", ""),
            ("rollback clean-config", ""),
            ("hostname leaf1", ""),
            ("interface Ethernet1", ""),
            ("   description up", ""),
            ("show session-config diffs", "+hostname leaf1"),
            ("commit", ""),
        ],
    )
    assert restore("arista_eos", device, text) == ["cli_config, which replaced the configuration"]
    assert device.script == []


def test_junos_merges_commands_and_commits() -> None:
    device = Scripted(
        junos,
        [
            ("set system host-name r1", ""),
            ("set system services ssh", ""),
            ("show | compare", "[edit system]\n+  host-name r1;"),
            ("commit and-quit", "commit complete"),
        ],
    )
    said = restore("juniper_junos", device, "set system host-name r1\nset system services ssh\n")
    assert said == ["cli_config, which merged the configuration"]
    assert device.script == []
