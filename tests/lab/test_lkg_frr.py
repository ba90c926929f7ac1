# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of a router with FRR, and the bundle that brings it back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.frr import Frr
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import run_bundle

from tests.lab import routers
from tests.lab.lab import Lab
from tests.lab.snapshots import LEFT, Stage

pytestmark = pytest.mark.slow

HOST = "edge1"
PASSWORD = "N3ighb0rPassw0rd"
BGP = "router bgp 65010"
FAMILY = (BGP, "address-family ipv4 unicast")


class Router(Stage):
    """The first edge."""

    core = ""

    def type(self, *lines: str) -> None:
        """Type lines into the configuration that runs."""
        self.say(" ".join(["vtysh", *(f"-c '{line}'" for line in ("configure terminal", *lines))]))

    @property
    def up(self) -> bool:
        """Whether its session with the core stands."""
        told = json.loads(self.say("vtysh -c 'show bgp summary json'") or "{}")
        peers = told.get("ipv4Unicast", {}).get("peers", {})
        return any(peer["state"] == "Established" for peer in peers.values())


@pytest.fixture(scope="module")
def prepared(lab: Lab) -> Iterator[Router]:
    """A router with a password of a neighbor, and with more running than is saved."""
    lab.renew(HOST)
    router = Router(lab, HOST, "frr", Frr())
    rows = {row["name"]: row["service"] for row in lab.status()["members"]}
    router.core = rows[routers.CORE]
    router.type(BGP, "neighbor 192.0.2.9 remote-as 65099", f"neighbor 192.0.2.9 password {PASSWORD}")
    router.type("ip prefix-list SITE seq 5 permit 203.0.113.0/24")
    router.wanted = router.archived()
    yield router
    router.device.close()
    lab.renew(HOST)


@pytest.fixture
def router(prepared: Router) -> Router:
    return prepared


@pytest.fixture
def good(router: Router) -> Iterator[Snapshot]:
    """How it is; every test leaves it so."""
    yield router.wanted
    if router.changed(router.wanted):
        router.restore(router.wanted)


def test_an_unchanged_router_gives_the_same_and_shows_no_secret(router: Router, good: Snapshot) -> None:
    router.say("vtysh -c 'show ip bgp' >/dev/null")
    view = router.view(router.take())
    assert view.digest == router.view(good).digest and router.restore(good) == []
    assert {place.section for place in view.items} == {each.section for each in router.provider.declaration.reads}
    assert PASSWORD in good.sections["config"]["running"]
    assert PASSWORD not in "".join(item.text for item in view.items.values())


ROUNDS: list[dict[str, tuple[str, ...]]] = [
    {
        "neighbor 192.0.2.7 remote-as 65077": (BGP, "neighbor 192.0.2.7 remote-as 65077"),
        "neighbor 192.0.2.9 password": (BGP, "neighbor 192.0.2.9 password An0therPassw0rd"),
        "neighbor 192.0.2.9 remote-as 65098": (BGP, "neighbor 192.0.2.9 remote-as 65098"),
        "network 192.0.2.0/24": (*FAMILY, "network 192.0.2.0/24"),
        "timers bgp 5 15": (BGP, "timers bgp 5 15"),
        "ip route 192.0.2.128/25 blackhole": ("ip route 192.0.2.128/25 blackhole",),
        "route-map NEW permit 10": ("route-map NEW permit 10", "set local-preference 50"),
        "description somebody was here": ("interface management0", "description somebody was here"),
        "log syslog warnings": ("log syslog warnings",),
    },
    {
        "neighbor 192.0.2.9 remote-as 65099": (BGP, "no neighbor 192.0.2.9"),
        "network 203.0.113.0/24": (*FAMILY, "no network 203.0.113.0/24"),
        "ip prefix-list SITE": ("no ip prefix-list SITE seq 5 permit 203.0.113.0/24",),
    },
]
"""Lines to type, by the words in which the difference must show them; those of a round are typed in one go."""


