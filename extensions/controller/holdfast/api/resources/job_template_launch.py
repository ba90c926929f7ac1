# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``launch`` of job templates: what a launch would have to say, and the launch itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.api.call import Call, Reply
from holdfast.api.errors import Forbidden
from holdfast.api.registry import Action
from holdfast.api.render import render_one
from holdfast.auth import policies
from holdfast.auth.policies.jobs import may_prompt
from holdfast.db.models import Credential, JobTemplate, UnifiedJob
from holdfast.jobs import idempotency, launch_request, prompting, surveys
from holdfast.jobs.credential_rows import all_passwords_needed, passwords_needed

POLICY = policies.JobTemplates()
DETAIL_ONLY = ("host_status_counts", "playbook_counts", "custom_virtualenv")
"""Fields that a job's own address shows, and the answer to its launch does not."""


def _show(call: Call, template: JobTemplate) -> Reply:
    passwords = all_passwords_needed(template.credentials, call.controller.secrets)
    needed = variables_needed(template)
    flags = {flag: bool(getattr(template, flag)) for flag in prompting.asks(template).values()}
    return Reply(
        body={
            "can_start_without_user_input": not (any(flags.values()) or passwords or needed),
            "passwords_needed_to_start": passwords,
            **flags,
            "survey_enabled": survey_enabled(template),
            "variables_needed_to_start": needed,
            "credential_needed_to_start": False,
            "inventory_needed_to_start": template.inventory_id is None,
            "job_template_data": {"name": template.name, "id": template.id, "description": template.description},
            "defaults": _defaults(call, template),
        }
    )


def variables_needed(template: Any) -> list[str]:
    """The variables that whoever launches must give."""
    return [one["variable"] for one in surveys.questions(template) if one.get("required")]


def survey_enabled(template: Any) -> bool:
    """Whether a launch is asked questions."""
    return bool(template.survey_enabled and "spec" in (template.survey_spec or {}))


def _defaults(call: Call, template: JobTemplate) -> dict[str, Any]:
    """What each prompt is when a launch does not say it."""
    environment, inventory = template.execution_environment, template.inventory
    labels = [{"id": label.id, "name": label.name} for label in sorted(template.labels, key=lambda one: one.name)]
    special: Mapping[str, Any] = {
        "inventory": {"name": inventory.name if inventory else None, "id": inventory.id if inventory else None},
        "credentials": [_default_credential(call, credential) for credential in template.credentials],
        "labels": labels,
        "execution_environment": {"id": environment.id, "name": environment.name} if environment else {},
        "instance_groups": [],
    }
    shown = {name: special[name] if name in special else getattr(template, name) for name in prompting.asks(template)}
    for name in ("labels", "credentials"):
        if not shown[name]:
            del shown[name]
    return shown


def _default_credential(call: Call, credential: Credential) -> dict[str, Any]:
    shown = {
        "id": credential.id,
        "name": credential.name,
        "credential_type": credential.credential_type_id,
        "passwords_needed": list(passwords_needed(credential, call.controller.secrets)),
    }
    kind = credential.credential_type
    if kind.managed and any(field.get("id") == "vault_id" for field in kind.inputs.get("fields") or ()):
        shown["vault_id"] = credential.inputs.get("vault_id")
    return shown


def _launch(call: Call, template: JobTemplate) -> Reply:
    if not POLICY.may_start(call, template):
        raise Forbidden()
    known = idempotency.known(call, f"job_templates/{template.id}/launch")
    if known is not None:
        return launched(call, known, known.idempotency["ignored"], replayed=True)  # type: ignore[index]
    request = launch_request.read(call, template, call.data)
    if not may_use(call, template, request.accepted):
        raise Forbidden()
    jobs = call.controller.services["jobs"]
    job = jobs.launch_or_slice(call, template, request.accepted, passwords=request.passwords)
    idempotency.remember(call, job, f"job_templates/{template.id}/launch", request.ignored)
    return launched(call, job, request.ignored)


def may_use(call: Call, template: Any, accepted: Mapping[str, Any]) -> bool:
    """May the user launch with the objects that were given?"""
    inventory, environment = accepted.get("inventory"), accepted.get("execution_environment")
    return may_prompt(
        call,
        template,
        inventory.id if inventory is not None else None,
        environment.id if environment is not None else None,
        *([one.id for one in accepted.get(name) or ()] for name in ("credentials", "labels", "instance_groups")),
    )


def launched(call: Call, job: UnifiedJob, ignored: Mapping[str, Any], replayed: bool = False) -> Reply:
    """The answer to a launch: the whole job, what was said in vain, and where the job is."""
    resource = call.controller.registry.of_row(job)
    call.session.flush()
    shown = render_one(call, job, resource)
    for name in DETAIL_ONLY:
        shown.pop(name, None)
    headers = {"Location": call.url(resource.name, job.id)}
    if replayed:
        headers[idempotency.REPLAYED] = "true"
    return Reply(201, {job.type: job.id, "ignored_fields": dict(ignored), **shown}, headers)


LAUNCH = Action({"GET": _show, "POST": _launch}, title="Job Template Launch", fields=launch_request.FIELDS)
