# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see, change and launch workflows, their nodes and approvals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import aliased

from holdfast.api.call import Call
from holdfast.api.errors import Forbidden
from holdfast.api.registry import is_superuser
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, anywhere, environment, related, sees_all
from holdfast.auth.policies.inventories import may_end
from holdfast.auth.policies.jobs import may_execute, may_repeat
from holdfast.auth.policies.things import attaches_notification, made_by_user, vars_of
from holdfast.db.models import (
    Credential,
    InstanceGroup,
    NotificationTemplate,
    UnifiedJob,
    UnifiedJobTemplate,
    WorkflowApproval,
    WorkflowApprovalTemplate,
    WorkflowJob,
    WorkflowJobNode,
    WorkflowJobTemplate,
    WorkflowJobTemplateNode,
)

_EDGES = ("success_nodes", "failure_nodes", "always_nodes")


class WorkflowJobTemplates(Policy):
    """Of workflow job templates."""

    content_type = "workflow_job_template"
    shows = ("edit", "delete", "start", "schedule", "copy")

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Workflow administrators of the organization, with what they may use."""
        if not data:
            return anywhere(call, "organization", "workflow_admin_role")
        return is_superuser(call) or (
            related(call, data, "organization", "workflow_admin_role", mandatory=True)
            and related(call, data, "inventory", "use_role")
            and related(call, data, "webhook_credential", "use_role", content_type="credential")
            and environment(call, data)
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers it; what it is made to point to, they must be allowed to use."""
        return is_superuser(call) or (
            super().may_change(call, row, data)
            and related(call, data, "organization", "workflow_admin_role", row)
            and related(call, data, "inventory", "use_role", row)
            and related(call, data, "webhook_credential", "use_role", row, content_type="credential")
            and environment(call, data, row)
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers it."""
        return roles.has(call, "workflow_job_template", row, "admin_role")

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Notifications need rights on both."""
        if isinstance(child, NotificationTemplate):
            return is_superuser(call) or attaches_notification(call, child, "workflow_job_template", row)
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """As for attaching, where it is about notifications."""
        if isinstance(child, NotificationTemplate):
            return self.may_attach(call, row, relation, child, data)
        return self.may_change(call, row, {})

    def may_start(self, call: Call, row: Any) -> bool:
        """Who holds the execute role may launch it."""
        return roles.has(call, "workflow_job_template", row, "execute_role")

    def may_copy(self, call: Call, row: Any) -> bool:
        """Workflow administrators of its organization."""
        return is_superuser(call) or related(
            call, vars_of(row, "organization_id"), "organization", "workflow_admin_role", mandatory=True
        )

    def not_copied(self, call: Call, row: Any) -> dict[str, list[str]]:
        """What of a workflow the user may not use, and a copy would lack: names, by the words of ``copy``."""
        found: dict[str, list[str]] = {}

        def note(kind: str, name: str) -> None:
            found.setdefault(f"{kind}_unable_to_copy", []).append(name)

        for node in row.nodes:
            if node.inventory is not None and not roles.has(call, "inventory", node.inventory, "use_role"):
                note("inventories", node.inventory.name)
            for credential in node.credentials:
                if not roles.has(call, "credential", credential, "use_role"):
                    note("credentials", credential.name)
            template = node.unified_job_template
            if template is not None and not may_execute(call, template):
                note("templates", template.name)
        return found


class WorkflowJobTemplateNodes(Policy):
    """Of nodes of workflow job templates: who administers the workflow puts in what they may launch."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of workflows that one sees."""
        column = WorkflowJobTemplateNode.workflow_job_template_id
        return roles.visible(call, "workflow_job_template", "read_role", column)

    def may_add(self, call: Call, data: Mapping[str, Any]) -> bool:
        """Who administers the workflow, may launch the template and use what it is launched with."""
        return (
            not data
            or is_superuser(call)
            or (
                related(call, data, "workflow_job_template", "admin_role", mandatory=True)
                and self._may_run(call, data.get("unified_job_template_id"))
                and related(call, data, "inventory", "use_role")
                and environment(call, data)
            )
        )

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """As for making one, before and after."""
        return is_superuser(call) or (
            self.may_delete(call, row)
            and self._may_run(call, row.unified_job_template_id)
            and self._may_run(call, data.get("unified_job_template_id", row.unified_job_template_id))
            and related(call, data, "inventory", "use_role", row)
            and environment(call, data, row)
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Who administers the workflow."""
        return roles.user_has(call, "workflow_job_template", row.workflow_job_template_id, "admin_role")

    def may_attach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Edges lead to nodes of the same workflow; credentials and instance groups must be the user's to use."""
        if relation in _EDGES:
            same = child.workflow_job_template_id == row.workflow_job_template_id
            return same and self.may_delete(call, row)
        if isinstance(child, Credential):
            return self.may_change(call, row, {}) and roles.has(call, "credential", child, "use_role")
        if isinstance(child, InstanceGroup):
            return self.may_change(call, row, {}) and roles.has(call, "instance_group", child, "use_role")
        return super().may_attach(call, row, relation, child, data)

    def may_detach(self, call: Call, row: Any, relation: str, child: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the workflow; prompts only who may launch the template too."""
        return self.may_delete(call, row) if relation in _EDGES else self.may_change(call, row, {})

    def _may_run(self, call: Call, template_id: int | None) -> bool:
        template = call.session.get(UnifiedJobTemplate, template_id) if template_id is not None else None
        return template is None or may_execute(call, template)


class WorkflowJobs(ReadOnly):
    """Of workflow jobs: who sees the workflow."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of workflows that one sees, and of bulk jobs one's own and those of organizations one administers."""
        return _seen_jobs(call, WorkflowJob)

    def may_delete(self, call: Call, row: Any) -> bool:
        """Workflow administrators of the template's organization."""
        if is_superuser(call):
            return True
        template = row.unified_job_template
        organization = template.organization_id if template is not None else None
        return roles.user_has(call, "organization", organization, "workflow_admin_role")

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may launch the workflow and use what it was launched with. Raises Forbidden with why."""
        if is_superuser(call):
            return True
        template = row.unified_job_template
        if template is None or not may_execute(call, template):
            return False
        if not may_repeat(call, row, template):
            raise Forbidden("Job was launched with prompts you lack access to.")
        return True

    def may_cancel(self, call: Call, row: Any) -> bool:
        """Who launched it, and who administers the workflow."""
        if not may_end(call, row):
            return False
        if made_by_user(call, row) or self.may_delete(call, row):
            return True
        return roles.user_has(call, "workflow_job_template", row.unified_job_template_id, "admin_role")

    def can(self, call: Call, row: Any, what: str) -> bool:
        """Whether it may be launched again is judged in full only when somebody tries."""
        if what != "start":
            return super().can(call, row, what)
        template = row.unified_job_template
        return is_superuser(call) or (template is not None and may_execute(call, template))


class WorkflowJobNodes(ReadOnly):
    """Of nodes of workflow jobs: who sees the workflow job."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of workflow jobs that one sees, and of organizations that one administers."""
        job = aliased(WorkflowJob)
        seen = _seen_jobs(call, job)
        if seen is None:
            return None
        administered = job.organization_id.in_(roles.organizations(call, "admin_role"))
        return WorkflowJobNode.workflow_job_id.in_(select(job.id).where(or_(seen, administered)))


def _seen_jobs(call: Call, job: Any) -> ColumnElement[bool] | None:
    if sees_all(call):
        return None
    held = roles.holdings(call)
    column = job.unified_job_template_id
    own = call.user.id if call.user is not None else 0
    bulk = or_(job.created_by_id == own, job.organization_id.in_(roles.organizations(call, "admin_role")))
    return or_(
        held.where("workflow_job_template", "read_role", column),
        held.where("job_template", "read_role", column),
        and_(job.is_bulk_job.is_(True), bulk),
    )


class WorkflowApprovals(ReadOnly):
    """Of approvals: who sees the workflow sees them, who holds the approval role answers them."""

    shows = ("start", "delete")

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of workflows that one sees."""
        if sees_all(call):
            return None
        job = aliased(UnifiedJob)
        seen = roles.holdings(call).where("workflow_job_template", "read_role", job.unified_job_template_id)
        if seen is false():
            return seen
        nodes = select(WorkflowJobNode.job_id).join(job, job.id == WorkflowJobNode.workflow_job_id).where(seen)
        return WorkflowApproval.id.in_(nodes)

    def may_approve(self, call: Call, row: Any) -> bool:
        """Whether the user may answer it."""
        if is_superuser(call):
            return True
        node = row.unified_job_node
        template = node.workflow_job.unified_job_template if node is not None else None
        return isinstance(template, WorkflowJobTemplate) and roles.has(
            call, "workflow_job_template", template, "approval_role"
        )

    def may_delete(self, call: Call, row: Any) -> bool:
        """Superusers may."""
        return is_superuser(call)

    def may_start(self, call: Call, row: Any) -> bool:
        """Everybody who sees it; it says nothing."""
        return True


class WorkflowApprovalTemplates(Policy):
    """Of what approval nodes ask: who sees, changes and launches the workflow."""

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Those of workflows that one sees."""
        node = WorkflowJobTemplateNode
        seen = roles.visible(call, "workflow_job_template", "read_role", node.workflow_job_template_id)
        if seen is None:
            return None
        return WorkflowApprovalTemplate.id.in_(select(node.unified_job_template_id).where(seen))

    def may_change(self, call: Call, row: Any, data: Mapping[str, Any]) -> bool:
        """Who administers the workflow."""
        return self._holds(call, row, "admin_role")

    def may_start(self, call: Call, row: Any) -> bool:
        """Who may launch the workflow."""
        return self._holds(call, row, "execute_role")

    def _holds(self, call: Call, row: Any, role: str) -> bool:
        node = WorkflowJobTemplateNode
        workflows = call.session.scalars(
            select(node.workflow_job_template_id).where(node.unified_job_template_id == row.id)
        ).all()
        return is_superuser(call) or any(roles.user_has(call, "workflow_job_template", one, role) for one in workflows)
