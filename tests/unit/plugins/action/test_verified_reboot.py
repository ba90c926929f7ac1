# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action itself: whom it never reboots, and how it tells a lost host from one that was never there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ansible.plugins.action")

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.holdfast.ops.plugins.action.verified_reboot import ActionModule
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.reboot_arguments import VERIFIED_REBOOT

ARGUMENTS = {name: spec.get("default") for name, spec in VERIFIED_REBOOT.items()}


class Connection:
    """A connection without options, to a host that runs what a test says."""

    _shell = object()

    def __init__(self, transport: str = "ssh") -> None:
        self.transport = transport

    def get_option(self, name: str) -> Any:
        raise KeyError(name)

    def reset(self) -> None:
        """Nothing to let go."""


def action(answers: dict[str, dict[str, Any]], transport: str = "ssh", check: bool = False) -> tuple[Any, list[str]]:
    """An action whose host answers by a part of the script; what is not there breaks the connection."""
    made: Any = ActionModule.__new__(ActionModule)
    made._connection = Connection(transport)
    made._task = SimpleNamespace(check_mode=check)
    made._play_context = SimpleNamespace(remote_addr="web1")
    asked: list[str] = []

    def execute(script: str, sudoable: bool) -> dict[str, Any]:
        asked.append(script)
        found = next((answer for part, answer in answers.items() if part in script), None)
        if found is None:
            raise AnsibleConnectionFailure("no route to host")
        return {"rc": 0, "stdout": "", "stderr": "", **found}

    made._low_level_execute_command = execute
    return made, asked


STATE = {"stdout": "boot_id=a\nboot_time=1\nkernel=6.1\n"}
NOTHING_PENDING = {"stdout": "source=apt\n"}


def test_the_controlling_machine_is_never_asked_anything() -> None:
    made, asked = action({"": {}}, transport="local")
    with pytest.raises(HoldfastError, match="this very machine would be rebooted"):
        made.act(ARGUMENTS, {"inventory_hostname": "localhost"})
    assert asked == []


def test_a_host_that_does_not_answer_at_the_beginning_is_unreachable() -> None:
    made, _asked = action({})
    with pytest.raises(AnsibleConnectionFailure, match="web1: looking at the host failed: no route to host"):
        made.act(ARGUMENTS, {})


def test_a_host_that_answers_nonsense_is_a_failure() -> None:
    made, _asked = action({"boot_id=": {"stdout": "welcome"}})
    result = made.act(ARGUMENTS, {})
    assert (result["failed"], result["step"]) == (True, "looking at the host")


def test_a_refused_order_is_a_failure_with_what_was_seen() -> None:
    made, _asked = action(
        {"boot_id=": STATE, "needs-restarting": NOTHING_PENDING, "shutdown -r": {"rc": 1, "stderr": "must be root"}}
    )
    result = made.act(ARGUMENTS, {"inventory_hostname": "app1"})
    assert (result["failed"], result["changed"], result["boot_id_before"]) == (True, False, "a")
    assert result["msg"].startswith("app1: ordering the reboot failed")
    assert "unreachable" not in result


def test_check_mode_only_looks() -> None:
    made, asked = action({"boot_id=": STATE, "needs-restarting": NOTHING_PENDING}, check=True)
    result = made.act({**ARGUMENTS, "pre_checks": ["touch /run/x"]}, {})
    assert (result["changed"], result["rebooted"]) == (True, False)
    assert len(asked) == 2
