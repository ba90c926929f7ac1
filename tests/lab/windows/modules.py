# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that the double models, and the options of each.

An option that the real module does not have is refused as the real one refuses it; one that it has and that is not
listed here is not modelled, and neither is any other module.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import powershell
from .envelope import ModuleCall
from .machine import Machine, Service
from .outcome import NotModelled, Outcome, said
from .scripts import answer
from .updating import UpdateJob

Result = dict[str, Any]
Model = Callable[["Host", ModuleCall], Result]

_SPEC_OPTION = re.compile(r"^\s*['\"]?(\w+)['\"]?\s*=\s*@\{", re.MULTILINE)
_LEGACY_OPTION = re.compile(r"-name\s+['\"](\w+)['\"]", re.IGNORECASE)


@dataclass
class Host:
    """The machine, and what its modules keep in memory."""

    machine: Machine
    jobs: dict[str, UpdateJob] = field(default_factory=dict)


def call(host: Host, request: ModuleCall) -> Outcome:
    """Run a module. Raises NotModelled."""
    name = request.name.replace("ansible.legacy.", "ansible.windows.").replace("ansible.builtin.", "ansible.windows.")
    name = name if "." in name else f"ansible.windows.{name}"
    known = MODULES.get(name)
    if known is None:
        raise NotModelled(f"the module {name}")
    model, options = known
    host.machine.note(f"{name.rpartition('.')[2]}{' (check)' if request.check else ''}")
    given = request.options
    strange = sorted(set(given) - real_options(request.source) - {"_raw_params"})
    if strange:
        return _ended(
            {"failed": True, "msg": f"Unsupported parameters for ({name}) module: {', '.join(strange)}"}, given
        )
    unknown = sorted(set(given) - options)
    if unknown:
        raise NotModelled(f"the option '{unknown[0]}' of the module {name}")
    return _ended(model(host, request), given)


def _ended(result: Result, given: Mapping[str, Any]) -> Outcome:
    result.setdefault("changed", False)
    result.setdefault("invocation", {"module_args": dict(given)})
    return said(result, 1 if result.get("failed") else 0)


def real_options(source: str) -> set[str]:
    """The names of options that the module's own text declares."""
    return {*_SPEC_OPTION.findall(source), *_LEGACY_OPTION.findall(source)}


def _ping(_host: Host, request: ModuleCall) -> Result:
    return {"ping": request.options.get("data", "pong")}


def _setup(host: Host, _request: ModuleCall) -> Result:
    machine = host.machine
    facts = {
        "os_family": "Windows",
        "distribution": "Microsoft Windows Server 2022 Standard",
        "distribution_version": f"{machine.version}.0",
        "distribution_major_version": "10",
        "hostname": machine.name,
        "nodename": machine.name,
        "system": "Win32NT",
        "kernel": f"{machine.version}.0",
        "architecture": "64-bit",
        "lastboot": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(machine.last_boot)),
        "reboot_pending": bool(machine.pending),
        "user_id": machine.user,
    }
    return {"ansible_facts": {f"ansible_{name}": value for name, value in facts.items()}}


def _shell(host: Host, request: ModuleCall) -> Result:
    script = str(request.options["_raw_params"]).strip()
    if request.check:
        return {"skipped": True, "msg": "remote module does not support check mode"}
    outcome = answer(host.machine, script)
    result: Result = {
        "changed": True,
        "cmd": script,
        "rc": outcome.status,
        "stdout": outcome.output,
        "stderr": outcome.errors,
    }
    return result if outcome.status == 0 else {**result, "failed": True, "msg": "non-zero return code"}


def _service(host: Host, request: ModuleCall) -> Result:
    options, name = request.options, str(request.options["name"])
    found = host.machine.services.get(name)
    if found is None:
        if "state" not in options and "start_mode" not in options:
            return {"exists": False, "name": name}
        why = f"Service '{name}' is not installed, need to set 'path' to create a new service"
        return {"failed": True, "msg": why}
    states = {"started": "running", "stopped": "stopped", "restarted": "running"}
    state = options.get("state")
    if state is not None and state not in states:
        raise NotModelled(f"the state '{state}' of the module ansible.windows.win_service")
    wanted = Service(states.get(str(state), found.state), options.get("start_mode") or found.start_mode)
    changed = state == "restarted" or (wanted.state, wanted.start_mode) != (found.state, found.start_mode)
    if not request.check:
        found.state, found.start_mode = wanted.state, wanted.start_mode
    return {"changed": changed, "exists": True, "name": name, "state": wanted.state, "start_mode": wanted.start_mode}


