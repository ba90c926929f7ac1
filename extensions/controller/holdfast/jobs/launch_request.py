# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request to launch a job template: its body judged as AWX judges it, with AWX's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.api import variables, writes
from holdfast.api.call import Call
from holdfast.api.errors import Invalid
from holdfast.api.registry import Field
from holdfast.db.models import Credential, JobTemplate
from holdfast.jobs import prompting
from holdfast.jobs.credential_rows import LAUNCHABLE_KINDS, by_key, passwords_needed, unique_key, unique_name
from holdfast.jobs.prompting import Judged

VERBOSITIES = (
    (0, "0 (Normal)"),
    (1, "1 (Verbose)"),
    (2, "2 (More Verbose)"),
    (3, "3 (Debug)"),
    (4, "4 (Connection Debug)"),
    (5, "5 (WinRM Debug)"),
)
JOB_TYPES = (("run", "Run"), ("check", "Check"))
NO_LIST = 'Expected a list of items but got type "{kind}".'
NO_PROJECT = "A project is required to run a job."
FAILED_PROJECT = "Missing a revision to run due to failed project update."
LEAVING_INVENTORY = "The inventory associated with this Job Template is being deleted."
LEAVING_GIVEN_INVENTORY = "The provided inventory is being deleted."
ONE_OF_A_KIND = "Cannot assign multiple {name} credentials."
WRONG_KIND = "Cannot assign a Credential of kind `{kind}`"
NOT_REMOVED = (
    "Removing {name} credential at launch time without replacement is not supported. Provided list lacked "
    "credential(s): {lacking}."
)

FIELDS: tuple[Field, ...] = (
    Field("extra_vars", "json"),
    Field("inventory", "id", to="inventories"),
    Field("scm_branch"),
    Field("limit"),
    Field("job_tags"),
    Field("skip_tags"),
    Field("job_type", "choice", choices=JOB_TYPES, blank=False),
    Field("verbosity", "choice", choices=VERBOSITIES, blank=False),
    Field("diff_mode", "boolean"),
    Field("credentials", "list_of_ids", to="credentials"),
    Field("credential_passwords", "json"),
    Field("execution_environment", "id", to="execution_environments"),
    Field("labels", "list_of_ids", to="labels"),
    Field("forks", "integer", min_value=0),
    Field("job_slice_count", "integer", min_value=0),
    Field("timeout", "integer"),
    Field("instance_groups", "list_of_ids", to="instance_groups"),
)
"""What a launch may say; each is taken where the template asks for it."""


@dataclass
class Request:
    """A launch that may begin. ``ignored`` is what was said in vain, as clients are told."""

    accepted: dict[str, Any]
    passwords: dict[str, str]
    ignored: dict[str, Any]


def read(call: Call, template: JobTemplate, body: Mapping[str, Any]) -> Request:
    """Judge the body of a launch; raises Invalid with everything that is wrong."""
    given = clean(call, FIELDS, _modern(body))
    judged = prompting.judge(call.session, template, given, exclude=(prompting.PROMPTS,))
    _check_resources(template, judged)
    _check_credentials(template, given, judged)
    passwords = _passwords(call, template, given, judged)
    if judged.errors:
        raise Invalid(judged.errors)
    return Request(judged.accepted, passwords, {name: _shown(value) for name, value in judged.rejected.items()})


def _modern(body: Mapping[str, Any]) -> dict[str, Any]:
    """Old clients say ``inventory_id``, and give passwords beside everything else."""
    modern = dict(body)
    if "inventory" not in modern and "inventory_id" in modern:
        modern["inventory"] = modern["inventory_id"]
    modern.setdefault("credential_passwords", dict(body))
    return modern


def clean(call: Call, fields: Sequence[Field], body: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a body by field, references as rows; raises Invalid with every field that is wrong."""
    errors: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for one in fields:
        if one.name not in body:
            continue
        try:
            values[one.name] = _clean(call, one, body[one.name])
        except ValueError as error:
            errors[one.name] = [str(text) for text in error.args]
    if errors:
        raise Invalid(errors)
    return values


def _clean(call: Call, one: Field, value: Any) -> Any:
    if value is None and one.null:
        return None
    if value is None:
        raise ValueError(writes.NOT_NULL)
    if one.name in ("extra_vars", "extra_data"):
        return variables.parse(value)
    if one.type == "list_of_ids":
        if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
            raise ValueError(NO_LIST.format(kind=type(value).__name__))
        return list({id(row): row for row in (_row(call, one, each) for each in value)}.values())
    if one.type == "id":
        return _row(call, one, value)
    return value if one.type == "json" else writes.clean_value(call, one, value)


def _row(call: Call, one: Field, value: Any) -> Any:
    reference = Field(one.name, "id", to=one.to)
    model = call.controller.registry.resources[one.to].model
    return call.session.get(model, writes.clean_value(call, reference, value))


def _check_resources(template: JobTemplate, judged: Judged) -> None:
    """A playbook needs a project with playbooks, and an inventory that stays."""
    project = template.project
    if project is None:
        judged.errors["project"] = [NO_PROJECT]
    elif project.status in ("error", "failed") and not project.scm_update_on_launch:
        judged.errors["playbook"] = [FAILED_PROJECT]
    given = judged.accepted.get("inventory")
    if template.inventory is not None and template.inventory.pending_deletion:
        judged.errors["inventory"] = [LEAVING_INVENTORY]
    elif given is not None and given.pending_deletion:
        judged.errors["inventory"] = [LEAVING_GIVEN_INVENTORY]


def _check_credentials(template: JobTemplate, given: Mapping[str, Any], judged: Judged) -> None:
    """Credentials exclude each other by type, and none of the template's is left out without another in its place."""
    problems: list[str] = []
    seen: set[str] = set()
    for credential in judged.accepted.get("credentials") or ():
        if unique_key(credential) in seen:
            problems.append(ONE_OF_A_KIND.format(name=unique_name(credential)))
        if credential.credential_type.kind not in LAUNCHABLE_KINDS:
            problems.append(WRONG_KIND.format(kind=credential.credential_type.kind))
        seen.add(unique_key(credential))
    if "credentials" in given:
        problems += _removed(template.credentials, given["credentials"])
    if problems:
        judged.errors["credentials"] = problems


def _removed(held: Sequence[Credential], given: Sequence[Credential]) -> list[str]:
    kept = {credential.id for credential in given}
    removed = [credential for credential in held if credential.id not in kept]
    lacking = ", ".join(f"{credential.name}-{credential.id}" for credential in removed)
    replaced = by_key(given)
    return [
        NOT_REMOVED.format(name=unique_name(credential), lacking=lacking)
        for credential in removed
        if unique_key(credential) not in replaced
    ]


def _passwords(call: Call, template: JobTemplate, given: Mapping[str, Any], judged: Judged) -> dict[str, str]:
    """The passwords that the job's credentials ask for, out of those that were given."""
    said = given.get("credential_passwords")
    said = said if isinstance(said, Mapping) else {}
    credentials = by_key([*template.credentials, *(judged.accepted.get("credentials") or ())]).values()
    found: dict[str, str] = {}
    lacking: list[str] = []
    for credential in credentials:
        for name in passwords_needed(credential, call.controller.secrets):
            if said.get(name):
                found[name] = str(said[name])
            else:
                lacking.append(name)
    if lacking:
        judged.errors["passwords_needed_to_start"] = lacking
    return found


def _shown(value: Any) -> Any:
    """A value as clients see it: objects by their ids."""
    if isinstance(value, (list, tuple)):
        return [_shown(one) for one in value]
    return value.id if hasattr(value, "id") else value
