# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types: the built-in ones, which nobody changes, and those that people make."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, select

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden, Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, SubList, plain
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, NAMED, below
from holdfast.auth import policies
from holdfast.db.models import Credential, CredentialType
from holdfast.seeds import credential_types
from holdfast.seeds import errors as seeds_errors

_CUSTOM = [(kind, label) for kind, label in credential_types.KINDS.items() if kind in credential_types.CUSTOM_KINDS]


def _validate(call: Call, data: dict[str, Any], row: CredentialType | None) -> None:
    if row is not None and row.managed:
        raise Forbidden("Modifications not allowed for managed credential types")
    kind, inputs, injectors = (data.get(name, getattr(row, name, None)) for name in ("kind", "inputs", "injectors"))
    try:
        inputs, injectors = credential_types.check_credential_type(str(kind), inputs, injectors)
    except seeds_errors.Invalid as error:
        raise Invalid(error.body) from None
    if row is not None and "inputs" in data and inputs != row.inputs and _in_use(call, row):
        raise Forbidden("Modifications to inputs are not allowed for credential types that are in use")
    for name, value in (("inputs", inputs), ("injectors", injectors)):
        if name in data:
            data[name] = value


def _in_use(call: Call, row: CredentialType) -> bool:
    return bool(call.session.scalar(select(exists().where(Credential.credential_type_id == row.id))))


def _deleting(call: Call, row: CredentialType) -> Reply | None:
    if row.managed:
        raise Forbidden("Deletion not allowed for managed credential types")
    if _in_use(call, row):
        raise Forbidden("Credential types that are in use cannot be deleted")
    return None


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="credential_types",
            type="credential_type",
            model=CredentialType,
            title="Credential Type",
            fields=(
                *NAMED,
                Field(
                    "kind",
                    "choice",
                    required=True,
                    choices=tuple(credential_types.KINDS.items()),
                    post={"choices": _CUSTOM},
                ),
                Field("namespace", read_only=True, null=True),
                Field("managed", "boolean", read_only=True),
                Field("inputs", "json", default=dict),
                Field("injectors", "json", default=dict),
            ),
            related=(*AUTHORS, *below("credentials", "activity_stream")),
            summary=AUTHORS_SUMMARY,
            summarize=plain("id", "name", "description"),
            sublists={"credentials": SubList("credentials", parent_field="credential_type", create=True)},
            access=policies.CredentialTypes(),
            hooks=Hooks(validate=_validate, deleting=_deleting),
            unique=(("name", "kind"),),
            named_url=("name", "kind"),
            order_by=("kind", "name"),
        )
    )
