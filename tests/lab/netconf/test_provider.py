# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of NETCONF devices and its confirmed commit, on a real server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference, compare
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.platforms import platform_named
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import check, take
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.netconf import (
    SOMEBODY,
    Netconf,
    Refused,
    rpc,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.redaction import part

from tests.lab import requirements
from tests.lab.commands import LabError
from tests.lab.netconf.__main__ import lacking

from .running import NcclientDevice, Server

pytestmark = pytest.mark.slow

SWITCH = "urn:holdfast:lab:switch"
NETCONF_OPERATION = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation'
PLATFORM = platform_named("netconf")
TOKEN = "holdfast-run-1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("ncclient", reason="NETCONF is spoken by ncclient")
    if os.geteuid() != 0 or requirements.unfit():
        pytest.skip("the NETCONF server needs root on a machine of the Debian family")
    try:
        requirements.add(lacking(), lambda _line: None)
    except LabError as error:
        pytest.skip(str(error))
    with Server(tmp_path_factory.mktemp("netconf")) as made:
        yield made


@pytest.fixture
def device(server: Server) -> Iterator[NcclientDevice]:
    """A session, and the first configuration again."""
    made = NcclientDevice(server)
    made.connect()
    provider = Netconf()
    if not hasattr(test_its_declaration_is_sound, "first"):
        test_its_declaration_is_sound.first = snapshot(provider, made)  # type: ignore[attr-defined]
    first: Snapshot = test_its_declaration_is_sound.first  # type: ignore[attr-defined]
    provider.restore(made, first, difference(first, _emptied(first)))
    yield made
    made.close()


def _emptied(first: Snapshot) -> Snapshot:
    return Snapshot(first.host, first.platform, 0.0, {"config": {"running": ""}})


def snapshot(provider: Netconf, device: NcclientDevice) -> Snapshot:
    return take(provider, device, host="nc1", platform="netconf", now=0.0)


def difference(before: Snapshot, after: Snapshot) -> Difference:
    return compare(part(before, PLATFORM, b"key").view, part(after, PLATFORM, b"key").view, PLATFORM)


def prepare(device: NcclientDevice, config: str) -> None:
    rpc(device, "edit-config", f"<target><candidate/></target><config>{config}</config>")


def change(device: NcclientDevice, config: str) -> None:
    prepare(device, config)
    rpc(device, "commit")


NAME = f'<system xmlns="{SWITCH}"><hostname>other</hostname></system>'
CHANGES = {
    "a value": NAME,
    "an entry more": f'<vlans xmlns="{SWITCH}"><vlan><id>30</id></vlan></vlans>',
    "an entry less": f'<ports xmlns="{SWITCH}"><port {NETCONF_OPERATION}="remove"><name>e1</name></port></ports>',
    "a value more": f'<vlans xmlns="{SWITCH}"><vlan><id>20</id><name>db</name></vlan></vlans>',
    "a value less": f'<system xmlns="{SWITCH}"><shared-secret {NETCONF_OPERATION}="remove"/></system>',
    "a top container less": f'<rules xmlns="{SWITCH}" {NETCONF_OPERATION}="remove"/>',
    "another order": f'<rules xmlns="{SWITCH}"><rule {NETCONF_OPERATION}="remove"><name>ssh</name></rule>'
    f"<rule><name>last</name></rule></rules>",
}


def test_its_declaration_is_sound() -> None:
    assert check(Netconf().declaration) == []


def test_unchanged_is_identical_over_another_session_too(server: Server, device: NcclientDevice) -> None:
    before = snapshot(Netconf(), device)
    device.connect()
    after = snapshot(Netconf(), device)
    assert not before.gaps
    assert before.sections == after.sections
    assert "Sh4redSecret" not in str(part(before, PLATFORM, b"key").view)
    assert "<match>port 22 &amp; from &lt;here&gt;</match>" in before.sections["config"]["running"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_put_back_exactly_and_verified(device: NcclientDevice, name: str) -> None:
    provider = Netconf()
    before = snapshot(provider, device)
    change(device, CHANGES[name])
    found = difference(before, snapshot(provider, device))
    assert [str(each.place) for each in found.changes] == ["config/running"]
    assert provider.restore(device, before, found) == ["edit-config (replace) and commit"]
    assert difference(before, snapshot(provider, device)).same
    assert provider.restore(device, before, difference(before, snapshot(provider, device))) == []


def test_what_was_not_there_before_goes_whole(device: NcclientDevice) -> None:
    """The server replaces only what is named, against the RFC, so a container that is too much must be named."""
    provider = Netconf()
    change(device, CHANGES["a top container less"])
    before = snapshot(provider, device)
    change(device, f'<rules xmlns="{SWITCH}"><rule><name>new</name></rule></rules>')
    provider.restore(device, before, difference(before, snapshot(provider, device)))
    assert difference(before, snapshot(provider, device)).same


def test_what_the_server_does_not_take_fails_and_leaves_no_candidate_and_no_lock(device: NcclientDevice) -> None:
    provider = Netconf()
    before = snapshot(provider, device)
    change(device, NAME)
    text = before.sections["config"]["running"].replace("<access-vlan>10<", "<access-vlan>99<")
    wanted = Snapshot("nc1", "netconf", 0.0, {"config": {"running": text}})
    with pytest.raises(Refused, match=r"<(?:commit|edit-config)> was refused: .*b'"):
        provider.restore(device, wanted, difference(before, snapshot(provider, device)))
    provider.restore(device, before, difference(before, snapshot(provider, device)))
    assert difference(before, snapshot(provider, device)).same


def test_a_confirmed_commit_is_read_back_and_kept_over_another_session(device: NcclientDevice) -> None:
    provider = Netconf()
    before, timer = snapshot(provider, device), provider.timer
    prepare(device, NAME)
    timer.arm(device, TOKEN, 60, before)
    device.connect()
    ((token, left),) = timer.armed(device)
    assert token == TOKEN
    assert left == 60.0
    ((whose, _left),) = Netconf().timer.armed(device)
    assert whose == SOMEBODY
    with pytest.raises(HoldfastError, match="pending already"):
        timer.arm(device, "holdfast-run-2", 60, before)
    timer.disarm(device, TOKEN)
    timer.disarm(device, TOKEN)
    assert not timer.armed(device)
    assert timer.reverted(device, TOKEN) is None
    assert "<hostname>other</hostname>" in provider.shown(device)


def test_a_commit_that_nobody_confirms_is_taken_back_by_the_server(device: NcclientDevice) -> None:
    provider = Netconf()
    before, timer = snapshot(provider, device), provider.timer
    prepare(device, NAME)
    timer.arm(device, TOKEN, 5, before)
    device.close()
    time.sleep(8)
    assert difference(before, snapshot(provider, device)).same
    said = timer.reverted(device, TOKEN)
    assert said is not None
    assert said.complete
    with pytest.raises(HoldfastError, match="taken back"):
        timer.disarm(device, TOKEN)


def test_while_a_commit_waits_a_restore_cancels_it(device: NcclientDevice) -> None:
    provider = Netconf()
    before = snapshot(provider, device)
    prepare(device, NAME)
    provider.timer.arm(device, TOKEN, 60, before)
    assert provider.restore(device, before, difference(before, snapshot(provider, device))) == ["cancel-commit"]
    assert difference(before, snapshot(provider, device)).same
    provider.timer.disarm(device, TOKEN)
    assert not provider.timer.armed(device)


def test_a_reboot_reverts_and_what_was_confirmed_outlives_it(server: Server, device: NcclientDevice) -> None:
    provider = Netconf()
    before = snapshot(provider, device)
    prepare(device, NAME)
    provider.timer.arm(device, TOKEN, 600, before)
    server.reboot()
    device.connect()
    assert difference(before, snapshot(provider, device)).same
    prepare(device, NAME)
    provider.timer.arm(device, "holdfast-run-2", 600, before)
    provider.timer.disarm(device, "holdfast-run-2")
    assert provider.keep(device) == []
    server.reboot()
    device.connect()
    assert "<hostname>other</hostname>" in provider.shown(device)


def test_no_commit_where_it_would_not_lead_back(device: NcclientDevice) -> None:
    provider = Netconf()
    before = snapshot(provider, device)
    change(device, NAME)
    with pytest.raises(HoldfastError, match="that is not what is wanted"):
        provider.timer.arm(device, TOKEN, 60, before)
    assert not provider.timer.armed(device)


def test_secrets_are_said_to_be_secrets(device: NcclientDevice) -> None:
    assert {"get-config", "edit-config"} >= set(device.secrets)
    provider = Netconf()
    before = snapshot(provider, device)
    change(device, NAME)
    device.secrets.clear()
    provider.restore(device, before, difference(before, snapshot(provider, device)))
    assert set(device.secrets) == {"get-config", "edit-config"}
