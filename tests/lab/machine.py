# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host: an operating system of its own under systemd-nspawn, on a disk in memory, and the power it hangs on.

The disk is an overlay over the image; its changes are in two tmpfs, one for / and one for /var, so that "disk full" is
what it says and fills nothing of this machine. systemd-nspawn ends with 133 when the guest reboots; the loop that
starts it again is the hypervisor, which may be told to be slow or not to come back.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.lab.commands import LabError, remove_tree, run, tail, wait_until

REBOOTED = 133
DISK, VAR = "512m", "160m"
CGROUPS = Path("/sys/fs/cgroup")
SSH_WAIT = 90.0
"""Seconds until a host that boots must answer: it takes one or two, but machines may be busy."""


class Machine:
    """One host. ``lower`` are the image's layers, ``files`` what is written to its disk, by path.

    Each may change its interfaces, routes and firewall. What its kernel does with packets a host may change itself; of
    a ``router`` that is set from outside, and stays.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        lower: str,
        cgroup: str,
        files: Mapping[str, tuple[str, int]],
        router: bool = False,
    ) -> None:
        self.name = name
        self._folder = folder
        self._lower = lower
        self._cgroup = CGROUPS / cgroup
        self._files = files
        self._writable = {} if router else {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
        self._guest: subprocess.Popen[bytes] | None = None
        self._hypervisor: threading.Thread | None = None
        self._returns = True
        self._delay = 0.0
        self._off = threading.Event()
        self._hurry = threading.Event()
        self.boots = 0

    # --- the disk --------------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """The file system of the guest, as the supervisor sees it."""
        return self._folder / "root"

    @property
    def log(self) -> Path:
        """What systemd-nspawn says."""
        return self._folder.parent.parent / "log" / f"{self.name}.log"

    def make_disk(self) -> None:
        """Give it a disk as the image has it, with this host's names, addresses and keys."""
        disk, var = self._folder / "disk", self._folder / "var"
        for mount in (disk, var, self.root):
            mount.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(disk))
        run("mount", "-t", "tmpfs", "-o", f"size={VAR},mode=755", "tmpfs", str(var))
        self._overlay(disk, self._lower, self.root)
        lower = ":".join(f"{layer}/var" for layer in self._lower.split(":") if Path(layer, "var").is_dir())
        self._overlay(var, lower, self.root / "var")
        for name, (text, mode) in {**self._files, "etc/machine-id": (f"{uuid.uuid4().hex}\n", 0o444)}.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(mode)

    def drop_disk(self) -> None:
        """Take its disk away, with everything that happened on it."""
        for mount in (self.root / "var", self.root, self._folder / "var", self._folder / "disk"):
            if mount.is_mount():
                run("umount", "--lazy", str(mount))
        remove_tree(self._folder)

    @staticmethod
    def _overlay(space: Path, lower: str, target: Path) -> None:
        for name in ("upper", "work"):
            (space / name).mkdir()
        (space / "upper").chmod(0o755)
        options = f"lowerdir={lower},upperdir={space / 'upper'},workdir={space / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", options, str(target))

    def fill(self) -> None:
        """Leave no room on /var."""
        filler = self._folder / "var" / "filler"
        room = os.statvfs(filler.parent)
        with filler.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, file.tell() + room.f_bavail * room.f_frsize)

    def unfill(self) -> None:
        """Give the room back."""
        (self._folder / "var" / "filler").unlink(missing_ok=True)

    def written(self, folder: str) -> list[str]:
        """What has been written below a folder of / since the disk was made: paths, sizes, times."""
        top = self._folder / "disk" / "upper" / folder
        found = [(path, path.lstat()) for path in sorted(top.rglob("*")) if not path.is_dir()]
        return [f"{path.relative_to(top)} {status.st_size} {status.st_mtime_ns}" for path, status in found]

    def said(self, *command: str) -> str:
        """What a program in the guest prints; empty when there is no guest, or the program fails."""
        guest = self._guest
        try:
            children = Path(f"/proc/{guest.pid}/task/{guest.pid}/children").read_text(encoding="ascii") if guest else ""
            first = children.split()[0]
            return run("nsenter", f"--target={first}", "--mount", "--root", "--wd", "--", *command)
        except (OSError, IndexError, LabError):
            return ""

    # --- power -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``up`` while a guest runs (or boots), ``off`` when it was switched off, else ``waiting`` or ``gone``."""
        if self._guest is not None:
            return "up"
        if self._hypervisor is not None and self._hypervisor.is_alive():
            return "waiting"
        return "off" if self._off.is_set() else "gone"

    def power_on(self) -> None:
        """Boot it, unless it is on."""
        if self._hypervisor is None or not self._hypervisor.is_alive():
            self._off.clear()
            self._hypervisor = threading.Thread(target=self._run, name=f"hypervisor of {self.name}", daemon=True)
            self._hypervisor.start()
        self._hurry.set()

    def power_off(self) -> None:
        """Pull the plug, and return when nothing of it runs any more."""
        self._off.set()
        self._hurry.set()
        while self._hypervisor is not None and self._hypervisor.is_alive():
            self._kill()  # again and again: a guest that is just being started is not in its control group yet
            self._hypervisor.join(timeout=0.1)
        if self._cgroup.is_dir():
            wait_until(lambda: not self._populated(), 10, f"processes of {self.name} survive the power switch")
            remove_cgroup(self._cgroup)

    def refuse(self) -> None:
        """Do not boot it again when it reboots."""
        self._returns = False

    def allow(self) -> None:
        """Boot it again, at once if it is gone."""
        self._returns = True
        if self.state == "gone":
            self.power_on()

    def slow_down(self, seconds: float) -> None:
        """Let so much time pass between a reboot's end and its beginning; none ends a wait that goes on."""
        self._delay = seconds
        if not seconds:
            self._hurry.set()

    def _kill(self) -> None:
        if self._cgroup.is_dir():
            (self._cgroup / "cgroup.kill").write_text("1", encoding="ascii")
        elif self._guest is not None:
            self._guest.kill()

    def _populated(self) -> bool:
        return "populated 1" in (self._cgroup / "cgroup.events").read_text(encoding="ascii")

    def _run(self) -> None:
        """The hypervisor: boot, and boot again whenever the guest reboots."""
        while not self._off.is_set():
            status = self._boot()
            if self._off.is_set() or status != REBOOTED or not self._returns:
                return
            self._hurry.clear()
            if self._delay:
                self._hurry.wait(self._delay)

    def _boot(self) -> int:
        self.boots += 1
        self._cgroup.mkdir(exist_ok=True)
        nspawn = (
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--machine={self.name}", "--boot"),
            *(f"--directory={self.root}", f"--network-namespace-path=/run/netns/{self.name}", "--resolv-conf=off"),
            "--capability=CAP_NET_ADMIN",
        )
        script = f"echo $$ > {shlex.quote(str(self._cgroup / 'cgroup.procs'))} && exec {shlex.join(nspawn)}"
        with self.log.open("ab") as log:
            given = {**os.environ, **self._writable}
            self._guest = subprocess.Popen(
                ["sh", "-c", script], env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        status = self._guest.wait()
        self._guest = None
        return status


def remove_cgroup(group: Path) -> None:
    """Remove a control group without processes, and those in it."""
    for folder, _folders, _files in os.walk(group, topdown=False):
        os.rmdir(folder)


def greets(address: str, port: int = 22) -> bool:
    """Whether an ssh server answers."""
    try:
        with socket.create_connection((address, port), timeout=1) as line:
            line.settimeout(5)
            return line.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_for_ssh(machine: Machine, address: str) -> None:
    """Return once one can log in. Raises LabError."""
    ended = ("gone", "off")
    wait_until(lambda: greets(address) or machine.state in ended, SSH_WAIT, f"{machine.name} does not answer")
    if machine.state in ended:
        raise LabError(f"{machine.name} does not stay up; the end of its log:\n{tail(machine.log)}")
