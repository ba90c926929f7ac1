# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts of this collection that run in win_powershell write, each known by its whole text.

A parameter that a script does not declare is not modelled, nor is a script that differs by one character.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import windows_reads as reads
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import windows_scripts as scripts

from . import scheduling
from .machine import Machine, Task
from .outcome import NotModelled
from .restoring import stage

Parameters = dict[str, Any]
GUARDS = scripts.FOLDER
_DECLARED = re.compile(r"\$(\w+)")
_HIVES = {"LocalMachine": "HKLM", "Users": "HKU", "ClassesRoot": "HKCR"}


class Wrong(Exception):
    """The script fails and says this."""


def answer(machine: Machine, script: str, parameters: Parameters) -> str:
    """What a script writes. Raises NotModelled."""
    known = SCRIPTS.get(script)
    if known is None:
        raise NotModelled(f"the script {script[:200]!r}")
    name, model = known
    declared = set(_DECLARED.findall(script.partition("\nparam(")[2].partition("\n")[0]))
    if set(parameters) != declared:
        raise NotModelled(f"the script '{name}' with the parameters {', '.join(sorted(parameters)) or '(none)'}")
    machine.note(f"script {name}")
    try:
        return json.dumps(model(machine, parameters))
    except Wrong as error:
        return json.dumps({"wrong": str(error)})


def _locked(model: Callable[[Machine, Parameters], dict[str, Any]]) -> Callable[[Machine, Parameters], dict[str, Any]]:
    def whole(machine: Machine, given: Parameters) -> dict[str, Any]:
        with machine.lock:
            return model(machine, given)

    return whole


# --- reading ---------------------------------------------------------------------------------------------------------


def _features(machine: Machine, _given: Parameters) -> dict[str, Any]:
    return {"features": [{"name": name, "installed": there} for name, there in machine.features.items()]}


def _updates(machine: Machine, _given: Parameters) -> dict[str, Any]:
    return {"updates": [{"name": name, "description": "Security Update"} for name in sorted(machine.hotfixes)]}


def _domain(machine: Machine, _given: Parameters) -> dict[str, Any]:
    return {"name": machine.name, "member": False, "domain": "WORKGROUP", "workgroup": "WORKGROUP"}


def _firewall(machine: Machine, _given: Parameters) -> dict[str, Any]:
    profiles = [{"name": name, "settings": dict(settings)} for name, settings in machine.profiles.items()]
    rules = [{"name": name, "definition": machine.rules[name]} for name in machine.local_rules()]
    return {"profiles": profiles, "rules": rules}


def _registry(machine: Machine, given: Parameters) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for chosen in given["Keys"]:
        root = f"{_HIVES[chosen['hive']]}:\\"
        paths = machine.registry.within(f"{root}{chosen['key']}")
        for path in paths:
            values = [
                {"name": name, "kind": kind, "data": list(data)}
                for name, (kind, data) in machine.registry.keys[path].items()
            ]
            key = path.removeprefix(root)
            found.append({"hive": chosen["hive"], "key": key, "exists": True, "values": values})
        if not paths:
            found.append({**chosen, "exists": False, "values": []})
    if sum(1 + len(each["values"]) for each in found) > given["Most"]:
        raise Wrong(f"there are more than {given['Most']} values in the chosen keys; choose smaller ones")
    return {"keys": found}


def _files(machine: Machine, given: Parameters) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    left = given["MostBytes"]
    for path in given["Paths"]:
        data = machine.files.get(path)
        if data is None and any(each.startswith(f"{path}\\") for each in machine.files):
            raise Wrong(f"{path} is a folder; choose the files in it")
        if data is None:
            found.append({"path": path, "exists": False})
            continue
        left -= len(data)
        if left < 0:
            raise Wrong(f"the chosen files have more than {given['MostBytes']} bytes; {path} is one too many")
        content = base64.b64encode(data).decode()
        found.append({"path": path, "exists": True, "content": content, **machine.facts_of(path)})
    return {"files": found}


# --- guards ----------------------------------------------------------------------------------------------------------


def _text(machine: Machine, path: str) -> str:
    return machine.files.get(path, b"").decode()


def _there(machine: Machine, folder: str) -> bool:
    return folder in machine.folders or any(path.startswith(f"{folder}\\") for path in machine.files)


def _remove(machine: Machine, token: str) -> None:
    machine.tasks.pop(token, None)
    folder = f"{GUARDS}\\{token}"
    machine.folders.pop(folder, None)
    for path in [path for path in machine.files if path.startswith(f"{folder}\\")]:
        del machine.files[path]


