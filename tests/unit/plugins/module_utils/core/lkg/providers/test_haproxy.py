# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of HAProxy: states of servers, the commands that set them, and the bundle against an admin socket."""

from __future__ import annotations

import itertools
import os
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import Unreadable, check
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import haproxy_states
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.haproxy import Haproxy

from tests.unit.plugins.module_utils.core.lkg.providers.linux_host import LinuxHost

COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
Server = dict[str, Any]


def row(number: int, name: str, server: Server) -> str:
    """A line of ``show servers state`` as HAProxy 2.6 prints it."""
    said = {"addr": "192.0.2.1", "admin": 0, "weight": 10, "checks": 6, "agent": 0, "fqdn": "-", "port": 80, **server}
    backend, own = name.split("/")
    return (
        f"3 {backend} {number} {own} {said['addr']} 2 {said['admin']} {said['weight']} 10 {os.getpid() % 97} 15 3 4 "
        f"{said['checks']} {said['agent']} 0 0 {said['fqdn']} {said['port']} - 0 0 - - 0"
    )


def listed(servers: dict[str, Server]) -> str:
    rows = [row(number, *one) for number, one in enumerate(servers.items(), 1)]
    return "\n".join(["1", f"# {COLUMNS}", *rows, "", ""])


def test_what_an_operator_set_is_told_from_what_haproxy_saw() -> None:
    found = haproxy_states.servers(
        listed(
            {
                "web/plain": {},
                "web/disabled": {"admin": 0x01 | 0x04},
                "web/draining": {"admin": 0x08},
                "web/both": {"admin": 0x09},
                "web/inherited": {"admin": 0x02 | 0x10 | 0x20},
                "web/unchecked": {"checks": 0},
                "web/off": {"checks": 0x02},
                "web/named": {"fqdn": "app.example", "addr": "192.0.2.77"},
                "web/agent": {"agent": 0x16, "weight": 99, "admin": 8},
            }
        )
    )
    plain = {"admin": "ready", "weight": 10, "address": "192.0.2.1", "port": 80, "checks": True}
    assert found["web/plain"] == found["web/inherited"] == plain
    assert [found[f"web/{name}"]["admin"] for name in ("disabled", "draining", "both")] == ["maint", "drain", "both"]
    assert "checks" not in found["web/unchecked"] and found["web/off"]["checks"] is False
    assert found["web/named"] == {"admin": "ready", "weight": 10, "fqdn": "app.example", "port": 80, "checks": True}
    assert found["web/agent"] == {"address": "192.0.2.1", "port": 80, "checks": True, "agent": True}


def test_what_is_no_list_of_servers_is_refused() -> None:
    for said in ("", "Permission denied\n", "2\n# be_id be_name\n"):
        with pytest.raises(ValueError, match="no list of servers"):
            haproxy_states.servers(said)
    with pytest.raises(ValueError, match="which process"):
        haproxy_states.process("Unknown command\n")


ONE = {"admin": "ready", "weight": 10, "address": "192.0.2.1", "port": 80, "checks": True}


def test_a_server_leaves_traffic_before_anything_else_and_comes_back_last() -> None:
    calm = {**ONE, "admin": "maint", "weight": 1, "checks": False}
    assert haproxy_states.commands({"b/s": calm}, {"b/s": ONE}) == [
        "set server b/s state maint", "set server b/s weight 1", "disable health b/s",
    ]  # fmt: skip
    assert haproxy_states.commands({"b/s": ONE}, {"b/s": calm}) == [
        "set server b/s weight 10", "enable health b/s", "set server b/s state ready",
    ]  # fmt: skip
    assert haproxy_states.commands({"b/s": ONE, "b/gone": ONE}, {"b/s": ONE, "b/more": ONE}) == []


# --- the bundle -------------------------------------------------------------------------------------------------------

MAINTENANCE, DRAIN = 0x01, 0x08


