# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows hosts: features, services, updates, firewall, registry, files and the domain; and how they are put back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.provider import (
    Declaration,
    Device,
    Reads,
    Timer,
    Unanswered,
    Unreadable,
    Usual,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import (
    windows_firewall,
    windows_reads,
    windows_tasks,
    windows_wanted,
)

MOST_BYTES = 16 * 1024 * 1024
MOST_VALUES = 5000
"""What the chosen files, and the chosen keys, may have at most."""

_SESSION_SERVICE = re.compile(r".+_[0-9a-f]{3,16}\Z")
_STEADY = {"start_pending": "started", "continue_pending": "started", "stop_pending": "stopped",
           "pause_pending": "paused"}  # fmt: skip
_BY_ITSELF = ("manual", "boot", "system")


class Windows(Usual):
    """Provider for Windows Server.

    ``files``: whole paths of files to keep. ``registry``: keys to keep with all that is in them, of HKLM, HKU or HKCR.
    ``restart``: services that read those only when they start: when some were put back, those that run are restarted.
    Raises HoldfastError for what cannot be kept.
    """

    declaration = Declaration(
        "windows",
        ("windows",),
        (
            Reads("features", "which roles and features are installed"),
            Reads("services", "how services start, as whom, and which of those that start by themselves run"),
            Reads("updates", "which updates are installed", restored=False),
            Reads("firewall", "profiles of the firewall, and its local rules"),
            Reads("registry", "chosen keys of the registry: values with their types"),
            Reads("files", "chosen files: what they hold, attributes, owner and permissions"),
            Reads("domain", "the name of the host and its domain or workgroup", restored=False),
        ),
        "a script on the host writes firewall, registry, files, services and features back, and takes away what is too "
        "much; updates and the domain stay as they are",
        exact=True,
        reverts="a scheduled task",
    )

    def __init__(self, *, files: Sequence[str] = (), registry: Sequence[str] = (), restart: Sequence[str] = ()) -> None:
        self._files = windows_wanted.chosen_files(files)
        self._keys = windows_wanted.chosen_keys(registry)
        self._restart = windows_wanted.chosen_services(restart)
        self._restored = tuple(each.section for each in self.declaration.reads if each.restored)
        self.timer: Optional[Timer] = windows_tasks.TaskTimer(self._restored)

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """As the port says: one module on the host for each section, none where nothing was chosen."""
        self.declaration.section(section)
        readers = {
            "features": _features,
            "services": _services,
            "updates": _updates,
            "firewall": _firewall,
            "registry": self._registry,
            "files": self._read_files,
            "domain": _domain,
        }
        try:
            return readers[section](device)
        except (Unanswered, Unreadable):
            raise
        except HoldfastError as error:
            raise Unreadable(str(error)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable(f"the host's answer is not what was asked for: {type(error).__name__}: {error}") from error

    def notes(self, device: Device) -> Mapping[str, str]:
        """What a restore needs and what is no state: which services are restarted."""
        del device
        return {windows_wanted.RESTART: "\n".join(self._restart)} if self._restart else {}

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """As the port says; only the sections in which something differs."""
        changed = {change.place.section for change in difference.changes}
        sections = [name for name in self._restored if name in changed and name in wanted.sections]
        return windows_tasks.run(device, wanted, sections) if sections else ()

    def _registry(self, device: Device) -> dict[str, Any]:
        if not self._keys:
            return {}
        given = {"Keys": [{"hive": hive, "key": key} for hive, key in self._keys], "Most": MOST_VALUES}
        found = windows_tasks.ask(device, windows_reads.REGISTRY, given, secret=True)
        return windows_wanted.registry_items(found["keys"])

    def _read_files(self, device: Device) -> dict[str, Any]:
        if not self._files:
            return {}
        given = {"Paths": list(self._files), "MostBytes": MOST_BYTES}
        return windows_wanted.file_items(windows_tasks.ask(device, windows_reads.FILES, given, secret=True)["files"])


def _features(device: Device) -> dict[str, Any]:
    found = windows_tasks.ask(device, windows_reads.FEATURES, {})["features"]
    states = {True: windows_wanted.INSTALLED, False: windows_wanted.ABSENT}
    return {str(each["name"]): states[bool(each["installed"])] for each in found}


def _services(device: Device) -> dict[str, Any]:
    """Services but those of a session, which come and go with logons under names that end in its number."""
    found = {}
    for each in device.run("ansible.windows.win_service_info", {"name": "*"})["services"]:
        name = str(each["name"])
        if str(each.get("service_type")).startswith("user_") and _SESSION_SERVICE.match(name):
            continue
        item = {"start_mode": each["start_mode"], "account": each.get("username") or ""}
        if each["start_mode"] not in _BY_ITSELF and not each.get("triggers"):
            # One that others or events start comes and goes by itself; whether it runs says nothing.
            item["state"] = _STEADY.get(each["state"], each["state"])
        found[name] = item
    return found


def _updates(device: Device) -> dict[str, Any]:
    found = windows_tasks.ask(device, windows_reads.UPDATES, {})["updates"]
    return {str(each["name"]): str(each["description"]) for each in found}


def _firewall(device: Device) -> dict[str, Any]:
    found = windows_tasks.ask(device, windows_reads.FIREWALL, {})
    profiles = {f"{windows_wanted.PROFILE}{each['name']}": dict(each["settings"]) for each in found["profiles"]}
    rules = {
        f"{windows_wanted.RULE}{each['name']}": windows_firewall.item(str(each["definition"]))
        for each in found["rules"]
    }
    return {**profiles, **rules}


def _domain(device: Device) -> dict[str, Any]:
    found = windows_tasks.ask(device, windows_reads.DOMAIN, {})
    member = bool(found["member"])
    return {"membership": {"name": found["name"], "domain": found["domain"] if member else "",
                           "workgroup": "" if member else found["workgroup"]}}  # fmt: skip
