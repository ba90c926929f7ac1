# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modelled machine: what it is, what becomes of it when it reboots, and the faults it can be given.

One lock guards everything. A reboot is a thread; whoever talks to the machine asks ``serving`` first.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, fields
from typing import Any, Optional

from .firewall import admitted, usual_profiles, usual_rules
from .outcome import Outcome
from .registry import Registry

SERVICING, WINDOWS_UPDATE = "servicing", "windows update"
REASONS = (SERVICING, WINDOWS_UPDATE, "file renames", "computer name")
"""Why a reboot can be pending, in the order in which the scripts look."""

LATER = 5.0
"""Seconds that a waiting thread sleeps at most before it looks again whether its fault was taken away."""


@dataclass
class Service:
    """A service: ``running`` or ``stopped``, and whether it starts by itself (``auto``, ``delayed``, ``manual``,
    ``disabled``). ``triggered``: events start it. ``kind``: as win_service_info names types.
    """

    state: str = "running"
    start_mode: str = "auto"
    display_name: str = ""
    account: str = "NT AUTHORITY\\SYSTEM"
    triggered: bool = False
    kind: str = "win32_own_process"


@dataclass
class Task:
    """A scheduled task that runs ``restore.ps1`` of a folder.

    ``deadline``: when it runs once, by the machine's clock; None for one that is only started. ``made``: in which boot
    it was registered. ``boot``: the boot of which its start with the machine was seen to. ``next``: whether its time is
    still to come.
    """

    name: str
    folder: str
    deadline: Optional[float]
    made: int
    boot: int
    next: bool = True
    state: str = "Ready"


@dataclass
class Update:
    """An update that the machine's update server offers.

    ``reboot``: it needs one. ``stage``: ``offered``, ``downloaded``, ``waiting`` (for a reboot),
    ``installed``.
    """

    kb: str
    title: str
    categories: list[str]
    reboot: bool = False
    optional: bool = False
    stage: str = "offered"

    @property
    def identity(self) -> str:
        """Its GUID, made from its number so that it is the same in every run."""
        return f"00000000-0000-4000-8000-{int(self.kb[2:]):012d}"


@dataclass
class Faults:
    """What goes wrong. Everything may be changed at any time."""

    never_returns: bool = False
    ignores_reboot: bool = False
    refuses_reboot: str = ""
    boot_seconds: float = 1.0
    ready_seconds: float = 0.0
    reboots_again: int = 0
    stays_pending: bool = False
    services_down: list[str] = field(default_factory=list)
    clock_jump: float = 0.0
    silent: bool = False
    drop_next: int = 0
    failing_updates: dict[str, int] = field(default_factory=dict)
    no_tasks: bool = False
    boot_task_seconds: float = 15.0
    restore_seconds: float = 0.0
    locked_files: list[str] = field(default_factory=list)
    install_seconds: float = 0.1


def usual_services() -> dict[str, Service]:
    """A few services that every Windows server has, and the one of the application."""
    return {
        "wuauserv": Service("stopped", "manual", "Windows Update", triggered=True),
        "Spooler": Service(display_name="Print Spooler"),
        "W3SVC": Service(display_name="World Wide Web Publishing Service"),
        "WinRM": Service(display_name="Windows Remote Management (WS-Management)",
                         account="NT AUTHORITY\\NETWORK SERVICE"),
        "Schedule": Service(display_name="Task Scheduler"),
        "sppsvc": Service("stopped", "delayed", "Software Protection", "NT AUTHORITY\\NETWORK SERVICE", True),
        "CDPUserSvc_4f2d1": Service(display_name="Connected Devices Platform User Service", account="",
                                    kind="user_share_process"),
    }  # fmt: skip


def usual_updates() -> dict[str, Update]:
    """One update of each kind that matters: with and without a reboot, of other categories, optional."""
    listed = (
        Update("KB5034770", "2026-02 Cumulative Update for Windows Server 2022", ["Security Updates"], reboot=True),
        Update("KB5034682", "2026-02 Cumulative Update for .NET Framework 4.8", ["Update Rollups"]),
        Update("KB890830", "Windows Malicious Software Removal Tool", ["Update Rollups", "Windows Server 2022"]),
        Update("KB5001716", "Update for Windows Update Service components", ["Critical Updates"]),
        Update("KB4023057", "Update for Windows Server 2022", ["Updates"], optional=True),
    )
    return {update.kb: update for update in listed}


