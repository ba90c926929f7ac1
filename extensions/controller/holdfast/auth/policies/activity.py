# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see what of the activity stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from holdfast.api.call import Call
from holdfast.auth import roles
from holdfast.auth.policies.base import Policy, ReadOnly, sees_all
from holdfast.auth.policies.inventories import AdHocCommands, Groups, Hosts, InventorySources, InventoryUpdates
from holdfast.auth.policies.jobs import Jobs
from holdfast.auth.policies.people import Applications, Tokens
from holdfast.auth.policies.things import NotificationTemplates, ProjectUpdates
from holdfast.auth.policies.workflows import WorkflowJobs, WorkflowJobTemplateNodes
from holdfast.db import models as m

_BY_POLICY: Mapping[str, tuple[type[Any], Policy]] = {
    "host": (m.Host, Hosts()),
    "group": (m.Group, Groups()),
    "inventory_source": (m.InventorySource, InventorySources()),
    "inventory_update": (m.InventoryUpdate, InventoryUpdates()),
    "ad_hoc_command": (m.AdHocCommand, AdHocCommands()),
    "project_update": (m.ProjectUpdate, ProjectUpdates()),
    "job": (m.Job, Jobs()),
    "workflow_job": (m.WorkflowJob, WorkflowJobs()),
    "workflow_job_template_node": (m.WorkflowJobTemplateNode, WorkflowJobTemplateNodes()),
    "notification_template": (m.NotificationTemplate, NotificationTemplates()),
    "o_auth2_application": (m.Application, Applications()),
    "o_auth2_access_token": (m.Token, Tokens()),
}
"""Types whose entries are seen by who sees the object, with their models and rules."""

_BY_ROLE = ("inventory", "credential", "project", "job_template", "workflow_job_template", "team")


class ActivityStream(ReadOnly):
    """Of the activity stream: superusers and auditors see all, others what is about objects that they see.

    What is about an object that is gone is for the former alone.
    """

    def visible(self, call: Call) -> ColumnElement[bool] | None:
        """Entries about objects that one sees, and those about oneself."""
        if sees_all(call):
            return None
        about: list[tuple[str, Any]] = [("user", select(m.User.id).where(self._people(call)))]
        held = roles.holdings(call)
        for kind in _BY_ROLE:
            model = roles.MODELS[kind]
            about.append((kind, select(model.id).where(held.where(kind, "read_role"))))
        overseen = roles.organizations(call, "admin_role", "auditor_role")
        if overseen:
            about.append(("organization", select(m.Organization.id).where(m.Organization.id.in_(overseen))))
            about.append(("label", select(m.Label.id).where(m.Label.organization_id.in_(overseen))))
        for kind, (model, policy) in _BY_POLICY.items():
            seen = policy.visible(call)
            if seen is not None:
                about.append((kind, select(model.id).where(seen)))
        return or_(*(condition for kind, ids in about for condition in _about(kind, ids)))

    def _people(self, call: Call) -> ColumnElement[bool]:
        """Oneself, and the members of organizations that one administers or audits."""
        own = m.User.id == (call.user.id if call.user is not None else 0)
        overseen = roles.organizations(call, "admin_role", "auditor_role")
        if not overseen:
            return own
        members = select(m.RoleUser.user_id).join(m.Role, m.Role.id == m.RoleUser.role_id)
        members = members.where(
            m.Role.content_type == "organization", m.Role.role_field == "member_role", m.Role.object_id.in_(overseen)
        )
        return or_(own, m.User.id.in_(members))


def _about(kind: str, ids: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    stream = m.ActivityStream
    return (
        and_(stream.object1 == kind, stream.object1_id.in_(ids)),
        and_(stream.object2 == kind, stream.object2_id.in_(ids)),
    )
