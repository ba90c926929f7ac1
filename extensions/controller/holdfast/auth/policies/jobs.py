# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see, change and launch job templates and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, anywhere, environment, reads, related, sees_all
from holdfast.auth.policies.inventories import Hosts, may_end
from holdfast.auth.policies.readable import readable_jobs, readable_templates
from holdfast.auth.policies.things import Labels, attaches_notification, made_by_user, vars_of
from holdfast.auth.secrets import ENCRYPTED
from holdfast.db.models import (
    Credential,
    Host,
    InstanceGroup,
    Job,
    JobHostSummary,
    Label,
    NotificationTemplate,
    Schedule,
    UnifiedJob,
    UnifiedJobTemplate,
)

HARMLESS = frozenset(
    (
        *("name", "description", "forks", "limit", "verbosity", "extra_vars", "job_tags", "force_handlers"),
        *("skip_tags", "ask_variables_on_launch", "ask_tags_on_launch", "ask_job_type_on_launch"),
        *("ask_skip_tags_on_launch", "ask_inventory_on_launch", "ask_credential_on_launch", "survey_enabled"),
        *("custom_virtualenv", "diff_mode", "timeout", "job_slice_count"),
    )
)
"""What the administrator of a template may change who may not use its inventory and project."""

_LAUNCHED_BY = {"job_template": "execute_role", "workflow_job_template": "execute_role", "project": "update_role"}
OTHERS_SECRETS = "Job was launched with secret prompts provided by another user."


