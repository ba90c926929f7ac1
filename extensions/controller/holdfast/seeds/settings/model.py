# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a setting is: its name, its category, what it may be, and how it is described to clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "boolean",
    "integer",
    "string",
    "url",
    "choice",
    "list",
    "paths",
    "mounts",
    "dict",
    "variables",
    "token_lifetimes",
    "datetime",
    "id",
    "logo",
]

# What OPTIONS calls each kind.
_TYPES: Mapping[Kind, str] = {
    "boolean": "boolean",
    "integer": "integer",
    "string": "string",
    "url": "string",
    "choice": "choice",
    "list": "list",
    "paths": "list",
    "mounts": "list",
    "dict": "nested object",
    "variables": "nested object",
    "token_lifetimes": "nested object",
    "datetime": "datetime",
    "id": "field",
    "logo": "string",
}
_CHILDREN: Mapping[Kind, dict[str, Any]] = {
    "list": {"type": "string"},
    "paths": {"type": "string"},
    "mounts": {"type": "string"},
    "dict": {"type": "field"},
    "variables": {"type": "string"},
    "token_lifetimes": {"type": "integer", "min_value": 1},
}
_NOTHING = "---------"

CATEGORIES: Mapping[str, str] = {
    "all": "All",
    "authentication": "Authentication",
    "azuread-oauth2": "Azure AD OAuth2",
    "bulk": "Bulk Actions",
    "changed": "Changed",
    "debug": "Debug",
    "github": "GitHub OAuth2",
    "github-enterprise": "GitHub Enterprise OAuth2",
    "github-enterprise-org": "GitHub Enterprise Organization OAuth2",
    "github-enterprise-team": "GitHub Enterprise Team OAuth2",
    "github-org": "GitHub Organization OAuth2",
    "github-team": "GitHub Team OAuth2",
    "google-oauth2": "Google OAuth2",
    "jobs": "Jobs",
    "ldap": "LDAP",
    "logging": "Logging",
    "named-url": "Named URL",
    "oidc": "Generic OIDC",
    "radius": "RADIUS",
    "saml": "SAML",
    "system": "System",
    "tacacsplus": "TACACS+",
    "ui": "UI",
}
"""Slug -> name of every category, in the order clients see. `all` and `changed` hold settings of every other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. ``default`` is what it is as long as nobody has set it; ``required`` is what PUT must name."""

    name: str
    category: str
    kind: Kind
    label: str
    default: Any
    help_text: str = ""
    required: bool = False
    read_only: bool = False
    encrypted: bool = False
    supported: bool = True
    """Whether this controller can do what the setting asks for; one that it cannot keeps its default."""
    hidden: bool = False
    allow_blank: bool = False
    allow_null: bool = False
    min_value: int | None = None
    max_value: int | None = None
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    warning_text: str = ""
    placeholder: Any = None

    def shown(self, value: Any) -> Any:
        """The value as clients see it."""
        return "$encrypted$" if self.encrypted and isinstance(value, str) and value else value

    def metadata(self, method: str) -> dict[str, Any] | None:
        """How OPTIONS describes the setting for GET or PUT; None where it is not part of that method."""
        writing = method != "GET"
        if writing and self.read_only:
            return None
        found: dict[str, Any] = {"type": _TYPES[self.kind]}
        if writing:
            found["required"] = self.required
        found.update({"hidden": self.hidden, "label": self.label, **self._texts(), **self._limits()})
        if not writing:
            found["defined_in_file"] = False
        elif self.placeholder is not None:
            found["placeholder"] = self.placeholder
        if writing:
            found["default"] = self.default
        child = _CHILDREN.get(self.kind)
        if child:
            found["child"] = {**child, "hidden": False, **({"required": True, "read_only": False} if writing else {})}
        if self.choices:
            found["choices"] = self._choices()
        return found

    def _texts(self) -> dict[str, str]:
        texts = {
            "help_text": self.help_text,
            "warning_text": self.warning_text,
            "category": CATEGORIES[self.category],
            "category_slug": self.category,
            "unit": self.unit,
        }
        return {name: text for name, text in texts.items() if text}

    def _limits(self) -> dict[str, int]:
        limits = {"min_value": self.min_value, "max_value": self.max_value}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def _choices(self) -> list[list[str | None]]:
        listed: list[list[str | None]] = [list(choice) for choice in self.choices]
        if any(value == "" for value, _unused in self.choices):
            return listed
        blank: list[list[str | None]] = [["", _NOTHING]] if self.allow_blank else []
        null: list[list[str | None]] = [[None, _NOTHING]] if self.allow_null else []
        return [*null, *blank, *listed]


def same(*values: str) -> tuple[tuple[str, str], ...]:
    """Choices that are their own labels."""
    return tuple((value, value) for value in values)
