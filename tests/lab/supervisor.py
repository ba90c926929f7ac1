# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lab.supervisor FOLDER``: the process that a lab lives and dies with.

A pid namespace ends with it, and it has mounts of its own, among them the folder in which network namespaces are kept;
so whatever way it ends, the kernel ends every guest and program, unmounts every disk and takes down every network. It
is told what to do over a socket, one line of JSON for each question and each answer. Standard input is held by its
starter: when that ends without having said ``keep``, so does the lab.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.lab import appliances, balancer, connections, devices, keys, members, places, remains, routers
from tests.lab.addresses import REPOSITORY, Plan
from tests.lab.commands import LabError, remove_tree, run, wait_until
from tests.lab.faults import Faults
from tests.lab.image import REPOSITORY_NAME
from tests.lab.machine import Machine, wait_for_ssh
from tests.lab.network import Network
from tests.lab.program import Program


class Supervisor:
    """Everything that is in one lab."""

    def __init__(self, folder: Path, launch: dict[str, Any]) -> None:
        self.folder = folder
        self.plan = Plan(launch["number"])
        self.published = self._first = launch["published"]
        self._states = Path(launch["repository"])
        self._layers = {"host": launch["lower"], "router": launch["router"], "appliance": launch["appliance"]}
        self._network = Network(self.plan)
        self._hosts = members.hosts(self.plan, launch["hosts"])
        self._names = launch["hosts"]
        self._routers = members.all_routers(self.plan)
        self._appliances = members.all_appliances(self.plan)
        self._unused: dict[str, str] = {}
        self.machines: dict[str, Machine] = {}
        self.programs: dict[str, Program] = {}
        self._devices: dict[str, Program] = {}
        self.faults = Faults(self._network, self.machines, self.programs)
        self._members = [*self._hosts, *self._routers, *self._appliances]

    # --- coming up and going down --------------------------------------------------------------------------------

    def up(self) -> None:
        """Bring everything up, and return when customers are served by every host. Raises LabError."""
        for path in ("/run/netns", "/run/systemd/nspawn"):
            Path(path).mkdir(parents=True, exist_ok=True)
            run("mount", "-t", "tmpfs", "tmpfs", path)
        run("umount", "--recursive", "/sys/fs/cgroup")
        run("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")
        for name in ("log", "www", "machines", connections.FOLDER):
            (self.folder / name).mkdir()
        self._network.build()
        host_keys = keys.make(self.folder, [member.variables["ansible_host"] for member in self._members])
        for member in list(self._members):
            self._network.attach(member.name, member.last)
            if member in self._routers:
                self._network.forward(member.name)
            machine = self.machines[member.name] = self._machine(member, host_keys)
            if member in self._appliances:
                machine.power_off()
                continue
            machine.make_disk()
            machine.power_on()
        self.publish(self.published)
        for member, program in members.programs(self.plan, self.folder, self._names):
            self._network.attach(member.name, member.last)
            if member.name == members.BALANCER:
                self._network.add(member.name, routers.FRONT)
            self._members.append(member)
            self.programs[program.name] = program
            program.start()
        for member, device in members.all_devices(self.plan, self.folder):
            self._network.attach(member.name, member.last)
            self._members.append(member)
            self._devices[member.name] = device
        (self.folder / "inventory.yml").write_text(members.inventory(self.folder, self._members), encoding="utf-8")
        for program in self.programs.values():
            program.wait()
        for member in (*self._hosts, *self._routers):
            self._wait_for(member.name)

    def down(self) -> None:
        """End everything, in the order that leaves nothing."""
        for name in self.machines:
            self._switch_off(name)
        for program in (*self.programs.values(), *self._devices.values()):
            program.stop()
        for machine in self.machines.values():
            machine.drop_disk()

    def _machine(self, member: members.Member, host_keys: dict[str, tuple[str, int]]) -> Machine:
        mirror, name = self.plan.management(REPOSITORY), member.name
        kind = "router" if member in self._routers else "appliance" if member in self._appliances else "host"
        own: dict[str, tuple[str, int]] = {}
        if kind == "router":
            own = routers.files(self.plan, name)
        elif kind == "appliance":
            served = {host.name: str(host.variables["app_address"]) for host in self._hosts}
            own = appliances.files(self.plan, name, served)
        files = {
            **host_keys,
            "etc/hostname": (f"{name}\n", 0o644),
            "etc/hosts": (f"127.0.0.1 localhost\n127.0.1.1 {name}\n{mirror} {REPOSITORY_NAME}\n", 0o644),
            **own,
        }
        cgroup = f"{places.groups(self.folder.name)}.{name}"
        return Machine(name, self.folder / "machines" / name, self._layers[kind], cgroup, files, kind != "host")

    def _switch_off(self, name: str) -> None:
        self.machines[name].power_off()
        address = next(member.variables["ansible_host"] for member in self._members if member.name == name)
        connections.end(self.folder, str(address))

    def _wait_for(self, name: str) -> None:
        member = next(member for member in self._members if member.name == name)
        wait_for_ssh(self.machines[name], member.variables["ansible_host"])
        if member in self._routers:
            self._unused[name] = routers.state(self.machines[name])
        if member not in self._hosts:
            return
        address = str(member.variables["app_address"])
        wait_until(lambda: balancer.healthy(address), 30, f"{name} is up, but its application is not healthy")
        served = f"{name} is healthy, but HAProxy does not find so"
        wait_until(lambda: name in balancer.serving(self.folder), 60, served)

    # --- what it can be told -------------------------------------------------------------------------------------

    def publish(self, state: str) -> None:
        """Let the repository be as it was at that time. Raises LabError."""
        target = self._states / str(state)
        if not target.is_dir():
            there = ", ".join(sorted(path.name for path in self._states.iterdir()))
            raise LabError(f"the repository has no state {state!r}; it has {there}")
        link = self.folder / "www" / "content.new"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        link.rename(link.with_name("content"))
        self.published = state

    def fault(self, name: str, host: str = "", value: float | None = None, undo: bool = False) -> None:
        """Put a fault, or take it back."""
        if undo:
            self.faults.take_back(name, host)
        else:
            self.faults.put(name, host, value)

    def power(self, host: str, on: bool) -> None:
        """Switch a host on, or pull its plug."""
        if host in self._devices:
            device = self._devices[host]
            return device.serve() if on else device.stop()
        machine = self._known(host)
        if on:
            if not machine.root.is_mount():
                machine.make_disk()
            machine.power_on()
        else:
            self._switch_off(host)

    def renew(self, hosts: list[str]) -> None:
        """Give hosts new disks, as they were in the beginning, without faults; return when they serve."""
        for host in [each for each in hosts if each in self._devices]:
            self.faults.forget(host)
            self._devices[host].stop()
            remove_tree(devices.home(self.folder, host))
            self._devices[host].serve()
        hosts = [each for each in hosts if each not in self._devices]
        for host in hosts:
            machine = self._known(host)
            self.faults.forget(host)
            self._switch_off(host)
            machine.drop_disk()
            machine.make_disk()
            machine.power_on()
        for host in hosts:
            if host in self._names:
                balancer.enable(self.folder, host)
            self._wait_for(host)

    def reset(self) -> None:
        """Let everything be as it was when the lab had come up. Routers that nobody has used since go on."""
        for member in self._appliances:
            self._switch_off(member.name)
            self.machines[member.name].drop_disk()
        for device in self._devices.values():
            device.stop()
        for _name, whose in list(self.faults.active):
            self.faults.forget(whose)
        self.publish(self._first)
        double = self.programs[members.WINDOWS]
        double.stop()
        double.start()
        used = [name for name, state in self._unused.items() if routers.state(self.machines[name]) != state]
        self.renew([*self._names, *used])
        double.wait()

    def status(self) -> dict[str, Any]:
        """Who is here and how they are."""
        parts: dict[str, Machine | Program] = {**self.machines, **self.programs, **self._devices}
        rows = [
            {
                "name": member.name,
                "group": member.group,
                "state": parts[member.name].state,
                "management": self.plan.management(member.last),
                "service": self.plan.service(member.last),
            }
            for member in self._members
        ]
        faults = [{"name": name, "host": host, "value": value} for (name, host), value in self.faults.active.items()]
        return {"published": self.published, "members": rows, "faults": faults, "url": self.url}

    @property
    def url(self) -> str:
        """Where customers ask."""
        front = next(member for member in self._members if member.name == members.BALANCER)
        return str(front.variables["balancer_url"])

    def _known(self, host: str) -> Machine:
        if host not in self.machines:
            raise LabError(f"there is no host {host!r}; there are {', '.join([*self.machines, *self._devices])}")
        return self.machines[host]

    # --- being told ----------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer until somebody says "down", or the starter ends without having said "keep"."""
        acts: dict[str, Callable[..., Any]] = {
            "publish": self.publish,
            "fault": self.fault,
            "power": self.power,
            "renew": self.renew,
            "reset": self.reset,
            "status": self.status,
        }
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(self.folder / "control.sock"))
            door.listen()
            tell({"ready": True})
            watched: list[Any] = [door, 0]
            while True:
                ready = select.select(watched, [], [])[0]
                if 0 in ready:
                    if not os.read(0, 100).startswith(b"keep"):
                        return
                    watched.remove(0)
                    let_go()
                if door in ready and not answer(door, acts):
                    return


def answer(door: socket.socket, acts: dict[str, Callable[..., Any]]) -> bool:
    """Answer one question; False when it was to go down."""
    line, _address = door.accept()
    with line, line.makefile("rw", encoding="utf-8") as file:
        line.settimeout(5)
        try:
            asked = json.loads(file.readline())
            if asked["act"] == "down":
                return False
            said = {"result": acts[asked["act"]](**asked["with"])}
        except LabError as error:
            said = {"error": str(error)}
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(OSError):  # whoever asked may have gone
            file.write(json.dumps(said) + "\n")
            file.flush()
    return True


def tell(said: dict[str, Any]) -> None:
    """Say something to the starter, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(said).encode() + b"\n")


def let_go() -> None:
    """Be nobody's: the starter's pipes are closed."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def main(folder: Path) -> int:
    """Be a lab until its end."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    launch = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    lab = Supervisor(folder, launch)
    try:
        lab.up()
        lab.serve()
    except (LabError, OSError) as error:
        tell({"error": str(error)})
        return 1
    finally:
        lab.down()
        remove_tree(folder)
        for lock in (places.network_lock(lab.plan.number), places.lab_lock(folder.name)):
            lock.unlink(missing_ok=True)
        remains.remove_empty()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