class Process(socketserver.ThreadingUnixStreamServer):
    """An HAProxy that keeps what it is told until it is reloaded; ``served`` are the servers of its configuration."""

    def __init__(self, path: Path, host: Path, served: dict[str, Server]) -> None:
        self.host, self.served = host, served
        self.pid, self.servers, self.typed = "", dict[str, Server](), list[str]()
        self.answer("show info")
        super().__init__(str(path), Talk)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, command: str) -> str:
        pid = (self.host / "pid").read_text(encoding="utf-8").strip()
        if pid != self.pid:
            self.pid, self.servers = pid, {name: dict(one) for name, one in self.served.items()}
        if command == "show servers state":
            return listed(self.servers)
        if command == "show info":
            uptime = (self.host / "uptime").read_text(encoding="utf-8").strip()
            return f"Name: HAProxy\nPid: {pid}\nUptime_sec: {uptime}\n"
        self.typed.append(command)
        words = command.split()
        server = self.servers.get(words[2] if words[0] == "set" else words[-1])
        return self._set(server, words) if server is not None else "No such server.\n"

    def _set(self, server: Server, words: list[str]) -> str:
        states = {"ready": 0, "maint": MAINTENANCE, "drain": DRAIN}
        if words[:2] == ["disable", "server"]:
            server["admin"] = server.get("admin", 0) | MAINTENANCE
        elif words[3:4] == ["state"]:
            server["admin"] = states[words[4]]
        elif words[3:4] == ["weight"]:
            server["weight"] = int(words[4])
        elif words[3:4] == ["addr"]:
            server["addr"], server["port"] = words[4], int(words[6])
        elif words[1] == "health":
            server["checks"] = 6 if words[0] == "enable" else 2
        else:
            raise AssertionError(words)
        return "\n"


class Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Process)
        self.wfile.write(self.server.answer(self.rfile.readline().decode().strip()).encode())


SYSTEMCTL = """
[ "$1" = is-active ] && exit 0
echo "systemctl $*" >> $STATE/log
case $1 in reload) echo $(($(cat $STATE/pid) + 1)) > $STATE/pid; echo 0 > $STATE/uptime ;; esac
"""
CHECK = """
echo "haproxy $*" >> $STATE/log
grep -q bad $STATE/etc/haproxy.cfg || exit 0
echo "[ALERT] (1) : parsing [$STATE/etc/haproxy.cfg:1] : unknown keyword 'S3cretWord'" >&2
exit 1
"""


class Proxy(LinuxHost):
    def __init__(self, folder: Path, socket: Path) -> None:
        super().__init__(folder)
        (folder / "etc" / "conf.d").mkdir(parents=True)
        self.main, self.more = folder / "etc" / "haproxy.cfg", folder / "etc" / "conf.d" / "app.cfg"
        self.main.write_text("global\n", encoding="utf-8")
        self.more.write_text("backend app\n", encoding="utf-8")
        for path in (self.main, self.more):
            os.utime(path, (1, 1))
        (folder / "pid").write_text("100\n", encoding="utf-8")
        (folder / "uptime").write_text("60\n", encoding="utf-8")
        self.tool("systemctl", SYSTEMCTL)
        self.tool("haproxy", CHECK)
        self.tool("sleep", "")
        self.provider = Haproxy([str(self.main), str(self.more.parent)], str(socket), "haproxy.service")
        self.process = Process(socket, folder, {"app/a": {}, "app/b": {}})

    def back_to(self, wanted: Snapshot) -> tuple[int, list[str]]:
        return self.run_bundle(self.provider.bundle(wanted))


_numbers = itertools.count()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="hf") as short:  # the path of a socket has 107 characters at most
        made = Proxy(tmp_path, Path(short) / f"admin{next(_numbers)}.sock")
        yield made
        made.process.shutdown()
        made.process.server_close()


def test_a_snapshot_has_files_and_servers(proxy: Proxy) -> None:
    found = proxy.take(proxy.provider)
    assert set(found.sections["servers"]) == {"app/a", "app/b"}
    assert set(found.sections["config"]) == {str(proxy.main), str(proxy.more), "attributes", "where"}
    assert proxy.take(proxy.provider).sections == found.sections
    assert check(proxy.provider.declaration) == []
    assert [each.section for each in Haproxy(socket="").declaration.reads] == ["config"]


def test_what_cannot_be_read_is_a_gap(proxy: Proxy) -> None:
    with pytest.raises(Unreadable, match="admin socket /nowhere"):
        Haproxy(socket="/nowhere").read(proxy, "servers")
    with pytest.raises(Unreadable, match="there is no file /nowhere"):
        Haproxy("/nowhere").read(proxy, "config")


