# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may launch what with what: the objects that a launch points to must be ones that the user may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.db.models import Job, Label, UnifiedJobTemplate

EXECUTE = {"job_template": "execute_role", "workflow_job_template": "execute_role", "project": "update_role"}
"""The role that starting each kind of template takes."""


def may_start(call: Call, template: UnifiedJobTemplate | None) -> bool:
    """May the user launch this template?"""
    if call.user is None or template is None:
        return False
    if call.user.is_superuser:
        return True
    role = EXECUTE.get(template.type)
    return role is not None and roles.has(call, template.type, template, role)


def may_use(call: Call, template: Any, values: Mapping[str, Any]) -> bool:
    """May the user launch ``template`` with these objects? What the template has itself need not be asked for."""
    if call.user is None or call.user.is_superuser:
        return call.user is not None
    inventory, environment = values.get("inventory"), values.get("execution_environment")
    if inventory is not None and not roles.has(call, "inventory", inventory, "use_role"):
        return False
    if environment is not None and not _sees_environment(call, template, environment):
        return False
    used = [("credential", one) for one in _beyond(template, values, "credentials")]
    used += [("instance_group", one) for one in _beyond(template, values, "instance_groups")]
    labels = list(_beyond(template, values, "labels"))
    return all(roles.has(call, kind, one, "use_role") for kind, one in used) and _sees_labels(call, labels)


def _beyond(template: Any, values: Mapping[str, Any], name: str) -> Iterable[Any]:
    given = values.get(name) or ()
    held = {one.id for one in getattr(template, name, ())} if given and template is not None else set()
    return (one for one in given if one.id not in held)


def _sees_environment(call: Call, template: Any, environment: Any) -> bool:
    if environment.organization_id is None or getattr(template, "execution_environment_id", None) == environment.id:
        return True
    return roles.user_has(call, "organization", environment.organization_id, "read_role")


def _sees_labels(call: Call, labels: list[Label]) -> bool:
    if not labels:
        return True
    visible = call.controller.registry.resources["labels"].access.visible(call)
    if visible is None:
        return True
    wanted = {label.id for label in labels}
    return wanted <= set(call.session.scalars(select(Label.id).where(Label.id.in_(wanted), visible)))


def may_cancel(call: Call, job: Job) -> bool:
    """May the user cancel this job? Their own always; those of a template that they manage."""
    if call.user is None:
        return False
    if call.user.is_superuser or job.created_by_id == call.user.id:
        return True
    if job.unified_job_template is not None:
        return roles.has(call, job.unified_job_template.type, job.unified_job_template, "admin_role")
    return roles.user_has(call, "organization", job.organization_id, "job_template_admin_role")
