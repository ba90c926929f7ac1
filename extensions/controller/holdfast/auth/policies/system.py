# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change what belongs to the whole system."""

from __future__ import annotations

from holdfast.auth.policies.base import Policy


class Instances(Policy):
    """Of instances."""


class InstanceGroups(Policy):
    """Of instance groups."""


class ReceptorAddresses(Policy):
    """Of receptor addresses."""


class Settings(Policy):
    """Of settings."""


class HostMetrics(Policy):
    """Of host metrics."""


class SystemJobTemplates(Policy):
    """Of system job templates."""


class SystemJobs(Policy):
    """Of system jobs."""
