# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routers with FRR: the configuration that runs, and the one that they start with.

What runs is put back by FRR's own ``frr-reload.py``, which computes the commands that lead there, also those that take
lines away (``vtysh -f`` would only merge). It does not know how to take back every line of every version; where it does
not get there, or is not installed, FRR is started anew with the wanted configuration.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, encoded
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Declaration,
    Device,
    Reads,
    Timer,
    Unanswered,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import on_target
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

PLATFORM = "frr"
CONFIG, STARTUP = "config", "startup"
RUNNING, DAEMONS, WHERE = "running", "daemons", "where"
RELOADERS = ("/usr/lib/frr/frr-reload.py", "/usr/libexec/frr/frr-reload.py")
"""Where the package has it, of FRR's own and of Red Hat's make."""

_CONFIG = Reads(CONFIG, "the configuration that runs (show running-config), and which daemons do")
_STARTUP = Reads(STARTUP, "the configuration that it starts with: frr.conf, vtysh.conf, daemons and those of daemons")

_SCRIPT = """
running() {  # as the snapshot has it: without what vtysh says of itself, and without empty lines around it
    printf '%s\\n' "$(vtysh_ -c 'show running-config' 2>/dev/null | tr -d '\\r' |
        sed -E -e '/^(Building configuration|Current configuration:)/d' \\
            -e '/^! ?[[:alnum:]_]+ configuration saved from vty[[:space:]]*$/d' \\
            -e '/^! +[0-9]{4}\\/[0-9]{2}\\/[0-9]{2} [0-9:]{8}[[:space:]]*$/d' | sed -e '/./,$!d')"
}
daemons() {
    vtysh_ -c 'show daemons' 2>/dev/null | tr -s ' \\r\\n' '\\n\\n\\n' | grep . | LC_ALL=C sort | tr '\\n' ' '
}
runs() { [ "$(daemons)" = "$wanted_daemons" ]; }
is_right() { runs && running | cmp -s running.conf -; }

wait_for() {  # FUNCTION SECONDS
    left=$2
    while [ "$left" -gt 0 ]; do
        if "$1"; then return 0; fi
        sleep 1
        left=$((left - 1))
    done
    "$1"
}

restart() {
    say "starting $service anew: $1"
    systemctl reset-failed "$service" 2>/dev/null
    systemctl restart "$service" || fail "$service cannot be started; see: journalctl -u $service"
    wait_for runs 30 || fail "its daemons do not run as before; see: vtysh -c 'show daemons'"
}

reload() {  # the log of frr-reload.py would show passwords, so it stays in this folder
    for program in $reloaders; do
        [ -f "$program" ] || continue
        find_python || return 1
        "$python" "$program" --reload --stdout --confdir "$directory" $socket_of_reload running.conf > reload.log 2>&1
        return 0
    done
    say "frr-reload.py (package frr-pythontools) is not installed"
    return 1
}

restore_running() {
    if ! runs && [ "$(systemctl is-active "$service")" = activating ]; then wait_for runs 30; fi  # the host boots
    runs || restart "other daemons run than should"
    for round in 1 2 3; do
        if is_right; then return 0; fi
        say "bringing the running configuration back, round $round"
        reload || break
    done
    if is_right; then return 0; fi
    # What it starts with is what shall run, for as long as it starts.
    cp running.conf "$directory/frr.conf" || fail "$directory/frr.conf could not be written"
    restart "its configuration cannot be brought back while it runs"
    wait_for is_right 30 || fail "the running configuration is another one than wanted"
}

changed=
restore_files
restore_running
# frr-reload.py and what is done above save what runs; what was saved before may be another thing.
restore_files
is_right && say "the running configuration is as wanted"
exit "$failed"
"""


