# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modelled registry: keys by their paths, values with their types."""

from __future__ import annotations

from dataclasses import dataclass, field

Value = tuple[str, tuple[str, ...]]
"""Kind, as .NET names it, and data: a text for each string, numbers as texts, bytes as base64."""
Key = dict[str, Value]

APP = "HKLM:\\SOFTWARE\\Example\\Web"


def usual_keys() -> dict[str, Key]:
    """The settings of an application, a value of each type among them."""
    return {
        "HKLM:\\SOFTWARE": {},
        "HKLM:\\SOFTWARE\\Example": {},
        APP: {
            "": ("String", ("the application",)),
            "Port": ("DWord", ("8080",)),
            "Mask": ("DWord", ("-1",)),
            "Quota": ("QWord", ("8589934592",)),
            "Root": ("ExpandString", ("%SystemDrive%\\inetpub",)),
            "Hosts": ("MultiString", ("web.example.org", "o'\"ther.example.org")),
            "Nobody": ("MultiString", ()),
            "Blob": ("Binary", ("AAECAw==",)),
            "Database Password": ("String", ("Registry-Secret-1",)),
        },
        f"{APP}\\Limits": {"Requests": ("DWord", ("100",))},
    }


@dataclass
class Registry:
    """``keys``: every key there is."""

    keys: dict[str, Key] = field(default_factory=usual_keys)

    def children(self, path: str) -> list[str]:
        """The keys directly below one."""
        return [each for each in self.keys if each.rpartition("\\")[0] == path]

    def within(self, path: str) -> list[str]:
        """A key and all below it, outer ones first; empty when it is not there."""
        return sorted(each for each in self.keys if each == path or each.startswith(f"{path}\\"))

    def make(self, path: str) -> None:
        """Make a key and those around it."""
        parts = path.split("\\")
        for length in range(2, len(parts) + 1):
            self.keys.setdefault("\\".join(parts[:length]), {})

    def remove(self, path: str) -> bool:
        """Remove a key with all below it; says whether it was there."""
        found = self.within(path)
        for each in found:
            del self.keys[each]
        return bool(found)
