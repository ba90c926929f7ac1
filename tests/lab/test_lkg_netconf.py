# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NETCONF server of the lab under snapshots, restores and guarded changes, by Ansible and by the guard alone."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, View
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.netconf import Netconf, rpc
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part

from tests.lab import devices, keys, requirements
from tests.lab.commands import LabError
from tests.lab.devices import NETCONF
from tests.lab.guarding import ALONE, UNREACHABLE, Guarded, never_ends, small_disk
from tests.lab.lab import Lab
from tests.lab.matrix import BREAK, CREDENTIALS, CUT, FULL, KILL, REBOOT, UNARMED, cell
from tests.lab.netconf.__main__ import lacking
from tests.lab.netconf.running import Endpoint, NcclientDevice
from tests.lab.playing import SNAPSHOT, Playing, restore

pytestmark = pytest.mark.slow

SECONDS = 15
BASE, SWITCH = "urn:ietf:params:xml:ns:netconf:base:1.0", "urn:holdfast:lab:switch"


@pytest.fixture
def served(lab: Lab) -> Iterator[Lab]:
    """The server as it is in the beginning."""
    pytest.importorskip("ncclient", reason="NETCONF is spoken by ncclient")
    try:
        requirements.add(lacking(), lambda _line: None)
    except LabError as error:
        pytest.skip(str(error))
    lab.renew(NETCONF)
    yield lab
    lab.power(NETCONF, on=False)


@pytest.fixture
def playing(served: Lab, tmp_path: Path) -> Playing:
    """Plays on it."""
    return Playing(served.inventory, NETCONF, tmp_path)


def edit(hostname: str) -> dict[str, Any]:
    """Prepares a candidate; after ``netconf_config`` with ``commit: false`` there is nothing in it."""
    config = f'<config><system xmlns="{SWITCH}"><hostname>{hostname}</hostname></system></config>'
    content = f"<target><candidate/></target>{config}"
    return {"name": "edit", "ansible.netcommon.netconf_rpc": {"rpc": "edit-config", "xmlns": BASE, "content": content}}


COMMIT = {"name": "commit", "ansible.netcommon.netconf_rpc": {"rpc": "commit", "xmlns": BASE}}


def test_unchanged_is_identical_a_change_is_found_and_a_restore_is_verified(playing: Playing) -> None:
    first, second, *_changes, found = playing.runs(SNAPSHOT, SNAPSHOT, edit("other"), COMMIT, SNAPSHOT)
    assert (second["changed"], second["same"]) == (False, True)
    assert [(each["section"], each["item"]) for each in found["changes"]] == [("config", "running")]
    assert "Sh4redSecret" not in str(found)
    state = restore(first["snapshot"]["id"])
    restored, again, after = playing.runs(state, state, SNAPSHOT)
    assert (restored["changed"], restored["verified"]) == (True, True), restored
    assert again["changed"] is False and after["digest"] == first["digest"]


def test_a_good_change_is_promoted_and_outlives_a_reboot(playing: Playing, lab: Lab) -> None:
    found = playing.guard(edit("better"), timer=240)
    assert (found["state"], found["changed"]) == ("promoted", True), found
    lab.power(NETCONF, on=False)
    lab.power(NETCONF, on=True)
    assert playing.snapshot()["digest"] == found["after"]["digest"]


@cell("netconf", BREAK, whole=True)
def test_a_change_that_breaks_the_application_is_taken_back_at_once(playing: Playing) -> None:
    found = playing.guard(edit("worse"), timer=240, probes=[{"name": "shop", "argv": ["false"], "retries": 1}])
    assert (found["state"], found["step"]) == ("restored", "health checks"), found
    assert playing.snapshot()["digest"] == found["before"]["digest"]


@cell("netconf", REBOOT, whole=True)
def test_a_reboot_in_the_middle_ends_in_the_old_state(playing: Playing, lab: Lab) -> None:
    before = playing.snapshot()
    playing.guard_killed(edit("worse"), changed=lambda: "<hostname>worse" in playing.running(), seconds=600)
    lab.power(NETCONF, on=False)
    lab.power(NETCONF, on=True)
    assert playing.snapshot()["digest"] == before["digest"]


# --- without Ansible -------------------------------------------------------------------------------------------------