class Machine:
    """A Windows server. ``boots`` counts its boots; whatever lives in memory only is lost with each."""

    def __init__(self, name: str = "WIN1", user: str = "ansible", password: str = "Secret1!") -> None:
        self.lock = threading.RLock()
        self.name, self.user, self.password = name, user, password
        self.version = "10.0.20348"
        self.faults = Faults()
        self.services = usual_services()
        self.updates = usual_updates()
        self.hotfixes = {"KB5030999"}
        self.features = {"Web-Server": True, "FS-SMB1": True}
        self.files: dict[str, bytes] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.folders: dict[str, str] = {}
        self.profiles, self.rules = usual_profiles(), usual_rules()
        self.registry = Registry()
        self.tasks: dict[str, Task] = {}
        self.answers: dict[str, Outcome] = {}
        self.log: list[str] = []
        self.pending: set[str] = set()
        self.boots = 1
        self.booted_at = time.time()
        self.ready_at = self.booted_at
        self.up = True
        self.going_down = False

    @property
    def clock(self) -> float:
        """The machine's own clock, in seconds since 1970."""
        return time.time() + self.faults.clock_jump

    @property
    def last_boot(self) -> float:
        """When it booted, as Windows says it: counted back from its clock, so that a clock that jumps moves it."""
        return self.booted_at + self.faults.clock_jump

    @property
    def ready(self) -> bool:
        """Whether it offers a logon."""
        return self.up and time.time() >= self.ready_at

    def serving(self) -> bool:
        """Whether a request gets an answer; counts one that is to be dropped."""
        with self.lock:
            if self.faults.drop_next > 0:
                self.faults.drop_next -= 1
                return False
            return self.reachable

    @property
    def reachable(self) -> bool:
        """Whether management gets through: the machine is up, its WinRM runs, and its firewall lets in."""
        with self.lock:
            running = self.services["WinRM"].state == "running" if "WinRM" in self.services else False
            return self.up and running and admitted(self.profiles, self.rules)

    def facts_of(self, path: str) -> dict[str, str]:
        """Attributes and permissions of a file; those that its folder passes on where nobody has said more."""
        usual = {"attributes": "Normal", "sddl": "O:BAG:SYD:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)"}
        return self.facts.setdefault(path, usual)

    def local_rules(self) -> list[str]:
        """The rules of the firewall but those of a user's apps."""
        return [name for name, definition in self.rules.items() if "|LUOwn=" not in definition]

    def reasons(self) -> list[str]:
        """Why a reboot is pending."""
        with self.lock:
            return [reason for reason in REASONS if reason in self.pending]

    def note(self, what: str) -> None:
        """Remember what was asked for; tests read it."""
        with self.lock:
            self.log.append(what)

    def order_reboot(self, delay: float) -> str:
        """Reboot after some seconds; says why not."""
        with self.lock:
            self.note("reboot ordered")
            if self.faults.refuses_reboot:
                return self.faults.refuses_reboot
            if self.going_down:
                return "A system shutdown has already been scheduled.(1190)"
            if not self.faults.ignores_reboot:
                self.going_down = True
                threading.Thread(target=self._reboot, args=(delay,), daemon=True).start()
            return ""

    def _reboot(self, delay: float) -> None:
        time.sleep(delay)
        self.power_off()
        time.sleep(self.faults.boot_seconds)
        while self.faults.never_returns:
            time.sleep(min(0.1, LATER))
        self.power_on()
        if self.faults.reboots_again > 0:
            self.faults.reboots_again -= 1
            time.sleep(1)
            self._reboot(0)

    def power_off(self) -> None:
        """From now on nobody gets an answer."""
        with self.lock:
            self.up = False

    def power_on(self) -> None:
        """Boot: what waited for a reboot is completed, services start, and nothing in memory is left."""
        with self.lock:
            for update in self.updates.values():
                if update.stage == "waiting":
                    update.stage = "installed"
                    self.hotfixes.add(update.kb)
            if not self.faults.stays_pending:
                self.pending.clear()
            for name, service in self.services.items():
                starts = service.start_mode == "auto" and name not in self.faults.services_down
                service.state = "running" if starts else "stopped"
            self.boots += 1
            self.booted_at = time.time()
            self.ready_at = self.booted_at + self.faults.ready_seconds
            self.going_down, self.up = False, True

    def give(self, faults: dict[str, Any]) -> None:
        """Set faults by name. Raises ValueError for one that does not exist."""
        unknown = sorted(set(faults) - {each.name for each in fields(Faults)})
        if unknown:
            raise ValueError(f"no fault '{unknown[0]}'; there are {', '.join(each.name for each in fields(Faults))}")
        with self.lock:
            for name, value in faults.items():
                setattr(self.faults, name, value)

    def state(self) -> dict[str, Any]:
        """What a test may look at."""
        with self.lock:
            return {
                "up": self.up,
                "boots": self.boots,
                "booted_at": self.booted_at,
                "pending": self.reasons(),
                "hotfixes": sorted(self.hotfixes),
                "updates": {kb: update.stage for kb, update in self.updates.items()},
                "services": {name: service.state for name, service in self.services.items()},
                "features": dict(self.features),
                "files": {path: len(data) for path, data in self.files.items()},
                "log": list(self.log),
                "reachable": self.reachable,
                "start_modes": {name: service.start_mode for name, service in self.services.items()},
                "firewall": {name: dict(settings) for name, settings in self.profiles.items()},
                "rules": dict(self.rules),
                "registry": {
                    path: {name: [kind, list(data)] for name, (kind, data) in key.items()}
                    for path, key in self.registry.keys.items()
                },
                "contents": {path: data.decode("latin-1") for path, data in self.files.items()},
                "facts": {path: dict(facts) for path, facts in self.facts.items()},
                "folders": dict(self.folders),
                "tasks": {name: task.state for name, task in self.tasks.items()},
            }
