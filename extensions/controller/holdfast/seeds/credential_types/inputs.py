# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of a credential: what AWX says about them, and what they leave to be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from holdfast.seeds.credential_types.model import CredentialType, Field
from holdfast.seeds.credential_types.pem import PemError, check_private_key
from holdfast.seeds.errors import Invalid

ENCRYPTED = "$encrypted$"
"""What stands for a secret wherever it is shown; given back, it means: keep what you have."""
ASK = "ASK"
"""The value of a field that is asked for at launch."""

_TYPES: Mapping[str, type] = {"string": str, "boolean": bool}
_KEY = "ssh_key_data"
_PASSPHRASE = "ssh_key_unlock"


def unexpected(names: list[str]) -> str:
    """What is said about keys that nothing is known of."""
    listed = ", ".join(repr(name) for name in sorted(names))
    return f"Additional properties are not allowed ({listed} {'was' if len(names) == 1 else 'were'} unexpected)"


def not_one_of(value: object, choices: list[str]) -> str:
    """What is said about a value that is none of the choices."""
    allowed = "', '".join(choices)
    return f"'{value}' is not one of ['{allowed}']"


def _key_text(value: str) -> str:
    # Google gives keys inside JSON, and people paste them as they stand there.
    return value.replace("\\u003d", "=")


def _format_problem(name: str, value: str) -> str | None:
    if name == "vault_id":
        return "@ is not an allowed character" if "@" in value else None
    if name == "ssh_private_key" and value and value != ENCRYPTED:
        try:
            check_private_key(_key_text(value))
        except PemError as error:
            return str(error)
    if name == "url":
        try:
            parts = urlsplit(value)
        except ValueError as error:
            return str(error)
        if not parts.scheme:
            return "Invalid URL: Missing url scheme (http, https, etc.)"
        if not parts.netloc:
            return f"Invalid URL: {value}"
    return None


def _field_problem(field: Field, value: object) -> str | None:
    """What is wrong with one value; where several things are, the one AWX names."""
    problem = None
    expected = field.get("type")
    if expected and not isinstance(value, _TYPES[expected]):
        problem = f"{value!r} is not of type {expected!r}"
    if "format" in field and isinstance(value, str):
        problem = _format_problem(field["format"], value) or problem
    choices = field.get("choices")
    if choices and value not in choices:
        problem = not_one_of(value, choices)
    return problem


def _problems(fields: tuple[Field, ...], values: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in fields:
        if field["id"] in values:
            problem = _field_problem(field, values[field["id"]])
            if problem:
                found[field["id"]] = [problem]
    return found


def _dependency_problems(kind: CredentialType, values: Mapping[str, Any]) -> dict[str, list[str]]:
    labels = {field["id"]: field["label"] for field in kind.fields}
    return {
        name: [f'cannot be set unless "{labels.get(other, other)}" is set']
        for name, needed in kind.inputs.get("dependencies", {}).items()
        for other in needed
        if name in values and other not in values
    }


def _refuse_bad_secrets(kind: CredentialType, values: Mapping[str, Any], stored: Mapping[str, Any] | None) -> None:
    for name, value in values.items():
        if name not in kind.secret_fields:
            continue
        if value == ENCRYPTED and name not in (stored or {}):
            raise Invalid({"inputs": [f"{ENCRYPTED} is a reserved keyword, and cannot be used for {name}."]})
        if stored is not None and not isinstance(value, str):
            raise Invalid({"inputs": [f"secret values must be of type string, not {type(value).__name__}"]})


def has_encrypted_key(value: object) -> bool:
    """Whether a text is a private key that needs a passphrase."""
    if not isinstance(value, str):
        return False
    try:
        return any(one.is_encrypted for one in check_private_key(_key_text(value)))
    except PemError:
        return False


def _passphrase_problems(
    kind: CredentialType, values: Mapping[str, Any], stored: Mapping[str, Any], problems: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """A key and its passphrase belong together; only built-in types are known to mean them by these names."""
    if not kind.managed or _PASSPHRASE not in kind.defined_fields:
        return {}
    key = values.get(_KEY)
    is_encrypted = has_encrypted_key(stored.get(_KEY) if key == ENCRYPTED else key)
    if is_encrypted and not values.get(_PASSPHRASE):
        return {_PASSPHRASE: ["must be set when SSH key is encrypted."]}
    if key and values.get(_PASSPHRASE) and not is_encrypted and _KEY not in problems:
        return {_PASSPHRASE: ["should not be set when SSH key is not encrypted."]}
    return {}


def _with_defaults(kind: CredentialType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing (null, an empty text) stands for the empty value of the field's type."""
    defaults = {name: None if value else kind.default_for(name) for name, value in inputs.items()}
    return {name: value if defaults[name] is None else defaults[name] for name, value in inputs.items()}


def check_inputs(kind: CredentialType, inputs: object, *, stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The inputs to keep for a credential of this type; raises Invalid with the body AWX answers.

    ``stored`` are the inputs the credential has now, in clear, and None when it is only being made. A required field
    may be left out: jobs are refused for that, credentials are not.
    """
    if not isinstance(inputs, dict):
        raise Invalid({"inputs": [f"{type(inputs).__name__} provided, expected dict"]})
    values = _with_defaults(kind, inputs)
    _refuse_bad_secrets(kind, values, stored)
    unknown = [str(name) for name in values if name not in kind.defined_fields]
    if unknown:
        raise Invalid({"inputs": [unexpected(unknown)]})
    problems = _problems(kind.fields, values)
    problems.update(_dependency_problems(kind, values))
    problems.update(_passphrase_problems(kind, values, stored or {}, problems))
    if problems:
        raise Invalid({"inputs": problems})
    return values


def check_metadata(store: CredentialType, metadata: object) -> dict[str, Any]:
    """The metadata to keep for a link to a secret of this store; raises Invalid with the body AWX answers."""
    if not isinstance(metadata, dict):
        raise Invalid({"metadata": [f"{type(metadata).__name__} provided, expected dict"]})
    fields: tuple[Field, ...] = tuple(store.inputs.get("metadata", ()))
    defined = [field["id"] for field in fields]
    unknown = [str(name) for name in metadata if name not in defined]
    if unknown:
        raise Invalid({"metadata": [unexpected(unknown)]})
    problems = _problems(fields, metadata)
    for name in store.inputs.get("required", ()):
        if name in defined and not metadata.get(name):
            problems[name] = [f"required for {store.name}"]
    if problems:
        raise Invalid({"metadata": problems})
    return dict(metadata)


def missing_required(kind: CredentialType, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The required fields that are empty, sorted: no job starts with them."""
    return tuple(sorted(name for name in kind.required_fields if inputs.get(name) in ("", None)))


def passwords_needed(kind: CredentialType, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """What whoever launches has to be asked for; the inputs are given in clear."""
    if kind.kind == "vault":
        if inputs.get("vault_password") != ASK:
            return ()
        vault_id = inputs.get("vault_id")
        return (f"vault_password.{vault_id}" if vault_id else "vault_password",)
    if kind.kind != "ssh":
        return ()
    needed = {
        "ssh_password": inputs.get("password") == ASK,
        "become_password": inputs.get("become_password") == ASK,
        _PASSPHRASE: inputs.get(_PASSPHRASE) in (ASK, "") and has_encrypted_key(inputs.get(_KEY)),
    }
    return tuple(name for name, is_needed in needed.items() if is_needed)
