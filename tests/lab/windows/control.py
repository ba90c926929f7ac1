# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door for tests: a socket in the file system, one JSON object per line in, one per line out."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .envelope import plain
from .machine import Machine, Service, Update
from .outcome import Outcome


def perform(machine: Machine, wish: dict[str, Any]) -> dict[str, Any]:
    """Do what a wish says (``do``) and say how the machine is now. Raises ValueError."""
    do = WISHES.get(str(wish.get("do")))
    if do is None:
        raise ValueError(f"no wish '{wish.get('do')}'; there are {', '.join(sorted(WISHES))}")
    with machine.lock:
        do(machine, wish)
        return machine.state()


def _offer(machine: Machine, wish: dict[str, Any]) -> None:
    machine.updates = {update["kb"]: Update(**update) for update in wish["updates"]}


def _answer(machine: Machine, wish: dict[str, Any]) -> None:
    outcome = Outcome(int(wish.get("status", 0)), str(wish.get("output", "")), str(wish.get("errors", "")))
    machine.answers[plain(str(wish["script"]))] = outcome


def _power(machine: Machine, wish: dict[str, Any]) -> None:
    if wish["on"] and not machine.up:
        machine.power_on()
    elif not wish["on"]:
        machine.power_off()


def _change(machine: Machine, wish: dict[str, Any]) -> None:
    """Change what somebody at the machine could change; null takes away."""
    for name, definition in wish.get("rules", {}).items():
        _put(machine.rules, name, definition)
    for name, settings in wish.get("profiles", {}).items():
        machine.profiles[name].update(settings)
    for name, more in wish.get("services", {}).items():
        if more is None:
            del machine.services[name]
        else:
            machine.services[name] = replace(machine.services.get(name, Service()), **more)
    machine.features.update(wish.get("features", {}))
    for path, values in wish.get("registry", {}).items():
        if values is None:
            machine.registry.remove(path)
            continue
        machine.registry.make(path)
        for name, value in values.items():
            _put(machine.registry.keys[path], name, value and (value[0], tuple(value[1])))
    for path, text in wish.get("files", {}).items():
        _put(machine.files, path, None if text is None else text.encode("latin-1"))
    for path, facts in wish.get("facts", {}).items():
        machine.facts_of(path).update(facts)


def _put(there: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        there.pop(name, None)
    else:
        there[name] = value


WISHES: dict[str, Callable[[Machine, dict[str, Any]], None]] = {
    "state": lambda _machine, _wish: None,
    "faults": lambda machine, wish: machine.give(wish["faults"]),
    "pending": lambda machine, wish: machine.pending.update(wish["reasons"]),
    "offer": _offer,
    "answer": _answer,
    "change": _change,
    "power": _power,
}


class Door(socketserver.ThreadingUnixStreamServer):
    """Serves wishes at a path; only its owner may use it."""

    daemon_threads = True

    def __init__(self, machine: Machine, path: Path) -> None:
        super().__init__(str(path), _Visitor)
        path.chmod(0o600)
        self.machine = machine

    def open(self) -> None:
        """Serve in the background."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Visitor(socketserver.StreamRequestHandler):
    server: Door

    def handle(self) -> None:
        """Answer line by line."""
        for line in self.rfile:
            try:
                answer: dict[str, Any] = {"state": perform(self.server.machine, json.loads(line))}
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Control:
    """The other side of the door."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wish(self, do: str, **more: Any) -> dict[str, Any]:
        """Have something done; returns how the machine is then. Raises RuntimeError when it was refused."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(10)
            door.connect(str(self._path))
            door.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
            answer = json.loads(door.makefile().readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return dict(answer["state"])

    def state(self) -> dict[str, Any]:
        """How the machine is."""
        return self.wish("state")

    def faults(self, **faults: Any) -> dict[str, Any]:
        """Set faults, by their names in ``machine.Faults``."""
        return self.wish("faults", faults=faults)
