# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see, change and launch workflows, their nodes and approvals."""

from __future__ import annotations

from holdfast.auth.policies.base import Policy


class WorkflowJobTemplates(Policy):
    """Of workflow job templates."""


class WorkflowJobTemplateNodes(Policy):
    """Of nodes of workflow job templates."""


class WorkflowJobs(Policy):
    """Of workflow jobs."""


class WorkflowJobNodes(Policy):
    """Of nodes of workflow jobs."""


class WorkflowApprovals(Policy):
    """Of approvals."""


class WorkflowApprovalTemplates(Policy):
    """Of approval templates."""
