# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of credentials on their way into the database and out of it: secret ones are encrypted there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.auth.secrets import ENCRYPTED, MARK, SecretBox
from holdfast.db import models
from holdfast.seeds import credential_types
from holdfast.seeds.credential_types import CredentialType
from holdfast.seeds.errors import Invalid

ASK = "ASK"


def kind_of(row: models.CredentialType) -> CredentialType:
    """A type as the rules about inputs want it. A built-in one is what this version says it is."""
    known = credential_types.BY_NAMESPACE.get(row.namespace or "") if row.managed else None
    if known is not None:
        return known
    return CredentialType(
        name=row.name,
        kind=row.kind,
        namespace=row.namespace,
        managed=row.managed,
        inputs=row.inputs,
        injectors=row.injectors,
    )


def kept(secrets: SecretBox, kind: CredentialType, given: object, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the database is to hold of the inputs that are given; raises seeds' Invalid with AWX's body.

    ``before`` is what it holds now, None for a new credential. ``$encrypted$`` stands for the secret that is kept
    already, and a secret that does not change stays as it was written. Empty secrets are left out.
    """
    stored = None if before is None else secrets.open_all(before)
    checked = credential_types.check_inputs(kind, given, stored=stored)
    found: dict[str, Any] = {}
    for name, value in checked.items():
        if isinstance(value, str) and value.startswith(MARK):  # it would be taken for what is sealed
            raise Invalid({"inputs": {name: [f"{MARK} is reserved; no input begins with it."]}})
        if name not in kind.secret_fields:
            found[name] = value
        elif value == ENCRYPTED or (stored is not None and value and stored.get(name) == value):
            found[name] = (before or {})[name]
        elif value == ASK and name in kind.askable_fields:
            found[name] = value
        elif value:
            found[name] = secrets.seal(value)
    return found


def shown(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as everybody may see them."""
    return {name: ENCRYPTED if isinstance(one, str) and one.startswith(MARK) else one for name, one in inputs.items()}
