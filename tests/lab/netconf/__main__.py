# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.netconf``: serve NETCONF until it is told to end, or is killed; its programs end with it.

What was committed, and confirmed where that was asked for, is in ``startup-cfg.xml`` of its folder: with it the server
begins again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

MODULE = "holdfast-switch"
HERE = Path(__file__).resolve().parent
BOUND = ("setpriv", "--pdeathsig", "KILL", "--")
FIRST = """\
<?xml version="1.0" encoding="UTF-8"?>
<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
  <system xmlns="urn:holdfast:lab:switch"><hostname>nc1</hostname><shared-secret>Sh4redSecret</shared-secret></system>
  <vlans xmlns="urn:holdfast:lab:switch">
    <vlan><id>10</id><name>web</name></vlan>
    <vlan><id>20</id></vlan>
  </vlans>
  <ports xmlns="urn:holdfast:lab:switch">
    <port><name>e1</name><enabled>true</enabled><access-vlan>10</access-vlan></port>
  </ports>
  <rules xmlns="urn:holdfast:lab:switch">
    <rule><name>ssh</name><match>port 22 &amp; from &lt;here&gt;</match></rule>
    <rule><name>all</name></rule>
  </rules>
</nc:config>
"""
PROGRAMS = {"netconfd": "netconfd", "netconf-subsystem": "netconfd", "sshd": "openssh-server", "setpriv": "util-linux"}
"""The programs that it needs, and the Debian packages they are in."""


def lacking() -> list[str]:
    """The Debian packages that are missing."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)})


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.netconf", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve at")
    parser.add_argument("--port", type=int, default=830, help="the port to serve at")
    parser.add_argument("--folder", type=Path, required=True, help="where its files are")
    parser.add_argument("--host-key", type=Path, required=True, help="the private key that it is known by")
    parser.add_argument("--authorized", type=Path, required=True, help="the public key that may sign in, as root")
    return parser.parse_args()


def server(chosen: argparse.Namespace, socket: Path) -> list[str]:
    """The command of the server."""
    startup = chosen.folder / "startup-cfg.xml"
    if not startup.exists():
        startup.write_text(FIRST, encoding="utf-8")
    modules = f"{HERE}:/usr/share/yuma/modules"
    return [
        "/usr/sbin/netconfd", f"--startup={startup}", "--superuser=root", f"--port={chosen.port}",
        f"--ncxserver-sockname={socket}", f"--modpath={modules}", f"--module={MODULE}", "--target=candidate",
    ]  # fmt: skip


def door(chosen: argparse.Namespace, socket: Path) -> list[str]:
    """The command of its sshd."""
    options = {
        "Port": chosen.port,
        "ListenAddress": chosen.host,
        "HostKey": chosen.host_key,
        "AuthorizedKeysFile": chosen.authorized,
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "Subsystem": f"netconf /usr/sbin/netconf-subsystem --ncxserver-sockname={chosen.port}@{socket}",
    }
    config = chosen.folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in options.items()), encoding="utf-8")
    return ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]


def main() -> int:
    """Serve."""
    chosen = arguments()
    if lacking():
        print(f"this needs packages: apt-get install --no-install-recommends {' '.join(lacking())}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(0))
    chosen.folder.mkdir(parents=True, exist_ok=True)
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd leaves its privileges
    socket = chosen.folder / "ncx.sock"
    socket.unlink(missing_ok=True)
    programs = [subprocess.Popen([*BOUND, *server(chosen, socket)], cwd=chosen.folder)]
    try:
        while not socket.exists():
            if programs[0].poll() is not None:
                print("netconfd ended at once", file=sys.stderr)
                return 1
            time.sleep(0.05)
        programs.append(subprocess.Popen([*BOUND, *door(chosen, socket)]))
        while all(program.poll() is None for program in programs):
            time.sleep(0.1)
        return 1
    finally:
        for program in programs:
            program.kill()
            program.wait()


if __name__ == "__main__":
    sys.exit(main())
