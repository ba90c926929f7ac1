# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of an HAProxy under systemd, and the bundle that brings it back."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.haproxy import Haproxy
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import run_bundle

from tests.lab import appliances
from tests.lab.lab import Lab
from tests.lab.snapshots import Stage

pytestmark = pytest.mark.slow

FOLDER = "/etc/haproxy/conf.d"
MAIN = "/etc/haproxy/haproxy.cfg"
MAP = "/etc/haproxy/hosts.map"
APP = f"{FOLDER}/app.cfg"
ASK = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
ASK += "s.sendall(sys.argv[1].encode()+b'\\n'); print(b''.join(iter(lambda: s.recv(9999), b'')).decode())"


class Proxy(Stage):
    """The proxy of the lab."""

    def ask(self, command: str) -> str:
        """What HAProxy answers over its admin socket."""
        return self.say(f'python3 -c "{ASK}" "{command}"').strip()

    @property
    def pid(self) -> str:
        """The process that serves."""
        return next(line.split()[1] for line in self.ask("show info").splitlines() if line.startswith("Pid:"))


@pytest.fixture(scope="module")
def prepared(lab: Lab) -> Iterator[Proxy]:
    """A proxy with a map, and with one server out of traffic and one with another weight."""
    lab.renew(appliances.PROXY)
    proxy = Proxy(lab, appliances.PROXY, "haproxy", Haproxy(config=[MAIN, FOLDER], files=[MAP]))
    proxy.say(f"printf 'a.example b\\n' > {MAP}; chown haproxy {MAP}")
    proxy.say(f"ln -s ../haproxy.cfg.d-of-tests {FOLDER}/more.cfg; echo '# more' > /etc/haproxy/haproxy.cfg.d-of-tests")
    proxy.say("sleep 1; systemctl reload haproxy; sleep 1")
    proxy.ask("set server app/app1 state maint")
    proxy.ask("set server app/app2 weight 3")
    proxy.wanted = proxy.archived()
    yield proxy
    proxy.device.close()
    lab.power(appliances.PROXY, on=False)


@pytest.fixture
def proxy(prepared: Proxy) -> Proxy:
    return prepared


@pytest.fixture
def good(proxy: Proxy) -> Iterator[Snapshot]:
    """How it is; every test leaves it so."""
    yield proxy.wanted
    if proxy.changed(proxy.wanted):
        proxy.restore(proxy.wanted)


def test_an_unchanged_proxy_gives_the_same(proxy: Proxy, good: Snapshot) -> None:
    servers = good.sections["servers"]
    assert {name: (one["admin"], one["weight"], one["checks"]) for name, one in servers.items()} == {
        "app/app1": ("maint", 10, True),
        "app/app2": ("ready", 3, True),
        "app/app3": ("ready", 10, True),
    }
    assert good.sections["config"]["attributes"]["files"][f"{FOLDER}/more.cfg"]["link"] == "../haproxy.cfg.d-of-tests"
    time.sleep(2)
    assert proxy.view(proxy.take()).digest == proxy.view(good).digest
    assert proxy.restore(good) == []


STATES: list[dict[str, list[str]]] = [
    {
        "app/app1": ["set server app/app1 state ready"],
        "app/app2": ["set server app/app2 state drain", "set server app/app2 weight 7", "disable health app/app2"],
        "app/app3": ["disable server app/app3"],
    },
    {
        "app/app2": ["disable health app/app2"],
        "app/app3": ["set server app/app3 state drain", "disable server app/app3"],
    },
    {
        "app/app2": ["set server app/app2 weight 7"],
        "app/app3": ["set server app/app3 addr 192.0.2.1 port 81"],
    },
]
"""What an operator may set, by the server that it changes; those of a round are set at once."""


@pytest.mark.parametrize("states", STATES, ids=["traffic", "both", "weight and address"])
def test_what_an_operator_sets_is_seen_and_taken_back_without_a_reload(
    proxy: Proxy, good: Snapshot, states: dict[str, list[str]]
) -> None:
    before = proxy.pid
    for commands in states.values():
        for command in commands:
            proxy.ask(command)
    assert proxy.changed(good) == {f"servers/{server}" for server in states}
    proxy.restore(good)
    assert proxy.pid == before


