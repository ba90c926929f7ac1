# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see, change and launch job templates and jobs."""

from __future__ import annotations

from holdfast.auth.policies.base import Policy


class JobTemplates(Policy):
    """Of job templates."""


class Jobs(Policy):
    """Of jobs."""


class JobEvents(Policy):
    """Of events of jobs."""


class JobHostSummaries(Policy):
    """Of how hosts fared in jobs."""


class AdHocCommands(Policy):
    """Of ad hoc commands."""


class UnifiedJobTemplates(Policy):
    """Of all that can be launched."""


class UnifiedJobs(Policy):
    """Of all that was launched."""


class Schedules(Policy):
    """Of schedules."""