@pytest.mark.parametrize("changes", ROUNDS, ids=["more and others", "less"])
def test_every_changed_line_is_seen_and_taken_back(
    router: Router, good: Snapshot, changes: dict[str, tuple[str, ...]]
) -> None:
    router.type(*(line for lines in changes.values() for line in lines))
    difference = router.differs(good)
    assert {str(change.place) for change in difference.changes} == {"config/running"}
    shown = [line for line in difference.render() if line[0] in "+-"]
    assert [words for words in changes if not any(words in line for line in shown)] == []
    said = router.restore(good)
    assert said[-1] == "the running configuration is as wanted"
    assert not any("anew" in line for line in said), said


def test_what_is_saved_comes_back_as_well_with_what_else_it_starts_with(router: Router, good: Snapshot) -> None:
    router.type("ip route 192.0.2.128/25 blackhole")
    router.say("vtysh -c 'write' >/dev/null; echo '# more' >> /etc/frr/daemons; chmod 0600 /etc/frr/vtysh.conf")
    router.say("echo 'hostname other' > /etc/frr/bgpd.conf")
    assert router.changed(good) == {
        "config/running",
        *(f"startup/{name}" for name in ("/etc/frr/frr.conf", "/etc/frr/daemons", "/etc/frr/bgpd.conf", "attributes")),
    }
    said = router.restore(good)
    assert "wrote /etc/frr/frr.conf" in said and "removed /etc/frr/bgpd.conf" in said
    assert PASSWORD not in router.say("cat /etc/frr/frr.conf"), "what ran was more than what was saved"


def test_a_daemon_that_is_gone_and_one_too_many_are_seen_and_come_back(router: Router, good: Snapshot) -> None:
    router.say("sed -i -e s/bgpd=yes/bgpd=no/ -e s/vtysh/ospfd=yes\\\\nvtysh/ /etc/frr/daemons; systemctl restart frr")
    assert "config/daemons" in router.changed(good)
    said = router.restore(good)
    assert any("anew" in line for line in said)
    deadline = time.monotonic() + 30
    while not router.up:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_router_whose_reload_does_not_get_there_is_started_anew(router: Router, good: Snapshot) -> None:
    """As on a router without the package that has it."""
    router.type("ip route 192.0.2.128/25 blackhole")
    router.say("mv /usr/lib/frr/frr-reload.py /root/")
    try:
        said = router.restore(good)
    finally:
        router.say("mv /root/frr-reload.py /usr/lib/frr/")
    assert any("cannot be brought back while it runs" in line for line in said)


def test_frr_that_is_stopped_cannot_be_read_and_comes_back(router: Router, good: Snapshot) -> None:
    router.say("systemctl stop frr")
    with pytest.raises(Unreadable, match="show daemons"):
        router.provider.read(router.device, "config")
    said = run_bundle(router.device, router.provider.bundle(good))
    assert said[-1] == "the running configuration is as wanted"


def test_a_restore_that_cannot_match_fails_says_so_and_shows_no_secret(router: Router, good: Snapshot) -> None:
    running = good.sections["config"]["running"].replace("timers bgp 3 9", "timers bgp 3 9\n no such line s3cret")
    wanted = replace(good, sections={**good.sections, "config": {**good.sections["config"], "running": running}})
    difference = router.differs(wanted)
    with pytest.raises(HoldfastError, match="FAILED: the running configuration is another one than wanted") as failure:
        router.provider.restore(router.device, wanted, difference)
    assert PASSWORD not in str(failure.value) and "s3cret" not in str(failure.value)
    assert any(line == "+ no such line s3cret" for line in router.differs(wanted).render())


def test_no_password_reaches_a_log_by_a_restore(router: Router, good: Snapshot) -> None:
    router.say("rm -f /var/log/frr/frr-reload.log")
    router.type(BGP, "no neighbor 192.0.2.9")
    router.restore(good)
    found = router.say(f"journalctl -q --no-pager | grep -c {PASSWORD} || true; ls /var/log/frr; {LEFT}")
    assert found.split() == ["0"], found
