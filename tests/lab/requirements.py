# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs of a machine, in sentences for whoever has to provide it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lab.commands import LabError, run

PROGRAMS: Mapping[str, str] = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "haproxy": "haproxy",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Programs, and the Debian packages they are in."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
POLICY = Path("/usr/sbin/policy-rc.d")
INSTANCES, ENOUGH = Path("/proc/sys/fs/inotify/max_user_instances"), 1024
"""How many inotify instances a user may have: 128 by default. Every systemd takes seven, and a lab has six of them."""
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

TRIAL = """
set -e
mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/merged
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /mnt/merged
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
ip link add hf-trial type bridge
"""
"""What a lab does to be one, in namespaces of its own that end with it."""


def unfit() -> list[str]:
    """Why this machine can have no lab, whatever is installed on it; empty when it can."""
    if os.geteuid() != 0:
        return ["The lab needs root: it makes network namespaces, mounts and containers."]
    if "debian" not in family():
        return [f"The lab needs a machine of the Debian family; this one says it is {' '.join(family()) or 'nothing'}."]
    return []


def family(os_release: str = "/etc/os-release") -> list[str]:
    """The names in ``ID`` and ``ID_LIKE``."""
    try:
        lines = Path(os_release).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return " ".join(values.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE")).split()


def missing_packages() -> list[str]:
    """The Debian packages that have to be installed."""
    wanted = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)}
    if not KEYRING.exists():
        wanted.add("debian-archive-keyring")
    return sorted(wanted)


def lacking() -> list[str]:
    """Everything that stands between this machine and a lab, in sentences; empty when nothing does."""
    found = unfit()
    if found:
        return found
    packages = missing_packages()
    if packages:
        return [f"The lab needs packages: apt-get install --no-install-recommends {' '.join(packages)}"]
    return refused()


def refused() -> list[str]:
    """What the kernel does not allow here."""
    command = ("unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private")
    try:
        run(*command, "sh", "-c", TRIAL)
    except LabError as error:
        why = str(error).partition(":\n")[2] or str(error)
        return [f"This machine does not allow namespaces, overlays or control groups as the lab needs them: {why}"]
    return []


def install(say: Callable[[str], None]) -> None:
    """Install the packages that are missing, without starting any service. Raises LabError."""
    if not unfit():
        add(missing_packages(), say)


def add(packages: Sequence[str], say: Callable[[str], None]) -> None:
    """Install packages without starting any service. Raises LabError."""
    if not packages:
        return
    say(f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=280")
    command = (*apt, "install", "--yes", "--no-install-recommends", *packages)
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\n# While packages are installed for a lab: no service is started.\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        try:
            run(*command, environment=environment)
        except LabError:
            run(*apt, "update", environment=environment)
            run(*command, environment=environment)
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def reasons(say: Callable[[str], None]) -> list[str]:
    """Why there can be no lab here, after the packages that are missing were installed; empty when there can."""
    try:
        install(say)
    except LabError as error:
        return [f"The lab's packages could not be installed: {error}"]
    return lacking()


def make_room() -> None:
    """Let the kernel give what the systemds of several labs ask for; without it the third lab does not come up."""
    with contextlib.suppress(OSError, ValueError):
        if int(INSTANCES.read_text(encoding="ascii")) < ENOUGH:
            INSTANCES.write_text(f"{ENOUGH}\n", encoding="ascii")
