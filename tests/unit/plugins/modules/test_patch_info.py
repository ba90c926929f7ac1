# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What patch_info makes of what dnf and rpm say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.modules import patch_info

HISTORY = """\
ID     | Command line             | Date and time    | Action(s)      | Altered
-------------------------------------------------------------------------------
    12 | --assumeyes history undo | 2026-11-26 04:34 | C, D, E        |    3 EE
    11 |                          | 2026-11-26 04:32 | I, U           |    2 *<
     1 | install 99 | something   | 2026-11-26 04:20 | Install        |    4
"""
ADVISORIES = """\
Updating Subscription Management repositories.
RHBA-2026:0004 bugfix         greeting-1.1-1.el9.noarch
RHSA-2026:0002 Important/Sec. openssl-libs-1:3.2.2-6.el9.x86_64

"""
BOOT = "boot_id=b-1\nboot_time=1795668381\nkernel=5.14.0-1.el9.x86_64\n"
PENDING = "source=dnf\nCore libraries or services have been updated since boot-up:\n  * kernel\nReboot is required\n"


def host(**changed: tuple[int, str, str]) -> patch_info.Run:
    """A host that answers; ``changed`` are other answers by the last word of the command."""

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        said = {
            "rpm": "zlib zlib-1.2-1.x86_64\ngpg-pubkey gpg-pubkey-7-6\nbash bash-5.1-9.x86_64\n",
            "history": HISTORY,
            "updateinfo": ADVISORIES,
            "needs-restarting": "sshd.service\nnoise\ncrond.service\n",
            "/bin/sh": PENDING if "needs-restarting" in command[-1] else BOOT,
        }
        kind = next(word for word in command if word in said)
        return changed.get(kind, (0, said[kind], ""))

    return run


def test_a_host_that_was_patched_and_not_rebooted() -> None:
    assert patch_info.describe(host(), with_advisories=True) == {
        "packages": ["bash-5.1-9.x86_64", "zlib-1.2-1.x86_64"],
        "history": 12,
        "advisories": [
            {"id": "RHBA-2026:0004", "kind": "bugfix", "package": "greeting-1.1-1.el9.noarch"},
            {"id": "RHSA-2026:0002", "kind": "Important/Sec.", "package": "openssl-libs-1:3.2.2-6.el9.x86_64"},
        ],
        "advisories_error": "",
        "reboot": {"known": True, "pending": True, "reasons": ["kernel"], "note": ""},
        "services": ["crond.service", "sshd.service"],
        "boot_id": "b-1",
        "kernel": "5.14.0-1.el9.x86_64",
    }


def test_repositories_that_are_down_leave_the_rest_known() -> None:
    found = patch_info.describe(host(updateinfo=(1, "", "Error: no\nmirrors")), with_advisories=True)
    assert found["advisories"] == []
    assert found["advisories_error"] == "'dnf --quiet updateinfo list --available' ended with 1: Error: no mirrors"
    assert found["packages"]


def test_packages_that_are_not_known_are_an_error() -> None:
    with pytest.raises(HoldfastError, match=r"'rpm --query .*' ended with 1: it said nothing"):
        patch_info.describe(host(rpm=(1, "", "")), with_advisories=False)


def test_a_host_without_transactions() -> None:
    assert patch_info.last_transaction("ID | Command line\n-----\n") == 0


@pytest.mark.parametrize(
    ("change", "runs", "mine"),
    [
        ({"runs": ["r1"]}, ["r1"], True),
        ({"runs": ["r1"]}, ["r2", "r1"], True),
        ({"runs": ["r1"]}, ["r2"], False),
        ({"runs": ["r1"]}, [], True),
        ({}, ["r1"], False),
        ({}, [], False),
    ],
)
def test_whose_change_it_is(change: dict[str, list[str]], runs: list[str], mine: bool) -> None:
    assert patch_info.is_mine(change, runs) is mine


def test_a_record_that_is_none(tmp_path: Path) -> None:
    mark = tmp_path / "mark.json"
    assert patch_info.read_mapping(str(mark)) == {}
    mark.write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(ValueError, match="no mapping"):
        patch_info.read_mapping(str(mark))


def test_a_dnf_that_works_is_waited_for_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "rpmdb_lock.pid"
    locks = (str(tmp_path / "none.pid"), str(lock))
    patch_info.wait_for_dnf(locks, 0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        lock.write_text(str(other.pid), encoding="ascii")
        with pytest.raises(HoldfastError, match=f"process {other.pid}.* within 0 s"):
            patch_info.wait_for_dnf(locks, 0)
    assert not os.path.exists(f"/proc/{other.pid}")
    patch_info.wait_for_dnf(locks, 0)