def _arm(machine: Machine, given: Parameters) -> dict[str, Any]:
    token = given["Token"]
    folder = f"{GUARDS}\\{token}"
    if machine.services["Schedule"].state != "running":
        raise Wrong("the Task Scheduler does not run there, so nothing would revert when nobody comes back")
    if token in machine.tasks or _there(machine, folder):
        raise Wrong(f"there is a guard named {token} already")
    if machine.faults.no_tasks:
        raise Wrong("Access is denied.")
    stage(machine, folder, given)
    machine.files[f"{folder}\\reserve"] = bytes(65536)
    deadline = float(int(machine.clock + given["Seconds"] + 1))
    machine.files[f"{folder}\\deadline"] = str(int((deadline + 11644473600) * 10_000_000)).encode()
    machine.tasks[token] = Task(token, folder, deadline, machine.boots, machine.boots)
    return {"left": deadline - machine.clock}


def _armed(machine: Machine, _given: Parameters) -> dict[str, Any]:
    folders = [path.removeprefix(f"{GUARDS}\\").partition("\\")[0] for path in machine.files if path.startswith(GUARDS)]
    found = []
    for token in sorted({*machine.tasks, *folders}):
        if not token.startswith("holdfast-"):
            continue
        folder, task = f"{GUARDS}\\{token}", machine.tasks.get(token)
        deadline = _text(machine, f"{folder}\\deadline")
        later = task is not None and task.next and task.deadline is not None and task.deadline > machine.clock
        found.append(
            {
                "token": token,
                "task": task.state if task else "",
                "next": task.deadline - machine.clock if later and task and task.deadline else None,
                "due": scheduling.seconds(int(deadline)) - machine.clock if deadline else None,
                "claim": _text(machine, f"{folder}\\claim"),
                "claimed": f"{folder}\\claim" in machine.files,
                "outcome": _text(machine, f"{folder}\\outcome.json"),
            }
        )
    return {"guards": found}


def _disarm(machine: Machine, given: Parameters) -> dict[str, Any]:
    token = given["Token"]
    folder = f"{GUARDS}\\{token}"
    begun = False
    if _there(machine, folder):
        begun = machine.files.setdefault(f"{folder}\\claim", b"disarmed") != b"disarmed"
    outcome = _text(machine, f"{folder}\\outcome.json")
    if not begun:
        _remove(machine, token)
    return {"begun": begun, "outcome": outcome}


def _outcome(machine: Machine, given: Parameters) -> dict[str, Any]:
    return {"outcome": _text(machine, f"{GUARDS}\\{given['Token']}\\outcome.json")}


def _run(machine: Machine, given: Parameters) -> dict[str, Any]:
    token = given["Token"]
    folder = f"{GUARDS}\\{token}"
    with machine.lock:
        task = machine.tasks.get(token)
        if task is not None and task.state == "Running":
            raise Wrong("this restore is at work already")
        _remove(machine, token)
        stage(machine, folder, given)
        task = machine.tasks[token] = Task(token, folder, None, machine.boots, machine.boots)
        scheduling.begin(machine, task)
    until = time.monotonic() + given["Seconds"]
    while not _text(machine, f"{folder}\\outcome.json"):
        if task.state != "Running" and not _text(machine, f"{folder}\\outcome.json"):
            raise NotModelled(f"a restore that ends without an outcome ({machine.log[-1]})")
        if time.monotonic() > until:
            raise Wrong(f"the restore has not ended after {given['Seconds']} seconds; it goes on there")
        time.sleep(0.02)
    with machine.lock:
        outcome = _text(machine, f"{folder}\\outcome.json")
        _remove(machine, token)
    return {"outcome": outcome}


SCRIPTS: dict[str, tuple[str, Callable[[Machine, Parameters], dict[str, Any]]]] = {
    reads.FEATURES: ("features", _locked(_features)),
    reads.UPDATES: ("updates", _locked(_updates)),
    reads.DOMAIN: ("domain", _locked(_domain)),
    reads.FIREWALL: ("firewall", _locked(_firewall)),
    reads.REGISTRY: ("registry", _locked(_registry)),
    reads.FILES: ("files", _locked(_files)),
    scripts.ARM: ("arm", _locked(_arm)),
    scripts.ARMED: ("armed", _locked(_armed)),
    scripts.DISARM: ("disarm", _locked(_disarm)),
    scripts.OUTCOME: ("outcome", _locked(_outcome)),
    scripts.RUN: ("run", _run),
}
"""Each script by its text: its name, and what stands for it."""
