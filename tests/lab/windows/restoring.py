# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``restore.ps1`` does, modelled step by step: its text is never run, only known (see ``scheduling``).

Written from the script, not from the Python that prepares its input, so that a mistake of one shows in the other.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .firewall import written
from .machine import Machine
from .registry import Key

_BUILT_IN = {
    "NT AUTHORITY\\SYSTEM": "LocalSystem", "LocalSystem": "LocalSystem",
    "NT AUTHORITY\\LOCAL SERVICE": "NT AUTHORITY\\LOCAL SERVICE",
    "NT AUTHORITY\\NETWORK SERVICE": "NT AUTHORITY\\NETWORK SERVICE",
}  # fmt: skip
ROUNDS = 3
"""How often all is tried while something fails; the seconds between are left out."""
_STATES = {"started": "running", "stopped": "stopped"}


class Restoring:
    """One run of the script."""

    def __init__(self, machine: Machine, folder: str) -> None:
        self.machine, self.folder = machine, folder
        self.said: list[str] = []
        self.failed = 0

    def run(self) -> None:
        """All of it, and the outcome; the machine's lock is held."""
        wanted = json.loads(self.machine.files[f"{self.folder}\\wanted.json"])
        sections: dict[str, Callable[[Any], None]] = {
            "firewall": self._firewall, "registry": self._registry, "files": self._files, "services": self._services,
            "restart": self._restart, "features": self._features,
        }  # fmt: skip
        for _round in range(ROUNDS):
            features = self.machine.features.copy()
            self.failed, self.said = 0, [line for line in self.said if not line.startswith("failed: ")]
            for name, restore in sections.items():
                if wanted.get(name):
                    restore(wanted[name])
            if self.failed == 0 and self.machine.features == features:
                break
        outcome = {"complete": self.failed == 0, "said": self.said}
        self.machine.files[f"{self.folder}\\outcome.json"] = json.dumps(outcome).encode()
        if self.failed == 0:
            for path in list(self.machine.files):
                name = path.removeprefix(f"{self.folder}\\")
                if name == "wanted.json" or (name != path and name.startswith("content-")):
                    del self.machine.files[path]

    @contextmanager
    def _step(self, about: str) -> Iterator[None]:
        try:
            yield
        except _Failed as error:
            self.failed += 1
            self.said.append(f"failed: {about}: {error}")

    def _firewall(self, wanted: Mapping[str, Any]) -> None:
        machine = self.machine
        for one in wanted["profiles"]:
            now = machine.profiles[one["name"]]
            given = sorted(name for name, value in one["settings"].items() if now[name] != value)
            now.update(one["settings"])
            if given:
                self.said.append(f"firewall profile {one['name']}: {', '.join(given)}")
        listed = {one["name"]: one for one in wanted["rules"]}
        for name, one in listed.items():
            there = machine.rules.get(name)
            if there == one["definition"]:
                continue
            with self._step(f"firewall rule {name}"):
                if one["unknown"]:
                    raise _Failed(f"it has fields that cannot be written: {', '.join(one['unknown'])}")
                machine.rules[name] = written(one["made"]) if there is None else written(one["changed"], there)
                self.said.append(f"firewall rule {name}: written")
        for name in machine.local_rules():
            if name not in listed:
                del machine.rules[name]
                self.said.append(f"firewall rule {name}: removed")

    def _services(self, wanted: list[Mapping[str, Any]]) -> None:
        machine = self.machine
        for one in wanted:
            with self._step(f"service {one['name']}"):
                there = machine.services.get(one["name"])
                if there is None:
                    raise _Failed("it is not installed")
                if there.start_mode != one["start_mode"]:
                    there.start_mode = one["start_mode"]
                    self.said.append(f"service {one['name']}: start mode {one['start_mode']}")
                if one["account"] and there.account != one["account"]:
                    if one["account"] not in _BUILT_IN and not one["account"].endswith("$"):
                        raise _Failed(
                            f"it runs as {there.account}; set it to {one['account']} by hand, for that needs a password"
                        )
                    there.account = one["account"]
                    self.said.append(f"service {one['name']}: account {one['account']}")
        for state in _STATES:
            for one in wanted:
                there = machine.services.get(one["name"])
                if there is None or one["state"] != state or there.state == _STATES[state]:
                    continue
                with self._step(f"service {one['name']}"):
                    if one["name"] in machine.faults.services_down and state == "started":
                        raise _Failed("Time out has expired and the operation has not been completed.")
                    there.state = _STATES[state]
                    self.said.append(f"service {one['name']}: {state}")

    def _restart(self, wanted: list[str]) -> None:
        if not [line for line in self.said if line.startswith(("file ", "registry "))]:
            return
        for name in wanted:
            if f"service {name}: started" in self.said or f"service {name}: restarted" in self.said:
                continue
            with self._step(f"service {name}"):
                if name not in self.machine.services:
                    raise _Failed(f"Cannot find any service with service name '{name}'.")
                if self.machine.services[name].state == "running":
                    self.machine.note(f"service {name} restarts")
                    self.said.append(f"service {name}: restarted")

    def _registry(self, wanted: Mapping[str, Any]) -> None:
        registry, passing = self.machine.registry, [re.compile(one, re.IGNORECASE) for one in wanted["passing"]]
        known = {one["path"] for one in wanted["keys"]}
        for one in wanted["keys"]:
            path = one["path"]
            if not one["exists"]:
                if registry.remove(path):
                    self.said.append(f"registry {path}: removed")
                continue
            if path not in registry.keys:
                registry.make(path)
                self.said.append(f"registry {path}: made")
            self._values(path, registry.keys[path], one["values"], passing)
            for below in registry.children(path):
                if below not in known:
                    registry.remove(below)
                    self.said.append(f"registry {below}: removed")

    def _values(self, path: str, key: Key, wanted: list[Mapping[str, Any]], passing: list[re.Pattern[str]]) -> None:
        for value in wanted:
            with self._step(f"registry {path}"):
                data = (value["kind"], tuple(value["data"]))
                if key.get(value["name"]) != data:
                    if value["kind"] == "Other":
                        raise _Failed(f"the value '{value['name']}' is of a type that cannot be written")
                    key[value["name"]] = data
                    self.said.append(f"registry {path}: value '{value['name']}' written")
        names = {value["name"] for value in wanted}
        for name in [name for name in key if name not in names]:
            if not any(pattern.search(f"{path}.{name}") for pattern in passing):
                del key[name]
                self.said.append(f"registry {path}: value '{name}' removed")

    def _files(self, wanted: list[Mapping[str, Any]]) -> None:
        machine = self.machine
        for one in wanted:
            path = one["path"]
            if not one["exists"]:
                if machine.files.pop(path, None) is not None:
                    machine.facts.pop(path, None)
                    self.said.append(f"file {path}: removed")
                continue
            with self._step(f"file {path}"):
                if path in machine.faults.locked_files:
                    raise _Failed("The process cannot access the file because it is being used by another process.")
                data = machine.files[f"{self.folder}\\{one['content']}"]
                if machine.files.get(path) != data:
                    machine.files[path] = data
                    self.said.append(f"file {path}: written")
                facts = machine.facts_of(path)
                if facts["sddl"] != one["sddl"]:
                    self.said.append(f"file {path}: owner and permissions")
                if facts["attributes"] != one["attributes"]:
                    self.said.append(f"file {path}: attributes {one['attributes']}")
                facts.update(sddl=one["sddl"], attributes=one["attributes"])

    def _features(self, wanted: list[Mapping[str, Any]]) -> None:
        now = self.machine.features
        with self._step("features"):
            gone = [one["name"] for one in wanted if one["name"] not in now]
            if gone:
                raise _Failed(f"this host does not know the features {', '.join(gone)}")
            for installed, verb in ((False, "removed"), (True, "installed")):
                names = [each["name"] for each in wanted if each["installed"] is installed is not now[each["name"]]]
                if names:
                    now.update(dict.fromkeys(names, installed))
                    self.said.append(f"features {verb}: {', '.join(names)}")
                if "FS-SMB1" in names:
                    self.machine.pending.add("servicing")
                    self.said.append("features: a reboot is needed to complete this")


class _Failed(Exception):
    """A step failed, as the script's own ``throw`` or a cmdlet of it fails."""


def stage(machine: Machine, folder: str, parameters: Mapping[str, Any]) -> None:
    """Write what a restore needs into its folder, which only SYSTEM and Administrators enter."""
    machine.folders[folder] = "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
    machine.files[f"{folder}\\restore.ps1"] = str(parameters["Restore"]).encode("ascii")
    machine.files[f"{folder}\\wanted.json"] = base64.b64decode(parameters["Wanted"])
    for number, content in enumerate(parameters["Contents"]):
        machine.files[f"{folder}\\content-{number}"] = base64.b64decode(content)
