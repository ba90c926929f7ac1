# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every model of the controller. Attributes carry AWX's names, so that its filter language reads them as they are."""

from __future__ import annotations

from holdfast.db.models.access import Role, RoleTeam, RoleUser
from holdfast.db.models.activity import ActivityStream
from holdfast.db.models.common import (
    ExecutionEnvironment,
    Instance,
    InstanceGroup,
    Label,
    NotificationTemplate,
    Schedule,
    Setting,
)
from holdfast.db.models.credentials import Credential, CredentialInputSource, CredentialType
from holdfast.db.models.events import JobEvent
from holdfast.db.models.inventory import Group, Host, Inventory, JobHostSummary
from holdfast.db.models.jobs import Job, ProjectUpdate, UnifiedJob, WorkflowApproval, WorkflowJob
from holdfast.db.models.nodes import WorkflowJobNode, WorkflowJobTemplateNode
from holdfast.db.models.people import Application, LoginSession, Organization, Team, Token, User
from holdfast.db.models.runs import Execution, Run, RunChange
from holdfast.db.models.templates import (
    JobTemplate,
    Project,
    SystemJobTemplate,
    UnifiedJobTemplate,
    WorkflowApprovalTemplate,
    WorkflowJobTemplate,
)

__all__ = [
    "ActivityStream",
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
    "Job",
    "JobEvent",
    "JobHostSummary",
    "JobTemplate",
    "Label",
    "LoginSession",
    "NotificationTemplate",
    "Organization",
    "Project",
    "ProjectUpdate",
    "Role",
    "RoleTeam",
    "RoleUser",
    "Run",
    "RunChange",
    "Schedule",
    "Setting",
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
