# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy: its configuration, and what operators have set for its servers over the admin socket.

A reload makes every server what the configuration says. So a restore reloads only where files were changed, where the
process is older than a file, or where other servers are there than should; and sets the states afterwards.
"""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Declaration,
    Device,
    Reads,
    Timer,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import haproxy_states, on_target
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

PLATFORM = "haproxy"
CONFIG, SERVERS, WHERE = "config", "servers", "where"

_CONFIG = Reads(CONFIG, "the configuration: its file, or every *.cfg of a folder, and further files that it names")
_SERVERS = Reads(SERVERS, "of each server the administrative state, weight, address, and whether it is checked")

_SOCKET = """import socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.settimeout(10)
    line.connect(sys.argv[1])
    line.sendall(sys.argv[2].encode() + b"\\n")
    sys.stdout.write(b"".join(iter(lambda: line.recv(65536), b"")).decode())
"""
_ASK = f"""if command -v socat >/dev/null 2>&1; then
    printf '%s\\n' "$2" | socat -t 10 - "UNIX-CONNECT:$1"
else
    for python in python3 /usr/libexec/platform-python; do
        command -v "$python" >/dev/null 2>&1 && exec "$python" -c {shlex.quote(_SOCKET)} "$1" "$2"
    done
    echo 'neither socat nor python3 is installed' >&2
    exit 1
fi
"""

_RESTORER = '''"""Run in the folder of a bundle: SOCKET process | SOCKET current | SOCKET restore."""

import json
import os
import socket
import sys
import time

import haproxy_states

WHILE_IT_READS = 0.2


def ask(path, command):
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(path)
        line.sendall(command.encode() + b"\\n")
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def restore(path, wanted):
    """Three rounds, for right after a reload the old process may have been the one that listened."""
    for number in range(3):
        if number:
            time.sleep(1)
        for command in haproxy_states.commands(wanted, haproxy_states.servers(ask(path, haproxy_states.SHOW))):
            said = " ".join(ask(path, command).split())
            print(f"{command}{': ' + said if said else ''}")
        now = haproxy_states.servers(ask(path, haproxy_states.SHOW))
        if now == wanted:
            print("the servers are as wanted")
            return 0
    wrong = sorted(name for name in {*now, *wanted} if now.get(name) != wanted.get(name))
    print(f"FAILED: these servers are not as wanted: {', '.join(wrong)}")
    return 1


def age(pid, uptime):
    """The seconds since a process began; HAProxy itself says only whole ones."""
    try:
        with open("/proc/" + pid + "/stat", encoding="utf-8", errors="replace") as file:
            began = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        with open("/proc/uptime", encoding="ascii") as file:
            return max(0.0, float(file.read().split()[0]) - began)
    except (OSError, ValueError, IndexError):  # it runs in a namespace of its own
        return uptime + 1


def is_current(path, wanted):
    """Whether the process that runs has these servers and has read the files as they are. It began to be after that."""
    began = time.time() - age(*haproxy_states.process(ask(path, "show info"))) - WHILE_IT_READS
    with open("wanted.list", encoding="utf-8", errors="surrogateescape") as file:
        files = file.read().splitlines()
    return set(haproxy_states.servers(ask(path, haproxy_states.SHOW))) == set(wanted) and all(
        os.stat(name).st_mtime < began for name in files
    )


def main():
    path, act = sys.argv[1:]
    with open("servers.json", encoding="utf-8") as file:
        wanted = json.load(file)
    try:
        if act == "restore":
            return restore(path, wanted)
        if act == "process":
            print(haproxy_states.process(ask(path, "show info"))[0])
            return 0
        return 0 if is_current(path, wanted) else 1
    except (OSError, ValueError, KeyError) as error:
        if act == "restore":
            print(f"FAILED: HAProxy cannot be asked over {path}: {error}")
        return 2


sys.exit(main())
'''

_SCRIPT = """
ask_haproxy() { "$python" restorer.py "$socket" "$1"; }

process() { ask_haproxy process 2>/dev/null; }

must_reload() {
    [ -e reload-is-due ] && return 0
    systemctl is-active --quiet "$service" || return 0
    [ -n "$socket" ] || return 1
    ! ask_haproxy current
}

checks_out() (  # with the environment that its unit reads; only where it fails is shown, not what stands there
    set -a
    for file in /etc/default/haproxy /etc/sysconfig/haproxy; do
        [ -r "$file" ] && . "$file"
    done
    haproxy_on_trial > check.log 2>&1
)

