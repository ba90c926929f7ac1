# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see and change organizations, users, teams, roles, tokens and applications."""

from __future__ import annotations

from holdfast.auth.policies.base import Policy


class Organizations(Policy):
    """Of organizations."""


class Users(Policy):
    """Of users."""


class Teams(Policy):
    """Of teams."""


class Roles(Policy):
    """Of roles."""


class Tokens(Policy):
    """Of tokens."""


class Applications(Policy):
    """Of OAuth applications."""


class RoleDefinitions(Policy):
    """Of role definitions."""


class RoleUserAssignments(Policy):
    """Of who was given which role."""


class RoleTeamAssignments(Policy):
    """Of which team was given which role."""


class ActivityStream(Policy):
    """Of the activity stream."""
