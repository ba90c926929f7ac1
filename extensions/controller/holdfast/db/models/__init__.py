# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every model of the controller. Attributes carry AWX's names, so that its filter language reads them as they are."""

from __future__ import annotations

from holdfast.db.models.access import Role, RoleDefinition, RoleTeam, RoleUser
from holdfast.db.models.activity import ActivityStream
from holdfast.db.models.common import (
    ExecutionEnvironment,
    Instance,
    InstanceGroup,
    Label,
    Notification,
    NotificationTemplate,
    Schedule,
    Setting,
)
from holdfast.db.models.credentials import Credential, CredentialInputSource, CredentialType
from holdfast.db.models.events import JobEvent
from holdfast.db.models.inventory import Group, Host, Inventory, JobHostSummary
from holdfast.db.models.jobs import (
    AdHocCommand,
    InventoryUpdate,
    Job,
    ProjectUpdate,
    SystemJob,
    UnifiedJob,
    WorkflowApproval,
    WorkflowJob,
)
from holdfast.db.models.nodes import WorkflowJobNode, WorkflowJobTemplateNode
from holdfast.db.models.people import Application, LoginSession, Organization, Team, Token, User
from holdfast.db.models.runs import Execution, Run, RunChange
from holdfast.db.models.templates import (
    InventorySource,
    JobTemplate,
    Project,
    SystemJobTemplate,
    UnifiedJobTemplate,
    WorkflowApprovalTemplate,
    WorkflowJobTemplate,
)

__all__ = [
    "ActivityStream",
    "AdHocCommand",
    "Application",
    "Credential",
    "CredentialInputSource",
    "CredentialType",
    "Execution",
    "ExecutionEnvironment",
    "Group",
    "Host",
    "Instance",
    "InstanceGroup",
    "Inventory",
    "InventorySource",
    "InventoryUpdate",
    "Job",
    "JobEvent",
    "JobHostSummary",
    "JobTemplate",
    "Label",
    "LoginSession",
    "Notification",
    "NotificationTemplate",
    "Organization",
    "Project",
    "ProjectUpdate",
    "Role",
    "RoleDefinition",
    "RoleTeam",
    "RoleUser",
    "Run",
    "RunChange",
    "Schedule",
    "Setting",
    "SystemJob",
    "SystemJobTemplate",
    "Team",
    "Token",
    "UnifiedJob",
    "UnifiedJobTemplate",
    "User",
    "WorkflowApproval",
    "WorkflowApprovalTemplate",
    "WorkflowJob",
    "WorkflowJobNode",
    "WorkflowJobTemplate",
    "WorkflowJobTemplateNode",
]