class Frr(Usual):
    """FRR on a host with a shell, or reached through ``network_cli``.

    ``shell``: whether the host gives a shell; without one (``network_cli``, where vtysh is the shell) a snapshot has
    only what runs, and nothing is restored. ``directory``: where FRR's configuration is; ``socket``: the folder of its
    sockets, where it is not FRR's own; ``service``: its systemd unit; ``vtysh``: its shell.
    """

    def __init__(
        self,
        shell: bool = True,
        directory: str = "/etc/frr",
        socket: str = "",
        service: str = "frr.service",
        vtysh: str = "vtysh",
    ) -> None:
        self._shell = shell
        self._where = {"directory": directory, "socket": socket, "service": service, "vtysh": vtysh}
        self.timer: Optional[Timer] = SystemdTimer(self, PLATFORM) if shell else None

    @property
    def declaration(self) -> Declaration:
        """What it is, which depends on how the router is reached."""
        if not self._shell:
            how = "not at all through network_cli: a restore needs a shell of the router (connection ssh)"
            return Declaration(PLATFORM, (PLATFORM,), (Reads(CONFIG, _CONFIG.title, restored=False),), how, False)
        how = "frr-reload.py, or a start of FRR where that does not get there; then the saved configuration"
        return Declaration(PLATFORM, (PLATFORM,), (_CONFIG, _STARTUP), how, True, "a systemd timer")

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The items of a section. Raises Unreadable and Unanswered."""
        name = self.declaration.section(section).section
        if name == CONFIG:
            daemons = " ".join(sorted(self._say(device, "show daemons").split()))
            running = self._say(device, "show running-config")
            if not daemons or not running.strip():
                raise Unreadable(
                    "no daemon of FRR answers vtysh; does FRR run, and may this user ask it (become: true)?"
                )
            return {RUNNING: running, DAEMONS: f"{daemons}\n"}
        folder = self._where["directory"].rstrip("/")
        patterns = [f"{folder}/daemons", f"{folder}/frr.conf", f"{folder}/vtysh.conf", f"{folder}/*d.conf"]
        patterns.append(f"{folder}/zebra.conf")
        return {**on_target.read_files(device, patterns, "FRR's files"), WHERE: dict(self._where)}

    def _say(self, device: Device, command: str) -> str:
        """What vtysh prints."""
        if self._shell:
            return on_target.ask(device, [*_vtysh(self._where), "-c", command], f"vtysh -c '{command}'")
        try:
            return str(device.run("ansible.netcommon.cli_command", {"command": command}, secret=True)["stdout"])
        except Unanswered:
            raise
        except HoldfastError as error:
            raise Unreadable(f"{command}: {error}") from error

    def bundle(self, wanted: Snapshot) -> Bundle:
        """What brings the router back. Raises HoldfastError when the snapshot lacks a section."""
        config, startup = on_target.section(wanted, CONFIG), on_target.section(wanted, STARTUP)
        restoring, files = on_target.files_of(startup)
        try:
            where = {name: str(startup[WHERE][name]) for name in self._where}
            files["running.conf"] = encoded(str(config[RUNNING]))
            daemons = " ".join(str(config[DAEMONS]).split())
        except (KeyError, TypeError) as error:
            raise HoldfastError(f"the snapshot of {wanted.host} does not say of FRR: {error}") from error
        of_reload = f"--vty_socket {shlex.quote(where['socket'])} --rundir {shlex.quote(where['socket'])}"
        settings = [
            f"directory={shlex.quote(where['directory'])}",
            f"service={shlex.quote(where['service'])}",
            f"reloaders={shlex.quote(' '.join(RELOADERS))}",
            f"wanted_daemons={shlex.quote(f'{daemons} ')}",
            f"socket_of_reload={shlex.quote(of_reload if where['socket'] else '')}",
            f'vtysh_() {{ {shlex.join(_vtysh(where))} "$@"; }}',
        ]
        return Bundle("\n".join([on_target.SHELL, *settings, restoring, _SCRIPT.lstrip("\n")]), files)

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Make the router what ``wanted`` says. Raises HoldfastError when it is reached in a way that cannot."""
        if not self._shell:
            raise HoldfastError(f"{wanted.host}: FRR is restored {self.declaration.restores}")
        return () if difference.same else run_bundle(device, self.bundle(wanted))


def _vtysh(where: Mapping[str, str]) -> list[str]:
    """How vtysh is started."""
    return [where["vtysh"], *(["--vty_socket", where["socket"]] if where["socket"] else [])]
