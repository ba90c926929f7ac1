# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and do what, for each type of object.

A resource is declared with ``access=policies.JobTemplates()`` and the like. Beyond the questions of ``Access`` these
have ``may_start``, ``may_cancel`` and ``may_copy``, and approvals ``may_approve``.
"""

from __future__ import annotations

from holdfast.auth.policies.activity import (
    ActivityStream,
)
from holdfast.auth.policies.base import reads
from holdfast.auth.policies.granting import (
    RoleDefinitions,
    Roles,
    RoleTeamAssignments,
    RoleUserAssignments,
)
from holdfast.auth.policies.inventories import (
    AdHocCommands,
    Groups,
    Hosts,
    Inventories,
    InventorySources,
    InventoryUpdates,
)
from holdfast.auth.policies.jobs import (
    JobEvents,
    JobHostSummaries,
    Jobs,
    JobTemplates,
    Schedules,
    UnifiedJobs,
    UnifiedJobTemplates,
    may_execute,
    may_prompt,
)
from holdfast.auth.policies.people import (
    Applications,
    Organizations,
    Teams,
    Tokens,
    Users,
)
from holdfast.auth.policies.system import (
    HostMetrics,
    InstanceGroups,
    Instances,
    ReceptorAddresses,
    Settings,
    SystemJobs,
    SystemJobTemplates,
)
from holdfast.auth.policies.things import (
    CredentialInputSources,
    Credentials,
    CredentialTypes,
    ExecutionEnvironments,
    Labels,
    Notifications,
    NotificationTemplates,
    Projects,
    ProjectUpdates,
)
from holdfast.auth.policies.workflows import (
    WorkflowApprovals,
    WorkflowApprovalTemplates,
    WorkflowJobNodes,
    WorkflowJobs,
    WorkflowJobTemplateNodes,
    WorkflowJobTemplates,
)

__all__ = [
    "ActivityStream",
    "AdHocCommands",
    "Applications",
    "CredentialInputSources",
    "CredentialTypes",
    "Credentials",
    "ExecutionEnvironments",
    "Groups",
    "HostMetrics",
    "Hosts",
    "InstanceGroups",
    "Instances",
    "Inventories",
    "InventorySources",
    "InventoryUpdates",
    "JobEvents",
    "JobHostSummaries",
    "JobTemplates",
    "Jobs",
    "Labels",
    "NotificationTemplates",
    "Notifications",
    "Organizations",
    "ProjectUpdates",
    "Projects",
    "ReceptorAddresses",
    "RoleDefinitions",
    "RoleTeamAssignments",
    "RoleUserAssignments",
    "Roles",
    "Schedules",
    "Settings",
    "SystemJobTemplates",
    "SystemJobs",
    "Teams",
    "Tokens",
    "UnifiedJobTemplates",
    "UnifiedJobs",
    "Users",
    "WorkflowApprovalTemplates",
    "WorkflowApprovals",
    "WorkflowJobNodes",
    "WorkflowJobTemplateNodes",
    "WorkflowJobTemplates",
    "WorkflowJobs",
    "may_execute",
    "may_prompt",
    "reads",
]
