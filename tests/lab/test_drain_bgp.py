# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role drain_bgp on routers with FRR, while customers ask through them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core import frr

from tests.lab import routers
from tests.lab.lab import Lab
from tests.lab.played import Played, Step, play

pytestmark = pytest.mark.slow

CUSTOMERS = """
import http.client, json, sys, threading
answered, lost, over = [0, 0], [], threading.Event()

def ask(kind):
    line = None
    while not over.is_set():
        try:
            line = line or http.client.HTTPConnection(sys.argv[1], timeout=10)
            line.request("GET", "/")
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise OSError(answer.status)
            answered[kind] += 1
        except (OSError, http.client.HTTPException) as error:
            lost.append(repr(error))
            line = None
        if line and kind:
            line.close()
            line = None
        over.wait(0.05)

clients = [threading.Thread(target=ask, args=(at % 2,)) for at in range(4)]
for client in clients:
    client.start()
sys.stdin.read()
over.set()
for client in clients:
    client.join()
print(json.dumps({"answered": answered, "lost": lost}))
"""
"""Run on the core: four clients, two of which keep their connections, until standard input ends."""


SHOW = "vtysh -c 'show running-config'"


class Stage:
    """The routers, and plays on the first edge."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self._folder = lab, folder

    def play(self, *steps: Step, check: bool = False) -> Played:
        """Run tasks and roles on edge1; they must succeed."""
        played = play(self.lab.inventory, "edge1", steps, self._folder, check)
        assert played.status == 0, played.last
        return played

    def said(self, router: str, command: str) -> str:
        """What a command on a router prints; it must succeed."""
        done = self.lab.ssh(router, command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def configure(self, router: str, *lines: str) -> None:
        """Type lines into the configuration that runs."""
        self.said(router, " ".join(["vtysh", *(f"-c '{line}'" for line in ("configure terminal", *lines))]))

    @property
    def running(self) -> str:
        """The configuration that runs on edge1."""
        return self.said("edge1", SHOW)

    @property
    def saved(self) -> str:
        """The configuration that edge1 would start with."""
        return self.said("edge1", f"cat /{routers.CONFIG}")

    @property
    def paths(self) -> dict[str, dict[str, Any]]:
        """The core's paths to the site, by the name of the edge."""
        told = json.loads(self.said("core1", f"vtysh -c 'show bgp ipv4 unicast {routers.SITE} json'") or "{}")
        return {path["peer"]["hostname"]: path for path in told.get("paths", [])}

    @property
    def way(self) -> str:
        """The edge that the core's kernel sends customers' requests to."""
        found = json.loads(self.said("core1", f"ip -json route get {routers.FRONT}"))[0].get("gateway", "")
        return {self.address(edge): edge for edge in routers.EDGES}.get(found, str(found))

    def address(self, router: str) -> str:
        """Where a router speaks BGP."""
        return next(str(row["service"]) for row in self.lab.status()["members"] if row["name"] == router)

    def forwarded(self, edge: str) -> int:
        """How many packets an edge has forwarded."""
        names, values = (line.split() for line in self.said(edge, "grep ^Ip: /proc/net/snmp").splitlines())
        return int(values[names.index("ForwDatagrams")])

    def settle(self) -> None:
        """Return when both edges are ways and the first is the one that is taken."""
        assert eventually(lambda: len(self.paths) == 2 and self.way == "edge1"), self.paths


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


@pytest.fixture(scope="module")
def first(lab: Lab) -> dict[str, str]:
    """The configuration that runs on each router in the beginning."""
    lab.renew(*routers.LASTS)
    return {router: lab.ssh(router, SHOW).stdout for router in routers.LASTS}


@pytest.fixture
def stage(lab: Lab, first: dict[str, str], tmp_path: Path) -> Stage:
    """The routers as they were."""
    made = Stage(lab, tmp_path)
    lab.renew(*(router for router, running in first.items() if lab.ssh(router, SHOW).stdout != running))
    made.settle()
    return made


def role(action: str = "drain", **more: Any) -> dict[str, Any]:
    """The role as a step."""
    given = {"drain_bgp_action": action, "drain_bgp_timeout": 15, "drain_bgp_settle": 0, **more}
    return {"name": action, "include_role": {"name": "holdfast.ops.drain_bgp"}, "vars": given}


