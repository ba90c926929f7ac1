# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read out of FRR's answers, and that a saved configuration changes by one line only."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core import frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError

CONFIG = """! by hand
frr defaults traditional
!
vrf red
 vni 4
exit-vrf
!
router bgp 65010 as-notation plain
 bgp router-id 192.0.2.1
 !
 address-family ipv4 unicast
  network 203.0.113.0/24
 exit-address-family
exit
!
router bgp 65010 vrf red
 ! said by somebody
 bgp graceful-shutdown
 neighbor 192.0.2.9 remote-as 65020
exit
!
router bgp 65011 view looking
 bgp graceful-shutdown
exit
!
ip route 203.0.113.0/24 192.0.2.7
"""


def test_each_vrf_has_its_own_graceful_shutdown() -> None:
    default, red = frr.instance(CONFIG, "default"), frr.instance(CONFIG, "red")
    assert (default.number, default.draining, default.everywhere) == ("65010", False, False)
    assert (red.number, red.draining, red.everywhere) == ("65010", True, False)
    assert frr.commands(red, False) == ["configure terminal", "router bgp 65010 vrf red", "no bgp graceful-shutdown"]


def test_that_of_the_whole_router_counts_everywhere() -> None:
    found = frr.instance("bgp graceful-shutdown\n" + CONFIG, "default")
    assert (found.draining, found.everywhere) == (True, True)


@pytest.mark.parametrize(
    ("text", "there"),
    [(CONFIG, "it has BGP in the VRF default, red"), ("router ospf\nexit\n", "it has no BGP at all")],
)
def test_a_vrf_without_bgp_is_told_where_there_is_one(text: str, there: str) -> None:
    with pytest.raises(HoldfastError, match=f"there is no BGP in the VRF 'blue'; {there}"):
        frr.instance(text, "blue")


@pytest.mark.parametrize(("vrf", "now"), [("default", False), ("red", True)])
def test_one_line_is_saved_and_taken_back_and_nothing_else(vrf: str, now: bool) -> None:
    header = frr.instance(CONFIG, vrf).header
    assert frr.saved_as(CONFIG, header) is now
    assert frr.save_as(CONFIG, header, now) == CONFIG
    other = frr.save_as(CONFIG, header, not now)
    assert frr.saved_as(other, header) is not now
    assert frr.save_as(other, header, now).count(frr.LINE) == CONFIG.count(frr.LINE)
    longer, shorter = (CONFIG, other) if now else (other, CONFIG)
    lines = longer.splitlines(keepends=True)
    at = lines.index(f" {frr.LINE}\n")
    assert "".join(lines[:at] + lines[at + 1 :]) == shorter


def test_a_saved_configuration_without_that_bgp_is_refused() -> None:
    with pytest.raises(HoldfastError, match="it has no line 'router bgp 1'"):
        frr.save_as(CONFIG, "router bgp 1", True)


def test_a_last_line_without_an_end_stays_a_line_of_its_own() -> None:
    assert frr.save_as("router bgp 1", "router bgp 1", True) == "router bgp 1\n bgp graceful-shutdown\n"


def test_several_documents_and_what_is_none() -> None:
    assert frr.documents('{"a": 1}\n\n{"b": {}}\n') == [{"a": 1}, {"b": {}}]
    assert frr.documents("\n") == []
    with pytest.raises(HoldfastError, match="FRR answered: % Unknown command: show x"):
        frr.documents('{"a": 1}\n% Unknown command:\n show x\n')


def neighbor(state: str, **more: Any) -> dict[str, Any]:
    return {"remoteAs": 65020, "remoteRouterId": "192.0.2.33", "bgpState": state, **more}


def test_neighbors_and_their_names() -> None:
    document = {
        "192.0.2.1": neighbor("Established", nbrDesc="core", addressFamilyInfo={"l2VpnEvpn": {}, "ipv4Unicast": {}}),
        "eth0": neighbor("Idle", hostname="leaf", adminShutDown=True, remoteRouterId="0.0.0.0"),
        "bgpNoSuchNeighbor": True,
    }
    found = frr.neighbors(document)
    assert {name: (one.told, one.up, one.admin_down, one.router_id) for name, one in found.items()} == {
        "192.0.2.1": ("192.0.2.1 (core)", True, False, "192.0.2.33"),
        "eth0": ("eth0 (leaf)", False, True, ""),
    }
    assert found["192.0.2.1"].families == ("ipv4Unicast", "l2VpnEvpn")
    assert list(frr.chosen(found, [])) == ["192.0.2.1", "eth0"]
    assert list(frr.chosen(found, ["eth0"])) == ["eth0"]
    with pytest.raises(
        HoldfastError, match=r"no BGP neighbor '192.0.2.2'; there are 192.0.2.1 \(core\), eth0 \(leaf\)"
    ):
        frr.chosen(found, ["192.0.2.2", "eth0"])


def test_routes_that_ask_to_be_avoided_are_counted() -> None:
    routes = {"10.0.0.0/8": {"locPrf": 0}, "10.1.0.0/16": {"locPrf": 100}, "10.2.0.0/16": {}}
    assert frr.announced({"advertisedRoutes": routes}) == (3, 1)
    assert frr.announced({}) == (0, 0)


def test_what_came_from_a_router_and_whether_it_is_used() -> None:
    routes = {
        "10.2.0.0/16": [{"valid": True, "locPrf": 0}],
        "10.1.0.0/16": [{"valid": True, "bestpath": True, "locPrf": 0}],
        "10.3.0.0/16": [{"valid": True, "multipath": True, "locPrf": 100}],
    }
    found = frr.received({"routes": routes})
    assert (found.count, found.avoided, found.used) == (3, 2, ("10.1.0.0/16", "10.3.0.0/16"))
    assert found.prefixes == ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")


def test_other_ways_are_usable_ones_of_others() -> None:
    paths = [
        {"valid": True, "peer": {"routerId": "192.0.2.31"}},
        {"valid": True, "peer": {"routerId": "192.0.2.32"}},
        {"peer": {"routerId": "192.0.2.33"}},
    ]
    assert frr.other_ways({"paths": paths}, "192.0.2.31") == 1
    assert frr.other_ways({}, "192.0.2.31") == 0
