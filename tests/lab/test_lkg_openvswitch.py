# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a switch with Open vSwitch, and the bundle that brings it back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.openvswitch import Openvswitch
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import run_bundle

from tests.lab import appliances
from tests.lab.lab import Lab
from tests.lab.snapshots import LEFT, Stage

pytestmark = pytest.mark.slow

PSK = "T0pSecretPskOfTests"
PREPARED = f"""
for end in a b c d; do ip link add v$end type veth peer name w$end; ip link set v$end up; ip link set w$end up; done
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev other_config:mac-table-size=100 external_ids:status=on \
    -- add-port br0 va tag=10 -- add-port br0 vb trunks=10,20 vlan_mode=trunk -- set interface vb ofport_request=7 \
    -- add-port br0 g0 -- set interface g0 type=gre options:remote_ip=192.0.2.7 options:psk={PSK}
ovs-vsctl add-bond br0 bond0 vc vd bond_mode=active-backup
ovs-vsctl set-controller br0 ptcp:6653:127.0.0.1 -- set-manager ptcp:6640:127.0.0.1
ovs-vsctl -- --id=@q create queue other_config:max-rate=1000000 \
    -- --id=@s create qos type=linux-htb queues:0=@q -- set port va qos=@s -- set port vb qos=@s
ovs-vsctl -- --id=@p get port vb -- --id=@m create mirror name=m1 select_all=true output_port=@p \
    -- add bridge br0 mirrors @m
ovs-vsctl -- --id=@n create netflow targets='"192.0.2.1:5566"' -- set bridge br0 netflow=@n
ovs-vsctl add-br br1 -- set bridge br1 datapath_type=netdev -- add-port br1 i1 -- set interface i1 type=internal
ovs-ofctl del-flows br1
ovs-ofctl add-flow br1 priority=7,in_port=i1,dl_vlan=5,actions=drop
ovs-ofctl add-flow br1 priority=1,actions=NORMAL
"""


class Switch(Stage):
    """The switch of the lab."""

    def vsctl(self, command: str) -> str:
        """What ovs-vsctl says."""
        return self.say(f"ovs-vsctl {command}").strip()

    def uuids(self) -> dict[str, str]:
        """The rows by table and name."""
        lines = []
        for table in ("bridge", "port", "interface"):
            lines += [
                f"{table} {line}"
                for line in self.vsctl(f"--columns=name,_uuid -f csv --no-headings list {table}").splitlines()
            ]
        return dict(line.rsplit(",", 1) for line in lines)


@pytest.fixture(scope="module")
def prepared(lab: Lab) -> Iterator[Switch]:
    """A switch with something in every table that is commonly used."""
    lab.renew(appliances.SWITCH)
    switch = Switch(lab, appliances.SWITCH, "openvswitch", Openvswitch(flows=["br1"]))
    switch.say(PREPARED)
    switch.wanted = switch.archived()
    yield switch
    switch.device.close()
    lab.power(appliances.SWITCH, on=False)


@pytest.fixture
def switch(prepared: Switch) -> Switch:
    return prepared


@pytest.fixture
def good(switch: Switch) -> Iterator[Snapshot]:
    """How it is; every test leaves it so."""
    yield switch.wanted
    if switch.changed(switch.wanted):
        switch.restore(switch.wanted)


def test_an_unchanged_switch_gives_the_same_and_shows_no_secret(switch: Switch, good: Snapshot) -> None:
    switch.say("ping -c 2 -i 0.2 -W 1 -I wa 192.0.2.1 >/dev/null || true; sleep 6")  # statistics are written every 5 s
    view = switch.view(switch.take())
    assert view.digest == switch.view(good).digest and switch.restore(good) == []
    assert {place.section for place in view.items} == {"switch", "bridges", "ports", "interfaces", "flows"}
    assert good.sections["interfaces"]["g0"]["options"]["psk"] == PSK
    assert PSK not in "".join(item.text for item in view.items.values())
    assert good.sections["bridges"]["br0"]["external_ids"] == {"status": "on"}
    assert len(good.sections["flows"]["br1"].splitlines()) == 2


