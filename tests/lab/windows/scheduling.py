# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled tasks of the machine: they run by its own clock, whoever reaches it, and outlive a reboot.

Modelled are tasks as ``windows_scripts`` registers them: once at a time, with the start of the machine, or by order;
a time that passed while the machine was down is made good ten minutes after its start. What they run is known by its
whole text.
"""

from __future__ import annotations

import threading
import time

from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.windows_restore import RESTORE

from .machine import Machine, Task
from .restoring import Restoring

MISSED = 600.0
"""Seconds after a start until Windows begins a task whose time it missed (taskSettings, StartWhenAvailable)."""


def watch(machine: Machine) -> None:
    """Look after the tasks for ever."""
    while True:
        tick(machine)
        time.sleep(0.05)


def tick(machine: Machine) -> None:
    """Begin whatever is due now."""
    with machine.lock:
        if not machine.up or machine.services["Schedule"].state != "running":
            return
        for task in list(machine.tasks.values()):
            if task.state == "Ready" and _due(machine, task):
                begin(machine, task)


def _due(machine: Machine, task: Task) -> bool:
    started = machine.booted_at + machine.faults.boot_task_seconds
    if task.boot != machine.boots and time.time() >= started:
        task.boot = machine.boots
        return True
    if task.deadline is None or not task.next or machine.clock < task.deadline:
        return False
    missed = task.made != machine.boots and task.deadline < machine.last_boot
    if missed and machine.clock < machine.last_boot + MISSED:
        return False
    task.next = False
    return True


def begin(machine: Machine, task: Task) -> None:
    """Run a task in the background, as a process of its own would."""
    task.state = "Running"
    machine.note(f"task {task.name} begins")
    threading.Thread(target=_run, args=(machine, task, machine.boots), daemon=True).start()


def _run(machine: Machine, task: Task, boot: int) -> None:
    try:
        _restore(machine, task, boot)
    except Exception as error:
        machine.note(f"the double itself failed: {type(error).__name__}: {error}")
    finally:
        with machine.lock:
            task.state = "Ready"


def _restore(machine: Machine, task: Task, boot: int) -> None:
    """The model of the script: its beginning, the time that it takes, and its work."""
    files, folder = machine.files, task.folder
    with machine.lock:
        if files.get(f"{folder}\\restore.ps1") != RESTORE.encode("ascii"):
            machine.note(f"not modelled: the script of the task {task.name}")
            return
        if f"{folder}\\outcome.json" in files:
            return
        deadline = files.get(f"{folder}\\deadline")
        if deadline is not None and machine.clock < seconds(int(deadline)) - 1:
            return
        files.pop(f"{folder}\\reserve", None)
        if files.setdefault(f"{folder}\\claim", b"reverting") == b"disarmed":
            return
        machine.note(f"task {task.name} reverts")
    until = time.monotonic() + machine.faults.restore_seconds
    while time.monotonic() < until:
        if machine.boots != boot or not machine.up:
            return
        time.sleep(0.02)
    with machine.lock:
        if machine.boots == boot and machine.up:
            Restoring(machine, folder).run()
            machine.tasks.pop(task.name, None)


def seconds(filetime: int) -> float:
    """Seconds since 1970 from a time as Windows counts it."""
    return filetime / 10_000_000 - 11644473600