reload() {
    if ! checks_out; then
        fail "haproxy -c refuses the configuration: $(grep -o '\\[/[^]]*:[0-9]*\\]' check.log | sort -u | tr '\\n' ' ')"
        return 1
    fi
    before=$([ -n "$socket" ] && process)
    if systemctl is-active --quiet "$service"; then
        say "reloading $service"
        systemctl reload "$service" || { fail "$service cannot be reloaded; see: journalctl -u $service"; return 1; }
    else
        say "starting $service"
        systemctl reset-failed "$service" 2>/dev/null
        systemctl start "$service" || { fail "$service cannot be started; see: journalctl -u $service"; return 1; }
    fi
    [ -n "$socket" ] || { rm -f reload-is-due; return 0; }
    for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        now=$(process)
        if [ -n "$now" ] && [ "$now" != "$before" ]; then rm -f reload-is-due; return 0; fi
        sleep 1
    done
    fail "no new process of HAProxy answers at $socket; see: journalctl -u $service"
    return 1
}

find_python || { fail "there is no python3, with which HAProxy is asked"; [ -z "$socket" ] || exit 1; }
changed=
restore_files
if [ -n "$changed" ]; then : > reload-is-due; fi
if must_reload; then reload; fi
if [ -n "$socket" ]; then ask_haproxy restore || failed=1; fi
exit "$failed"
"""


class Haproxy(Usual):
    """HAProxy under systemd.

    ``config``: its file, or a folder of which it reads every ``*.cfg``; several in the order in which they are read.
    ``files``: further ones that belong to the configuration (maps, lists, pages of errors). ``socket``: the admin
    socket; without one the section ``servers`` is left out. ``service``: its systemd unit.
    """

    def __init__(
        self,
        config: Union[str, Sequence[str]] = "/etc/haproxy/haproxy.cfg",
        socket: str = "/run/haproxy/admin.sock",
        service: str = "haproxy.service",
        files: Sequence[str] = (),
    ) -> None:
        self._config = [config] if isinstance(config, str) else list(config)
        self._files = list(files)
        self._where = {"socket": socket, "service": service}
        self.timer: Optional[Timer] = SystemdTimer(self, PLATFORM)

    @property
    def declaration(self) -> Declaration:
        """What it is."""
        reads = (_CONFIG, _SERVERS) if self._where["socket"] else (_CONFIG,)
        how = "files, checked by haproxy -c; a reload by systemd; then the servers over the admin socket"
        return Declaration(PLATFORM, (PLATFORM,), reads, how, True, "a systemd timer")

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The items of a section. Raises Unreadable and Unanswered."""
        if self.declaration.section(section).section == CONFIG:
            return self._read_files(device)
        socket = self._where["socket"]
        what = f"HAProxy's admin socket {socket} (options.socket names another, an empty one none)"
        said = on_target.ask(device, ["/bin/sh", "-c", _ASK, "sh", socket, haproxy_states.SHOW], what)
        try:
            return haproxy_states.servers(said)
        except (ValueError, KeyError) as error:
            raise Unreadable(f"{what}: {error}") from error

    def _read_files(self, device: Device) -> dict[str, Any]:
        """Of a path both are looked for, the file and what is in the folder; only one of them can be there."""
        patterns = [each for path in self._config for each in (path.rstrip("/"), f"{path.rstrip('/')}/*.cfg")]
        found = on_target.read_files(device, [*patterns, *self._files], "HAProxy's files")
        for path in self._config:
            if not any(name == path or name.startswith(f"{path.rstrip('/')}/") for name in found):
                raise Unreadable(f"HAProxy's files: there is no file {path}, nor a *.cfg in a folder of that name")
        return {**found, WHERE: {**self._where, "config": self._config}}

    def bundle(self, wanted: Snapshot) -> Bundle:
        """What brings HAProxy back. Raises HoldfastError when the snapshot lacks a section."""
        config = on_target.section(wanted, CONFIG)
        restoring, files = on_target.files_of(config)
        try:
            socket, service = (str(config[WHERE][name]) for name in ("socket", "service"))
            paths = [word for path in config[WHERE]["config"] for word in ("-f", str(path))]
        except (KeyError, TypeError) as error:
            raise HoldfastError(f"the snapshot of {wanted.host} does not say of HAProxy: {error}") from error
        states = on_target.section(wanted, SERVERS) if socket else {}
        files["servers.json"] = encoded(json.dumps(states))
        files["haproxy_states.py"] = encoded(inspect.getsource(haproxy_states))
        files["restorer.py"] = encoded(_RESTORER)
        settings = [
            f"socket={shlex.quote(socket)}",
            f"service={shlex.quote(service)}",
            f"haproxy_on_trial() {{ haproxy -c {shlex.join(paths)}; }}",
        ]
        return Bundle("\n".join([on_target.SHELL, *settings, restoring, _SCRIPT.lstrip("\n")]), files)

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Make HAProxy what ``wanted`` says. Raises HoldfastError."""
        return () if difference.same else run_bundle(device, self.bundle(wanted))