class JobTemplates(Policy):
    """Of job templates: who may use a project makes templates of it."""

    content_type = "job_template"
    shows = ("edit", "delete", "start", "schedule", "copy")

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who may use the project and the inventory, and see the environment."""
        if not data:
            return anywhere(call, "project", "use_role")
        return is_superuser(call) or (
            bool(data.get("project_id"))
            and related(call, data, "project", "use_role")
            and related(call, data, "inventory", "use_role")
            and related(call, data, "webhook_credential", "use_role", content_type="credential")
            and environment(call, data)
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers it; more than its harmless fields only who may also use its inventory and project."""
        if is_superuser(call):
            return True
        if not super().may_change(call, row, data):
            return False
        if all(name in HARMLESS or getattr(row, name, None) == value for name, value in data.items()):
            return True
        return (
            environment(call, data, row)
            and related(call, data, "webhook_credential", "use_role", row, content_type="credential")
            and all(
                related(call, data, field, "use_role", row, mandatory=getattr(row, f"{field}_id") is not None)
                for field in ("inventory", "project")
            )
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers it."""
        return roles.has(call, "job_template", row, "admin_role")

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Credentials and instance groups must be the user's to use."""
        if is_superuser(call):
            return True
        if isinstance(child, NotificationTemplate):
            return attaches_notification(call, child, "job_template", row)
        if isinstance(child, Credential):
            return self.may_change(call, row, {}) and roles.has(call, "credential", child, "use_role")
        if isinstance(child, InstanceGroup):
            usable = row.organization_id is not None and roles.has(call, "instance_group", child, "use_role")
            return usable and self.may_change(call, row, {})
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching, but that no right is needed to let go of a credential."""
        if isinstance(child, (NotificationTemplate, InstanceGroup)):
            return self.may_attach(call, row, relation, child, data)
        return self.may_change(call, row, {})

    def may_start(self, call: Call, row: Any) -> bool:
        """Who holds the execute role may launch it."""
        return roles.has(call, "job_template", row, "execute_role")

    def may_copy(self, call: Call, row: Any) -> bool:
        """Who could make one like it. Raises Forbidden when it has credentials that they may not use."""
        if not self.may_add(
            call, vars_of(row, "project_id", "inventory_id", "execution_environment_id", "webhook_credential_id")
        ):
            return False
        if not all(roles.has(call, "credential", one, "use_role") for one in row.credentials):
            raise Forbidden("Insufficient access to Job Template credentials.")
        return True

    def can(self, call: Call, row: Any, what: str) -> bool:
        """A template that lacks its project, or its inventory and does not ask for it, is not launched or copied."""
        if what in ("start", "schedule", "copy"):
            lacks = row.project_id is None or (row.inventory_id is None and not row.ask_inventory_on_launch)
            return not lacks and super().can(call, row, what)
        return super().can(call, row, what)


def may_prompt(
    call: Call,
    template: Any,
    inventory_id: int | None = None,
    execution_environment_id: int | None = None,
    credentials: Iterable[int] = (),
    labels: Iterable[int] = (),
    instance_groups: Iterable[int] = (),
) -> bool:
    """Whether the user may launch a template (None: whatever it is) with these objects.

    What the template has itself needs no right.
    """
    if is_superuser(call):
        return True

    def others(name: str, given: Iterable[int]) -> set[int]:
        return set(given) - {one.id for one in (getattr(template, name, ()) if template is not None else ())}

    return (
        all(roles.user_has(call, "credential", one, "use_role") for one in others("credentials", credentials))
        and all(
            roles.user_has(call, "instance_group", one, "use_role")
            for one in others("instance_groups", instance_groups)
        )
        and _sees_labels(call, others("labels", labels))
        and (inventory_id is None or roles.user_has(call, "inventory", inventory_id, "use_role"))
        and environment(call, {"execution_environment_id": execution_environment_id})
    )


def _sees_labels(call: Call, ids: set[int]) -> bool:
    visible = Labels().visible(call)
    if not ids or visible is None:
        return True
    return set(call.session.scalars(select(Label.id).where(Label.id.in_(ids), visible))) == ids


def may_execute(call: Call, template: Any) -> bool:
    """Whether the user may launch or update a template of whatever kind."""
    role = _LAUNCHED_BY.get(template.type)
    if role is not None:
        return roles.has(call, template.type, template, role)
    return _by_kind(call, template).may_start(call, template)


def _by_kind(call: Call, row: Any) -> Policy:
    access = call.controller.registry.of_row(row).access
    return access if isinstance(access, Policy) else Policy()


class UnifiedJobTemplates(ReadOnly):
    """Of all that can be launched; approvals are no templates of their own here."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those that one sees as what they are."""
        seen = readable_templates(call)
        no_approval = UnifiedJobTemplate.type != "workflow_approval_template"
        return no_approval if seen is None else and_(no_approval, seen)


class UnifiedJobs(ReadOnly):
    """Of all that was launched; approvals are no jobs of their own here."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those that one sees as what they are."""
        seen = readable_jobs(call)
        no_approval = UnifiedJob.type != "workflow_approval"
        return no_approval if seen is None else and_(no_approval, seen)


class Jobs(ReadOnly):
    """Of jobs: who sees the template, and who administers or audits the organization."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of templates that one sees, and of organizations that one oversees."""
        if sees_all(call):
            return None
        overseen = roles.organizations(call, "admin_role", "auditor_role")
        by_template = roles.holdings(call).where("job_template", "read_role", Job.unified_job_template_id)
        return or_(by_template, Job.organization_id.in_(overseen))

    def may_delete(self, call: Call, row: Any) -> bool:
        """Administrators of the organization."""
        return is_superuser(call) or roles.user_has(call, "organization", row.organization_id, "admin_role")

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may launch the template, when they may use what the job was launched with. Raises Forbidden with why."""
        if is_superuser(call):
            return True
        template = row.unified_job_template
        if template is not None and not roles.has(call, "job_template", template, "execute_role"):
            return False
        if template is not None and may_repeat(call, row, template):
            return True
        if row.organization_id and roles.user_has(call, "organization", row.organization_id, "execute_role"):
            return True
        if template is None and not row.organization_id:
            raise Forbidden("Job has been orphaned from its job template and organization.")
        if template is not None:
            raise Forbidden("Job was launched with prompted fields you do not have access to.")
        return False

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Who launched it, and who administers the template, or the organization's templates when that is gone."""
        if not may_end(call, row):
            return False
        if is_superuser(call) or made_by_user(call, row):
            return True
        if row.unified_job_template is not None:
            return roles.has(call, "job_template", row.unified_job_template, "admin_role")
        return roles.user_has(call, "organization", row.organization_id, "job_template_admin_role")

    def can(self, call: Call, row: Any, what: str) -> bool:
        """Whether it may be launched again is judged in full only when somebody tries."""
        if what != "start":
            return super().can(call, row, what)
        template = row.unified_job_template
        return template is None or roles.has(call, "job_template", template, "execute_role")


def may_repeat(call: Call, row: Any, template: Any) -> bool:
    """Whether the user may use what a job was launched with. Raises Forbidden for secret answers of somebody else."""
    if is_superuser(call):
        return True
    given = row.prompts or {}
    secret = any(str(value).startswith(ENCRYPTED) for value in (given.get("extra_vars") or {}).values())
    if secret and not made_by_user(call, row):
        raise Forbidden(OTHERS_SECRETS)
    return may_prompt(
        call,
        template,
        given.get("inventory"),
        given.get("execution_environment"),
        given.get("credentials") or (),
        given.get("labels") or (),
        given.get("instance_groups") or (),
    )


class JobEvents(ReadOnly):
    """Of events of jobs, which lie in a database of their own: who sees the job."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """No condition that could be put to their database; a list of them is always below a job."""
        return None

    def may_read(self, call: Call, row: Any) -> bool:
        """Who sees the job."""
        job = call.session.get(UnifiedJob, row.job_id)
        return job is not None and reads(call, job)


class JobHostSummaries(ReadOnly):
    """Of how hosts fared in jobs: who sees the job and the host."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of jobs and hosts that one sees."""
        jobs, hosts = Jobs().visible(call), Hosts().visible(call)
        if jobs is None or hosts is None:
            return None
        return and_(
            JobHostSummary.job_id.in_(select(Job.id).where(jobs)),
            JobHostSummary.host_id.in_(select(Host.id).where(hosts)),
        )


class Schedules(Policy):
    """Of schedules: who may launch a template schedules it."""

    shows = ("edit", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of templates that one sees."""
        return readable_templates(call, Schedule.unified_job_template_id)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who may launch the template, with objects that they may use."""
        if is_superuser(call):
            return True
        if not data:
            return any(anywhere(call, kind, role) for kind, role in _LAUNCHED_BY.items())
        template = call.session.get(UnifiedJobTemplate, data.get("unified_job_template_id") or 0)
        return (
            template is not None
            and may_execute(call, template)
            and may_prompt(call, template, data.get("inventory_id"), data.get("execution_environment_id"))
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the template; who may only launch it, the schedules that they made themselves."""
        if is_superuser(call):
            return True
        template = row.unified_job_template
        return (
            environment(call, data, row)
            and related(call, data, "inventory", "use_role", row)
            and data.get("unified_job_template_id", template.id) == template.id
            and (
                _by_kind(call, template).may_change(call, template, {})
                or (made_by_user(call, row) and may_execute(call, template))
            )
        )

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Credentials and instance groups must be the user's to use."""
        if isinstance(child, Credential):
            return self.may_change(call, row, {}) and roles.has(call, "credential", child, "use_role")
        if isinstance(child, InstanceGroup):
            return self.may_change(call, row, {}) and roles.has(call, "instance_group", child, "use_role")
        return super().may_attach(call, row, relation, child, data)
