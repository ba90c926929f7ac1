# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco IOS and IOS XE: the running and the startup configuration, replaced exactly by the device itself.

Sources: *Configuration Replace and Configuration Rollback* and *Configuration Rollback Confirmed Change*, Managing
Configuration Files Configuration Guide, Cisco IOS XE. The device needs a user of privilege 15 (or ``become`` with
``enable``), and for its timer ``archive`` with ``path``.
"""

from __future__ import annotations

import hashlib
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
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import cisco_ios_texts as texts

CONFIG, STARTUP = "config", "startup"
RUNNING_ITEM, STARTUP_ITEM = "running", "startup"
RESTORE_FILE = "holdfast-restore.cfg"


class CiscoIos(Usual):
    """The provider. ``filesystem``: where its files are on the device, such as ``flash:`` or ``bootflash:``."""

    declaration = Declaration(
        name="cisco_ios",
        platforms=("cisco_ios",),
        reads=(
            Reads(CONFIG, "the running configuration"),
            Reads(STARTUP, "the startup configuration, to which a reload leads"),
        ),
        restores="configure replace, by the device itself",
        exact=True,
        reverts="configure terminal revert timer, in whole minutes; a reload reverts as well, for nothing is saved",
    )

    def __init__(self, *, filesystem: str = "flash:") -> None:
        if not re.fullmatch(r"[A-Za-z][\w-]*:", filesystem):
            raise HoldfastError(f"'{filesystem}' is no file system of IOS; right would be flash: or bootflash:")
        self.filesystem = filesystem

    @property
    def timer(self) -> Timer:
        """The timer of the device."""
        from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers.cisco_ios_timer import RevertTimer

        return RevertTimer(self)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(self, device: Device, section: str) -> Mapping[str, Any]:
        """The configuration of a section; see ``Provider.read``."""
        name = self.declaration.section(section).section
        try:
            text = self.shown(device, name)
        except Unanswered:
            raise
        except HoldfastError as error:
            raise Unreadable(str(error)) from error
        return {RUNNING_ITEM if name == CONFIG else STARTUP_ITEM: text}

    def shown(self, device: Device, section: str) -> str:
        """A configuration from its first command on. Raises HoldfastError when it is not there or not whole."""
        command = "show running-config" if section == CONFIG else "show startup-config"
        text = texts.without_header(self.ask(device, command, secret=True))
        if section == STARTUP and "startup-config is not present" in text:
            raise HoldfastError(
                "there is no startup configuration: after a reload the device would have none at all; save one "
                "(copy running-config startup-config)"
            )
        if not texts.complete(text):
            raise HoldfastError(
                f"'{command}' did not end with a line 'end', so it is not whole; may the user see everything "
                "(privilege 15)?"
            )
        return text

    # --- restoring ---------------------------------------------------------------------------------------------------

    def restore(self, device: Device, wanted: Snapshot, difference: Difference) -> Sequence[str]:
        """Replace what differs; see ``Provider.restore``."""
        changed = {change.place.section for change in difference.changes}
        done = []
        if CONFIG in changed:
            done.append(self._replace(device, _text(wanted, CONFIG, RUNNING_ITEM)))
        if STARTUP in changed:
            done.append(self._save(device, _text(wanted, STARTUP, STARTUP_ITEM)))
        return done

    def _replace(self, device: Device, text: str) -> str:
        path, ours = self._file(device, text)
        try:
            said = self.ask(device, f"configure replace {path} force", secret=True)
        finally:
            if ours:
                self.delete(device, RESTORE_FILE)
        if "Rollback Done" not in said:
            raise HoldfastError(f"'configure replace' did not succeed: {texts.brief(said)}")
        passes = re.search(r"Total number of passes: *(\d+)", said)
        return f"configure replace {path} force" + (f" ({passes.group(1)} passes)" if passes else "")

    def _save(self, device: Device, text: str) -> str:
        if texts.saved(self.shown(device, CONFIG), text):
            self.save(device)
            return "copy running-config startup-config"
        path, ours = self._file(device, text)
        try:
            self.copy(device, path, "startup-config")
        finally:
            if ours:
                self.delete(device, RESTORE_FILE)
        return f"copy {path} startup-config"

    def _file(self, device: Device, text: str) -> tuple[str, bool]:
        """A file on the device that says this, and whether it was made for it. One that is there already will do."""
        wanted = texts.as_file(text)
        for token in self.tokens(device):
            path = f"{self.filesystem}{token}.cfg"
            try:
                if texts.same(self.ask(device, f"more {path}", secret=True), text):
                    return path, False
            except Unanswered:
                raise
            except HoldfastError:
                continue  # it is gone meanwhile, or cannot be shown; another one will do
        path = f"{self.filesystem}{RESTORE_FILE}"
        self._write(device, path, wanted.encode("utf-8", "surrogateescape"))
        return path, True

    def _write(self, device: Device, path: str, data: bytes) -> None:
        """Write a file by what every session can do, and let the device say what it has then."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()  # the only one that every IOS computes
        device.run("cisco.ios.ios_command", {"commands": texts.typed(path, data)}, secret=True)
        said = self.ask(device, f"verify /md5 {path}")
        if digest not in said.lower():
            raise HoldfastError(
                f"{path} is not what was written into it ({texts.brief(said)}); is there room, and has this IOS tclsh?"
            )

    # --- what stays --------------------------------------------------------------------------------------------------

    def keep(self, device: Device) -> Sequence[str]:
        """Save the running configuration; see ``Provider.keep``."""
        self.save(device)
        return ["copy running-config startup-config"]

    def save(self, device: Device) -> None:
        """Save the running configuration, and see that it is saved. Raises HoldfastError."""
        self.copy(device, "running-config", "startup-config")
        if not texts.saved(self.shown(device, CONFIG), self.shown(device, STARTUP)):
            raise HoldfastError("the running configuration was saved, and the startup configuration is another one")

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(self, device: Device, command: str, secret: bool = False, prompt: Optional[str] = None) -> str:
        """What the device says to a command; with ``prompt`` its question is answered by the return key alone."""
        arguments: dict[str, Any] = {"command": command}
        if prompt is not None:
            arguments.update(prompt=[prompt], answer=[""])
        return str(device.run("ansible.netcommon.cli_command", arguments, secret).get("stdout", ""))

    def copy(self, device: Device, source: str, target: str) -> None:
        """Copy a file or a configuration on the device. Raises HoldfastError."""
        said = self.ask(device, f"copy {source} {target}", prompt=r"Destination filename \[.*\]\?")
        if not re.search(r"\[OK\]|bytes copied", said):
            raise HoldfastError(f"'copy {source} {target}' did not succeed: {texts.brief(said)}")

    def delete(self, device: Device, name: str) -> None:
        """Delete a file on the device. Raises HoldfastError."""
        self.ask(device, f"delete /force {self.filesystem}{name}")

    def tokens(self, device: Device) -> list[str]:
        """The guards whose files are on the device."""
        listed = self.ask(device, f"show {self.filesystem} | include holdfast-")
        return [token for token in texts.tokens(listed) if f"{token}.cfg" != RESTORE_FILE]


def _text(wanted: Snapshot, section: str, item: str) -> str:
    try:
        return str(wanted.sections[section][item])
    except KeyError as error:
        raise HoldfastError(f"the snapshot does not hold {section}/{item}, so it cannot be restored") from error
