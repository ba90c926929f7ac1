# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with projects."""

from __future__ import annotations

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError


class ProjectError(HoldfastError):
    """A project cannot be fetched or used, and why."""


class Cancelled(ProjectError):
    """Somebody cancelled it."""