ROUNDS: list[dict[str, set[str]]] = [
    {
        "set port va tag=11": {"ports/va"},
        "set port vb trunks=10": {"ports/vb"},
        "add-port br1 i2 tag=5 -- set interface i2 type=internal": {"ports/i2", "interfaces/i2", "bridges/br1"},
        "add-br br2 -- set bridge br2 datapath_type=netdev": {
            "ports/br2", "interfaces/br2", "bridges/br2", "switch/settings"},
        "set interface g0 options:psk=An0therPskOfTests": {"interfaces/g0"},
        "del-controller br0": {"bridges/br0"},
        "set port bond0 bond_mode=balance-slb": {"ports/bond0"},
        "create queue dscp=3": {"switch/unused"},
    },
    {
        "clear port va tag": {"ports/va"},
        "del-port vb": {"ports/vb", "interfaces/vb", "bridges/br0"},
        "set interface g0 options:remote_ip=192.0.2.8": {"interfaces/g0"},
        "del-manager": {"switch/settings"},
        "clear bridge br0 netflow": {"bridges/br0"},
        "set interface va cfm_mpid=5": {"interfaces/va"},
    },
    {
        "del-port va": {"ports/va", "interfaces/va", "bridges/br0"},
        "set-controller br0 ptcp:6654:127.0.0.1": {"bridges/br0"},
        "set open . other_config:flow-limit=5000": {"switch/settings"},
        "set queue $(ovs-vsctl --bare --columns=_uuid list queue) other_config:max-rate=2000000": {
            "ports/va", "ports/vb"},
    },
    {
        "-- clear port va qos": {"ports/va"},
        "clear bridge br0 mirrors": {"bridges/br0"},
    },
    {"set bridge br0 stp_enable=true": {"bridges/br0"}},
    {"set bridge br0 external_ids:status=off": {"bridges/br0"}},
]  # fmt: skip
"""Commands of ovs-vsctl with the places that each changes; those of a round are given one after the other."""


@pytest.mark.parametrize("changes", ROUNDS, ids=["first", "second", "third", "fourth", "fifth", "sixth"])
def test_every_changed_value_is_seen_and_taken_back(
    switch: Switch, good: Snapshot, changes: dict[str, set[str]]
) -> None:
    before, places = switch.uuids(), set().union(*changes.values())
    switch.say("; ".join(f"ovs-vsctl {command}" for command in changes))
    assert switch.changed(good) - {"flows/br1"} == places
    assert "the database is as wanted" in switch.restore(good)
    after = switch.uuids()
    gone = {name for name in before if before[name] != after[name]}
    assert gone <= {f"{place.split('/')[0][:-1]} {place.split('/')[1]}" for place in places}, "only what went is new"


def test_a_bridge_that_is_gone_comes_back_with_its_ports_and_flows(switch: Switch, good: Snapshot) -> None:
    switch.vsctl("del-br br1")
    with pytest.raises(Unreadable, match="the flows of br1"):
        switch.provider.read(switch.device, "flows")
    said = run_bundle(switch.device, switch.provider.bundle(good))
    assert "bringing the flows of br1 back" in said
    assert switch.changed(good) == set()
    assert switch.vsctl("get interface i1 error") == "[]" and int(switch.vsctl("get interface i1 ofport")) > 0


def test_flows_are_seen_and_taken_back(switch: Switch, good: Snapshot) -> None:
    switch.say("ovs-ofctl add-flow br1 priority=9,actions=drop; ovs-ofctl --strict del-flows br1 priority=1")
    assert switch.changed(good) == {"flows/br1"}
    switch.restore(good)


def test_many_changes_at_once_are_one_transaction(switch: Switch, good: Snapshot) -> None:
    drawn = random.Random(7)
    commands = [command for changes in ROUNDS for command in changes if "create queue" not in command]
    for _round in range(3):
        switch.say("; ".join(f"ovs-vsctl {command} || true" for command in drawn.sample(commands, 8)))
        switch.restore(good)


def test_a_switch_whose_daemons_are_stopped_is_started(switch: Switch, good: Snapshot) -> None:
    switch.vsctl("set port va tag=11")
    switch.say("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server")
    with pytest.raises(Unreadable, match="database of Open vSwitch"):
        switch.provider.read(switch.device, "ports")
    assert "the database is as wanted" in run_bundle(switch.device, switch.provider.bundle(good))
    assert switch.changed(good) == set()
    switch.say("systemctl start openvswitch-switch")


def test_a_restore_that_cannot_match_fails_says_so_and_changes_nothing(switch: Switch, good: Snapshot) -> None:
    ports = {**good.sections["ports"], "va": {**good.sections["ports"]["va"], "tag": 9999}}
    bridges = {**good.sections["bridges"], "br1": {**good.sections["bridges"]["br1"], "stp_enable": True}}
    wanted = replace(good, sections={**good.sections, "ports": ports, "bridges": bridges})
    difference = switch.differs(wanted)
    with pytest.raises(HoldfastError, match="FAILED: the database refuses to update Port: constraint violation"):
        switch.provider.restore(switch.device, wanted, difference)
    assert switch.changed(good) == set(), "a transaction is whole or not at all"
    assert {str(change.place) for change in switch.differs(wanted).changes} == {"ports/va", "bridges/br1"}


def test_no_secret_reaches_a_log_by_a_restore(switch: Switch, good: Snapshot) -> None:
    switch.vsctl("del-port g0")
    switch.restore(good)
    found = switch.say(f"journalctl -q --no-pager | grep -F {PSK} | grep -v 'ovs-vsctl' | wc -l; {LEFT}")
    assert found.split() == ["0"], found