FILES: list[dict[str, set[str]]] = [
    {
        f"sed -i 's/check inter 500ms/check inter 700ms/' {APP}": {f"config/{APP}"},
        f"printf 'backend more\n    server x 192.0.2.1:80\n' > {FOLDER}/zzz.cfg": {
            f"config/{FOLDER}/zzz.cfg", "config/attributes", "servers/more/x"},
        f"rm {FOLDER}/more.cfg": {f"config/{FOLDER}/more.cfg", "config/attributes"},
        f"echo 'c.example d' >> {MAP}": {f"config/{MAP}"},
    },
    {
        f"sed -i '/server app3/d' {APP}": {f"config/{APP}", "servers/app/app3"},
        f"chmod 0600 {MAP}": {"config/attributes"},
        f"echo > /etc/haproxy/none; ln -sfn ../none {FOLDER}/more.cfg": {
            f"config/{FOLDER}/more.cfg", "config/attributes"},
    },
]  # fmt: skip
"""Changes of files, by script, with the places that each changes; those of a round are made at once."""


@pytest.mark.parametrize("files", FILES, ids=["more and others", "less"])
def test_files_come_back_are_loaded_and_the_servers_stay_as_they_were_set(
    proxy: Proxy, good: Snapshot, files: dict[str, set[str]]
) -> None:
    proxy.say(f"{'; '.join(files)}; systemctl reload haproxy; sleep 1")
    places = set().union(*files.values())
    found = proxy.changed(good)
    # A reload makes the servers what the configuration says.
    assert found - {"servers/app/app1", "servers/app/app2", "servers/app/app3"} == places - {"servers/app/app3"}
    assert places <= found and {"servers/app/app1", "servers/app/app2"} <= found
    before = proxy.pid
    proxy.restore(good)
    assert proxy.pid != before


def test_a_server_in_maintenance_gets_no_traffic_by_a_restore_that_needs_no_reload(
    proxy: Proxy, good: Snapshot
) -> None:
    """The change leaves it in maintenance, and does something else."""
    address = next(row["service"] for row in proxy.lab.status()["members"] if row["name"] == appliances.PROXY)
    answers: list[Any] = []
    over = threading.Event()

    def asks() -> None:
        while not over.is_set():
            with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
                answers.append(answer.read())

    proxy.ask("set server app/app2 weight 7")
    client = threading.Thread(target=asks)
    client.start()
    try:
        proxy.restore(good)
    finally:
        over.set()
        client.join()
    assert len(answers) > 20 and not any(b"app1" in one for one in answers)


def test_haproxy_that_is_stopped_is_started(proxy: Proxy, good: Snapshot) -> None:
    proxy.say("systemctl stop haproxy")
    with pytest.raises(Unreadable, match="admin socket"):
        proxy.provider.read(proxy.device, "servers")
    assert "the servers are as wanted" in run_bundle(proxy.device, proxy.provider.bundle(good))


def test_files_that_were_put_back_and_not_loaded_are_loaded(proxy: Proxy, good: Snapshot) -> None:
    """As a restore leaves them that was interrupted: nothing in them differs any more, but in what runs."""
    proxy.say(f"cp {APP} /tmp/app.cfg; sed -i 's/timeout check 2s/timeout check 1s/' {MAIN}; sleep 1")
    proxy.say(f"systemctl reload haproxy; sleep 2; sed -i 's/timeout check 1s/timeout check 2s/' {MAIN}")
    before = proxy.pid
    run_bundle(proxy.device, proxy.provider.bundle(good))
    assert proxy.pid != before


def test_a_configuration_that_haproxy_refuses_is_not_loaded(proxy: Proxy, good: Snapshot) -> None:
    text = good.sections["config"][APP] + "\nbackend bad\n    no-such-word Passw0rdOfBad\n"
    wanted = replace(good, sections={**good.sections, "config": {**good.sections["config"], APP: text}})
    before = proxy.pid
    difference = proxy.differs(wanted)
    with pytest.raises(HoldfastError, match=rf"FAILED: haproxy -c refuses the configuration: \[{APP}:\d+\]") as failure:
        proxy.provider.restore(proxy.device, wanted, difference)
    assert "Passw0rdOfBad" not in str(failure.value)
    assert proxy.pid == before


def test_a_server_that_no_file_has_cannot_come_back_and_that_is_said(proxy: Proxy, good: Snapshot) -> None:
    """It was added over the socket, where its first words are lost with a reload."""
    gone = {"admin": "ready", "weight": 1, "address": "192.0.2.1", "port": 80}
    wanted = replace(good, sections={**good.sections, "servers": {**good.sections["servers"], "app/gone": gone}})
    with pytest.raises(HoldfastError, match="FAILED: these servers are not as wanted: app/gone"):
        proxy.provider.restore(proxy.device, wanted, proxy.differs(wanted))
    assert [str(change.place) for change in proxy.differs(wanted).changes] == ["servers/app/gone"]
