# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a credential type is: named fields to fill in, and injectors that hand the answers to a play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Field = dict[str, Any]

KINDS: Mapping[str, str] = {
    "ssh": "Machine",
    "vault": "Vault",
    "net": "Network",
    "scm": "Source Control",
    "cloud": "Cloud",
    "registry": "Container Registry",
    "token": "Personal Access Token",
    "insights": "Insights",
    "external": "External",
    "kubernetes": "Kubernetes",
    "galaxy": "Galaxy/Automation Hub",
    "cryptography": "Cryptography",
}
"""Kinds of credential types and their labels, in the order of the choices clients see."""

CUSTOM_KINDS = ("cloud", "net")
"""The kinds that people may make types of."""


@dataclass(frozen=True, slots=True)
class CredentialType:
    """A credential type, built in or made by somebody. ``inputs`` and ``injectors`` are read, never changed."""

    name: str
    kind: str
    namespace: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    injectors: Mapping[str, Any] = field(default_factory=dict)
    managed: bool = True

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields a credential of this type has."""
        return tuple(self.inputs.get("fields", ()))

    @property
    def defined_fields(self) -> tuple[str, ...]:
        """The ids of all fields."""
        return tuple(one["id"] for one in self.fields)

    @property
    def secret_fields(self) -> frozenset[str]:
        """The ids of the fields that are kept encrypted and never shown."""
        return frozenset(one["id"] for one in self.fields if one.get("secret") is True)

    @property
    def askable_fields(self) -> frozenset[str]:
        """The ids of the fields that may be left to whoever launches, with the value ``ASK``."""
        return frozenset(one["id"] for one in self.fields if one.get("ask_at_runtime") is True)

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The ids of the fields without which a job does not start (a credential may be saved without them)."""
        defined = self.defined_fields
        return tuple(name for name in self.inputs.get("required", ()) if name in defined)

    def default_for(self, field_id: str) -> Any:
        """What an empty value of a field stands for; None when there is no such field."""
        for one in self.fields:
            if one["id"] == field_id:
                if one.get("choices"):
                    return one["choices"][0]
                return False if one.get("type") == "boolean" else ""
        return None


def text(field_id: str, label: str, help_text: str = "", **more: Any) -> Field:
    """A field for a line of text."""
    return _field(field_id, label, "string", help_text, more)


def secret(field_id: str, label: str, help_text: str = "", **more: Any) -> Field:
    """A field for a text nobody gets to see again."""
    return _field(field_id, label, "string", help_text, {"secret": True, **more})


def flag(field_id: str, label: str, help_text: str = "", **more: Any) -> Field:
    """A field for yes or no."""
    return _field(field_id, label, "boolean", help_text, more)


def choice(field_id: str, label: str, help_text: str, choices: list[str], default: str, **more: Any) -> Field:
    """A field for one of several texts; AWX gives most of these no ``type``."""
    return _field(field_id, label, "", help_text, {"choices": choices, "default": default, **more})


def ssh_key(field_id: str, label: str, help_text: str = "") -> Field:
    """A field for a private key."""
    return _field(
        field_id, label, "string", help_text, {"format": "ssh_private_key", "secret": True, "multiline": True}
    )


def _field(field_id: str, label: str, kind: str, help_text: str, more: Mapping[str, Any]) -> Field:
    made: Field = {"id": field_id, "label": label}
    if kind:
        made["type"] = kind
    made.update(more)
    if help_text:
        made["help_text"] = help_text
    return made
