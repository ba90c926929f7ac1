# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects: where playbooks come from. ``controller.services["projects"]`` is what other parts ask."""

from __future__ import annotations

from holdfast.context import Controller


def attach(controller: Controller) -> None:
    """Join projects to a controller, after its jobs."""
    from holdfast.projects.service import Projects

    projects = Projects(controller)
    controller.services["projects"] = projects
    controller.engine.register("project_update", projects.run)
    controller.on_begin.insert(0, projects.clean)
