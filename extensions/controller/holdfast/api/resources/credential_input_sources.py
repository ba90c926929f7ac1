# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential input sources: inputs of a credential that come from a secret store; kept for AWX's clients."""

from __future__ import annotations

from typing import Any

from holdfast import credential_inputs
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field, Hooks, Registry, Resource, Summary
from holdfast.api.resources.common import AUTHORS, AUTHORS_SUMMARY, DESCRIPTION, STAMPS, link_to
from holdfast.auth import policies
from holdfast.db.models import Credential, CredentialInputSource
from holdfast.seeds import credential_types
from holdfast.seeds import errors as seeds_errors


def _validate(call: Call, data: dict[str, Any], row: CredentialInputSource | None) -> None:
    def now(name: str) -> Any:
        return data.get(name, getattr(row, name) if row is not None else None)

    target = call.session.get_one(Credential, now("target_credential_id"))
    source = call.session.get_one(Credential, now("source_credential_id"))
    errors: dict[str, list[str]] = {}
    if target.credential_type.kind == "external":
        errors["target_credential"] = ["Target must be a non-external credential"]
    if source.credential_type.kind != "external":
        errors["source_credential"] = ["Source must be an external credential"]
    defined = credential_inputs.kind_of(target.credential_type).defined_fields
    if now("input_field_name") not in defined:
        options = ", ".join(sorted(defined))
        errors["input_field_name"] = [f"Input field must be defined on target credential (options are {options})."]
    if errors:
        raise Invalid(errors)
    try:
        kind = credential_inputs.kind_of(source.credential_type)
        data["metadata_"] = credential_types.check_metadata(kind, now("metadata_") or {})
    except seeds_errors.Invalid as error:
        raise Invalid(error.body) from None


def declare(registry: Registry) -> None:
    """Add the resource."""
    registry.add(
        Resource(
            name="credential_input_sources",
            type="credential_input_source",
            model=CredentialInputSource,
            title="Credential Input Source",
            fields=(
                *STAMPS,
                DESCRIPTION,
                Field("input_field_name", required=True, max_length=1024),
                Field("metadata", "json", default=dict, column="metadata_"),
                Field("target_credential", "id", to="credentials", required=True),
                Field("source_credential", "id", to="credentials", required=True),
            ),
            related=(
                *AUTHORS,
                link_to("source_credential", "credentials"),
                link_to("target_credential", "credentials"),
            ),
            summary=(Summary("source_credential"), Summary("target_credential"), *AUTHORS_SUMMARY),
            access=policies.CredentialInputSources(),
            hooks=Hooks(validate=_validate),
            unique=(("target_credential", "input_field_name"),),
            order_by=("target_credential_id", "source_credential_id", "input_field_name"),
            search_fields=("description",),
        )
    )
