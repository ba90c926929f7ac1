# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for later launches of a template: judged when it is written, secret answers sealed apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.auth.secrets import ENCRYPTED, SecretBox
from holdfast.db.models import ExecutionEnvironment, Inventory, JobTemplate, UnifiedJobTemplate
from holdfast.jobs import prompting, surveys
from holdfast.jobs.credential_rows import all_passwords_needed

NOTHING_KEPT = "Provided variable {name} has no database value to replace with."
RESERVED = '"$encrypted$ is a reserved keyword, may not be used for {name}."'
_REFERENCES: Mapping[str, type[Any]] = {
    "inventory_id": Inventory,
    "execution_environment_id": ExecutionEnvironment,
}
_PROMPTS = tuple(name for name in prompting.ASK[JobTemplate] if name not in ("extra_vars", *prompting.MANY))


def check(
    call: Call, data: dict[str, Any], row: Any, template: UnifiedJobTemplate, exclude: Collection[str] = ()
) -> None:
    """Judge what is to be kept for launches of ``template``; raises Invalid with everything that is wrong.

    ``data`` are cleaned attributes; its ``extra_data`` is split into what is shown and, sealed, ``secret_data``.
    ``row`` is what is kept so far, None for nothing.
    """
    names = {_attribute(name) for name in _PROMPTS} | {"extra_data"}
    if not names & set(data):
        return
    errors: dict[str, Any] = {}
    if "extra_data" in data:
        _seal(call, data, row, template, errors)
    judged = prompting.judge(call.session, template, _given(call, data, row), exclude)
    errors = {**judged.errors, **errors}
    if "extra_vars" in errors:
        errors["extra_data"] = errors.pop("extra_vars")
    if _needs_passwords(call, template):
        errors["passwords_needed_to_start"] = [prompting.SAVED_PASSWORDS]
    if errors:
        raise Invalid(errors)


def _needs_passwords(call: Call, template: UnifiedJobTemplate) -> bool:
    if not isinstance(template, JobTemplate) or template.ask_credential_on_launch:
        return False
    return bool(all_passwords_needed(template.credentials, call.controller.secrets))


def _attribute(name: str) -> str:
    return f"{name}_id" if f"{name}_id" in _REFERENCES else name


def _given(call: Call, data: Mapping[str, Any], row: Any) -> dict[str, Any]:
    """The values as a launch would give them: objects as rows, secret answers in clear."""
    found: dict[str, Any] = {}
    for name in _PROMPTS:
        attribute = _attribute(name)
        value = data[attribute] if attribute in data else getattr(row, attribute, None)
        model = _REFERENCES.get(attribute)
        found[name] = call.session.get(model, value) if model is not None and value is not None else value
    shown = data["extra_data"] if "extra_data" in data else getattr(row, "extra_data", None) or {}
    sealed = data["secret_data"] if "secret_data" in data else getattr(row, "secret_data", None) or {}
    found["extra_vars"] = {**shown, **call.controller.secrets.open_all(sealed)}
    return found


def kept(secrets: SecretBox, row: Any) -> dict[str, Any]:
    """What is kept, as a launch would give it: objects as rows, secret answers in clear; without what says nothing."""
    found: dict[str, Any] = {name: getattr(row, name) for name in _PROMPTS}
    found.update({name: list(getattr(row, name)) for name in prompting.MANY})
    found = {name: value for name, value in found.items() if value is not None and value != []}
    return {**found, "extra_vars": {**row.extra_data, **secrets.open_all(row.secret_data or {})}}


def _seal(call: Call, data: dict[str, Any], row: Any, template: Any, errors: dict[str, Any]) -> None:
    """Keep secret answers apart. ``$encrypted$`` stands for the one that is kept, or for the question's default."""
    kept: Mapping[str, str] = getattr(row, "secret_data", None) or {}
    secret = set(surveys.password_variables(template))
    with_default = {one["variable"] for one in surveys.questions(template) if one.get("default")}
    shown: dict[str, Any] = {}
    sealed: dict[str, str] = {}
    for name, value in data["extra_data"].items():
        if name not in secret:
            shown[name] = value
            if value == ENCRYPTED:
                errors.setdefault("extra_data", []).append(RESERVED.format(name=name))
        elif value != ENCRYPTED:
            sealed.update(surveys.seal_values({name: value}, call.controller.secrets))
        elif name in kept:
            sealed[name] = kept[name]
        elif name not in with_default:
            raise Invalid({"extra_data": [NOTHING_KEPT.format(name=name)]})
    data["extra_data"], data["secret_data"] = shown, sealed


def shown_variables(_call: Call, row: Any) -> dict[str, Any]:
    """``extra_data`` as clients see it: secret answers read ``$encrypted$``."""
    return {**(row.extra_data or {}), **dict.fromkeys(row.secret_data or {}, ENCRYPTED)}
