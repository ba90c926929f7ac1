# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NETCONF server of the lab under snapshots, restores and guarded changes, through Ansible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import requirements
from tests.lab.commands import LabError
from tests.lab.devices import NETCONF
from tests.lab.lab import Lab
from tests.lab.netconf.__main__ import lacking
from tests.lab.playing import Playing

pytestmark = pytest.mark.slow

BASE, SWITCH = "urn:ietf:params:xml:ns:netconf:base:1.0", "urn:holdfast:lab:switch"


@pytest.fixture
def playing(lab: Lab, tmp_path: Path) -> Iterator[Playing]:
    """The server as it is in the beginning, and plays on it."""
    pytest.importorskip("ncclient", reason="NETCONF is spoken by ncclient")
    try:
        requirements.add(lacking(), lambda _line: None)
    except LabError as error:
        pytest.skip(str(error))
    lab.renew(NETCONF)
    yield Playing(lab, NETCONF, tmp_path)
    lab.power(NETCONF, on=False)


def edit(hostname: str) -> dict[str, Any]:
    """Prepares a candidate; after ``netconf_config`` with ``commit: false`` there is nothing in it."""
    config = f'<config><system xmlns="{SWITCH}"><hostname>{hostname}</hostname></system></config>'
    content = f"<target><candidate/></target>{config}"
    return {"name": "edit", "ansible.netcommon.netconf_rpc": {"rpc": "edit-config", "xmlns": BASE, "content": content}}


COMMIT = {"name": "commit", "ansible.netcommon.netconf_rpc": {"rpc": "commit", "xmlns": BASE}}


def test_unchanged_is_identical_a_change_is_found_and_a_restore_is_verified(playing: Playing) -> None:
    first, second = playing.snapshot(), playing.snapshot()
    assert (second["changed"], second["same"]) == (False, True)
    playing.run(edit("other"), COMMIT)
    found = playing.snapshot()
    assert [(each["section"], each["item"]) for each in found["changes"]] == [("config", "running")]
    assert "Sh4redSecret" not in str(found)
    restored = playing.restore(first["snapshot"]["id"])
    assert (restored["changed"], restored["verified"]) == (True, True), restored
    assert playing.restore(first["snapshot"]["id"])["changed"] is False
    assert playing.snapshot()["digest"] == first["digest"]


def test_a_good_change_is_promoted_and_outlives_a_reboot(playing: Playing) -> None:
    found = playing.guard(edit("better"))
    assert (found["state"], found["changed"]) == ("promoted", True), found
    playing.lab.power(NETCONF, on=False)
    playing.lab.power(NETCONF, on=True)
    assert playing.snapshot()["digest"] == found["after"]["digest"]


def test_a_change_that_breaks_the_application_is_taken_back_at_once(playing: Playing) -> None:
    before = playing.snapshot()
    found = playing.guard(edit("worse"), probes=[{"name": "shop", "argv": ["false"], "retries": 1}])
    assert (found["state"], found["step"]) == ("restored", "health checks"), found
    assert found["elapsed"] < 55
    assert playing.snapshot()["digest"] == before["digest"]


def test_the_controlling_process_killed_ends_in_the_old_state(playing: Playing) -> None:
    before = playing.snapshot()
    playing.guard_killed(edit("worse"), changed=lambda: "<hostname>worse" in playing.running(), seconds=60)
    playing.until(lambda: playing.snapshot()["digest"] == before["digest"], 100)


def test_a_reboot_in_the_middle_ends_in_the_old_state(playing: Playing) -> None:
    before = playing.snapshot()
    playing.guard_killed(edit("worse"), changed=lambda: "<hostname>worse" in playing.running(), seconds=600)
    playing.lab.power(NETCONF, on=False)
    playing.lab.power(NETCONF, on=True)
    assert playing.snapshot()["digest"] == before["digest"]
