# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials as the database keeps them, and what a launch asks about them: which exclude each other, what is missing.

Two credentials of one type exclude each other; of vaults, two with the same vault id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdfast.auth.secrets import SecretBox
from holdfast.credential_inputs import ASK, kind_of
from holdfast.db.models import Credential
from holdfast.jobs.credentials import CredentialValue
from holdfast.seeds import credential_types

LAUNCHABLE_KINDS = ("ssh", "vault", "cloud", "net", "kubernetes")
"""The kinds of credentials that a playbook may be given."""
_ASKED = {"ssh_password": "password", "become_password": "become_password", "ssh_key_unlock": "ssh_key_unlock"}
"""The names by which passwords are asked for at launch, and the inputs that they stand for."""


def unique_key(credential: Credential) -> str:
    """Two credentials with the same key exclude each other."""
    vault_id = _vault_id(credential)
    return f"{credential.credential_type_id}_{vault_id}" if vault_id else str(credential.credential_type_id)


def unique_name(credential: Credential) -> str:
    """The same for people: the name of the type, of vaults with the id."""
    name, vault_id = credential.credential_type.name, _vault_id(credential)
    return f"{name} (id={vault_id})" if vault_id else name


def by_key(credentials: Iterable[Credential]) -> dict[str, Credential]:
    """Credentials by what they exclude; of two that exclude each other the later one stays."""
    return {unique_key(credential): credential for credential in credentials}


def _vault_id(credential: Credential) -> str:
    if credential.credential_type.kind != "vault":
        return ""
    return str(credential.inputs.get("vault_id") or "")


def passwords_needed(credential: Credential, secrets: SecretBox) -> tuple[str, ...]:
    """The names of the passwords that whoever launches must give, in AWX's words."""
    if credential.credential_type.kind not in ("ssh", "vault"):
        return ()
    return credential_types.passwords_needed(kind_of(credential.credential_type), secrets.open_all(credential.inputs))


def all_passwords_needed(credentials: Iterable[Credential], secrets: SecretBox) -> list[str]:
    """The same for many credentials, in their order."""
    return [name for credential in credentials for name in passwords_needed(credential, secrets)]


def value_of(credential: Credential, secrets: SecretBox, passwords: Mapping[str, str]) -> CredentialValue:
    """A credential with its inputs in clear; what is asked for at launch is taken from ``passwords``."""
    kind = kind_of(credential.credential_type)
    inputs = secrets.open_all(credential.inputs)
    for name in passwords_needed(credential, secrets):
        if passwords.get(name):
            inputs[_ASKED.get(name, "vault_password")] = passwords[name]
    return CredentialValue(
        kind=kind.kind,
        type_name=kind.name,
        inputs={name: "" if value == ASK else value for name, value in inputs.items()},
        managed=kind.managed,
        namespace=kind.namespace or "",
        input_fields=tuple(kind.inputs.get("fields") or ()),
        injectors=kind.injectors,
    )
