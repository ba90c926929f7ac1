# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the file comes from that a Cisco IOS is to become: scripted answers; the double of the lab does the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import CHANGED, Change, Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Place, Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unanswered, Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cisco_ios import CiscoIos

TEXT = "hostname sw1\nenable secret 9 $9$abc\nend\n"
WANTED = Snapshot("sw1", "cisco_ios", 1.0, {"config": {"running": TEXT}})
DIFFERENCE = Difference((Change(Place("config", "running"), CHANGED),))
LISTED = "show flash: | include holdfast-"
REPLACED = "Total number of passes: 1\nRollback Done\n"
DIGEST = hashlib.md5(TEXT.encode(), usedforsecurity=False).hexdigest()
OWN = {"configure replace flash:holdfast-restore.cfg force": REPLACED, "delete /force flash:holdfast-restore.cfg": "",
       "verify /md5 flash:holdfast-restore.cfg": DIGEST}  # fmt: skip


class Device:
    """Answers these commands, raises what stands for an answer, and fails loudly on any other one."""

    def __init__(self, answers: Mapping[str, str | Exception]) -> None:
        self.answers, self.typed = answers, []  # type: ignore[var-annotated]

    def run(self, module: str, arguments: Mapping[str, Any], secret: bool = False) -> Mapping[str, Any]:
        if module == "cisco.ios.ios_command":
            assert secret and arguments["commands"][0] == "tclsh"
            self.typed.append("tclsh")
            return {}
        assert module == "ansible.netcommon.cli_command"
        self.typed.append(arguments["command"])
        answer = self.answers[arguments["command"]]
        if isinstance(answer, Exception):
            raise answer
        return {"stdout": answer}

    def put(self, path: str, data: bytes, mode: str = "0600") -> None:
        raise AssertionError


def test_the_copy_of_a_guard_is_taken_where_it_says_the_same() -> None:
    device = Device({LISTED: "holdfast-1.cfg", "more flash:holdfast-1.cfg": TEXT,
                     "configure replace flash:holdfast-1.cfg force": REPLACED})  # fmt: skip
    done = CiscoIos().restore(device, WANTED, DIFFERENCE)
    assert list(done) == ["configure replace flash:holdfast-1.cfg force (1 passes)"] and "tclsh" not in device.typed


@pytest.mark.parametrize("copy", ["hostname other\nend\n", HoldfastError("%Error opening flash:holdfast-1.cfg")])
def test_where_it_does_not_or_cannot_be_shown_a_file_is_written(copy: str | Exception) -> None:
    device = Device({LISTED: "holdfast-1.cfg", "more flash:holdfast-1.cfg": copy, **OWN})
    assert "holdfast-restore.cfg" in CiscoIos().restore(device, WANTED, DIFFERENCE)[0]
    assert "tclsh" in device.typed and device.typed[-1].startswith("delete")


def test_a_device_that_falls_silent_meanwhile_is_not_taken_for_one_without_copies() -> None:
    device = Device({LISTED: "holdfast-1.cfg", "more flash:holdfast-1.cfg": Unanswered("no answer")})
    with pytest.raises(Unanswered):
        CiscoIos().restore(device, WANTED, DIFFERENCE)


def test_a_replacement_that_did_not_succeed_is_a_failure_and_leaves_no_file() -> None:
    device = Device({LISTED: "", **OWN, "configure replace flash:holdfast-restore.cfg force": "Rollback aborted"})
    with pytest.raises(HoldfastError, match="'configure replace' did not succeed: Rollback aborted"):
        CiscoIos().restore(device, WANTED, DIFFERENCE)
    assert device.typed[-1] == "delete /force flash:holdfast-restore.cfg"


def test_a_device_without_a_startup_configuration_is_told_what_to_do() -> None:
    device = Device({"show startup-config": "startup-config is not present"})
    with pytest.raises(Unreadable, match=r"save one \(copy running-config startup-config\)"):
        CiscoIos().read(device, "startup")
