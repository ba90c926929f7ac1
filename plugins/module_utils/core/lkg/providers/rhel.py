# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider of Red Hat Enterprise Linux and its kin: what is read, and that a bundle puts it back.

Each section is one program that runs on the host (``rhel_programs``), so one round trip. What is state and what comes
and goes by itself is data (``rhel_choices``). Files are two items each, ``PATH`` with what they hold and
``attributes:PATH``, so that what they hold stays to the byte and a rule finds the secrets in it. A folder that is an
item is complete: what else is in it later is too much.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.bundles import Bundle
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.compare import Difference
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.model import Snapshot, decoded
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
    rhel_bundle,
    rhel_choices,
    rhel_firewall,
)
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel_bundle import ATTRIBUTES, HISTORY
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.rhel_programs import LAUNCHER, program
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.systemd_timer import SystemdTimer, run_bundle

_FEW = 5


class Rhel(Usual):
    """The provider ``rhel``.

    ``files``: paths of files and folders to keep besides the usual ones (``rhel_choices.FILES``); ``without``: usual
    ones to leave out. ``sysctl``: keys to keep besides the usual ones, such as those of a module. Raises HoldfastError
    for paths that cannot be kept.
    """

    declaration = Declaration(
        "rhel",
        ("rhel",),
        (
            Reads("packages", "which packages are installed, in which version"),
            Reads("units", "which services, timers, sockets and paths are enabled, and which of them run"),
            Reads("files", "chosen files: what they hold, mode, owner, group and SELinux label"),
            Reads("sysctl", "settings of the kernel"),
            Reads("firewall", "tables of nftables, of iptables, and the configuration of firewalld"),
            Reads("mounts", "what is mounted where, with which options"),
            Reads("users", "users, groups and their passwords"),
        ),
        "a script on the host writes files, users, settings, firewall and units back and lets dnf change packages",
        exact=True,
        reverts="an enabled timer of systemd",
    )

    def __init__(self, *, files: Sequence[str] = (), without: Sequence[str] = (), sysctl: Sequence[str] = ()) -> None:
        self._files = rhel_choices.chosen(files, without)
        self._sysctl = tuple(sysctl)
        self.timer: Optional[Timer] = SystemdTimer(self, "rhel")

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """As the port says; each section is one module on the host, the firewall two where firewalld runs."""
        self.declaration.section(section)
        if section == "files":
            return _files(device, self._files)
        if section == "users":
            return _files(device, rhel_choices.USERS)
        if section == "firewall":
            return _firewall(device)
        found: Mapping[str, Any] = _ask(device, section, self._given(section), secret=section == "sysctl")
        return found

    def notes(self, device: Device) -> Mapping[str, str]:
        """What a restore may need and what is no state: the number of dnf's last transaction."""
        last = str(_ask(device, "history", {}))
        return {HISTORY: last} if last else {}

    def bundle(self, wanted: Snapshot) -> Bundle:
        """As the port says: every section that the snapshot has."""
        return rhel_bundle.bundle(wanted, tuple(wanted.sections))

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """As the port says; only the sections in which something differs.

        Where packages do, it is all of them: packages bring and take away files, users and units.
        """
        sections = {change.place.section for change in difference.changes} & set(wanted.sections)
        if not sections:
            return ()
        if "packages" in sections:
            sections = set(wanted.sections)
        return run_bundle(device, rhel_bundle.bundle(wanted, tuple(sorted(sections))))

    def _given(self, section: str) -> dict[str, Any]:
        return {
            "units": {"passing": rhel_choices.PASSING_UNITS, "fixed": rhel_choices.FIXED},
            "sysctl": {
                "families": rhel_choices.FAMILIES,
                "passing": rhel_choices.PASSING_SETTINGS,
                "keys": self._sysctl,
            },
            "mounts": {"kinds": rhel_choices.PASSING_KINDS, "below": rhel_choices.PASSING_MOUNTS},
        }.get(section, {})


def _ask(device: Device, name: str, given: Mapping[str, Any], secret: bool = False) -> Any:
    """Run a program of ``rhel_programs``; what it found. Raises Unreadable with its reasons, and Unanswered."""
    arguments = {"argv": ["/bin/sh", "-c", LAUNCHER], "stdin": program(name, given)}
    try:
        said = str(device.run("ansible.builtin.command", arguments, secret=secret)["stdout"])
        answer = json.loads(said)
        problems, found = list(answer["problems"]), answer["found"]
    except Unanswered:
        raise
    except HoldfastError as error:
        raise Unreadable(str(error)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"the host's answer is not what was asked for: {error}") from error
    if problems:
        more = f", and {len(problems) - _FEW} more" if len(problems) > _FEW else ""
        raise Unreadable("; ".join(problems[:_FEW]) + more)
    return found


def _files(device: Device, paths: Sequence[str]) -> dict[str, Any]:
    """Files by their paths, each with its attributes."""
    given = {
        "paths": list(paths),
        "most_files": rhel_choices.MOST_FILES,
        "most_bytes": rhel_choices.MOST_BYTES,
        "most_bytes_of_one": rhel_choices.MOST_BYTES_OF_ONE,
    }
    found: dict[str, Any] = {}
    for path, entry in _ask(device, "files", given, secret=True).items():
        found[f"{ATTRIBUTES}{path}"] = dict(entry["attributes"])
        if "content" in entry:
            try:
                found[path] = decoded(base64.b64decode(entry["content"], validate=True))
            except binascii.Error as error:
                raise Unreadable(f"{path}: what the host said of it cannot be read: {error}") from error
    return found


def _firewall(device: Device) -> dict[str, Any]:
    found = rhel_firewall.items(_ask(device, "firewall", {}))
    if rhel_firewall.ZONES in found:
        found.update(_files(device, [rhel_choices.FIREWALLD]))
    return found
