# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.router_image KIND DEBIAN OUT``: make ``OUT/root``, a Debian with the programs of a kind.

Run APART, for its mounts.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.lab.commands import run


class Kind(NamedTuple):
    """What is installed, and what of it is started."""

    packages: tuple[str, ...]
    services: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "router": Kind(("frr", "frr-pythontools"), ("frr.service",)),
    "appliance": Kind(("haproxy", "openvswitch-switch", "ethtool"), ("haproxy.service", "openvswitch-switch.service")),
}
WRITTEN = {
    "etc/machine-id": "",
    "etc/ssh/sshd_config.d/lab.conf": "PasswordAuthentication no\nUseDNS no\nMaxStartups 100\n"
    "HostKey /etc/ssh/ssh_host_ed25519_key\n",
}
NOT_STARTED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "console-getty.service"),
    *("getty.target", "e2scrub_reap.service", "systemd-journal-flush.service"),
)


def make(kind: Kind, debian: Path, out: Path) -> None:
    """Lay the programs over a Debian."""
    merged = out / "merged"
    for folder in (out / "root", out / "work", merged):
        folder.mkdir()
    layers = f"lowerdir={debian},upperdir={out / 'root'},workdir={out / 'work'}"
    run("mount", "-t", "overlay", "overlay", "-o", layers, str(merged))
    run("mount", "-t", "proc", "proc", str(merged / "proc"))
    for name in ("run", "var/lib/apt/lists", "var/cache/apt"):
        (merged / name).mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", str(merged / name))
    names = merged / "etc/resolv.conf"
    shutil.copyfile("/etc/resolv.conf", names)
    _in_root(merged, "apt-get", "-q", "update")
    _in_root(merged, "apt-get", "-q", "install", "--yes", "--no-install-recommends", *kind.packages)
    # An address that nobody answers costs ten seconds for every task.
    names.write_text("", encoding="utf-8")
    for name, text in WRITTEN.items():
        path = merged / name
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
    for key in merged.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    _in_root(merged, "systemctl", "enable", "ssh.service", *kind.services)
    _in_root(merged, "systemctl", "mask", *NOT_STARTED)
    for mount in ("var/cache/apt", "var/lib/apt/lists", "run", "proc", ""):
        run("umount", str(merged / mount))
    merged.rmdir()


def _in_root(root: Path, *command: str) -> None:
    """Run a program in there, with the proxy of this machine if it has one."""
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    clean["DEBIAN_FRONTEND"] = "noninteractive"
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    run("chroot", str(root), *command, environment={**clean, **proxies})


if __name__ == "__main__":
    make(KINDS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3]))
