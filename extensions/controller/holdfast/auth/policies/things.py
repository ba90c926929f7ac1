# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change inventories, credentials, projects and what belongs to them."""

from __future__ import annotations

from holdfast.auth.policies.base import Policy


class Inventories(Policy):
    """Of inventories."""


class Hosts(Policy):
    """Of hosts."""


class Groups(Policy):
    """Of groups."""


class InventorySources(Policy):
    """Of inventory sources."""


class InventoryUpdates(Policy):
    """Of inventory updates."""


class CredentialTypes(Policy):
    """Of credential types."""


class Credentials(Policy):
    """Of credentials."""


class CredentialInputSources(Policy):
    """Of credential input sources."""


class Projects(Policy):
    """Of projects."""


class ProjectUpdates(Policy):
    """Of project updates."""


class ExecutionEnvironments(Policy):
    """Of execution environments."""


class Labels(Policy):
    """Of labels."""


class NotificationTemplates(Policy):
    """Of notification templates."""


class Notifications(Policy):
    """Of notifications."""
