# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's little data centre on loopback: a git repository of releases, a real HAProxy, and hosts to deploy to.

Everything lies in one folder and listens on ports of 127.0.0.1 that were free. ``up`` first ends what an earlier lab in
the same folder left behind, ``down`` ends everything again, by process id. Nothing needs root. While a lab is up its
folder is locked, by a file beside it, so that a second one there is refused and touches nothing.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import yaml

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
RELEASES: tuple[dict[str, Any], ...] = (
    {"version": "1"},
    {"version": "2"},
    {"version": "3", "unhealthy_after": 2.0},
    {"version": "4", "unhealthy_after": 2.0, "unhealthy_on": ["app2"]},
)
HAPROXY_MISSING = (
    "HAProxy is missing. Install it: apt-get install --no-install-recommends haproxy (or dnf install haproxy)"
)
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


class LabError(Exception):
    """The lab cannot be brought up, and why."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listens, all different."""
    socks = [socket.socket() for _number in range(count)]
    try:
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def started(pid: int) -> str:
    """When a process started, in the kernel's ticks since boot; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def collections_path() -> str:
    """The folder of collections that this working copy, or this installed collection, is part of."""
    installed = REPOSITORY.parts[-3:] == ("ansible_collections", "holdfast", "ops")
    ours = REPOSITORY.parents[2] if installed else Path(sys.prefix) / "collections"
    # Another working copy may be the one that this environment has; then whoever starts us says where this one is.
    found = [str(ours)] if (ours / "ansible_collections" / "holdfast" / "ops").resolve() == REPOSITORY else []
    return os.pathsep.join(filter(None, [*found, os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")]))


def write_source(source: Path) -> None:
    """Make a git repository with a tag for each release: v1, v2 and so on."""

    def git(*arguments: str) -> None:
        names = ["-c", "user.name=Demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *names, *arguments], cwd=source, check=True, stdin=subprocess.DEVNULL)

    source.mkdir()
    git("init", "--quiet", "--initial-branch=main")
    shutil.copy(HERE / "app.py", source / "app.py")
    for release in RELEASES:
        (source / "release.json").write_text(json.dumps(release) + "\n", encoding="utf-8")
        git("add", ".")
        git("commit", "--quiet", "--message", f"Release {release['version']}")
        git("tag", f"v{release['version']}")


class Lab:
    """``names`` are the hosts; each gets a folder, a port and a spare port behind the HAProxy."""

    def __init__(self, folder: Path, names: Sequence[str] = ("app1", "app2", "app3")) -> None:
        self.folder = folder.resolve()
        self.names = tuple(names)
        self.socket = self.folder / "haproxy.sock"
        self.inventory = self.folder / "inventory.yml"
        self.port = 0
        self.ports: dict[str, tuple[int, int]] = {}
        self._haproxy: Optional[subprocess.Popen[bytes]] = None
        self._lock: Optional[int] = None

    # --- coming up and going down --------------------------------------------------------------------------------

    def __enter__(self) -> Lab:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self, version: str = "1") -> None:
        """Bring everything up with ``version`` installed on every host. Raises LabError."""
        if not shutil.which("haproxy", path=PATH):
            raise LabError(HAPROXY_MISSING)
        self._claim()
        self._end_all()
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "hosts").mkdir(parents=True)
        self.port, *rest = free_ports(1 + 2 * len(self.names))
        self.ports = {name: (rest[2 * at], rest[2 * at + 1]) for at, name in enumerate(self.names)}
        write_source(self.folder / "source")
        self._write_inventory()
        self._install(version)
        self._start_haproxy()

    def down(self) -> None:
        """End every process of the lab, if this one is up (not one that was refused), and let go of its folder."""
        if self._lock is None:
            return
        self._end_all()
        os.close(self._lock)
        self._lock = None

    def _claim(self) -> None:
        """Lock the folder; the kernel lets go of it when this process ends. Raises LabError."""
        if self._lock is not None:
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder.with_name(f".{self.folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LabError(
                f"another demo is at work in {self.folder}; wait for its end or name another --folder"
            ) from None
        self._lock = descriptor

    def _end_all(self) -> None:
        """End the load balancer and whatever the hosts run, of an earlier lab in this folder too."""
        for pid_file in sorted(self.folder.glob("hosts/*/*.pid")) + sorted(self.folder.glob("haproxy.pid")):
            self._end(pid_file)
        if self._haproxy is not None:
            self._haproxy.wait()
            self._haproxy = None

    def _end(self, pid_file: Path) -> None:
        """End the process of a pid file, provided it is one of the lab's: its command line names the lab's folder."""
        pid = self.pid(pid_file)
        if pid:
            os.kill(pid, signal.SIGKILL)
        pid_file.unlink(missing_ok=True)

    def pid(self, pid_file: Path) -> int:
        """The living process of a pid file, or 0 if there is none or it is not one of this lab's."""
        try:
            pid = int(pid_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if os.fsencode(self.folder) + b"/" in command else 0

    # --- its parts -----------------------------------------------------------------------------------------------

    def _write_inventory(self) -> None:
        """The inventory is the one in ``demo/inventory.yml.in``, with this lab's hosts, ports and folders."""
        text = string.Template((HERE / "inventory.yml.in").read_text(encoding="utf-8")).substitute(
            PYTHON=sys.executable, FOLDER=str(self.folder), SOCKET=str(self.socket), PORT=str(self.port)
        )
        data = yaml.safe_load(text)
        data["app"]["hosts"] = {
            name: {"app_port": port, "app_spare_port": spare} for name, (port, spare) in self.ports.items()
        }
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False, width=120), encoding="utf-8")

    def _install(self, version: str) -> None:
        """Put the first version on every host, by the role that the rollout uses as well."""
        values = json.dumps({"deploy_service_version": version})
        done = self.ansible("playbook", str(HERE / "install.yml"), "-e", values)
        if done.returncode:
            raise LabError(f"version {version} could not be installed:\n{done.stdout}")

    def _start_haproxy(self) -> None:
        """HAProxy in the foreground, as our child, so that its process id is known."""
        servers = []
        for name, (port, spare) in self.ports.items():
            servers.append(f"    server {name} 127.0.0.1:{port}")
            servers.append(f"    server {name}-b 127.0.0.1:{spare} disabled")
        config = string.Template((HERE / "haproxy.cfg.in").read_text(encoding="utf-8")).substitute(
            SOCKET=self.socket, PID_FILE=self.folder / "haproxy.pid", PORT=self.port, SERVERS="\n".join(servers)
        )
        (self.folder / "haproxy.cfg").write_text(config, encoding="utf-8")
        program = shutil.which("haproxy", path=PATH)
        command = [str(program), "-db", "-f", str(self.folder / "haproxy.cfg")]
        with (self.folder / "haproxy.log").open("wb") as log:
            self._haproxy = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.folder / "haproxy.pid").write_text(f"{self._haproxy.pid}\n", encoding="ascii")
        self._wait_for_servers()

    def _wait_for_servers(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                statuses = self.servers()
            except OSError:
                statuses = {}
            if statuses and all(statuses[name]["check_status"].endswith("OK") for name in self.names):
                return
            time.sleep(0.1)
        raise LabError(f"HAProxy did not come up; see {self.folder}/haproxy.log")

    # --- using it ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where clients ask."""
        return f"http://127.0.0.1:{self.port}"

    def servers(self) -> dict[str, dict[str, str]]:
        """HAProxy's servers by name, each as its line of ``show stat``. Raises OSError."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            line.sendall(b"show stat\n")
            text = b"".join(iter(lambda: line.recv(65536), b"")).decode()
        rows = csv.DictReader(text.lstrip("# ").splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == "app" and row["svname"] != "BACKEND"}

    def processes(self) -> dict[str, list[tuple[int, str]]]:
        """What serves on each host: the process id of every instance, and when the process started (0, "": none)."""
        hosts = self.folder / "hosts"
        pids = {name: [self.pid(file) for file in sorted((hosts / name).glob("*.pid"))] for name in self.names}
        return {name: [(pid, started(pid)) for pid in found] for name, found in pids.items()}

    def versions(self) -> dict[str, str]:
        """The version that each host's ``current`` link, or its active instance's, points at."""
        found = {}
        for name in self.names:
            root = self.folder / "hosts" / name
            active = json.loads((root / "state.json").read_text(encoding="utf-8")).get("active", "a")
            link = root / f"current-{active}"
            found[name] = os.path.basename(os.readlink(link)) if link.is_symlink() else "none"
        return found

    def environment(self) -> dict[str, str]:
        """The environment for Ansible's programs: they find this collection and keep to the lab's folder."""
        return {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": collections_path(),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY": str(self.inventory),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), PATH]),
        }

    def ansible(
        self, program: str, *arguments: str, environment: Optional[Mapping[str, str]] = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``ansible-<program>`` against the lab and wait; standard error is part of ``stdout``."""
        command = [str(Path(sys.executable).parent / f"ansible-{program}"), *arguments]
        return subprocess.run(
            command,
            env={**self.environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