def refused(action: str = "drain", **more: Any) -> dict[str, Any]:
    """The same as a step that is to fail, with a rescue that is named ``said``."""
    rescue = {"name": "said", "debug": {"msg": "{{ ansible_failed_result.msg }}"}}
    return {"block": [role(action, **more)], "rescue": [rescue]}


def typed(router: str, *lines: str) -> dict[str, Any]:
    """A step that types into a router's configuration."""
    words = [word for line in ("configure terminal", *lines) for word in ("-c", line)]
    return {"name": "type", "command": {"argv": ["vtysh", *words]}, "delegate_to": router, "changed_when": False}


def messages(played: Played) -> list[str]:
    """What the steps that were to fail complained about."""
    return [" ".join(result["msg"].split()) for name, result in played.results if name == "said"]


def test_traffic_moves_and_comes_back_and_no_request_is_lost(stage: Stage) -> None:
    running, saved = stage.running, stage.saved
    address = next(row["management"] for row in stage.lab.status()["members"] if row["name"] == "core1")
    command = [*stage.lab.ssh_command(address), "exec", "python3", "-c", f"'{CUSTOMERS}'", routers.FRONT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as customers:
        checked = stage.play(role(), check=True)
        assert checked.counts["changed"] == 1
        assert (stage.running, stage.way) == (running, "edge1")

        drained = stage.play(role(), role())
        assert drained.counts["changed"] == 1, "it was drained twice"
        assert stage.way == "edge2", "the role has returned and the traffic has not moved"
        assert stage.paths["edge1"]["community"]["list"] == ["gracefulShutdown"]
        assert stage.paths["edge1"]["locPrf"] == 0
        report = drained.outputs["bgp_drains"]["edge1"]
        assert (report["graceful_shutdown"], report["saved"], report["peers"]["core1"]["used"]) == (True, False, [])
        moved, beside = stage.forwarded("edge1"), stage.forwarded("edge2")
        assert eventually(lambda: stage.forwarded("edge2") > beside + 100)
        assert stage.forwarded("edge1") == moved, "customers still come this way"
        assert (stage.running, stage.saved) == (with_it(running), saved)

        restored = stage.play(role("restore"), role("restore"))
        assert restored.counts["changed"] == 1
        assert "community" not in stage.paths["edge1"]
        assert eventually(lambda: stage.way == "edge1")
        assert (stage.running, stage.saved) == (running, saved)
        told = json.loads(customers.communicate(timeout=30)[0])
    assert told["lost"] == []
    assert min(told["answered"]) > 100


def with_it(running: str) -> str:
    """A configuration of FRR with the graceful shutdown where FRR writes it."""
    policy = " no bgp ebgp-requires-policy\n"
    return running.replace(policy, policy + " bgp graceful-shutdown\n")


def test_only_the_own_line_is_saved_and_a_restart_finds_it(stage: Stage) -> None:
    saved = stage.saved
    unsaved = "neighbor " + stage.address("core1") + " description somebody else at work"
    stage.configure("edge1", "router bgp 65010", unsaved)
    mode = stage.said("edge1", f"stat -c '%a %U' /{routers.CONFIG}")
    assert stage.play(role(drain_bgp_save="yes")).counts["changed"] == 1
    assert stage.saved == saved.replace("router bgp 65010\n", "router bgp 65010\n bgp graceful-shutdown\n")
    assert stage.said("edge1", f"stat -c '%a %U' /{routers.CONFIG}") == mode
    assert unsaved in stage.running

    stage.said("edge1", "systemctl restart frr")
    assert eventually(lambda: stage.paths.get("edge1", {}).get("locPrf") == 0)
    assert stage.way == "edge2"
    restored = stage.play(role("restore", drain_bgp_save="no"), role("restore", drain_bgp_save="yes"))
    assert restored.counts["changed"] == 2
    warned = [result["warnings"] for _name, result in restored.results if result.get("warnings")]
    assert [("still has 'bgp graceful-shutdown'" in text) for (text,) in warned] == [True]
    assert stage.saved == saved


def test_what_cannot_be_is_refused_and_nothing_is_changed(stage: Stage) -> None:
    running, core = stage.running, stage.address("core1")
    peer = f"neighbor {stage.address('edge1')}"
    other = f"neighbor {stage.address('edge2')}"
    played = stage.play(
        refused(drain_bgp_vrf="red"),
        refused(drain_bgp_neighbors=["192.0.2.9"]),
        refused(drain_bgp_peers=["core9"]),
        refused(drain_bgp_peers=["edge2"]),
        refused(drain_bgp_peers=["app1"]),
        {"name": "gone", "add_host": {"name": "gone", "ansible_host": "127.0.0.1", "ansible_port": 1}},
        refused(drain_bgp_peers=["core1", "gone"]),
        refused(drain_bgp_save=True, drain_bgp_config="/etc/frr/none.conf"),
        typed("core1", "router bgp 65020", f"{other} shutdown"),
        refused(),
        typed("core1", "router bgp 65020", f"{peer} shutdown"),
        refused(),
        refused(drain_bgp_neighbors=[core], drain_bgp_peers=[]),
        typed("core1", "router bgp 65020", f"no {peer} shutdown", f"no {other} shutdown"),
    )
    said = messages(played)
    begins = [
        "edge1: there is no BGP in the VRF 'red'; it has BGP in the VRF default. Nothing was changed. Next: ",
        f"edge1: there is no BGP neighbor '192.0.2.9'; there are {core} (core1). Nothing was changed. Next: ",
        "edge1: drain_bgp_peers names core9, which the inventory does not have. Nothing was changed.",
        "edge1: refused to drain it: the peer edge2 has no BGP session with it (router id ",
        "edge1: refused to drain it: the peer app1 could not be asked: FRR's shell 'vtysh' cannot be run: No such file",
        "edge1: refused to drain it: the peer gone could not be asked: ",
        "edge1: not drained: it cannot be saved, so nothing was changed: the saved configuration /etc/frr/none.conf",
        f"edge1: refused to drain it: the peer core1 has no other way to {routers.SITE}. Nothing was changed. Next: ",
        "edge1: refused to drain it: the peer core1 has no BGP session with it (router id ",
        f"edge1: refused to drain it: the BGP neighbor {core} (core1) is ",
    ]
    assert [text for text, begin in zip(said, begins, strict=True) if not text.startswith(begin)] == []
    assert stage.running == running


def test_a_router_returns_only_when_its_neighbors_are_there(stage: Stage) -> None:
    session = ("router bgp 65020", f"neighbor {stage.address('edge1')} shutdown")
    played = stage.play(
        typed("core1", *session),
        role(drain_bgp_peers=[]),
        refused("restore", drain_bgp_peers=[], drain_bgp_timeout=3),
        {"name": "look", "command": {"argv": ["vtysh", "-c", "show running-config"]}, "changed_when": False},
        typed("core1", session[0], f"no {session[1]}"),
        role("restore"),
    )
    (said,) = messages(played)
    assert said.startswith(f"edge1: not put back into traffic: the BGP neighbor {stage.address('core1')} (core1) is ")
    assert "It stays in graceful shutdown. Next: " in said
    assert frr.LINE in played.result("look")["stdout"]
    assert frr.LINE not in stage.running
    stage.settle()


def test_a_router_that_others_do_not_avoid_is_put_back_as_it_was(stage: Stage) -> None:
    """A weight counts more than the local preference, so the core takes edge1 whatever it asks for."""
    family = ("router bgp 65020", "address-family ipv4 unicast")
    stage.configure("core1", *family, f"neighbor {stage.address('edge1')} weight 500")
    assert eventually(lambda: stage.paths.get("edge1", {}).get("weight") == 500)
    running = stage.running
    (said,) = messages(stage.play(refused(drain_bgp_timeout=3)))
    seen = f"edge1: not drained: the peer core1 still takes it for {routers.SITE}, after 3 s."
    assert said.startswith(f"{seen} It was put back as it was. Next: ")
    assert (stage.running, stage.way) == (running, "edge1")