def test_states_are_set_again_without_a_reload(proxy: Proxy) -> None:
    proxy.process.answer("set server app/a state maint")
    wanted = proxy.take(proxy.provider)
    for command in ("set server app/a state ready", "set server app/b weight 3", "disable health app/b"):
        proxy.process.answer(command)
    proxy.process.typed.clear()
    status, said = proxy.back_to(wanted)
    assert (status, said[-1]) == (0, "the servers are as wanted")
    assert proxy.process.typed == [
        "set server app/a state maint", "set server app/b weight 10", "enable health app/b",
    ]  # fmt: skip
    assert proxy.log() == []
    assert proxy.back_to(wanted) == (0, ["the servers are as wanted"])


def test_files_are_put_back_checked_and_loaded_and_then_the_states_are_set(proxy: Proxy) -> None:
    proxy.process.answer("set server app/a state drain")
    wanted = proxy.take(proxy.provider)
    proxy.more.write_text("backend other\n", encoding="utf-8")
    (proxy.more.parent / "zzz.cfg").write_text("backend more\n", encoding="utf-8")
    status, said = proxy.back_to(wanted)
    assert status == 0, said
    assert proxy.log() == [
        f"haproxy -c -f {proxy.main} -f {proxy.more.parent}", "systemctl reload haproxy.service",
    ]  # fmt: skip
    assert said[-2:] == ["set server app/a state drain", "the servers are as wanted"]
    assert proxy.take(proxy.provider).sections == wanted.sections


def test_a_path_with_a_space_is_one_path(proxy: Proxy) -> None:
    odd = proxy.main.with_name("it's my proxy.cfg")
    odd.write_text("global\n", encoding="utf-8")
    proxy.provider = Haproxy(str(odd), socket="")
    wanted = proxy.take(proxy.provider)
    odd.write_text("other\n", encoding="utf-8")
    assert proxy.back_to(wanted)[0] == 0
    assert proxy.log() == [f"haproxy -c -f {odd}", "systemctl reload haproxy.service"]


def test_a_process_that_has_not_read_its_files_is_reloaded(proxy: Proxy) -> None:
    wanted = proxy.take(proxy.provider)
    os.utime(proxy.main)
    assert proxy.back_to(wanted)[0] == 0
    assert "systemctl reload haproxy.service" in proxy.log()


def test_a_server_that_was_added_goes_by_a_reload(proxy: Proxy) -> None:
    wanted = proxy.take(proxy.provider)
    proxy.process.servers["app/added"] = {}
    assert proxy.back_to(wanted)[0] == 0
    assert "systemctl reload haproxy.service" in proxy.log()
    assert proxy.take(proxy.provider).sections == wanted.sections


def test_a_configuration_that_is_refused_is_not_loaded_nor_shown(proxy: Proxy) -> None:
    proxy.main.write_text("bad S3cretWord\n", encoding="utf-8")
    wanted = proxy.take(proxy.provider)
    proxy.main.write_text("global\n", encoding="utf-8")
    status, said = proxy.back_to(wanted)
    assert status == 1 and f"FAILED: haproxy -c refuses the configuration: [{proxy.main}:1] " in said
    assert not any("S3cret" in line for line in said) and not any("systemctl" in line for line in proxy.log())


def test_a_process_that_does_not_come_is_said(proxy: Proxy) -> None:
    wanted = proxy.take(proxy.provider)
    proxy.tool("systemctl", "exit 0")
    proxy.more.write_text("backend other\n", encoding="utf-8")
    status, said = proxy.back_to(wanted)
    assert status == 1 and any(line.startswith("FAILED: no new process of HAProxy answers at") for line in said)


def test_a_server_that_cannot_come_back_is_said(proxy: Proxy) -> None:
    proxy.process.servers["app/added"] = {}
    wanted = proxy.take(proxy.provider)
    del proxy.process.servers["app/added"]
    status, said = proxy.back_to(wanted)
    assert status == 1 and said[-1] == "FAILED: these servers are not as wanted: app/added"


def test_a_snapshot_without_servers_is_not_restored(proxy: Proxy) -> None:
    wanted = proxy.take(proxy.provider)
    torn = Snapshot("h1", "haproxy", 1.0, {"config": wanted.sections["config"]}, {"servers": "no answer"})
    with pytest.raises(HoldfastError, match="section 'servers' was not read: no answer"):
        proxy.provider.bundle(torn)
