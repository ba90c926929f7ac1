# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as its users see it: brought up, looked at, disturbed and taken down from any process of this machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from tests.lab import addresses, balancer, devices, places, remains, requirements, rootfs
from tests.lab.commands import APART, LabError, started, wait_until
from tests.lab.members import WINDOWS
from tests.lab.windows.control import Control

HOSTS = ("app1", "app2", "app3")
REAPER = 'exec 3<&0; "$@" <&3 3<&- & wait "$!"'
"""The first process of the lab's pid namespace: it takes in what guests leave behind when their plug is pulled."""


class Lab:
    """The lab of a name. Several may be up at once, each with networks of its own."""

    def __init__(self, name: str = "default", say: Callable[[str], None] = lambda _line: None) -> None:
        self.name = name
        self.folder = places.lab_folder(name)
        self.inventory = self.folder / "inventory.yml"
        self._say = say
        self._supervisor: subprocess.Popen[bytes] | None = None

    # --- coming up and going down --------------------------------------------------------------------------------

    def __enter__(self) -> Lab:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()

    def up(self, hosts: Sequence[str] = HOSTS, published: str = "2", keep: bool = False) -> None:
        """Bring it up. Unless ``keep`` is set it goes down with this process. Raises LabError."""
        requirements.install(self._say)
        lacking = requirements.lacking()
        if lacking:
            raise LabError("\n".join(lacking))
        requirements.make_room()
        lock = places.try_lock(places.lab_lock(self.name))
        if lock is None:
            raise LabError(f"the lab {self.name!r} is up already: {self.inventory}")
        try:
            remains.remove(self.folder)
            image = rootfs.ensure(self._say)
            plan, network_lock = addresses.claim()
            launch = {"number": plan.number, "hosts": list(hosts), "published": published, **image.launch}
            try:
                self._launch(launch, (lock, network_lock))
            finally:
                os.close(network_lock)
        finally:
            if not self.folder.exists():
                places.lab_lock(self.name).unlink(missing_ok=True)
            os.close(lock)
        if keep:
            self._keep()

    def _launch(self, launch: Mapping[str, Any], locks: tuple[int, int]) -> None:
        """Start the supervisor, to which both locks pass, and wait for its word."""
        self.folder.mkdir(parents=True, mode=0o700)
        (self.folder / "launch.json").write_text(json.dumps(launch), encoding="utf-8")
        paths = [str(places.REPOSITORY), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PATH": requirements.PATH,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "TMPDIR": str(self.folder),
        }
        with tempfile.TemporaryFile() as complaints:
            self._supervisor = subprocess.Popen(
                [*APART, "sh", "-c", REAPER, "lab", sys.executable, "-m", "tests.lab.supervisor", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                pass_fds=locks,
                start_new_session=True,
                env=environment,
                cwd="/",
            )
            pid = self._supervisor.pid
            (self.folder / "state.json").write_text(json.dumps({"pid": pid, "started": started(pid)}), encoding="ascii")
            assert self._supervisor.stdout is not None
            said = json.loads(self._supervisor.stdout.readline() or b"{}")
            if not said.get("ready"):
                self._supervisor.communicate()
                complaints.seek(0)
                raise LabError(said.get("error") or complaints.read().decode(errors="replace") or "it ended at once")

    def _keep(self) -> None:
        """Let it live longer than this process."""
        assert self._supervisor is not None and self._supervisor.stdin is not None
        self._supervisor.stdin.write(b"keep\n")
        self._supervisor.stdin.close()

    def down(self) -> None:
        """Take it down, whoever brought it up, and remove what a lab that was killed left. Raises LabError."""
        lock = places.try_lock(places.lab_lock(self.name))
        if lock is None:
            self._end()
            wait_until(self._lockable, 20, f"the lab {self.name!r} does not end; see the processes of {self.folder}")
            lock = places.try_lock(places.lab_lock(self.name))
        if self._supervisor is not None:
            self._supervisor.communicate()
            self._supervisor = None
        if lock is not None:
            try:
                remains.remove(self.folder)
                rootfs.forget_unfinished()
            finally:
                places.unlock(places.lab_lock(self.name), lock)
            remains.remove_empty()

    def _end(self) -> None:
        """Ask the supervisor to end, and kill it when it does not."""
        state = self.folder / "state.json"
        coming = f"the lab {self.name!r} is about to come up; try again"
        wait_until(lambda: state.exists() or self._lockable(), 20, coming)
        try:
            self._talk("down", {}, seconds=5)
            wait_until(self._lockable, 10, "it does not end")
        except LabError:
            if state.exists():
                told = json.loads(state.read_text(encoding="ascii"))
                if started(told["pid"]) == told["started"]:
                    os.kill(told["pid"], signal.SIGKILL)

    def _lockable(self) -> bool:
        lock = places.try_lock(places.lab_lock(self.name))
        if lock is not None:
            os.close(lock)
        return lock is not None

    # --- using it ------------------------------------------------------------------------------------------------

    def ask(self, act: str, **given: Any) -> Any:
        """Have the supervisor do something. Raises LabError when it cannot, or when there is none."""
        said = json.loads(self._talk(act, given, seconds=180) or "{}")
        if "error" in said:
            raise LabError(said["error"])
        return said.get("result")

    def _talk(self, act: str, given: Mapping[str, Any], seconds: float) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            try:
                line.connect(str(self.folder / "control.sock"))
                line.sendall(json.dumps({"act": act, "with": given}).encode() + b"\n")
                return b"".join(iter(lambda: line.recv(65536), b"")).decode()
            except OSError as error:
                raise LabError(f"the lab {self.name!r} does not answer ({error}); python -m tests.lab up") from None

    def fault(self, name: str, host: str = "", value: float | None = None) -> None:
        """Put a fault. Raises LabError."""
        self.ask("fault", name=name, host=host, value=value)

    def heal(self, name: str, host: str = "") -> None:
        """Take it back. Raises LabError."""
        self.ask("fault", name=name, host=host, undo=True)

    def publish(self, state: str) -> None:
        """Let the repository offer the packages of a state. Raises LabError."""
        self.ask("publish", state=state)

    def power(self, host: str, on: bool) -> None:
        """Switch a host on, or pull its plug. Raises LabError."""
        self.ask("power", host=host, on=on)

    def renew(self, *hosts: str) -> None:
        """Give hosts their first disks again, without faults, and wait until they serve. Raises LabError."""
        self.ask("renew", hosts=list(hosts))

    def reset(self) -> None:
        """Let everything be as it was when the lab had come up. Raises LabError."""
        self.ask("reset")

    def status(self) -> dict[str, Any]:
        """Who is in it and how they are. Raises LabError."""
        return dict(self.ask("status"))

    @property
    def url(self) -> str:
        """Where customers ask."""
        return str(self.status()["url"])

    def servers(self) -> dict[str, dict[str, str]]:
        """HAProxy's servers by name, each as its line of ``show stat``. Raises OSError."""
        return balancer.servers(self.folder)

    @property
    def windows(self) -> Control:
        """What tests tell the Windows double."""
        return Control(self.folder / f"{WINDOWS}.sock")

    @property
    def ios(self) -> Control:
        """What tests tell the IOS double, while it is on."""
        return Control(self.folder / f"{devices.IOS}.sock")

    def ssh(self, host: str, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command on a host as root, without Ansible."""
        address = next(row["management"] for row in self.status()["members"] if row["name"] == host)
        return subprocess.run(
            [*self.ssh_command(address), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ssh_command(self, address: str) -> list[str]:
        """How to log in at an address."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "ConnectTimeout=5", "ControlPath=none"]
        options.append(f"UserKnownHostsFile={self.folder / 'known_hosts'}")
        given = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", "none", *given, "-i", str(self.folder / "id_ed25519"), f"root@{address}"]

    def boot_id(self, host: str, patience: float = 0) -> str:
        """Which boot this is; "" when the host cannot be reached for so many seconds."""
        deadline = time.monotonic() + patience
        while True:
            done = self.ssh(host, "cat", "/proc/sys/kernel/random/boot_id")
            if done.returncode == 0 or time.monotonic() > deadline:
                return done.stdout.strip()
            time.sleep(0.2)

    def ansible(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``ansible-<program>``, or ``ansible`` itself for ""; standard error is part of ``stdout``."""
        folder = os.path.dirname(sys.executable)
        command = [os.path.join(folder, f"ansible-{program}" if program else "ansible"), *arguments]
        more = {"ANSIBLE_INVENTORY": str(self.inventory), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
        return subprocess.run(
            command,
            env={**os.environ, "PATH": os.pathsep.join([folder, requirements.PATH]), **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