def _service_info(host: Host, request: ModuleCall) -> Result:
    wanted = request.options.get("name")
    chosen = {name: one for name, one in host.machine.services.items() if wanted in (None, "*", name)}
    services = [
        {"name": name, "display_name": one.display_name, "state": {"running": "started"}.get(one.state, one.state),
         "start_mode": one.start_mode, "username": one.account or None, "service_type": one.kind,
         "triggers": [{"action": "start_service", "type": "custom"}] if one.triggered else []}
        for name, one in chosen.items()
    ]  # fmt: skip
    return {"exists": bool(services), "services": services}


def _feature(host: Host, request: ModuleCall) -> Result:
    machine, names = host.machine, request.options["name"]
    wanted = request.options.get("state", "present") == "present"
    changing = []
    for name in names if isinstance(names, list) else [part.strip() for part in str(names).split(",")]:
        if name not in machine.features:
            return {"failed": True, "msg": f"Failed to find feature '{name}'"}
        if machine.features[name] != wanted:
            changing.append(name)
    reboot = "FS-SMB1" in changing
    if not request.check:
        machine.features.update(dict.fromkeys(changing, wanted))
        machine.pending.update({"servicing"} if reboot else ())
    exit_code = "SuccessRestartRequired" if reboot else "Success" if changing else "NoChangeNeeded"
    return {"changed": bool(changing), "reboot_required": reboot, "success": True, "exitcode": exit_code}


def _firewall(host: Host, request: ModuleCall) -> Result:
    options, changed = request.options, False
    names = {"inbound_action": "DefaultInboundAction", "outbound_action": "DefaultOutboundAction"}
    for profile in options.get("profiles", ["Domain", "Private", "Public"]):
        wanted = {"Enabled": "True" if options["state"] == "enabled" else "False"}
        for option, setting in names.items() if options["state"] == "enabled" else ():
            if options.get(option):
                wanted[setting] = str(options[option]).title().replace("_", "")
        now = host.machine.profiles[profile]
        changed = changed or any(now[name] != value for name, value in wanted.items())
        if not request.check:
            now.update(wanted)
    return {"changed": changed, "state": options["state"]}


def _powershell(host: Host, request: ModuleCall) -> Result:
    """Only the scripts of this collection, by their whole text, with parameters as they are declared."""
    options = request.options
    output = powershell.answer(host.machine, str(options["script"]), dict(options.get("parameters") or {}))
    if options.get("error_action") != "stop":
        raise NotModelled("win_powershell with another error_action than stop")
    return {"changed": False, "output": [output], "error": [], "host_out": "", "host_err": "", "result": {}}


def _updates(host: Host, request: ModuleCall) -> Result:
    options = request.options
    more = options.get("_operation_options") or {}
    if options.get("_operation", "start") == "start":
        if more:
            raise NotModelled("win_updates with async")
        name = f"Ansible.Windows.WinUpdates-{len(host.jobs) + 1}"
        host.jobs[name] = UpdateJob(host.machine, options, request.check)
        return {
            "poll_options": {"pipe_name": name},
            "cancel_options": {"cancel_id": f"Global\\{name}", "task_pid": 4711},
        }
    name = str(more.get("pipe_name") or more.get("cancel_id") or "").removeprefix("Global\\")
    job = host.jobs.get(name)
    if options["_operation"] == "cancel":
        if job is not None:
            job.cancelled = True
        return {}
    if job is None:
        return {"failed": True, "msg": "The operation has timed out."}
    return {"output": job.messages()}


_UPDATES = frozenset(
    ("accept_list", "category_names", "reject_list", "server_selection", "skip_optional", "state", "reboot",
     "reboot_timeout", "_operation", "_operation_options")
)  # fmt: skip

MODULES: dict[str, tuple[Model, frozenset[str]]] = {
    "ansible.windows.setup": (_setup, frozenset(("gather_subset", "gather_timeout", "filter", "fact_path"))),
    "ansible.windows.win_ping": (_ping, frozenset(("data",))),
    "ansible.windows.win_shell": (_shell, frozenset(("_raw_params", "no_profile"))),
    "ansible.windows.win_service": (_service, frozenset(("name", "state", "start_mode"))),
    "ansible.windows.win_service_info": (_service_info, frozenset(("name",))),
    "ansible.windows.win_feature": (_feature, frozenset(("name", "state"))),
    "ansible.windows.win_firewall": (_firewall, frozenset(("profiles", "state", "inbound_action", "outbound_action"))),
    "ansible.windows.win_powershell": (_powershell, frozenset(("script", "error_action", "parameters"))),
    "ansible.windows.win_updates": (_updates, _UPDATES),
}
"""Each modelled module, and the options of it that are modelled."""