class Device:
    """The server, the guards of it, and what it was in the beginning."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder, self.store = lab, folder, folder / "store"
        address = next(row["management"] for row in lab.status()["members"] if row["name"] == NETCONF)
        self.endpoint = Endpoint(address, devices.PORTS[NETCONF], lab.folder / "id_ed25519")
        self.before = self.view()

    def view(self) -> View:
        """It as it is now, over a session of its own."""
        session = NcclientDevice(self.endpoint)
        taken: Snapshot = take(Netconf(), session, host=NETCONF, platform="netconf", now=time.time())
        session.close()
        assert not taken.gaps, taken.gaps
        return part(taken, platform_named("netconf"), b"k" * 32).view

    def guarded(self, session: NcclientDevice | None = None, **given: Any) -> Guarded:
        """A change of its name under guard."""
        session = session or NcclientDevice(self.endpoint)
        store = given.pop("store", self.store)
        change = functools.partial(prepare, session, "worse")
        return Guarded(NETCONF, "netconf", Netconf(), session, store, change, seconds=SECONDS, **given)

    def assert_old(self, guarded: Guarded) -> None:
        """It is what it was, no commit is pending, and nothing was promoted."""
        left = compare(self.view(), self.before, platform_named("netconf"))
        assert left.same, left.render()
        session = NcclientDevice(self.endpoint)
        assert list(Netconf().timer.armed(session)) == []
        session.close()
        assert guarded.promoted() == ""


def prepare(session: NcclientDevice, hostname: str) -> None:
    """Put another name into the candidate."""
    config = f'<config><system xmlns="{SWITCH}"><hostname>{hostname}</hostname></system></config>'
    rpc(session, "edit-config", f"<target><candidate/></target>{config}")


@pytest.fixture
def device(served: Lab, tmp_path: Path) -> Device:
    return Device(served, tmp_path)


class CutSession(NcclientDevice):
    """A session that is lost once the commit is made, for its cable is cut, until the server must have gone back."""

    def __init__(self, endpoint: Endpoint, lab: Lab) -> None:
        super().__init__(endpoint, timeout=2)
        self._lab: Lab | None = lab

    def reconnect(self) -> None:
        """The first time the cable is cut before."""
        if self._lab is not None:
            lab, self._lab = self._lab, None
            lab.fault("management-cut", NETCONF)
            threading.Timer(SECONDS + ALONE / 2, lab.heal, ("management-cut", NETCONF)).start()
        super().reconnect()


@cell("netconf", CUT)
def test_management_is_cut_off_and_it_goes_back_alone(device: Device) -> None:
    guarded = device.guarded(CutSession(device.endpoint, device.lab))
    found = guarded.run()
    assert (found["state"], found["step"]) == ("reverted", "proving that it can be reached"), found
    device.assert_old(guarded)


@cell("netconf", KILL)
@pytest.mark.parametrize("end", [pytest.param(Guarded.kill, id="killed"), pytest.param(Guarded.stop, id="stopped")])
def test_nobody_is_left_and_it_goes_back_alone(device: Device, tmp_path: Path, end: Callable[[Guarded], None]) -> None:
    asked = tmp_path / "asked"
    guarded = device.guarded(healthy=functools.partial(never_ends, asked)).start()
    until(asked.exists, 30)
    assert "<hostname>worse" in str(device.view().items)
    end(guarded)
    try:
        time.sleep(SECONDS + 2)  # netconfd looks at its clock only while nobody asks it anything
        until(lambda: device.view().digest == device.before.digest, ALONE)
        device.assert_old(guarded)
    finally:
        guarded.kill()


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(3)


@cell("netconf", UNARMED)
def test_a_commit_of_somebody_else_that_waits_stops_it_before_anything_is_changed(device: Device) -> None:
    other = NcclientDevice(device.endpoint)
    confirmed = "<confirmed/><confirm-timeout>120</confirm-timeout><persist>somebody</persist>"
    rpc(other, "commit", confirmed)
    guarded = device.guarded()
    found = guarded.run()
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host"), found
    rpc(other, "cancel-commit", "<persist-id>somebody</persist-id>")
    other.close()
    device.assert_old(guarded)


@cell("netconf", FULL)
def test_an_archive_without_room_stops_it_before_anything_is_changed(device: Device, tmp_path: Path) -> None:
    with small_disk(tmp_path / "full") as store:
        guarded = device.guarded(store=store)
        found = guarded.run()
        device.assert_old(guarded)
    assert (found["state"], found["step"]) == ("unchanged", "looking at the host"), found
    assert "the state before cannot be kept" in found["reason"]


@cell("netconf", CREDENTIALS)
def test_wrong_credentials_leave_everything_as_it_was(device: Device, tmp_path: Path) -> None:
    keys.make(tmp_path, [])
    guarded = device.guarded(NcclientDevice(device.endpoint._replace(key=tmp_path / "id_ed25519")))
    found = guarded.run()
    assert found["state"] == UNREACHABLE and "uthentication" in found["msg"], found
    device.assert_old(guarded)
