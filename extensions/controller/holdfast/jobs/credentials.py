# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A credential as a job is given it, and what becomes of all of a job's credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HIDDEN = "**********"
"""What stands for a secret in the environment that is shown of a job."""
ASK = "ASK"
_HIDDEN_NAME = re.compile(r"API|TOKEN|KEY|SECRET|PASS", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"^.*?://[^:]+:(.*?)@.*?$")
_NO_DEFAULT = object()


@dataclass(frozen=True)
class CredentialValue:
    """A credential with its inputs decrypted, those asked at launch and those looked up elsewhere filled in.

    ``kind`` and ``namespace`` are those of its type ("cloud" and "aws"); custom types have no namespace.
    ``input_fields`` and ``injectors`` are the type's as well.
    """

    kind: str
    type_name: str
    inputs: Mapping[str, Any]
    managed: bool = False
    namespace: str = ""
    input_fields: Sequence[Mapping[str, Any]] = ()
    injectors: Mapping[str, Any] = field(default_factory=dict)

    @property
    def secret_fields(self) -> frozenset[str]:
        """The ids of fields whose values are never shown."""
        return frozenset(str(entry["id"]) for entry in self.input_fields if entry.get("secret") is True)

    def has(self, name: str) -> bool:
        """True when the field has a value."""
        return self.inputs.get(name) not in ("", None)

    def get(self, name: str, default: Any = _NO_DEFAULT) -> Any:
        """The value of a field; else ``default`` where given, else the default of the type, else ""."""
        if name in self.inputs:
            return self.inputs[name]
        if default is not _NO_DEFAULT:
            return default
        return next((f["default"] for f in self.input_fields if f.get("id") == name and "default" in f), "")

    def text(self, name: str) -> str:
        """The value of a field as text; "" when it has none or was to be asked for."""
        value = self.get(name, "")
        return "" if value in (None, ASK) else str(value)

    def secrets(self) -> list[str]:
        """The texts of all secret fields."""
        hidden = self.secret_fields
        values = (value for name, value in self.inputs.items() if name in hidden and not isinstance(value, bool))
        return [str(value) for value in values if value not in ("", None, ASK)]


@dataclass(frozen=True)
class SshKey:
    """A private key for a job's ssh-agent; ``certificate`` is its public key signed by an authority."""

    text: str
    passphrase: str = ""
    certificate: str = ""
    type_name: str = ""


@dataclass(frozen=True)
class Injection:
    """What the credentials of a job add to it.

    ``arguments`` are those of ``ansible-playbook``; secrets are in files that they name, never in them. ``passwords``
    go by AWX's names (``ssh_password``, ``vault_password.prod``). ``safe_env`` is ``env`` as it may be shown.
    ``secrets`` are all secret texts, to be masked in whatever the job says.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    safe_env: Mapping[str, str] = field(default_factory=dict)
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    passwords: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[SshKey, ...] = ()
    secrets: tuple[str, ...] = ()


def safe_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment as it may be shown: values of names that sound like secrets, and passwords in URLs, are hidden."""
    return {name: _safe(name, value) for name, value in environment.items()}


def _safe(name: str, value: str) -> str:
    ansible = name.startswith("ANSIBLE_") and not name.startswith(("ANSIBLE_NET", "ANSIBLE_GALAXY_SERVER"))
    if name == "AWS_ACCESS_KEY_ID" or ansible:
        return value
    if _HIDDEN_NAME.search(name):
        return HIDDEN
    return _URL_PASSWORD.sub(HIDDEN, value)
